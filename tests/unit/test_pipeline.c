/* SPDX-License-Identifier: Apache-2.0 */
/* Spaces, configs and recipes over made-up steps and learners. */
#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"
#include "optimizer/pipeline.h"
#include "tests/runner.h"
#include "tests/support/frame_make.h"

#include <stdlib.h>

Suite *suite_pipeline(void);

static bool few_levels(const struct asx_problem *p, int column)
{
    return column >= 0 && p->profile->column[column].distinct <= 3;
}

static bool sparse_only(const struct asx_problem *p, int column)
{
    return column == -1 && p->frame->sparse;
}

static const char *const kinds[] = {"standard", "minmax", "none"};
static const struct asx_param onehot_params[] = {
    {.name = "min_frequency", .kind = ASX_INT, .low = 1, .high = 50, .log = true, .def = 1}};
static const struct asx_param target_params[] = {
    {.name = "smoothing", .kind = ASX_REAL, .low = 1, .high = 100, .log = true, .def = 10}};
static const struct asx_param scale_params[] = {{.name = "kind", .kind = ASX_CHOICE, .choices = kinds, .n_choices = 3, .def = 0}};
static const struct asx_param tfidf_params[] = {
    {.name = "chars", .kind = ASX_BOOL, .high = 1, .def = 0},
    {.name = "n", .kind = ASX_INT, .low = 2, .high = 5, .def = 3, .only_if = "chars=true"},
};

static const struct asx_prep numeric = {.head = {"numeric", ""}, .version = 1, .takes = ASX_TYPE_BIT(ASX_NUMERIC), .roles = 3};
static const struct asx_prep onehot = {.head = {"onehot", ""},
                                       .version = 1,
                                       .takes = ASX_TYPE_BIT(ASX_CATEGORICAL) | ASX_TYPE_BIT(ASX_BOOLEAN),
                                       .roles = ASX_FOR_LINEAR,
                                       .preference = 5,
                                       .scope = ASX_SHARED,
                                       .params = onehot_params,
                                       .n_params = 1,
                                       .fits = few_levels};
static const struct asx_prep target = {.head = {"target", ""},
                                       .version = 1,
                                       .takes = ASX_TYPE_BIT(ASX_CATEGORICAL),
                                       .roles = 3,
                                       .preference = 2,
                                       .scope = ASX_FOLD,
                                       .params = target_params,
                                       .n_params = 1};
static const struct asx_prep scale = {.head = {"scale", ""},
                                      .version = 1,
                                      .takes = ASX_TYPE_BIT(ASX_NUMERIC),
                                      .roles = 2,
                                      .scope = ASX_AFFINE,
                                      .params = scale_params,
                                      .n_params = 1};
static const struct asx_prep sparse = {.head = {"sparse", ""}, .version = 1, .roles = 3, .fits = sparse_only};
static const struct asx_prep tfidf = {.head = {"tfidf", ""},
                                      .version = 1,
                                      .takes = ASX_TYPE_BIT(ASX_TEXT) | ASX_TYPE_BIT(ASX_CATEGORICAL),
                                      .roles = ASX_FOR_TREES,
                                      .preference = 1,
                                      .scope = ASX_FOLD,
                                      .params = tfidf_params,
                                      .n_params = 2};
static const struct asx_prep *const preps[] = {&numeric, &onehot, &scale, &sparse, &target, &tfidf, NULL};
static const struct asx_registry registry = {.prep = preps};

static const char *const affine_steps[] = {"scale", NULL};
static const struct asx_param linear_params[] = {
    {.name = "l2", .kind = ASX_REAL, .low = 1e-6, .high = 1e4, .log = true, .def = 1},
    {.name = "max_iter", .kind = ASX_INT, .low = 100, .high = 100, .min = 1, .max = 10000, .def = 100, .fixed = true},
};
static const struct asx_op of_columns = {.head = {"any.fit/raw", ""}, .needs = {"raw"}, .gives = "fit"};
static const struct asx_op of_target = {.head = {"blind.fit/sums", ""}, .gives = "fit"};
static const struct asx_op *const fits_columns[] = {&of_columns, NULL}, *const fits_target[] = {&of_target, NULL};
static const struct asx_learner linear = {.head = {"linear", ""},
                                          .version = 1,
                                          .tasks = ASX_ANY_TASK,
                                          .prep_role = ASX_FOR_LINEAR,
                                          .affine = affine_steps,
                                          .params = linear_params,
                                          .n_params = 2,
                                          .fit = fits_columns};
