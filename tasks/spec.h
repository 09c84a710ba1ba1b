/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file spec.h
 * The task spec: what a user asks, read from YAML, options and JSON, and checked.
 *
 * One table (`spec_keys`) is the source of every key's path, type, range and help: it
 * drives reading, checks, `assay init` and the docs. Scalars are typed by their key,
 * never by YAML. A value given later replaces one given earlier, so that the command
 * line wins over the file; options that exclude each other (folds and holdout, maximize
 * and minimize) are an error only when they come from one place.
 *
 *     struct spec_context c = {.registry = registry, .space = space_of, .arg = spaces};
 *     struct task_spec *spec = NULL;
 *     asx_st st = spec_create(&c, mem, &spec, err);
 *     if (!st) st = spec_read_file(spec, "census.yaml", err);
 *     if (!st) st = spec_set(spec, "objective.subject_to.time", "30s", "--time", err);
 *     if (!st) st = spec_validate(spec, 0, err);
 *     ...
 *     spec_free(spec);
 */
#ifndef ASSAY_TASKS_SPEC_H
#define ASSAY_TASKS_SPEC_H

#include "base/file.h"
#include <assay/ext/registry.h>
#include <jansson.h>

struct mem;
struct arena;
struct profile;
struct yaml_node;

/** What names in a spec are looked up in. */
struct spec_context {
    const struct asx_registry *registry;
    /** The whole space of a learner's pipelines, preparation included; NULL: the learner's own parameters only. */
    const struct asx_space *(*space)(void *arg, const struct asx_learner *);
    void *arg;
};

/** Three-valued switches: 0 is the default of the key. */
enum spec_switch { SPEC_DEFAULT, SPEC_ON, SPEC_OFF };

static inline bool spec_is_on(enum spec_switch s, bool by_default)
{
    return s == SPEC_DEFAULT ? by_default : s == SPEC_ON;
}

enum spec_goal { SPEC_GOAL_SCORE, SPEC_GOAL_TIME, SPEC_GOAL_PRICE };
enum spec_refit { SPEC_REFIT_AUTO, SPEC_REFIT_FOLDS, SPEC_REFIT_FULL };
enum spec_header { SPEC_HEADER_AUTO, SPEC_HEADER_YES, SPEC_HEADER_NO };

/** Names in order; NULL-terminated, so that `name` can be handed on. `name` is NULL when none are given. */
struct spec_names {
    const char **name;
    int n;
};

/** Names with a number (class weights, prices, monotone directions) or a word's index (column types). */
struct spec_pairs {
    const char **name;
    double *value;
    int n;
};

/** Where a value came from; both 0: not given. */
struct spec_place {
    int line, column;   /**< 1-based place in the spec file; 0 for options */
    const char *origin; /**< "census.yaml", "--time"; NULL: not given */
};

/**
 * One restricted parameter of `search.space`: n values (1 = fixed, more = choices), or a range (n == 0).
 * Words of CHOICE parameters are kept, since a problem's space may offer fewer of them than the whole space.
 */
struct spec_restriction {
    const char *learner, *param;
    int n;
    const double *value;     /**< [n]; for CHOICE parameters indices in the whole space */
    const char *const *word; /**< [n] of CHOICE parameters, else NULL */
    double low, high;
    bool log; /**< searched on a log scale: as the spec says, else as the parameter's table */
    struct spec_place place;
};

/** A score to be reached: metric >= value (greater is better) or <= value. */
struct spec_score_limit {
    const struct asx_metric *metric;
    double value;
    struct spec_place place;
};

enum { SPEC_MAX_KEYS = 64, SPEC_DEFAULT_TIME_S = 60 };

/** A task. Zero, NULL or NaN means "not given" unless stated; spec_validate fills what follows from the rest. */
struct task_spec {
    const struct asx_kind *kind;
    struct {
        const char *train, *test; /**< usable paths: relative ones were joined to the spec's folder; "-" is standard input */
        const char *target, *weights, *positive;
        bool balanced; /**< class_weights: balanced */
        struct spec_pairs class_weights;
        struct spec_names ignore, missing;
        struct spec_pairs types;    /**< value: enum asx_type */
        struct spec_pairs monotone; /**< value: -1, 0, 1 */
        int header;                 /**< enum spec_header */
        char delimiter;             /**< 0: find out */
    } data;
    struct {
        int goal;                        /**< enum spec_goal */
        const struct asx_metric *metric; /**< NULL: the kind's default, known once the target is read */
        double time_s;                   /**< 0: none (a trial limit is given). Validation sets 60 without both */
        uint64_t memory_bytes;           /**< 0: none */
        double predict_latency_s, price; /**< 0: none */
        struct spec_score_limit *limit;
        int limits;
    } objective;
    struct {
        int threads;               /**< 0: all of the machine */
        struct spec_names devices; /**< none given: all that pay (now: cpu) */
        struct spec_pairs prices;  /**< "<device>_hour" and its price */
    } resources;
    struct {
        const char *strategy;       /**< NULL: auto */
        struct spec_names learners; /**< none given: all that fit */
        struct spec_restriction *restriction;
        int restrictions;
        int refit;                /**< enum spec_refit */
        int folds, repeats;       /**< 0: by data size */
        double holdout;           /**< 0: not given */
        const char *group, *time; /**< columns */
        int trials;               /**< 0: no limit; set: repeatable mode */
        int ensemble, warm_start; /**< enum spec_switch; on by default, warm_start off by default in repeatable mode */
        uint64_t seed;            /**< 1 unless given */
    } search;
    struct {
        int sharing, batching; /**< enum spec_switch, on by default */
        struct spec_names disable;
    } optimizer;
    struct {
        const char *model, *report, *leaderboard;
    } output;

