/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file ladder.h
 * The configs proposed so far, and the ladder of fidelities each climbs.
 *
 * Rung 0 is a part of the folds (only for data where all folds cost too much at once);
 * rung 1 is all folds at the learner's first count of rounds, each further rung three times the rounds,
 * the last one the config's own count. A rung continues where the one below ended.
 */
#ifndef ASSAY_SEARCH_RANDOM_LADDER_H
#define ASSAY_SEARCH_RANDOM_LADDER_H

#include <assay/ext/strategy.h>

enum { RUNGS = 16, ETA = 3 };

enum climb {
    CLIMB_ASKED,    /* a trial of it is under way */
    CLIMB_IDLE,     /* stands on a rung and could go on */
    CLIMB_COMPLETE, /* nothing more to learn: all rounds done, not iterative, or past its best round */
    CLIMB_FAILED
};

/** A config and where it stands. Scores here are "greater is better": the metric's, negated when less is better. */
struct climber {
    int id, learner;
    struct asx_config config;
    struct asx_key key;
    struct asx_fidelity at;
    enum climb state;
    int trial;             /* last asked under this number */
    double score;          /* at `at`; NaN before the first outcome */
    double potential;      /* score plus what the next rung may add */
    double on_rung[RUNGS]; /* potential when it stood there; NaN = never */
    bool promotable;       /* set by ladder_mark */
};

/** Rung of a fidelity. */
int ladder_rung(const struct climber *, const struct asx_fidelity *, int folds);
/** Where a config starts: all folds, or one of them. */
struct asx_fidelity ladder_start(const struct climber *, int folds);
/** One rung up from where it stands. */
struct asx_fidelity ladder_next(const struct climber *, int folds);
/** Takes an outcome in: score, potential, state. */
void ladder_settle(struct climber *, const struct asx_outcome *, bool greater_is_better, int folds);
/** Decides who of a learner may climb: idle ones in the best third of all that ever stood on their rung. */
void ladder_mark(struct climber *const *, int n, int folds);

#endif