static const struct asx_learner tree = {
    .head = {"tree", ""}, .version = 1, .tasks = ASX_ANY_TASK, .prep_role = ASX_FOR_TREES, .fit = fits_columns};
/* Looks at the target alone. */
static const struct asx_learner blind = {.head = {"blind", ""},
                                         .version = 1,
                                         .tasks = ASX_ANY_TASK,
                                         .prep_role = ASX_FOR_LINEAR,
                                         .params = linear_params,
                                         .n_params = 1,
                                         .fit = fits_target};

static struct frame_make *frame;
static struct asx_problem *problem;
static struct mem *mem;

/* x numeric, c with 2 levels, d with 4, b boolean. */
static void setup(void)
{
    mem = mem_create(NULL, 0);
    frame = frame_make_new(4);
    frame_make_f64(frame, "x", (double[]){1, 2, 3, 4});
    frame_make_strings(frame, "c", ASX_CATEGORICAL, (const char *const[]){"r", "g", "r", "g"});
    frame_make_strings(frame, "d", ASX_CATEGORICAL, (const char *const[]){"p", "q", "r", "s"});
    frame_make_strings(frame, "b", ASX_BOOLEAN, (const char *const[]){"no", "yes", "no", "yes"});
    problem = frame_make_problem(frame, ASX_BINARY, (double[]){0, 1, 0, 1}, 2, 2);
}

static void teardown(void)
{
    ck_assert_uint_eq(mem_used(mem), 0);
    mem_destroy(mem);
    frame_make_free(frame);
}

static struct asx_space *space_of(const struct asx_learner *l, const struct opt_restriction *r, int n)
{
    struct asx_space *s = NULL;
    struct asx_err err = {0};
    ck_assert_int_eq(opt_space_make(&registry, problem, l, r, n, mem, &s, &err), ASX_OK);
    return s;
}

static const struct asx_param *param(const struct asx_space *s, const char *name)
{
    int i = asx_space_find(s, name);
    return i < 0 ? NULL : &s->param[i];
}

START_TEST(space_has_choices_steps_and_learner)
{
    struct asx_space *s = space_of(&linear, NULL, 0);
    const struct asx_param *c = param(s, "categorical");
    ck_assert_ptr_nonnull(c);
    ck_assert_int_eq(c->n_choices, 2);
    ck_assert_str_eq(c->choices[0], "onehot");
    ck_assert_str_eq(c->choices[1], "target");
    ck_assert_ptr_null(param(s, "numeric")); /* one step: nothing to choose */
    ck_assert_ptr_null(param(s, "tfidf.chars"));
    ck_assert_ptr_nonnull(param(s, "scale.kind"));
    ck_assert_ptr_nonnull(param(s, "l2"));
    /* d has too many levels for one-hot and falls back on target; the boolean is one-hot whatever is chosen */
    ck_assert_ptr_null(param(s, "target.smoothing")->only_if);
    ck_assert_ptr_null(param(s, "onehot.min_frequency")->only_if);
    opt_space_free(s);
}
END_TEST

/* How columns are prepared is no choice of a learner that looks at none: its space would repeat itself. */
START_TEST(space_without_columns)
{
    struct asx_space *s = space_of(&blind, NULL, 0);
    ck_assert_int_eq(s->n, 1);
    ck_assert_str_eq(s->param[0].name, linear_params[0].name);
    opt_space_free(s);
}
END_TEST

START_TEST(conditions_list_words)
{
    static const char *const losses[] = {"squared", "huber", "hub", "quantile"};
    struct asx_param p[2] = {{.name = "loss", .kind = ASX_CHOICE, .choices = losses, .n_choices = 4},
                             {.name = "alpha", .kind = ASX_REAL, .only_if = "loss=huber|quantile"}};
    struct asx_space s = {2, p};
    struct asx_config c = {.space = &s};
    static const bool want[] = {false, true, false, true};
    for (int v = 0; v < 4; v++) {
        c.value[0] = v;
        ck_assert(asx_param_active(&c, 0));
        ck_assert(asx_param_active(&c, 1) == want[v]);
    }
}
END_TEST

