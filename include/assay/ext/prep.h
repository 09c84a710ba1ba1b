/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file prep.h
 * A preparation step: columns of a frame in, one raw block out.
 *
 * For: `prep/<name>/`, each exporting `const struct asx_prep asx_prep_<name>`.
 * The optimizer picks steps by column type and by the recipe of a pipeline; the engine
 * fits and applies them through generic ops and saves them with the model.
 * `scope` alone decides what may be shared, and law 3's test holds every step to it:
 *
 *   STATELESS  nothing is learned (hashing, date parts)
 *   SHARED     learned from all rows without labels (dictionaries); documented in the README
 *   AFFINE     per column and fold constants (fill, centre, scale): `constants` only
 *   FOLD       learned from a fold's training rows (target encoding, idf): a block per fold
 *
 * A categorical column, one-hot:
 *
 *     fit       counts levels over `rows`, keeps those above min_frequency
 *     transform writes a CSR block with one 1 a row; unseen and rare levels share a column
 */
#ifndef ASSAY_EXT_PREP_H
#define ASSAY_EXT_PREP_H

#include <assay/ext/codec.h>
#include <assay/ext/op.h>

#ifdef __cplusplus
extern "C" {
#endif

enum asx_scope { ASX_STATELESS, ASX_SHARED, ASX_AFFINE, ASX_FOLD };

/** What a step is given to learn from. `rows` NULL: all rows of the frame. */
struct asx_prep_input {
    const struct asx_problem *problem;
    const struct asx_frame *frame;
    const int32_t *column; /**< frame columns the step applies to */
    int columns;
    const struct asx_config *config; /**< parameters "<step>.<param>" */
    const uint32_t *rows;            /**< training rows (scope FOLD) */
    size_t n_rows;
    uint64_t seed;
};

/** Statistics of one packed column over a fold's training rows, for AFFINE steps. */
struct asx_column_stats {
    double n, missing, mean, std, median, min, max; /**< weighted where weights are given; of present cells */
    enum asx_colkind kind;
    double q25, q75; /**< quartiles of present cells; both 0 or NaN where nobody computed them */
};

/** What a step learned. Opaque; immutable after fit. */
struct asx_prep_state;

struct asx_prep {
    struct asx_head head;
    int version;
    unsigned takes; /**< ASX_TYPE_BITs of the columns it can take */
    unsigned roles; /**< ASX_FOR_* : which learners' matrices it serves */
    int preference; /**< rank as the default for its types; higher wins; ties by name */
    int for_trees;  /**< the same for learners of role ASX_FOR_TREES; 0: as `preference` */
    enum asx_scope scope;
    const struct asx_param *params; /**< names without the "<step>." prefix */
    int n_params;
    /** Is it sensible for this column? NULL = yes. Not about speed. */
    bool (*fits)(const struct asx_problem *, int column);
    /** Estimated columns and stored cells of the block, for planning. */
    void (*shape)(const struct asx_prep_input *, struct asx_shape *out);
    void (*work)(const struct asx_prep_input *, struct asx_work *);
    asx_st (*fit)(struct asx_exec *, const struct asx_prep_input *, struct asx_prep_state **, struct asx_err *);
    /** Applies to any frame with the same columns. The block's memory comes from exec->mem; see `free_block`. */
    asx_st (*transform)(struct asx_exec *, const struct asx_prep_state *, const struct asx_frame *, const int32_t *column,
                        int columns, struct asx_block *out, struct asx_err *);
    /**
     * FOLD steps whose training rows need cross-fitted values (target encoding): fits on input->rows
     * and fills a block for all rows of the frame, training rows cross-fitted, others by the final
     * state. NULL: fit, then transform.
     */
    asx_st (*fit_transform)(struct asx_exec *, const struct asx_prep_input *, struct asx_prep_state **, struct asx_block *out,
                            struct asx_err *);
    void (*free_block)(struct asx_block *);
    /** AFFINE steps: sets what they decide (NaN = leave as it is). Others NULL. */
    void (*constants)(const struct asx_column_stats *, const struct asx_config *, double *fill, double *centre, double *scale);
    asx_st (*save)(const struct asx_prep_state *, struct asx_writer *);
    asx_st (*load)(struct asx_reader *, struct mem *, struct asx_prep_state **, struct asx_err *);
    void (*free_state)(struct asx_prep_state *);
    /**
     * Where `fits` hangs on a parameter: its name, and `fits` with that parameter at a value. A column that `fits`
     * refuses is served all the same where a task sets the parameter to a value at which this says yes. NULL: none does.
     */
    const char *fits_param;
    bool (*fits_at)(const struct asx_problem *, int column, double value);
};

/** asx_prep.roles */
enum {
    ASX_FOR_TREES = 1,  /**< learners that cut columns: codes and missing cells are welcome */
    ASX_FOR_LINEAR = 2, /**< learners that take products of columns */
    ASX_FOR_COUNTS = 4  /**< learners of non-negative counts (multinomial naive Bayes) */
};

#ifdef __cplusplus
}
#endif
#endif
