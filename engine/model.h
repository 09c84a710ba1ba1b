/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file model.h
 * A whole model: fitted preparation, fitted learners, weights, and what a user must know of it.
 *
 * A model is a weighted mean of members; each member is a learner's model behind a list of
 * fitted preparation parts. Members share parts: a block is computed once a prediction.
 */
#ifndef ASSAY_ENGINE_MODEL_H
#define ASSAY_ENGINE_MODEL_H

#include "data/comma.h"
#include "engine/cache.h"

#include <assay/ext/registry.h>

struct mem;
struct pool;

/** A column the model wants, by name. */
struct model_column {
    char *name;
    enum asx_type type;
    bool day_first;   /**< datetime text was DD/MM/YYYY */
    enum comma comma; /**< how numbers were written */
};

/** A fitted step and the schema columns it reads. */
struct model_part {
    struct prep_fitted *fitted;
    int32_t *column;
    int columns;
};

struct model_member {
    const struct asx_learner *learner;
    struct asx_model *model;
    int *part; /**< blocks side by side, in this order */
    int parts;
    double weight; /**< of the mean; the weights sum to 1 */
};

struct model {
    struct mem *mem;                        /**< account of its own */
    char *kind, *target, *metric, *learner; /**< learner: shown name ("ensemble") */
    enum asx_task task;
    int classes, positive, outputs;
    char **class_name;
    bool day_first_target;
    int columns, parts, members;
    struct model_column *column;
    struct model_part *part;
    struct model_member *member;
    bool sparse;        /**< reads frame->sparse */
    double temperature; /**< probabilities are softmax(log p / temperature); 1 = as they are */
    double threshold;   /**< on the positive class for class predictions; 0 = argmax */
    double validation;
    char *board;     /**< JSON of the run */
    char *id, *path; /**< not saved */
    int32_t *place; /**< [columns of the run's frame] 1 + the schema column each became, 0: none yet; not saved, NULL when loaded */
    char **missing; /**< words for missing cells that the task added, NULL-terminated; NULL: none */
};

struct model *eng_model_create(void); /**< NULL when out of memory; own account under the root */
void eng_model_free(struct model *);
/** Index of the part with this fitted step and these columns, added when new; -1 when out of memory. */
int eng_model_add_part(struct model *, struct prep_fitted *, const int32_t *column, int columns);
/** Takes over `fitted_model` (freed with the model) on success; on failure it stays the caller's. `part` is copied. */
asx_st eng_model_add_member(struct model *, const struct asx_learner *, struct asx_model *fitted_model, const int *part, int parts,
                            double weight, struct asx_err *);

/**
 * Brings a frame into the model's column order. E_DATA for a missing column.
 * *out is a view that holds a reference to `frame`.
 */
asx_st eng_model_bind(const struct model *, const struct asx_frame *frame, const struct asx_frame **out, struct asx_err *);

struct data_options;
struct event_sink;
/** Copies the words for missing cells; false when out of memory. */
bool eng_model_take_missing(struct model *, const char *const *words);
/**
 * Reads a file the way the model's training data was read; `all`: columns beside the model's too. Header, delimiter and
 * threads are those of the options. The frame is the caller's.
 */
asx_st eng_model_read(const struct model *, const struct data_options *, const struct event_sink *, const char *path, bool all,
                      const struct asx_frame **, struct asx_err *);

/**
 * Predicts all rows of a bound frame.
 * @shape out [rows * outputs]: probabilities in class order, or values
 * @thread pool may be NULL; the same result for any thread count
 */
asx_st eng_model_predict(const struct model *, const struct asx_frame *bound, struct pool *, bool (*stop)(void *), void *stop_arg,
                         double *out, struct asx_err *);
/** Class of a row of probabilities, threshold applied. */
int eng_model_decide(const struct model *, const double *proba);

/** p^(1/T), normalised: a softmax of log p / T; p [k]. */
void eng_model_temper(double *p, int k, double temperature);

/** Schema column that raw column `at` of a block of `part` came from; -1 when it is not known. */
int eng_model_source(const struct model_part *, const struct asx_block *, size_t at);

/** Raw matrix of one member on a bound frame, for explanations. Free with model_matrix_free. */
struct model_matrix;
asx_st eng_model_matrix_make(const struct model *, int member, const struct asx_frame *bound, struct pool *, struct model_matrix **,
                             struct asx_err *);
const struct asx_matrix *eng_model_matrix_raw(const struct model_matrix *);
void eng_model_matrix_free(struct model_matrix *);

/** All or nothing. "-" is refused. */
asx_st eng_model_save(const struct model *, const char *path, struct asx_err *);
/** Bytes as saved, for the catalog; free with mem_free. */
asx_st eng_model_bytes(const struct model *, void **data, size_t *size, struct asx_err *);
/** `where` names the source in errors. A damaged file is E_DATA. */
asx_st eng_model_load_bytes(const struct asx_registry *, const void *data, size_t size, const char *where, struct model **,
                            struct asx_err *);
asx_st eng_model_load(const struct asx_registry *, const char *path, struct model **, struct asx_err *);

#endif