START_TEST(conditions_nest)
{
    struct asx_space *s = space_of(&tree, NULL, 0);
    ck_assert_str_eq(param(s, "tfidf.chars")->only_if, "categorical=tfidf");
    ck_assert_str_eq(param(s, "tfidf.n")->only_if, "tfidf.chars=true");
    struct asx_config c;
    struct asx_err err = {0};
    ck_assert_int_eq(
        opt_config_from_json("{\"categorical\":\"tfidf\",\"tfidf.chars\":true,\"tfidf.n\":9,\"other\":1}", &tree, s, &c, &err),
        ASX_OK);
    ck_assert(asx_param_active(&c, asx_space_find(s, "tfidf.n")));
    ck_assert_double_eq(asx_config_get(&c, "tfidf.n"), 5); /* clamped */
    struct asx_key with = opt_config_key(&c);
    ck_assert_int_eq(opt_config_from_json("{\"categorical\":\"target\",\"tfidf.chars\":true,\"tfidf.n\":4}", &tree, s, &c, &err),
                     ASX_OK);
    ck_assert(!asx_param_active(&c, asx_space_find(s, "tfidf.n")));
    ck_assert_double_eq(asx_config_get(&c, "tfidf.n"), 3); /* inactive: back to the default */
    ck_assert(!key_equal(with, opt_config_key(&c)));
    ck_assert_int_lt(opt_config_from_json("[1]", &tree, s, &c, &err), 0);
    opt_space_free(s);
}
END_TEST

START_TEST(whole_space_and_restrictions_by_name)
{
    struct asx_space *all = NULL;
    struct asx_err err = {0};
    ck_assert_int_eq(opt_space_make(&registry, NULL, &tree, NULL, 0, mem, &all, &err), ASX_OK);
    ck_assert_int_eq(param(all, "categorical")->n_choices, 2); /* target, tfidf */
    opt_space_free(all);

    ck_assert_int_eq(opt_space_make(&registry, NULL, &linear, NULL, 0, mem, &all, &err), ASX_OK);
    double index = 1, l2[] = {0.1, 10};
    ck_assert_str_eq(param(all, "categorical")->choices[1], "target");
    opt_space_free(all);
    struct opt_restriction r[] = {
        {.learner = "linear", .param = "categorical", .n = 1, .value = &index},
        {.learner = "linear", .param = "l2", .n = 2, .value = l2},
        {.learner = "linear", .param = "max_iter", .low = 10, .high = 20},
        {.learner = "tree", .param = "scale.kind", .n = 1, .value = &index},
    };
    struct asx_space *s = space_of(&linear, r, 4);
    struct asx_config config;
    opt_config_default(&linear, s, &config);
    ck_assert_str_eq(asx_config_choice(&config, "categorical"), "target");
    ck_assert_double_eq(asx_config_get(&config, "l2"), 0.1);
    ck_assert_double_eq(asx_config_get(&config, "max_iter"), 20);
    ck_assert_str_eq(asx_config_choice(&config, "scale.kind"), "standard");
    json_t *j = opt_config_json(&config);
    ck_assert_str_eq(json_string_value(json_object_get(j, "categorical")), "target"); /* fixed by the spec, so told */
    ck_assert_double_eq(json_number_value(json_object_get(j, "l2")), 0.1);
    ck_assert_int_eq((int)json_integer_value(json_object_get(j, "max_iter")), 20);
    ck_assert_str_eq(json_string_value(json_object_get(j, "scale.kind")), "standard");
    json_decref(j);
    ck_assert_int_eq(opt_config_from_json("{\"l2\": 4, \"categorical\": \"onehot\", \"max_iter\": 500}", &linear, s, &config, &err),
                     ASX_OK);
    ck_assert_double_eq(asx_config_get(&config, "l2"), 10); /* nearest in log distance */
    ck_assert_str_eq(asx_config_choice(&config, "categorical"), "target");
    ck_assert_double_eq(asx_config_get(&config, "max_iter"), 20);
    opt_space_free(s);
}
END_TEST

