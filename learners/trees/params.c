/* SPDX-License-Identifier: Apache-2.0 */
/* Parameter tables: one source for ranges, defaults, help and checks. */
#include "learners/trees/params.h"

static const char *const losses[] = {"auto", "squared", "absolute", "huber", "quantile", "poisson"};
static const char *const policies[] = {"leaf", "depth"};
static const char *const bin_widths[] = {"63", "127", "255"}, *const more_widths[] = {"63", "127", "255", "1023", "4095", "65535"};
static const int width[] = {63, 127, 255, 1023, 4095, 65535};
static const char *const criteria[] = {"gini", "entropy"};
static const char *const precisions[] = {"hist_fixed", "hist_lowbit"}; /* names of ways: the optimizer goes by them */

/* Rows of the tables: searched from low to high (on a log scale), allowed from min to max. */
#define NUMBER(k, n, from, to, least, most, on_log, d, is_fixed, h)                                                                \
    {                                                                                                                              \
        .name = n, .kind = k, .low = from, .high = to, .min = least, .max = most, .log = on_log, .def = d, .fixed = is_fixed,      \
        .help = h                                                                                                                  \
    }
#define CHOICE(n, list, d, is_fixed, h)                                                                                            \
    {                                                                                                                              \
        .name = n, .kind = ASX_CHOICE, .choices = list, .n_choices = sizeof(list) / sizeof *(list), .def = d, .fixed = is_fixed,   \
        .help = h                                                                                                                  \
    }
#define FLAG(n, d, is_fixed, h)                                                                                                    \
    {                                                                                                                              \
        .name = n, .kind = ASX_BOOL, .high = 1, .def = d, .fixed = is_fixed, .help = h                                             \
    }
enum { SEARCHED = false, FIXED = true, LINEAR = false, LOG = true };

#define MAX_BIN CHOICE("max_bin", bin_widths, 2, FIXED, "bins a column")

const struct asx_param gbdt_param[GBDT_PARAMS] = {
    NUMBER(ASX_INT, "n_estimators", 20, 3000, 1, 100000, LOG, 1000, FIXED,
           "rounds at most; the mean held-out curve decides how many are kept"),
    NUMBER(ASX_REAL, "learning_rate", 0.01, 0.3, 1e-5, 10, LOG, 0.05, SEARCHED, "share of each tree that is added"),
    NUMBER(ASX_INT, "num_leaves", 3, 255, 2, 65536, LOG, 31, SEARCHED, "leaves of a tree"),
    NUMBER(ASX_INT, "max_depth", 3, 12, 0, 1000, LINEAR, 0, FIXED, "longest path in splits, 0: no limit"),
    NUMBER(ASX_INT, "min_data_in_leaf", 1, 64, 0, 1e9, LOG, 20, SEARCHED,
           "rows a leaf needs (from the hessian share where hessians vary)"),
    NUMBER(ASX_REAL, "min_sum_hessian", 1e-4, 10, 0, 1e12, LOG, 1e-3, FIXED, "hessian sum a leaf needs"),
    NUMBER(ASX_REAL, "feature_fraction", 0.4, 1, 1e-6, 1, LINEAR, 1, SEARCHED, "share of the columns each tree sees"),
    NUMBER(ASX_REAL, "feature_fraction_bynode", 0.3, 1, 1e-6, 1, LINEAR, 1, FIXED, "share of the tree's columns each node sees"),
    NUMBER(ASX_REAL, "bagging_fraction", 0.5, 1, 1e-6, 1, LINEAR, 1, SEARCHED, "share of the rows each tree sees"),
    NUMBER(ASX_REAL, "l1", 1e-4, 1, 0, 1e9, LOG, 0, FIXED, "L1 penalty on leaf values"),
    NUMBER(ASX_REAL, "l2", 1e-4, 10, 0, 1e9, LOG, 1e-3, SEARCHED, "L2 penalty on leaf values"),
    NUMBER(ASX_REAL, "min_gain", 0, 1, 0, 1e12, LINEAR, 0, FIXED, "loss reduction a split needs"),
    CHOICE("max_bin", more_widths, 2, FIXED, "bins a column; more than 255 are for numbers and cost time"),
    FLAG("extra_trees", 0, SEARCHED, "one random threshold a column and node"),
    NUMBER(ASX_REAL, "cat_smooth", 1, 100, 0, 1e9, LOG, 10, FIXED, "added to the hessian when categories are ordered"),
    NUMBER(ASX_REAL, "cat_l2", 0.1, 50, 0, 1e9, LOG, 10, FIXED, "L2 penalty of splits into sets of categories"),
    NUMBER(ASX_INT, "min_data_per_group", 1, 200, 0, 1e9, LOG, 100, FIXED, "rows between two cuts of ordered categories"),
    CHOICE("grow_policy", policies, 0, FIXED, "best leaf first, or level by level"),
    {.name = "loss",
     .kind = ASX_CHOICE,
     .choices = losses,
     .n_choices = sizeof losses / sizeof *losses,
     .fixed = FIXED,
     .help = "loss of regression; auto: squared",
     .tasks = ASX_REGRESS},
    {.name = "alpha",
     .kind = ASX_REAL,
     .low = 0.1,
     .high = 0.9,
     .min = 1e-6,
     .max = 1e9,
     .def = 0.9,
     .fixed = FIXED,
     .only_if = "loss=huber|quantile",
     .help = "quantile level, or width of Huber's square in units of the target",
     .tasks = ASX_REGRESS},
    CHOICE("gradients", precisions, 0, FIXED, "hist_lowbit: of 8 bits, stochastically rounded: approximate"),
};

