/* SPDX-License-Identifier: Apache-2.0 */
/* The table of keys: the single source of what a task spec can say. */
#include "tasks/spec_impl.h"

#include <float.h>
#include <limits.h>

static const char *const type_words[] = {"numeric", "boolean", "categorical", "text", "datetime", NULL}; /* as enum asx_type */
static const char *const header_words[] = {"auto", "yes", "no", NULL};                                   /* enum spec_header */
static const char *const refit_words[] = {"auto", "folds", "full", NULL};                                /* enum spec_refit */

#define AT(member) offsetof(struct task_spec, member)

/* In the order in which a spec is best read. */
const struct spec_key spec_keys[] = {
    {"assay", SPEC_OTHER, 0, 1, 1, NULL, "1", "version of this format", spec_read_version, NULL},
    {"task", SPEC_OTHER, AT(kind), 0, 0, NULL, "classify", "what to predict: classify (a class) or regress (a number)",
     spec_read_task, spec_write_task},

    {"data.train", SPEC_PATH, AT(data.train), 0, 0, NULL, "train.csv",
     ".csv .tsv .arff .libsvm .svm; relative to this file; - is standard input", NULL, NULL},
    {"data.test", SPEC_PATH, AT(data.test), 0, 0, NULL, "test.csv", "scored once, at the end, never used for choosing", NULL, NULL},
    {"data.target", SPEC_TEXT, AT(data.target), 0, 0, NULL, "income", "column to predict", NULL, NULL},
    {"data.weights", SPEC_TEXT, AT(data.weights), 0, 0, NULL, "w", "column of row weights for fitting, validation and test", NULL,
     NULL},
    {"data.class_weights", SPEC_OTHER, AT(data.class_weights), 0, DBL_MAX, NULL, "balanced",
     "balanced, or a weight for each class: {yes: 5, no: 1}", spec_read_class_weights, spec_write_class_weights},
    {"data.positive", SPEC_TEXT, AT(data.positive), 0, 0, NULL, "\">50K\"",
     "the positive class of two; the last in sort order unless given", NULL, NULL},
    {"data.ignore", SPEC_NAMES, AT(data.ignore), 0, 0, NULL, "[id]", "columns left out", NULL, NULL},
    {"data.types", SPEC_TYPED, AT(data.types), 0, 0, type_words, "{zip: categorical}",
     "types that inference would miss: numeric, boolean, categorical, text, datetime", NULL, NULL},
    {"data.missing", SPEC_NAMES, AT(data.missing), 0, 0, NULL, "[\"-\", unknown]",
     "words for a missing cell, beside empty NA N/A NaN nan NULL null ?", NULL, NULL},
    {"data.monotone", SPEC_NUMBERS, AT(data.monotone), -1, 1, NULL, "{age: 1}",
     "columns whose effect on the prediction only rises (1) or falls (-1); tree learners", NULL, NULL},
    {"data.header", SPEC_WORD, AT(data.header), 0, 0, header_words, "auto",
     "does the file begin with column names: auto, yes or no", NULL, NULL},
    {"data.delimiter", SPEC_OTHER, AT(data.delimiter), 0, 0, NULL, "\";\"", "what stands between cells; found out unless given",
     spec_read_delimiter, spec_write_delimiter},

    {"objective.maximize", SPEC_OTHER, AT(objective.metric), 0, 0, NULL, "roc_auc", "metric to be greatest", spec_read_goal,
     spec_write_maximize},
    {"objective.minimize", SPEC_OTHER, AT(objective.metric), 0, 0, NULL, "log_loss",
     "metric to be least; or time, or price, to reach a score limit", spec_read_goal, spec_write_minimize},
    {"objective.subject_to.time", SPEC_DURATION, AT(objective.time_s), 1e-3, 1e9, NULL, "60s",
     "wall clock from start to exit: 500ms 60s 5min 2h", NULL, NULL},
    {"objective.subject_to.memory", SPEC_SIZE, AT(objective.memory_bytes), 1, 1e18, NULL, "2GiB", "512MiB 2GiB", NULL, NULL},
    {"objective.subject_to.predict_latency", SPEC_DURATION, AT(objective.predict_latency_s), 1e-9, 1e9, NULL, "50us",
     "seconds a row at prediction", NULL, NULL},
    {"objective.subject_to.price", SPEC_REAL, AT(objective.price), DBL_MIN, 1e18, NULL, "0.10",
     "cost of the run, in the unit of resources.prices", NULL, NULL},

    {"resources.threads", SPEC_INT, AT(resources.threads), 1, 4096, NULL, "2", "threads; all cores of the quota unless given", NULL,
     NULL},
    {"resources.devices", SPEC_WORDS, AT(resources.devices), 0, 0, NULL, "[cpu]", "devices that may be used: cpu, \"opencl:0\"",
     NULL, NULL},
    {"resources.prices", SPEC_NUMBERS, AT(resources.prices), 0, 1e18, NULL, "{cpu_hour: 0.04}", "price of an hour of each device",
     NULL, NULL},

    {"search.learners", SPEC_WORDS, AT(search.learners), 0, 0, NULL, "[gbdt, forest, logistic]", "all that fit unless given", NULL,
     NULL},
    {"search.strategy", SPEC_TEXT, AT(search.strategy), 0, 0, NULL, "auto", "how trials are proposed", NULL, NULL},
    {"search.space", SPEC_OTHER, AT(search.restriction), 0, 0, NULL,
     "{gbdt: {num_leaves: [15, 31, 63], learning_rate: {low: 0.01, high: 0.3, log: true}, max_depth: 8}}",
     "parameters by learner: a list = choices, {low, high, log} = a range, a scalar = fixed", spec_read_space, spec_write_space},
    {"search.refit", SPEC_WORD, AT(search.refit), 0, 0, refit_words, "auto",
     "auto, folds (keep the models of the folds) or full (fit again on all rows)", NULL, NULL},
    {"search.validation.folds", SPEC_INT, AT(search.folds), 2, 1000, NULL, "5",
     "k of k-fold cross-validation; by data size unless given", NULL, NULL},
    {"search.validation.repeats", SPEC_INT, AT(search.repeats), 1, 1000, NULL, "1", "times the splits are drawn anew", NULL, NULL},
    {"search.validation.holdout", SPEC_REAL, AT(search.holdout), 1e-6, 0.999999, NULL, "0.2",
     "share of rows held out once, instead of folds", NULL, NULL},
    {"search.validation.group", SPEC_TEXT, AT(search.group), 0, 0, NULL, "patient", "column whose equal values are never split",
     NULL, NULL},
    {"search.validation.time", SPEC_TEXT, AT(search.time), 0, 0, NULL, "day",
     "column of time: learn from the past, validate on the future", NULL, NULL},
    {"search.trials", SPEC_INT, AT(search.trials), 1, 1e8, NULL, "200", "limit of configurations; makes runs repeatable", NULL,
     NULL},
    {"search.ensemble", SPEC_SWITCH, AT(search.ensemble), 0, 0, NULL, "true", "combine the best models", NULL, NULL},
    {"search.warm_start", SPEC_SWITCH, AT(search.warm_start), 0, 0, NULL, "true",
     "use what the catalog knows; off with a trial limit unless given", NULL, NULL},
    {"search.seed", SPEC_U64, AT(search.seed), 0, 0x1p53, NULL, "1", "of all random streams", NULL, NULL},

    {"optimizer.sharing", SPEC_SWITCH, AT(optimizer.sharing), 0, 0, NULL, "on", "merge common work of trials", NULL, NULL},
    {"optimizer.batching", SPEC_SWITCH, AT(optimizer.batching), 0, 0, NULL, "on", "train several configurations in one pass", NULL,
     NULL},
    {"optimizer.disable", SPEC_WORDS, AT(optimizer.disable), 0, 0, NULL, "[]", "rules or ways by name, for experiments", NULL,
     NULL},

    {"output.model", SPEC_PATH, AT(output.model), 0, 0, NULL, "model.assay", "where to save the model", NULL, NULL},
    {"output.report", SPEC_PATH, AT(output.report), 0, 0, NULL, "report.html", "where to write the HTML report", NULL, NULL},
    {"output.leaderboard", SPEC_PATH, AT(output.leaderboard), 0, 0, NULL, "board.csv",
     "where to write the leaderboard: .csv .md .json .html", NULL, NULL},
};

const int spec_keys_n = sizeof(spec_keys) / sizeof(*spec_keys);
_Static_assert(sizeof(spec_keys) / sizeof(*spec_keys) <= SPEC_MAX_KEYS, "places fit");
