/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file run.h
 * A run: one task from the first millisecond to the saved model.
 *
 *     prelude.c   read, profile, split                -> struct asx_problem
 *     search.c    waves: ask, plan, run, commit, tell -> struct config_run
 *     trial.c     members of fits; the score step
 *     final.c     ensemble, refit, test, save
 *     board.c     the run as JSON
 *     budget.c    clock and memory
 * Everything that executes is a node of a plan (DESIGN section 3); the functions here only
 * build plans, hand them to the executor, and keep the books.
 */
#ifndef ASSAY_ENGINE_RUN_H
#define ASSAY_ENGINE_RUN_H

#include "base/event.h"
#include "catalog/trial.h"
#include "data/profile.h"
#include "data/read.h"
#include "engine/executor.h"
#include "engine/model.h"
#include "optimizer/plan.h"

#include <assay/ext/kind.h>
#include <assay/ext/strategy.h>
#include <jansson.h>
#include <pthread.h>

struct arena;
struct pool;
struct session;

/** Most configs whose fold models are kept during the search, best first: of those on all folds, and of those on fewer. */
enum { KEPT_MODELS = 12 };
/** Most configs whose out-of-fold predictions stay in memory; those of others are in the catalog only. */
enum { KEPT_OOF = 64 };

enum refit_mode { REFIT_AUTO, REFIT_FOLDS, REFIT_FULL };

/** A task with every choice made: defaults filled in, names looked up. Strings are borrowed from the task. */
struct run_options {
    const struct asx_kind *kind;
    const char *train, *test, *target, *weights, *positive;
    struct data_options read; /**< header, delimiter, missing words, types, ignored columns */
    int class_weight_mode;    /**< 0 none, 1 balanced, 2 as listed */
    const char *const *class_weight_name;
    const double *class_weight;
    int class_weights;
    const char *const *monotone_name;
    const int8_t *monotone_sign;
    int monotones;
    const struct asx_metric *metric; /**< NULL: the kind's default */
    double time_s;                   /**< 0: none */
    uint64_t memory;                 /**< 0: none */
    int threads;
    const struct asx_learner *const *learner; /**< NULL: all that fit */
    int learners;
    const struct opt_restriction *restriction;
    int restrictions;
    const struct asx_strategy *strategy;
    enum refit_mode refit;
    int folds, repeats; /**< 0: by data size */
    double holdout;
    const char *group, *time;
    int trials; /**< 0: no limit */
    bool ensemble, warm_start;
    uint64_t seed;
    bool sharing, batching;
    const char *const *disabled;
    const char *model_path, *report_path, *board_path;
    const char *task_json, *spec_text, *spec_path; /**< for the catalog */
    struct asx_key expect_data, expect_problem;    /**< a resumed run's, as recorded; zero: not known */
    const struct asx_frame *frame;                 /**< table in memory instead of `train`; borrowed */
    const char *const *no_feature; /**< columns that are read, for the folds, but left out as features; NULL-terminated */
    const char *const *notes;      /**< warnings that follow from the task alone; NULL-terminated */
};

/** What a config has come to on one fold. */
struct fold_run {
    struct asx_state *state; /**< to go on from; NULL: none kept */
    int iterations;          /**< of state */
    float *pred;             /**< [n_test * outputs] of the last rung */
    struct asx_curve curve;
    struct asx_model *model; /**< NULL: not kept */
    int model_iteration;     /**< rounds of `model` (trial_rounds_kept of the best when it was made) */
    double seconds;          /**< measured share of fits */
    bool has_oob;
    double oob; /**< score of the last model on training rows out of bag */
};

/** A config of the search, and the best that is known of it. */
struct config_run {
    int id; /**< 1.. as the strategy numbers; 0: the constant baseline */
    struct asx_config config;
    struct asx_key key;
    char *json;            /**< opt_config_json as text */
    struct fold_run *fold; /**< [folds + 1] */
    struct opt_recipe *recipe;
    struct prep_fitted **fitted; /**< [(folds + 1) * parts] references; NULL where not made */
    bool bare;                   /**< its fits take no inputs: no preparation goes into the model */
    bool scored, failed, pruned, has_models;
    struct asx_fidelity fidelity;
    double validation, ci_low, ci_high, test;
    int best_iteration, last_trial;
    float *oof; /**< [rows * outputs], NaN where no fold of the fidelity held the row out; NULL: in the catalog */
    int64_t oof_blob;
    double fit_s, fit_predicted_s, fit_alone_s, predict_us, peak_bytes, peak_predicted;
    double predict_fixed_s, predict_row_s; /**< of one thread: a call, a row; NaN until final_time_prediction */
    double model_bytes;                    /**< memory its models take */
    char *error;
    int64_t plan;
    double weight; /**< in the ensemble */
    int64_t model_id;
};

