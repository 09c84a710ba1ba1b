/* SPDX-License-Identifier: Apache-2.0 */
/* Parameter tables: one source for ranges, defaults, help and checks. */
#include "learners/trees/params.h"

static const char *const losses[] = {"auto", "squared", "absolute", "huber", "quantile", "poisson"};
static const char *const policies[] = {"leaf", "depth"};
static const char *const bin_widths[] = {"63", "127", "255"};
static const char *const criteria[] = {"gini", "entropy"};

const struct asx_param gbdt_param[GBDT_PARAMS] = {
    {.name = "n_estimators",
     .kind = ASX_INT,
     .low = 20,
     .high = 3000,
     .min = 1,
     .max = 100000,
     .log = true,
     .def = 1000,
     .fixed = true,
     .help = "rounds at most; the mean held-out curve decides how many are kept"},
    {.name = "learning_rate",
     .kind = ASX_REAL,
     .low = 0.01,
     .high = 0.3,
     .min = 1e-5,
     .max = 10,
     .log = true,
     .def = 0.05,
     .help = "share of each tree that is added"},
    {.name = "num_leaves",
     .kind = ASX_INT,
     .low = 3,
     .high = 255,
     .min = 2,
     .max = 65536,
     .log = true,
     .def = 31,
     .help = "leaves of a tree"},
    {.name = "max_depth",
     .kind = ASX_INT,
     .low = 3,
     .high = 12,
     .min = 0,
     .max = 1000,
     .def = 0,
     .fixed = true,
     .help = "longest path in splits, 0: no limit"},
    {.name = "min_data_in_leaf",
     .kind = ASX_INT,
     .low = 1,
     .high = 64,
     .min = 0,
     .max = 1e9,
     .log = true,
     .def = 20,
     .help = "rows a leaf needs (from the hessian share where hessians vary)"},
    {.name = "min_sum_hessian",
     .kind = ASX_REAL,
     .low = 1e-4,
     .high = 10,
     .min = 0,
     .max = 1e12,
     .log = true,
     .def = 1e-3,
     .fixed = true,
     .help = "hessian sum a leaf needs"},
    {.name = "feature_fraction",
     .kind = ASX_REAL,
     .low = 0.4,
     .high = 1,
     .min = 1e-6,
     .max = 1,
     .def = 1,
     .help = "share of the columns each tree sees"},
    {.name = "feature_fraction_bynode",
     .kind = ASX_REAL,
     .low = 0.3,
     .high = 1,
     .min = 1e-6,
     .max = 1,
     .def = 1,
     .fixed = true,
     .help = "share of the tree's columns each node sees"},
    {.name = "bagging_fraction",
     .kind = ASX_REAL,
     .low = 0.5,
     .high = 1,
     .min = 1e-6,
     .max = 1,
     .def = 1,
     .help = "share of the rows each tree sees"},
    {.name = "l1",
     .kind = ASX_REAL,
     .low = 1e-4,
     .high = 1,
     .min = 0,
     .max = 1e9,
     .log = true,
     .def = 0,
     .fixed = true,
     .help = "L1 penalty on leaf values"},
    {.name = "l2",
     .kind = ASX_REAL,
     .low = 1e-4,
     .high = 10,
     .min = 0,
     .max = 1e9,
     .log = true,
     .def = 1e-3,
     .help = "L2 penalty on leaf values"},
    {.name = "min_gain",
     .kind = ASX_REAL,
     .low = 0,
     .high = 1,
     .min = 0,
     .max = 1e12,
     .def = 0,
     .fixed = true,
     .help = "loss reduction a split needs"},
    {.name = "max_bin",
     .kind = ASX_CHOICE,
     .choices = bin_widths,
     .n_choices = 3,
     .def = 2,
     .fixed = true,
     .help = "bins a column"},
    {.name = "extra_trees", .kind = ASX_BOOL, .high = 1, .def = 0, .help = "one random threshold a column and node"},
    {.name = "cat_smooth",
     .kind = ASX_REAL,
     .low = 1,
     .high = 100,
     .min = 0,
     .max = 1e9,
     .log = true,
     .def = 10,
     .fixed = true,
     .help = "added to the hessian when categories are ordered"},
    {.name = "cat_l2",
     .kind = ASX_REAL,
     .low = 0.1,
     .high = 50,
     .min = 0,
     .max = 1e9,
     .log = true,
     .def = 10,
     .fixed = true,
     .help = "L2 penalty of splits into sets of categories"},
    {.name = "min_data_per_group",
     .kind = ASX_INT,
     .low = 1,
     .high = 200,
     .min = 0,
     .max = 1e9,
     .log = true,
     .def = 100,
     .fixed = true,
     .help = "rows between two cuts of ordered categories"},
    {.name = "grow_policy",
     .kind = ASX_CHOICE,
     .choices = policies,
     .n_choices = 2,
     .def = 0,
     .fixed = true,
     .help = "best leaf first, or level by level"},
    {.name = "loss",
     .kind = ASX_CHOICE,
     .choices = losses,
     .n_choices = 6,
     .def = 0,
     .fixed = true,
     .help = "loss of regression; auto: squared"},
    {.name = "alpha",
     .kind = ASX_REAL,
     .low = 0.1,
     .high = 0.9,
     .min = 1e-6,
     .max = 1e9,
     .def = 0.9,
     .fixed = true,
     .help = "quantile level, or width of Huber's square in units of the target"},
};
#define TREES(n)                                                                                                                   \
    {                                                                                                                              \
        .name = "n_estimators", .kind = ASX_INT, .low = 20, .high = 500, .min = 1, .max = 100000, .log = true, .def = n,           \
        .fixed = true, .help = "trees"                                                                                             \
    }