    /* bookkeeping */
    struct spec_context context;
    struct mem *mem;
    struct arena *arena;                    /**< owns every string and list above */
    struct spec_place place[SPEC_MAX_KEYS]; /**< parallel to spec_keys */
};

/** Types of keys; how a scalar is read follows from them. */
enum spec_type {
    SPEC_TEXT,
    SPEC_PATH,
    SPEC_INT,
    SPEC_U64,
    SPEC_REAL,
    SPEC_SWITCH,
    SPEC_DURATION,
    SPEC_SIZE,
    SPEC_WORD,    /**< one of `words` */
    SPEC_NAMES,   /**< a list of strings */
    SPEC_WORDS,   /**< a list of names without commas: "a,b" is a list too */
    SPEC_NUMBERS, /**< a map of names to numbers */
    SPEC_TYPED,   /**< a map of names to one of `words` */
    SPEC_OTHER    /**< has its own reader and writer */
};

/** A row of the table. */
struct spec_key {
    const char *path; /**< "data.train" */
    enum spec_type type;
    size_t offset;            /**< in struct task_spec */
    double low, high;         /**< allowed, both ends; numbers, durations, sizes */
    const char *const *words; /**< NULL-terminated */
    const char *example;      /**< as YAML: what `assay init` shows */
    const char *help;         /**< one line */
    asx_st (*read)(struct task_spec *, const struct spec_key *, const struct yaml_node *, struct spec_place, struct asx_err *);
    json_t *(*write)(const struct task_spec *); /**< NULL: not given */
};

extern const struct spec_key spec_keys[];
extern const int spec_keys_n;

/** A spec with all defaults. The registry and spaces of the context are borrowed. */
asx_st spec_create(const struct spec_context *, struct mem *, struct task_spec **, struct asx_err *);
void spec_free(struct task_spec *);

/**
 * Reads YAML over what is there. Errors (E_INVAL) name the file, line and column, what is wrong and the nearest valid
 * key; relative paths are joined to the folder of `path`.
 */
asx_st spec_read_file(struct task_spec *, const char *path, struct asx_err *);
/** As spec_read_file for text; `file` (or NULL) stands for it in errors and gives the folder. */
asx_st spec_read_text(struct task_spec *, const char *text, size_t size, const char *file, struct asx_err *);
/** Reads what spec_json wrote. */
asx_st spec_read_json(struct task_spec *, const json_t *, struct asx_err *);

/**
 * Sets one key. Without `origin` the value is YAML (`--set key.path=value`); with it (an option such as "--target")
 * text is taken as it stands and lists are comma-separated. "objective.metric" sets maximize or minimize as the metric
 * wants it; a path may go into maps ("data.types.zip", "search.space.gbdt.max_depth").
 */
asx_st spec_set(struct task_spec *, const char *path, const char *value, const char *origin, struct asx_err *);

/** The data are tables in memory: data.train is not needed, and the target may stand apart. */
enum { SPEC_IN_MEMORY = 1 };

/**
 * Checks what single keys cannot show: what is needed, what contradicts itself, what does not fit the task (E_INVAL);
 * then refuses what is understood but not yet done (E_UNSUPPORTED, "... is not supported yet"). Fills the default time limit.
 */
asx_st spec_validate(struct task_spec *, unsigned flags, struct asx_err *);

/** The metric of a task once its target is read: the one named, else the kind's default; E_INVAL when it cannot serve it. */
asx_st spec_metric(const struct task_spec *, enum asx_task, const struct asx_metric **, struct asx_err *);

/** Was the key given? */
bool spec_given(const struct task_spec *, const char *path);

/** All keys given, as nested objects, paths absolute: round trips through spec_read_json. NULL: out of memory. */
json_t *spec_json(const struct task_spec *);

/**
 * Values of a CHOICE restriction as indices of `param`, which may offer fewer choices than the whole space.
 * Returns how many of them it offers. @shape out [restriction->n]
 */
int spec_choice_values(const struct spec_restriction *, const struct asx_param *, double *out);

/** Tells, one sentence each, what the spec says without effect although nothing is wrong with it. The spec must be valid. */
void spec_notes(const struct task_spec *, void (*tell)(void *arg, const char *text), void *arg);

/**
 * Where a key was given; line 0 when it was not in a file. "objective.metric" is maximize or minimize, a section what
 * stands in it first.
 */
struct spec_place spec_where(const struct task_spec *, const char *path);

/** What `assay init` knows. */
struct spec_init {
    const char *data, *target;
    const struct asx_kind *kind;   /**< NULL: by the target's facts */
    const struct asx_frame *frame; /**< with its profile: facts become comments; NULL: none */
    const struct profile *profile;
    const char *header, *delimiter; /**< values of data.header and data.delimiter; NULL: found out */
};

/** Writes a commented spec that spec_read_text reads and validates. */
asx_st spec_write_commented(const struct spec_context *, const struct spec_init *, struct text *out, struct asx_err *);

#endif
