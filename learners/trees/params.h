/* SPDX-License-Identifier: Apache-2.0 */
/** @file params.h The parameters of the tree learners, read once from a config. */
#ifndef ASSAY_LEARNERS_TREES_PARAMS_H
#define ASSAY_LEARNERS_TREES_PARAMS_H

#include <assay/ext/learner.h>

enum loss_kind { LOSS_AUTO, LOSS_SQUARED, LOSS_ABSOLUTE, LOSS_HUBER, LOSS_QUANTILE, LOSS_POISSON, LOSS_LOGISTIC, LOSS_SOFTMAX };

/** What growing one boosted tree needs; names as in LightGBM. */
struct grow_params {
    int num_leaves, max_depth; /**< max_depth 0: no limit */
    double min_data_in_leaf, min_sum_hessian, l1, l2, min_gain;
    double feature_fraction, feature_fraction_bynode;
    bool extra_trees, depth_wise;
    double cat_smooth, cat_l2, min_data_per_group;
    int max_cat_threshold, max_cat_to_onehot;
};

struct gbdt_params {
    struct grow_params grow;
    enum loss_kind loss;
    double learning_rate, alpha, bagging_fraction;
    int n_estimators, max_bin;
};

struct forest_params {
    int n_estimators, max_depth, max_bin;
    double max_features; /**< share of the columns; 0: square root (classes), all (values) */
    double min_samples_leaf, max_samples;
    bool bootstrap, random_cuts, entropy;
};

enum { GBDT_PARAMS = 21, FOREST_PARAMS = 8, EXTRA_TREES_PARAMS = 6, TREE_PARAMS = 5 };
extern const struct asx_param gbdt_param[GBDT_PARAMS], forest_param[FOREST_PARAMS], extra_trees_param[EXTRA_TREES_PARAMS],
    tree_param[TREE_PARAMS];

void gbdt_read(const struct asx_config *, enum asx_task, struct gbdt_params *);
/** `which` 0 forest, 1 extra trees, 2 single tree. */
void forest_read(const struct asx_config *, int which, struct forest_params *);

#endif