/** A trial of the wave under way. */
struct trial_run {
    struct run *run;
    struct asx_ask ask;
    struct config_run *config;
    int index;     /**< in the wave */
    bool recorded; /**< it was finished before a resume */
    double at_s;   /**< recorded: active seconds of the run when it was done */
    bool done;
    asx_st status;
    struct asx_err err;
    double validation, ci_low, ci_high, seconds;
    int best_iteration;
    struct asx_curve curve; /**< mean over folds */
    bool full;              /**< fit on all rows instead of folds */
    bool refit;             /**< for a model only: nothing is scored or recorded */
    struct cat_op *op;      /**< of the wave, by node; set while it runs */
};

struct run {
    struct session *session;
    const struct asx_registry *session_registry;
    struct run_options opt;
    struct mem *mem;
    struct cat *cat;
    int64_t id;
    double started, deadline, search_end; /**< clock_now() times; deadline INFINITY without a limit */
    double selected_best;                 /**< best validation when an ensemble was selected last; NaN: not yet */
    int selected_wave;                    /**< waves that were done then */
    double phase_end;                     /**< when the phase after the search must give way to the next */
    bool unstoppable;                     /**< the constant baseline is under way: there is always a model */
    double raw_s, real_s;                 /**< of ops so far: as machine and work say, and as measured */
    double active_before;                 /**< seconds of earlier processes of this run */
    uint64_t peak_rss_before;             /**< largest of earlier processes of this run that told */
    bool resumed, planning_only;          /**< planning_only: explain; no row in the catalog, nothing is fitted */
    int threads_asked;
    int speeds, corrections; /**< of kernels and of ops, that the catalog knew */
    pthread_mutex_t lock;    /**< guards books written from workers: configs, timeline, warnings, catalog order */
    bool stop_asked;
    const char *phase, *stop_reason;
    /* data */
    const struct asx_frame *file_frame, *frame; /**< as read; rows with a target */
    struct profile *profile;
    struct asx_target target;
    struct asx_splits *splits;
    struct data_read_facts read_facts;
    double *fit_weight, *score_weight;
    int8_t *monotone;
    struct asx_problem problem;
    const struct asx_problem *problem_ptr; /**< NULL until the split step is done */
    /* planning */
    struct opt_model model;
    const struct opt_machine *machine;
    struct opt_context ctx;
    struct cache *cache;
    struct executor executor;
    const struct asx_learner **learner;
    struct asx_space **space, *baseline_space;
    int learners;
    struct opt_plan *prelude; /**< as planned, with what was measured */
    /* search */
    struct asx_strategy_state *strategy;
    struct arena *warm;         /**< good configs of earlier runs, which the strategy reads as it goes */
    struct config_run **config; /**< [configs], by id; [0] the baseline */
    int configs, config_capacity;
    struct trial_run *wave;     /**< trials of the plan under way, by index */
    struct node_result *result; /**< of the plan under way */
    bool keep_models, committing;
    bool replay_differs; /**< a resumed run's strategy asked for something else than was recorded */
    int trials_finished, trials_failed, trials_pruned, configs_asked, waves;
    double best; /**< best full-fidelity validation so far; NaN */
    const char *best_learner;
    struct {
        double seconds, score;
    } * timeline;
    int timelines;
    char **warning;
    int warnings;
    /* op books */
    double *q_log; /**< |ln(measured / predicted)| of ops of 5 ms and more */
    int q_n, q_capacity;
    int memory_under;
    int64_t plan_id;       /**< in the catalog, of the plan under way or the last one; 0: not kept */
    int64_t ensemble_plan; /**< of the plan that chose the ensemble */
    int64_t share_hits;
    double share_saved;
    json_t *op_rows; /**< for the report: predicted and measured */
    /* result */
    struct model *made;
    int64_t made_id;
    double ensemble_validation, ensemble_low, ensemble_high, ensemble_test;
    int candidates;                /**< of the ensemble: configs that may be part of it */
    struct config_run **candidate; /**< best first; selected ones have weight > 0 */
    const struct asx_frame *test_frame;
    struct asx_target test_target;
    size_t test_rows;
    double ensemble_predict_us;
    double temperature, threshold;
    json_t *importance;       /**< [[column, share], ...] of the model, best first */
    json_t *split_importance; /**< the same by splits of its trees; NULL: it has none */
    json_t *board;            /**< as it went into the model; NULL: not saved yet */
    json_t *summary;          /**< confusion, roc or residuals of the ensemble, for the report */
    double test_rows_guess;   /**< rows of the test data, from its first bytes */
    double test_read_guess;   /**< seconds to read it */
};