/* What all trees of counts have. */
#define COUNTED                                                                                                                    \
    NUMBER(ASX_REAL, "max_features", 0.1, 1, 0, 1, LINEAR, 0, SEARCHED,                                                            \
           "share of the columns each node looks at; 0: square root of their number (classes), all (values)"),                     \
        NUMBER(ASX_INT, "min_samples_leaf", 1, 20, 1, 1e9, LOG, 1, SEARCHED,                                                       \
               "rows a leaf needs; with weights, what as many weigh"),                                                             \
        NUMBER(ASX_INT, "max_depth", 3, 30, 0, 10000, LINEAR, 0, FIXED, "longest path in splits, 0: no limit"),                    \
        {.name = "criterion",                                                                                                      \
         .kind = ASX_CHOICE,                                                                                                       \
         .choices = criteria,                                                                                                      \
         .n_choices = sizeof criteria / sizeof *criteria,                                                                          \
         .fixed = SEARCHED,                                                                                                        \
         .help = "impurity of classes",                                                                                            \
         .tasks = ASX_CLASSIFY},                                                                                                   \
        MAX_BIN
#define TREES NUMBER(ASX_INT, "n_estimators", 20, 500, 1, 100000, LOG, 200, FIXED, "trees")

const struct asx_param forest_param[FOREST_PARAMS] = {
    TREES,
    COUNTED,
    FLAG("bootstrap", 1, FIXED, "each tree sees rows drawn with replacement"),
    NUMBER(ASX_REAL, "max_samples", 0.5, 1, 1e-6, 1, LINEAR, 1, FIXED, "rows drawn, as a share"),
};
const struct asx_param extra_trees_param[EXTRA_TREES_PARAMS] = {TREES, COUNTED};
const struct asx_param tree_param[TREE_PARAMS] = {COUNTED};

/* A space may lack parameters that a spec removed; the table's default stands in. */
static double get(const struct asx_config *c, const struct asx_param *table, int n, const char *name)
{
    int i = c && c->space ? asx_space_find(c->space, name) : -1;
    if (i >= 0) {
        const struct asx_param *p = &c->space->param[i];
        if (p->kind != ASX_CHOICE)
            return c->value[i];
        for (int k = 0; k < n; k++) /* a spec may list fewer choices: the table's index counts */
            if (strcmp(table[k].name, name) == 0)
                for (int j = 0; j < table[k].n_choices; j++)
                    if (strcmp(table[k].choices[j], p->choices[(int)c->value[i]]) == 0)
                        return j;
        return c->value[i];
    }
    for (int k = 0; k < n; k++)
        if (strcmp(table[k].name, name) == 0)
            return table[k].def;
    return 0;
}

static int width_of(double choice)
{
    return width[(int)(choice + 0.5)];
}

void gbdt_read(const struct asx_config *c, enum asx_task task, struct gbdt_params *p)
{
#define G(name) get(c, gbdt_param, GBDT_PARAMS, name)
    *p = (struct gbdt_params){.grow = {.num_leaves = (int)G("num_leaves"),
                                       .max_depth = (int)G("max_depth"),
                                       .min_data_in_leaf = G("min_data_in_leaf"),
                                       .min_sum_hessian = G("min_sum_hessian"),
                                       .l1 = G("l1"),
                                       .l2 = G("l2"),
                                       .min_gain = G("min_gain"),
                                       .feature_fraction = G("feature_fraction"),
                                       .feature_fraction_bynode = G("feature_fraction_bynode"),
                                       .extra_trees = G("extra_trees") > 0.5,
                                       .depth_wise = G("grow_policy") > 0.5,
                                       .cat_smooth = G("cat_smooth"),
                                       .cat_l2 = G("cat_l2"),
                                       .min_data_per_group = G("min_data_per_group"),
                                       .max_cat_threshold = 32,
                                       .max_cat_to_onehot = 4},
                              .learning_rate = G("learning_rate"),
                              .alpha = G("alpha"),
                              .bagging_fraction = G("bagging_fraction"),
                              .n_estimators = (int)G("n_estimators"),
                              .max_bin = width_of(G("max_bin"))};
    enum loss_kind l = (enum loss_kind)(int)G("loss");
    p->loss = task == ASX_BINARY ? LOSS_LOGISTIC : task == ASX_MULTICLASS ? LOSS_SOFTMAX : l == LOSS_AUTO ? LOSS_SQUARED : l;
#undef G
}

void forest_read(const struct asx_config *c, int which, struct forest_params *p)
{
    const struct asx_param *t = which == 0 ? forest_param : which == 1 ? extra_trees_param : tree_param;
    int n = which == 0 ? FOREST_PARAMS : which == 1 ? EXTRA_TREES_PARAMS : TREE_PARAMS;
#define F(name) get(c, t, n, name)
    *p = (struct forest_params){.n_estimators = which == 2 ? 1 : (int)F("n_estimators"),
                                .max_depth = (int)F("max_depth"),
                                .max_bin = width_of(F("max_bin")),
                                .max_features = F("max_features"),
                                .min_samples_leaf = F("min_samples_leaf"),
                                .max_samples = which == 0 ? F("max_samples") : 1,
                                .bootstrap = which == 0 && F("bootstrap") > 0.5,
                                .random_cuts = which == 1,
                                .entropy = F("criterion") > 0.5};
    if (which == 2 && p->max_features == 0)
        p->max_features = 1;
#undef F
}
