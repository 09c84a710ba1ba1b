/* SPDX-License-Identifier: Apache-2.0 */
#include "search/random/ladder.h"

#include <math.h>

/* A best round before this share of the rounds done says that more rounds only overfit. */
static const double past_best = 0.7;
/* Careful extrapolation: a doubling adds at most this share of what the last one added ... */
static const double most_ratio = 0.8;
/* ... and the next rung this much of that. */
static const double trust = 0.7;

static int rounds_wanted(const struct climber *c)
{
    const struct asx_learner *l = c->config.learner;
    return l->iterations ? (int)asx_config_get(&c->config, l->iterations) : 0;
}

static int first_rounds(const struct climber *c)
{
    int want = rounds_wanted(c), first = c->config.learner->first_rung > 0 ? c->config.learner->first_rung : 1;
    return first < want ? first : want;
}

int ladder_rung(const struct climber *c, const struct asx_fidelity *f, int folds)
{
    if (f->folds < folds)
        return 0;
    int rung = 1;
    for (double rounds = first_rounds(c); rounds > 0 && rounds < f->iterations && rung < RUNGS - 1; rounds *= ETA)
        rung++;
    return rung;
}

struct asx_fidelity ladder_start(const struct climber *c, int folds)
{
    return (struct asx_fidelity){.rows = 1, .iterations = first_rounds(c), .folds = folds};
}

struct asx_fidelity ladder_next(const struct climber *c, int folds)
{
    struct asx_fidelity f = c->at;
    if (f.folds < folds) {
        f.folds = folds;
        return f;
    }
    int want = rounds_wanted(c);
    /* no last rung that adds next to nothing: what is nearly all becomes all */
    f.iterations = (double)f.iterations * ETA >= past_best * want ? want : f.iterations * ETA;
    return f;
}

/* Best mean staged score up to a count of rounds, on the inner scale; NaN without a curve. */
static double score_at(const struct asx_curve *curve, double rounds, double sign)
{
    double best = NAN;
    for (int i = 0; curve && i < curve->n; i++)
        if (curve->iteration[i] <= rounds)
            best = fmax(best, sign * curve->value[i]); /* fmax skips NaN */
    return best;
}

/* What the next rung may add: doublings of the rounds add amounts in geometric progression (a power law). */
static double expected_gain(const struct climber *c, const struct asx_curve *curve, double sign)
{
    double half = score_at(curve, c->at.iterations / 2.0, sign), quarter = score_at(curve, c->at.iterations / 4.0, sign);
    double last = c->score - half, before = half - quarter;
    if (!(last > 0))
        return 0;
    double ratio = before > 0 ? last / before : most_ratio;
    return trust * fmin(ratio, most_ratio) * last;
}

static bool is_complete(const struct climber *c, int best_iteration, int folds)
{
    if (c->at.folds < folds)
        return false;
    int want = rounds_wanted(c);
    return want <= 0 || c->at.iterations >= want || (best_iteration > 0 && best_iteration < past_best * c->at.iterations);
}

void ladder_settle(struct climber *c, const struct asx_outcome *o, bool greater_is_better, int folds)
{
    double sign = greater_is_better ? 1 : -1;
    c->at = o->ask->to;
    if (o->state == ASX_FAILED || isnan(o->validation)) {
        c->state = CLIMB_FAILED;
        c->promotable = false;
        return;
    }
    c->score = sign * o->validation;
    c->potential = c->score + expected_gain(c, o->curve, sign);
    c->state = o->state == ASX_PRUNED || is_complete(c, o->best_iteration, folds) ? CLIMB_COMPLETE : CLIMB_IDLE;
    if (c->state == CLIMB_COMPLETE)
        c->potential = c->score;
    c->on_rung[ladder_rung(c, &c->at, folds)] = c->potential;
}

void ladder_mark(struct climber *const *all, int n, int folds)
{
    for (int i = 0; i < n; i++) {
        struct climber *c = all[i];
        c->promotable = false;
        if (c->state != CLIMB_IDLE)
            continue;
        int rung = ladder_rung(c, &c->at, folds), stood = 0, better = 0;
        for (int j = 0; j < n; j++) {
            double other = all[j]->on_rung[rung];
            if (all[j]->learner != c->learner || isnan(other))
                continue;
            stood++;
            better += other > c->on_rung[rung] || (other == c->on_rung[rung] && j < i);
        }
        c->promotable = better < (stood + ETA - 1) / ETA;
    }
}