/** Runs the task. The model (NULL when there is none) is the caller's. */
asx_st run_task(struct session *, const struct run_options *, struct model **, struct asx_err *);
/** Goes on with a run of the catalog whose lease has been taken. */
asx_st run_resume(struct session *, const struct run_options *, int64_t id, double active_before, struct model **,
                  struct asx_err *);

/* ---- inside the engine ------------------------------------------------------------ */

asx_st run_open(struct run *, struct session *, const struct run_options *, struct asx_err *);
void run_close(struct run *);

void run_warn(struct run *, const char *name, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
double run_elapsed(const struct run *); /**< active seconds, earlier processes included */
bool run_should_stop(void *run);        /**< cancelled, or past the end of the phase */
/** Sets when the search must end for the final steps to fit, from what is known now. */
void run_set_search_end(struct run *);
/** Selecting an ensemble of so many candidates, by the op's own price and what earlier runs taught about it. */
double run_ensemble_seconds(struct run *, int candidates);
/** Enters a phase after the search ("ensembling", "refitting", "testing", "saving"): it ends in time for those behind it. */
void run_enter(struct run *, const char *phase);
/** Seconds until `phase` must end; INFINITY without a limit. */
double run_left(struct run *, const char *phase);
void run_tick(void *run);                                           /**< progress callback, on the calling thread */
asx_st run_plan(struct run *, struct opt_plan *, struct asx_err *); /**< runs a plan of CORE steps */

asx_st run_prelude(struct run *, struct asx_err *);
/** Has the metric a value for these truths? E_DATA with the first row that it has none for, or a warning. */
asx_st run_check_domain(struct run *, const struct asx_target *, const char *file, struct asx_err *);
asx_st run_open_planning(struct run *, struct asx_err *);
asx_st run_search(struct run *, struct asx_err *);
asx_st run_final(struct run *, struct asx_err *);
/** Shares of the model's importance by column, largest first: [[name, share], ...]; NULL when no member has any. `splits`: of its splits. */
json_t *final_importance(struct run *, const struct model *, bool splits);
/** Can the files the task asks for be written? E_IO naming the first that cannot. */
asx_st run_check_outputs(const struct run_options *, struct asx_err *);
/** Writes the report and the leaderboard file the task asks for. */
asx_st run_write_reports(struct run *, const json_t *board, struct asx_err *);
/** Good configs of earlier runs on this data, as the search takes them; the list lives in `arena`. */
int run_warm_configs(struct run *, struct arena *, struct asx_config **out);
/** What earlier runs on this machine measured into the machine and the cost model: kernel speeds, and residuals of ops. */
void run_load_measured(struct run *, struct cat *);
void run_save_residuals(struct run *);
struct arena;

/** The config of an id, made when it is new. */
struct config_run *run_config(struct run *, int id, const struct asx_config *, struct asx_err *);
void config_run_free(struct run *, struct config_run *);
void config_drop_states(struct run *, struct config_run *);
void config_drop_preds(struct run *, struct config_run *);
void config_drop_models(struct run *, struct config_run *);
/** Plans and runs one wave of trials, and commits them. `commit`: record asks and trials in the catalog. */
asx_st run_wave(struct run *, struct trial_run *, int n, bool commit, bool keep_models, struct asx_err *);

/** Plans a wave with its score steps, without running it (explain). */
asx_st run_plan_wave(struct run *, struct trial_run *, int n, struct opt_plan **, struct asx_err *);
void run_wave_clear(struct trial_run *, int n);

asx_st trial_members(void *run, const struct opt_plan *, const struct opt_node *, struct asx_member *, struct asx_err *);
void trial_node_done(void *run, const struct opt_plan *, const struct opt_node *, struct node_result *);

#endif
