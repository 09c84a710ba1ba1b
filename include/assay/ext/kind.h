/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file kind.h
 * A task kind: what `task: classify` means.
 *
 * For: `tasks/kinds/<name>.c`, each exporting `const struct asx_kind asx_kind_<name>`.
 * It turns the target column into y and labels, names default metrics, and says which
 * learners' tasks it asks for. The command line's subcommands come from these.
 *
 *     const struct asx_kind asx_kind_regress = {
 *         .head = {"regress", "predict a number"}, .target = regress_target, .default_metric = regress_metric };
 */
#ifndef ASSAY_EXT_KIND_H
#define ASSAY_EXT_KIND_H

#include <assay/ext/metric.h>
#include <assay/ext/status.h>

#ifdef __cplusplus
extern "C" {
#endif

struct mem;

/** The target as learners want it. Arrays come from the `mem` passed. */
struct asx_target {
    enum asx_task task;
    int classes, positive;
    const char **class_name; /**< sorted as scikit-learn sorts them: numbers by value, strings bytewise */
    double *y;               /**< [rows kept] */
    int32_t *label;
    uint32_t *row; /**< frame rows kept (target present), ascending */
    size_t rows;
};

struct asx_kind {
    struct asx_head head;
    /** Reads the target; errors: all missing, one class, text where a number is needed. `positive` may be NULL. */
    asx_st (*target)(const struct asx_frame *, int column, const char *positive, struct mem *, struct asx_target *,
                     struct asx_err *);
    /** As above for new rows of a known model: classes fixed, unseen ones get label -1 and y NaN. */
    asx_st (*target_again)(const struct asx_frame *, int column, const struct asx_target *known, struct mem *, struct asx_target *,
                           struct asx_err *);
    const char *(*default_metric)(enum asx_task);
    /** Stratify folds by label? */
    bool stratified;
    unsigned tasks; /**< ASX_TASK_BITs of the problems it makes; a spec's metric and learners must serve one of them */
};

#ifdef __cplusplus
}
#endif
#endif
