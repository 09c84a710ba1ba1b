/* SPDX-License-Identifier: Apache-2.0 */
/** @file spec_impl.h What the files of the spec share; not for others. */
#ifndef ASSAY_TASKS_SPEC_IMPL_H
#define ASSAY_TASKS_SPEC_IMPL_H

#include "base/err.h"
#include "base/mem.h"
#include "base/yaml.h"
#include "tasks/spec.h"

#include <stdarg.h>

/** A stream of values from one place. */
struct spec_reading {
    struct task_spec *spec;
    const char *origin; /**< file name or option */
    const char *folder; /**< "" or "dir/": what relative paths are joined to */
    bool option;        /**< no lines; text as it stands; lists by commas */
};

/* ---- spec_read.c: walking and scalars ---- */
asx_st spec_fail(struct asx_err *, asx_st, struct spec_place, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
asx_st spec_no_memory(struct asx_err *);
struct spec_place spec_place_of(const struct yaml_node *, const char *origin);
int spec_find(const char *path);
asx_st spec_read_value(struct spec_reading *, int key, const struct yaml_node *, struct asx_err *);
asx_st spec_read_map(struct spec_reading *, const char *prefix, const struct yaml_node *, struct asx_err *);
bool spec_number(const struct yaml_node *, double *out); /**< quoted or not */
bool spec_bool(const struct yaml_node *, bool *out);
const char *spec_kind_of(const struct yaml_node *); /**< "a list", "a map", "a text" */
void *spec_field(const struct task_spec *, const struct spec_key *);

/* ---- spec_lists.c ---- */
asx_st spec_names_add(struct task_spec *, struct spec_names *, const char *name, size_t length, struct asx_err *);
asx_st spec_pairs_put(struct task_spec *, struct spec_pairs *, const char *name, double value, struct asx_err *);
asx_st spec_read_names(struct spec_reading *, const struct spec_key *, const struct yaml_node *, struct asx_err *);
asx_st spec_read_pairs(struct spec_reading *, const struct spec_key *, const struct yaml_node *, struct asx_err *);
asx_st spec_read_pair(struct task_spec *, const struct spec_key *, const char *name, const struct yaml_node *, struct spec_place,
                      struct asx_err *);

/* ---- spec_names.c: what names mean ---- */
const struct asx_metric *spec_metric_named(const struct spec_context *, const char *);
const struct asx_learner *spec_learner_named(const struct spec_context *, const char *);
/** "there is no metric 'x'; did you mean 'y'?" or a list of what there is. */
asx_st spec_unknown(struct task_spec *, struct asx_err *, struct spec_place, const char *what, const char *word, const char **names,
                    size_t n);
asx_st spec_unknown_metric(struct task_spec *, struct asx_err *, struct spec_place, const char *word);
asx_st spec_unknown_learner(struct task_spec *, struct asx_err *, struct spec_place, const char *word);

/* ---- spec_check.c, spec_space.c, spec_effect.c: what a spec must keep as a whole ---- */
bool spec_sparse_text(const char *path); /**< by its ending */
/** The parameter of that name in the learner's whole space, or NULL. */
const struct asx_param *spec_param(const struct task_spec *, const struct asx_learner *, const char *name);
/** Refuses keys that contradict the rest and so have no effect, and outputs that would overwrite inputs. */
asx_st spec_check_effect(const struct task_spec *, unsigned flags, struct asx_err *);

/* ---- readers of single keys (SPEC_OTHER) ---- */
asx_st spec_read_version(struct task_spec *, const struct spec_key *, const struct yaml_node *, struct spec_place,
                         struct asx_err *);
asx_st spec_read_task(struct task_spec *, const struct spec_key *, const struct yaml_node *, struct spec_place, struct asx_err *);
asx_st spec_read_class_weights(struct task_spec *, const struct spec_key *, const struct yaml_node *, struct spec_place,
                               struct asx_err *);
asx_st spec_read_delimiter(struct task_spec *, const struct spec_key *, const struct yaml_node *, struct spec_place,
                           struct asx_err *);
asx_st spec_read_goal(struct task_spec *, const struct spec_key *, const struct yaml_node *, struct spec_place, struct asx_err *);
asx_st spec_read_score_limit(struct task_spec *, const char *metric, const struct yaml_node *, struct spec_place, struct asx_err *);
asx_st spec_read_space(struct task_spec *, const struct spec_key *, const struct yaml_node *, struct spec_place, struct asx_err *);
asx_st spec_read_space_at(struct task_spec *, const char *path, const struct yaml_node *, struct spec_place, struct asx_err *);

/* ---- and their writers: NULL when out of memory, json null when there is nothing to write ---- */
json_t *spec_write_task(const struct task_spec *);
json_t *spec_write_class_weights(const struct task_spec *);
json_t *spec_write_delimiter(const struct task_spec *);
json_t *spec_write_maximize(const struct task_spec *);
json_t *spec_write_minimize(const struct task_spec *);
json_t *spec_write_space(const struct task_spec *);
json_t *spec_write_pairs(const struct spec_pairs *, const char *const *words);

#endif