#define COMMON                                                                                                                     \
    {.name = "max_features",                                                                                                       \
     .kind = ASX_REAL,                                                                                                             \
     .low = 0.1,                                                                                                                   \
     .high = 1,                                                                                                                    \
     .min = 0,                                                                                                                     \
     .max = 1,                                                                                                                     \
     .def = 0,                                                                                                                     \
     .help = "share of the columns each node looks at; 0: square root of their number (classes), all (values)"},                   \
        {.name = "min_samples_leaf",                                                                                               \
         .kind = ASX_INT,                                                                                                          \
         .low = 1,                                                                                                                 \
         .high = 20,                                                                                                               \
         .min = 1,                                                                                                                 \
         .max = 1e9,                                                                                                               \
         .log = true,                                                                                                              \
         .def = 1,                                                                                                                 \
         .help = "weight of rows a leaf needs"},                                                                                   \
        {.name = "max_depth",                                                                                                      \
         .kind = ASX_INT,                                                                                                          \
         .low = 3,                                                                                                                 \
         .high = 30,                                                                                                               \
         .min = 0,                                                                                                                 \
         .max = 10000,                                                                                                             \
         .def = 0,                                                                                                                 \
         .fixed = true,                                                                                                            \
         .help = "longest path in splits, 0: no limit"},                                                                           \
        {.name = "criterion", .kind = ASX_CHOICE, .choices = criteria, .n_choices = 2, .def = 0, .help = "impurity of classes"},   \
    {                                                                                                                              \
        .name = "max_bin", .kind = ASX_CHOICE, .choices = bin_widths, .n_choices = 3, .def = 2, .fixed = true,                     \
        .help = "bins a column"                                                                                                    \
    }

const struct asx_param forest_param[FOREST_PARAMS] = {
    TREES(200),
    COMMON,
    {.name = "bootstrap",
     .kind = ASX_BOOL,
     .high = 1,
     .def = 1,
     .fixed = true,
     .help = "each tree sees rows drawn with replacement"},
    {.name = "max_samples",
     .kind = ASX_REAL,
     .low = 0.5,
     .high = 1,
     .min = 1e-6,
     .max = 1,
     .def = 1,
     .fixed = true,
     .help = "rows drawn, as a share"},
};
const struct asx_param extra_trees_param[EXTRA_TREES_PARAMS] = {TREES(200), COMMON};
const struct asx_param tree_param[TREE_PARAMS] = {COMMON};
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
    return choice < 0.5 ? 63 : choice < 1.5 ? 127 : 255;
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