START_TEST(recipe_covers_every_feature_once)
{
    struct asx_space *s = space_of(&linear, NULL, 0);
    struct asx_config c;
    struct asx_err err = {0};
    struct opt_recipe *r = NULL;
    opt_config_default(&linear, s, &c);
    ck_assert_int_eq(opt_recipe_make(&registry, problem, &c, mem, &r, &err), ASX_OK);
    ck_assert_int_eq(r->parts, 4); /* numeric x; boolean b one-hot; c one-hot; d target */
    ck_assert_str_eq(r->part[0].prep->head.name, "numeric");
    ck_assert_str_eq(r->part[1].prep->head.name, "onehot");
    ck_assert_int_eq(r->part[1].column[0], 3);
    ck_assert_int_eq(r->part[2].column[0], 1);
    ck_assert_str_eq(r->part[3].prep->head.name, "target");
    ck_assert_int_eq(r->part[3].column[0], 2);
    ck_assert_int_eq(r->affines, 1);
    struct asx_key onehot_key = r->part[2].key, target_key = r->part[3].key, affine_key = r->affine_key;
    opt_recipe_free(r);

    ck_assert_int_eq(opt_config_from_json("{\"target.smoothing\": 50, \"scale.kind\": \"none\"}", &linear, s, &c, &err), ASX_OK);
    ck_assert_int_eq(opt_recipe_make(&registry, problem, &c, mem, &r, &err), ASX_OK);
    ck_assert(key_equal(onehot_key, r->part[2].key)); /* other steps' parameters do not matter */
    ck_assert(!key_equal(target_key, r->part[3].key));
    ck_assert(!key_equal(affine_key, r->affine_key));
    opt_recipe_free(r);

    ck_assert_int_eq(opt_config_from_json("{\"categorical\": \"target\"}", &linear, s, &c, &err), ASX_OK);
    ck_assert_int_eq(opt_recipe_make(&registry, problem, &c, mem, &r, &err), ASX_OK);
    ck_assert_int_eq(r->parts, 3); /* c and d share a part */
    ck_assert_int_eq(r->part[2].columns, 2);
    opt_recipe_free(r);
    opt_space_free(s);
}
END_TEST

START_TEST(recipe_of_sparse_frames)
{
    frame_make_sparse(frame, (float[]){1, 0, 0, 1, 1, 0, 0, 0}, 2);
    problem = frame_make_problem(frame, ASX_BINARY, (double[]){0, 1, 0, 1}, 2, 2);
    struct asx_space *s = space_of(&tree, NULL, 0);
    struct asx_config c;
    struct asx_err err = {0};
    struct opt_recipe *r = NULL;
    opt_config_default(&tree, s, &c);
    ck_assert_int_eq(opt_recipe_make(&registry, problem, &c, mem, &r, &err), ASX_OK);
    ck_assert_str_eq(r->part[r->parts - 1].prep->head.name, "sparse");
    ck_assert_int_eq(r->part[r->parts - 1].columns, 0);
    opt_recipe_free(r);
    opt_space_free(s);
}
END_TEST

START_TEST(allocation_failures_leak_nothing)
{
    for (long k = 1; k < 30; k++) {
        struct asx_space *s = NULL;
        struct asx_err err = {0};
        mem_fault_after(k);
        asx_st st = opt_space_make(&registry, problem, &linear, NULL, 0, mem, &s, &err);
        struct opt_recipe *r = NULL;
        if (!st) {
            struct asx_config c;
            opt_config_default(&linear, s, &c);
            st = opt_recipe_make(&registry, problem, &c, mem, &r, &err);
        }
        mem_fault_after(0);
        ck_assert(st == ASX_OK || st == ASX_E_NOMEM);
        opt_recipe_free(r);
        opt_space_free(s);
        ck_assert_uint_eq(mem_used(mem), 0);
    }
}
END_TEST

Suite *suite_pipeline(void)
{
    Suite *s = suite_create("pipeline");
    TCase *c = tcase_create("pipeline");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, space_has_choices_steps_and_learner);
    tcase_add_test(c, space_without_columns);
    tcase_add_test(c, conditions_list_words);
    tcase_add_test(c, conditions_nest);
    tcase_add_test(c, whole_space_and_restrictions_by_name);
    tcase_add_test(c, recipe_covers_every_feature_once);
    tcase_add_test(c, recipe_of_sparse_frames);
    tcase_add_test(c, allocation_failures_leak_nothing);
    suite_add_tcase(s, c);
    return s;
}
