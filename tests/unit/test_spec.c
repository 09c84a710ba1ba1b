/* SPDX-License-Identifier: Apache-2.0 */
/* Task specs: reading, errors with places, options, checks, JSON and the commented spec. */
#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "data/profile.h"
#include "engine/registry.h"
#include "tasks/spec.h"
#include "tests/support/frame_make.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

Suite *suite_spec(void);

/* Learners of the test's own, so that it does not depend on which ones are built. */
static const char *const losses[] = {"squared", "absolute"};
static const struct asx_param gbdt_params[] = {
    {.name = "num_leaves", .kind = ASX_INT, .low = 2, .high = 200, .min = 2, .max = 4096, .log = true, .def = 31},
    {.name = "learning_rate", .kind = ASX_REAL, .low = 0.005, .high = 0.3, .min = 1e-6, .max = 1, .log = true, .def = 0.1},
    {.name = "max_depth", .kind = ASX_INT, .low = 1, .high = 20, .def = 6},
    {.name = "loss", .kind = ASX_CHOICE, .choices = losses, .n_choices = 2},
    {.name = "extra", .kind = ASX_BOOL},
    {.name = "onehot.max_levels", .kind = ASX_INT, .low = 2, .high = 100, .def = 20},
};
static const struct asx_learner gbdt = {
    .monotone = true, .head = {"gbdt", ""}, .tasks = ASX_ANY_TASK, .params = gbdt_params, .n_params = 6};
static const struct asx_learner logistic = {.head = {"logistic", ""}, .tasks = ASX_CLASSIFY};
static const struct asx_learner ridge = {.head = {"ridge", ""}, .tasks = ASX_REGRESS};
static const struct asx_learner *const learners[] = {&gbdt, &logistic, &ridge, NULL};
static const struct asx_family family = {.head = {"test", ""}, .learner = learners};
static const struct asx_family *const families[] = {&family, NULL};

static struct asx_registry registry;
static struct spec_context context;
static struct mem *account;
static struct task_spec *spec;
static struct asx_err err;

static void fresh(void)
{
    spec_free(spec);
    spec = NULL;
    memset(&err, 0, sizeof(err));
    ck_assert_int_eq(spec_create(&context, account, &spec, &err), ASX_OK);
}

static void set_up(void)
{
    registry = *registry_builtin();
    registry.family = families;
    context.registry = &registry;
    account = mem_create(NULL, 0);
    fresh();
}

static void tear_down(void)
{
    spec_free(spec);
    spec = NULL;
    ck_assert_uint_eq(mem_used(account), 0);
    mem_destroy(account);
}

static asx_st read_text(const char *text)
{
    return spec_read_text(spec, text, strlen(text), "dir/t.yaml", &err);
}

static void reads(const char *text)
{
    asx_st st = read_text(text);
    ck_assert_msg(st == ASX_OK, "%d:%d: %s\nin: %s", err.line, err.column, err.text, text);
}

static const char full[] = "assay: 1\n"
                           "task: classify\n"
                           "data:\n"
                           "  train: train.csv\n"
                           "  test: /abs/test.csv\n"
                           "  target: no\n"
                           "  weights: w\n"
                           "  class_weights: {yes: 5, no: 1}\n"
                           "  positive: \">50K\"\n"
                           "  ignore: [id, 12]\n"
                           "  types: {zip: categorical, when: datetime}\n"
                           "  missing: [\"-\", unknown]\n"
                           "  monotone: {age: 1, risk: -1}\n"
                           "  header: no\n"
                           "  delimiter: tab\n"
                           "objective:\n"
                           "  minimize: log_loss\n"
                           "  subject_to: {time: 2min, memory: 2GiB}\n"
                           "resources:\n"
                           "  threads: \"2\"\n"
                           "  devices: [cpu]\n"
                           "  prices: {cpu_hour: 0.04, \"opencl:0_hour\": 0.9}\n"
                           "search:\n"
                           "  learners: [gbdt, logistic]\n"
                           "  strategy: auto\n"
                           "  space: {gbdt: {num_leaves: [15, 31, 63], learning_rate: {low: 0.01, high: 0.3, log: true}, "
                           "max_depth: 8, loss: absolute, extra: yes}}\n"
                           "  refit: full\n"
                           "  validation: {folds: 5, repeats: 2, group: patient}\n"
                           "  trials: 200\n"
                           "  ensemble: false\n"
                           "  warm_start: true\n"
                           "  seed: 7\n"
                           "optimizer:\n"
                           "  sharing: off\n"
                           "  batching: on\n"
                           "  disable: []\n"
                           "output: {model: model.assay, report: report.html, leaderboard: board.csv}\n";

static void check_full(void)
{
    ck_assert_str_eq(spec->kind->head.name, "classify");
    ck_assert_str_eq(spec->data.target, "no");
    ck_assert_str_eq(spec->data.positive, ">50K");
    ck_assert(spec->data.class_weights.n == 2 && spec->data.class_weights.value[0] == 5 && !spec->data.balanced);
    ck_assert(spec->data.ignore.n == 2 && !spec->data.ignore.name[2]);
    ck_assert_str_eq(spec->data.ignore.name[1], "12");
    ck_assert(spec->data.types.n == 2 && spec->data.types.value[0] == ASX_CATEGORICAL && spec->data.types.value[1] == ASX_DATETIME);
    ck_assert_str_eq(spec->data.missing.name[0], "-");
    ck_assert(spec->data.monotone.value[1] == -1);
    ck_assert(spec->data.header == SPEC_HEADER_NO && spec->data.delimiter == '\t');
    ck_assert_str_eq(spec->objective.metric->head.name, "log_loss");
    ck_assert(spec->objective.time_s == 120 && spec->objective.memory_bytes == UINT64_C(2) << 30);
    ck_assert(spec->resources.threads == 2 && spec->resources.devices.n == 1 && spec->resources.prices.n == 2);
    ck_assert(spec->search.learners.n == 2 && spec->search.restrictions == 5);
    const struct spec_restriction *r = spec->search.restriction;
    ck_assert(r[0].n == 3 && r[0].value[2] == 63 && !r[0].word);
    ck_assert(r[1].n == 0 && r[1].low == 0.01 && r[1].high == 0.3 && r[1].log);
    ck_assert(r[2].n == 1 && r[2].value[0] == 8);
    ck_assert(r[3].n == 1 && r[3].value[0] == 1 && strcmp(r[3].word[0], "absolute") == 0);
    ck_assert(r[4].n == 1 && r[4].value[0] == 1);
    ck_assert(spec->search.refit == SPEC_REFIT_FULL && spec->search.folds == 5 && spec->search.repeats == 2);
    ck_assert_str_eq(spec->search.group, "patient");
    ck_assert(spec->search.trials == 200 && spec->search.ensemble == SPEC_OFF && spec->search.warm_start == SPEC_ON &&
              spec->search.seed == 7);
    ck_assert(spec->optimizer.sharing == SPEC_OFF && spec->optimizer.batching == SPEC_ON && spec->optimizer.disable.n == 0);
}

START_TEST(all_keys)
{
    reads(full);
    check_full();
    ck_assert_str_eq(spec->data.train, "dir/train.csv");
    ck_assert_str_eq(spec->data.test, "/abs/test.csv");
    ck_assert_str_eq(spec->output.model, "dir/model.assay");
    ck_assert_int_eq(spec_validate(spec, 0, &err), ASX_OK);
    ck_assert(spec->objective.time_s == 120);
}
END_TEST

START_TEST(json_round_trip)
{
    reads(full);
    json_t *j = spec_json(spec);
    ck_assert_ptr_nonnull(j);
    char *first = json_canonical(j);
    fresh();
    asx_st st = spec_read_json(spec, j, &err);
    ck_assert_msg(st == ASX_OK, "%s", err.text);
    check_full();
    char cwd[4096], path[8192];
    ck_assert_ptr_nonnull(getcwd(cwd, sizeof(cwd)));
    snprintf(path, sizeof(path), "%s/dir/train.csv", cwd);
    ck_assert_str_eq(spec->data.train, path);
    json_t *again = spec_json(spec);
    char *second = json_canonical(again);
    ck_assert_str_eq(first, second);
    free(first);
    free(second);
    json_decref(j);
    json_decref(again);
    fresh();
    reads("objective: {minimize: time, subject_to: {roc_auc: \">= 0.9\"}}");
    j = spec_json(spec);
    first = json_canonical(j);
    ck_assert_str_eq(first, "{\"objective\":{\"minimize\":\"time\",\"subject_to\":{\"roc_auc\":\">= 0.90000000000000002\"}}}");
    free(first);
    json_decref(j);
}
END_TEST

struct bad {
    const char *text;
    int line, column;
    const char *says;
};

static const struct bad bads[] = {
    {"task: clasify", 1, 7, "did you mean 'classify'"},
    {"tsak: classify", 1, 1, "did you mean 'task'"},
    {"data:\n  trian: x", 2, 3, "there is no key 'trian' in 'data'; did you mean 'train'"},
    {"data:\n  target: [a]", 2, 11, "'data.target' is a list, not one value"},
    {"data:\n  target:", 2, 10, "'data.target' has no value"},
    {"data:\n  target: \"\"", 2, 11, "is empty"},
    {"data: train.csv", 1, 7, "'data' is a text, not a map"},
    {"data: {types: {zip: categorial}}", 1, 21, "did you mean 'categorical'"},
    {"data: {types: {zip: [text]}}", 1, 21, "'data.types.zip' is a list"},
    {"data: {types: categorical}", 1, 15, "'data.types' is a text, not a map"},
    {"data: {monotone: {age: 2}}", 1, 24, "not a number from -1 to 1"},
    {"data: {monotone: {age: 0.5}}", 1, 24, "give -1, 0 or 1"},
    {"data: {class_weights: {a: -1}}", 1, 27, "of 0 or more"},
    {"data: {class_weights: equal}", 1, 23, "write balanced"},
    {"data: {delimiter: ab}", 1, 19, "one character"},
    {"data: {header: maybe}", 1, 16, "there is no header 'maybe'"},
    {"data: {ignore: {a: 1}}", 1, 16, "is a map, not a list"},
    {"data: {ignore: [a, a]}", 1, 16, "names 'a' twice"},
    {"time: 60s", 1, 1, "did you mean 'objective.subject_to.time'"},
    {"objective: {maximize: roc_acu}", 1, 23, "there is no metric 'roc_acu'; did you mean 'roc_auc'"},
    {"objective: {maximize: log_loss}", 1, 23, "better when it is smaller; write minimize: log_loss"},
    {"objective: {minimize: accuracy}", 1, 23, "better when it is greater; write maximize: accuracy"},
    {"objective: {maximize: time}", 1, 23, "cannot be maximized"},
    {"objective: {maximize: roc_auc, minimize: rmse}", 1, 42, "contradict each other"},
    {"objective: {subject_to: {time: soon}}", 1, 32, "'soon', not a duration"},
    {"objective: {subject_to: {time: -5s}}", 1, 32, "not a duration"},
    {"objective: {subject_to: {time: 0}}", 1, 32, "too small"},
    {"objective: {subject_to: {memory: 2 bananas}}", 1, 34, "not a size"},
    {"objective: {subject_to: {memory: 0}}", 1, 34, "too small"},
    {"objective: {subject_to: {tiem: 60s}}", 1, 26, "did you mean 'time'"},
    {"objective: {subject_to: {banana: 60s}}", 1, 26, "there is no limit 'banana'"},
    {"objective: {subject_to: {roc_auc: high}}", 1, 35, "the limit of 'roc_auc' is 'high'"},
    {"objective: {subject_to: {roc_auc: \"<= 0.9\"}}", 1, 35, "written \">= 0.9\""},
    {"objective: {subject_to: {roc_auc: \">= 1.2\"}}", 1, 35, "cannot reach 1.2"},
    {"objective: {subject_to: {rmse: \">= 2\"}}", 1, 32, "written \"<= 2\""},
    {"resources: {threads: 1.5}", 1, 22, "not a whole number"},
    {"resources: {threads: 0}", 1, 22, "give a value from 1 to 4096"},
    {"resources: {threads: many}", 1, 22, "'many', not a whole number"},
    {"resources: {devices: []}", 1, 22, "is empty"},
    {"resources: {prices: {cpu_hour: free}}", 1, 32, "not a number"},
    {"search: {learners: [gbdt, lgostic]}", 1, 27, "there is no learner 'lgostic'; did you mean 'logistic'"},
    {"search: {learners: [gbdt, [logistic]]}", 1, 27, "is a list, not a name"},
    {"search: {refit: none}", 1, 17, "there is no refit 'none'; choose among auto, folds, full"},
    {"search: {ensemble: 3}", 1, 20, "not on or off"},
    {"search: {trials: 0}", 1, 18, "too small"},
    {"search: {trials: 1e12}", 1, 18, "too large"},
    {"search: {seed: -1}", 1, 16, "too small"},
    {"search: {validation: {folds: 1}}", 1, 30, "give a value from 2 to 1000"},
    {"search: {validation: {holdout: 1}}", 1, 32, "give a value from"},
    {"search: {validation: {folds: 5, holdout: 0.2}}", 1, 42, "contradict each other"},
    {"search: {validation: {group: a, time: b}}", 1, 39, "contradict each other"},
    {"search: {space: [gbdt]}", 1, 17, "not a map of learners"},
    {"search: {space: {gdbt: {}}}", 1, 18, "did you mean 'gbdt'"},
    {"search: {space: {gbdt: 3}}", 1, 18, "the space of 'gbdt' is a text"},
    {"search: {space: {gbdt: {leaves: 3}}}", 1, 25, "parameter of 'gbdt' called 'leaves'"},
    {"search: {space: {gbdt: {num_leafs: 3}}}", 1, 25, "did you mean 'num_leaves'"},
    {"search: {space: {logistic: {x: 3}}}", 1, 29, "has no parameters"},
    {"search: {space: {gbdt: {num_leaves: 1.5}}}", 1, 37, "not a whole number"},
    {"search: {space: {gbdt: {num_leaves: 5000}}}", 1, 37, "from 2 to 4096"},
    {"search: {space: {gbdt: {num_leaves: [3, many]}}}", 1, 41, "'many', not a whole number"},
    {"search: {space: {gbdt: {num_leaves: [3, 3]}}}", 1, 41, "lists 3 twice"},
    {"search: {space: {gbdt: {num_leaves: []}}}", 1, 37, "no values"},
    {"search: {space: {gbdt: {learning_rate: {low: 0.2, high: 0.1}}}}", 1, 40, "low must be below high"},
    {"search: {space: {gbdt: {learning_rate: {lo: 0.2}}}}", 1, 41, "key of a range called 'lo'; did you mean 'low'"},
    {"search: {space: {gbdt: {learning_rate: {low: 0.1, log: maybe}}}}", 1, 56, "not true or false"},
    {"search: {space: {gbdt: {loss: cubed}}}", 1, 31, "choose among squared, absolute"},
    {"search: {space: {gbdt: {loss: {low: 1}}}}", 1, 31, "has no range"},
    {"search: {space: {gbdt: {extra: 7}}}", 1, 32, "write true or false"},
    {"assay: 2", 1, 8, "reads format 1"},
    {"- a\n- b", 1, 1, "is a list, not a map of keys"},
    {"task: classify\ntask: regress", 2, 1, ""},
    {"task: [", 1, 0, "not valid YAML"},
    {"data.train: x", 1, 1, "there is no key 'data.train'"},
};

START_TEST(errors)
{
    const struct bad *b = &bads[_i];
    asx_st st = read_text(b->text);
    ck_assert_msg(st == ASX_E_INVAL, "'%s' gives %d", b->text, st);
    ck_assert_msg(strstr(err.text, b->says), "'%s' says: %s", b->text, err.text);
    ck_assert_str_eq(err.file, "dir/t.yaml");
    ck_assert_msg(b->column == 0 || (err.line == b->line && err.column == b->column), "'%s' at %d:%d: %s", b->text, err.line,
                  err.column, err.text);
    ck_assert_msg(!strchr(err.text, '\n') && strlen(err.text) < 500, "not one sentence: %s", err.text);
}
END_TEST

/* ---- options --------------------------------------------------------------------- */

static void sets(const char *path, const char *value, const char *origin)
{
    asx_st st = spec_set(spec, path, value, origin, &err);
    ck_assert_msg(st == ASX_OK, "%s = %s: %s", path, value, err.text);
}

static void set_fails(const char *path, const char *value, const char *origin, const char *says)
{
    char shown[1200];
    memset(&err, 0, sizeof(err));
    ck_assert_int_eq(spec_set(spec, path, value, origin, &err), ASX_E_INVAL);
    ck_assert_msg(strstr(err_format(&err, shown, sizeof(shown)), says), "%s = %s says: %s", path, value, shown);
    memset(&err, 0, sizeof(err));
}

START_TEST(options)
{
    reads(full);
    sets("data.target", "a: [b", "--target");
    ck_assert_str_eq(spec->data.target, "a: [b");
    sets("data.target", "\"a: b\"", NULL);
    ck_assert_str_eq(spec->data.target, "a: b");
    sets("data.train", "x/y.csv", "DATA");
    ck_assert_str_eq(spec->data.train, "x/y.csv");
    sets("objective.metric", "accuracy", "--metric");
    ck_assert_str_eq(spec->objective.metric->head.name, "accuracy");
    ck_assert(spec_given(spec, "objective.maximize") && !spec_given(spec, "objective.minimize"));
    sets("objective.subject_to.time", "500ms", "--time");
    ck_assert_double_eq(spec->objective.time_s, 0.5);
    sets("search.learners", "logistic, gbdt", "--learners");
    ck_assert(spec->search.learners.n == 2 && strcmp(spec->search.learners.name[1], "gbdt") == 0);
    sets("search.validation.holdout", "0.25", NULL);
    ck_assert(spec->search.folds == 0 && spec->search.holdout == 0.25);
    sets("search.validation.folds", "3", "--folds");
    ck_assert(spec->search.folds == 3 && spec->search.holdout == 0);
    sets("search.space.gbdt.max_depth", "[3, 4]", NULL);
    ck_assert(spec->search.restrictions == 5 && spec->search.restriction[2].n == 2);
    sets("search.space.gbdt.onehot.max_levels", "{low: 5, high: 9}", NULL);
    ck_assert(spec->search.restrictions == 6 && spec->search.restriction[5].high == 9);
    sets("search.space", "{gbdt: {loss: [absolute, squared]}}", "space_yaml");
    ck_assert(spec->search.restrictions == 1 && spec->search.restriction[0].n == 2);
    sets("data.types.zip", "text", NULL);
    ck_assert(spec->data.types.n == 2 && spec->data.types.value[0] == ASX_TEXT);
    sets("data.class_weights", "balanced", NULL);
    ck_assert(spec->data.balanced && spec->data.class_weights.n == 0);
    sets("data.class_weights.yes", "2", NULL);
    ck_assert(!spec->data.balanced && spec->data.class_weights.n == 1);
    sets("objective", "{subject_to: {memory: 1MiB}}", NULL);
    ck_assert_uint_eq(spec->objective.memory_bytes, 1 << 20);

    set_fails("objective.metric", "roc_acu", "--metric", "--metric: there is no metric 'roc_acu'; did you mean 'roc_auc'");
    set_fails("objective.subject_to.time", "soon", "--time", "--time: 'objective.subject_to.time' is 'soon'");
    set_fails("data.tarjet", "x", NULL, "--set data.tarjet: there is no key 'tarjet' in 'data'; did you mean 'target'");
    set_fails("dato", "x", NULL, "--set dato: there is no key 'dato'");
    set_fails("search.spac.gbdt.max_depth", "3", NULL, "there is no key 'spac' in 'search'; did you mean 'space'");
    set_fails("serch.space.gbdt.max_depth", "3", NULL, "there is no key 'serch'; did you mean 'search'");
    set_fails("search.validation.fold", "3", NULL, "there is no key 'fold' in 'search.validation'; did you mean 'folds'");
    set_fails("data.train.x", "x", NULL, "'data.train' is one value");
    set_fails("search.trials", "", "--trials", "has no value");
    set_fails("search.trials", "", NULL, "has no value");
    set_fails("search.trials", "[", NULL, "not valid YAML");
    set_fails("data.types.zip", "word", NULL, "there is no type 'word'");
    set_fails("search.space.gbdt.depth", "1", NULL, "parameter of 'gbdt' called 'depth'");
}
END_TEST

/* ---- the whole ---------------------------------------------------------------------- */

static const struct {
    const char *text;
    asx_st st;
    const char *says;
} wholes[] = {
    {"task: classify\ndata: {train: a.csv, target: y}", ASX_OK, ""},
    {"task: regress\ndata: {train: a.csv, target: y}\nsearch: {trials: 3}", ASX_OK, ""},
    {"task: classify\ndata: {train: a.libsvm}", ASX_OK, ""},
    {"data: {train: a.csv, target: y}", ASX_E_INVAL, "names no task"},
    {"task: classify", ASX_E_INVAL, "names no data"},
    {"task: classify\ndata: {train: a.csv}", ASX_E_INVAL, "is named as the target"},
    {"task: classify\ndata: {train: a.svm, target: y}", ASX_E_INVAL, "whose first field is the target"},
    {"task: classify\ndata: {train: a.csv, target: y, weights: y}", ASX_E_INVAL, "both 'data.target' and 'data.weights'"},
    {"task: classify\ndata: {train: a.csv, target: y, ignore: [y]}", ASX_E_INVAL, "left out by 'data.ignore'"},
    {"task: classify\ndata: {train: a.csv, target: y}\nsearch: {validation: {group: y}}", ASX_E_INVAL, "both 'data.target' and"},
    {"task: regress\ndata: {train: a.csv, target: y, positive: b}", ASX_E_INVAL, "does not go with regress"},
    {"task: regress\ndata: {train: a.csv, target: y, class_weights: balanced}", ASX_E_INVAL, "class weights do not go"},
    {"task: regress\ndata: {train: a.csv, target: y}\nobjective: {maximize: roc_auc}", ASX_E_INVAL,
     "'roc_auc' does not go with regress; choose for example rmse"},
    {"task: classify\ndata: {train: a.csv, target: y}\nobjective: {subject_to: {rmse: 2}}", ASX_E_INVAL,
     "'rmse' does not go with classify"},
    {"task: regress\ndata: {train: a.csv, target: y}\nsearch: {learners: [logistic]}", ASX_E_INVAL, "'logistic' does not regress"},
    {"task: regress\ndata: {train: a.csv, target: y}\nsearch: {strategy: magic}", ASX_E_INVAL, "there is no strategy 'magic'"},
    {"task: regress\ndata: {train: a.csv, target: y}\nresources: {devices: [gpu]}", ASX_E_INVAL, "there is no device 'gpu'"},
    {"task: regress\ndata: {train: a.csv, target: y}\nresources: {prices: {cpu: 1}}", ASX_E_INVAL, "there is no price 'cpu'"},
    {"task: regress\ndata: {train: a.csv, target: y}\nobjective: {minimize: time}", ASX_E_INVAL, "needs a score to reach"},
    {"task: regress\ndata: {train: a.csv, target: y}\nobjective: {subject_to: {price: 1}}", ASX_E_INVAL, "needs the prices"},
    {"task: regress\ndata: {train: a.csv, target: y}\nobjective: {subject_to: {predict_latency: 1min, time: 5s}}", ASX_E_INVAL,
     "longer than the whole run"},
    {"task: classify\ndata: {train: a.csv, target: y}\nobjective: {minimize: time, subject_to: {roc_auc: 0.9}}", ASX_E_UNSUPPORTED,
     "not supported yet"},
    {"task: classify\ndata: {train: a.csv, target: y}\nobjective: {minimize: price, subject_to: {roc_auc: 0.9}}\nresources: "
     "{prices: {cpu_hour: 1}}",
     ASX_E_UNSUPPORTED, "least price is not supported yet"},
    {"task: classify\ndata: {train: a.csv, target: y}\nobjective: {subject_to: {price: 1}}\nresources: {prices: {cpu_hour: 1}}",
     ASX_E_UNSUPPORTED, "a price limit is not supported yet"},
    {"task: classify\ndata: {train: a.csv, target: y}\nobjective: {subject_to: {predict_latency: 50us}}", ASX_E_UNSUPPORTED,
     "a latency limit is not supported yet"},
    {"task: classify\ndata: {train: a.csv, target: y}\nobjective: {subject_to: {roc_auc: \">= 0.92\"}}", ASX_E_UNSUPPORTED,
     "a score limit is not supported yet"},
    {"task: classify\ndata: {train: a.csv, target: y}\nresources: {devices: [cpu, \"opencl:0\"]}", ASX_E_UNSUPPORTED,
     "the device 'opencl:0' is not supported yet"},
};

START_TEST(whole)
{
    reads(wholes[_i].text);
    asx_st st = spec_validate(spec, 0, &err);
    ck_assert_msg(st == wholes[_i].st && strstr(err.text, wholes[_i].says), "'%s' gives %d: %s", wholes[_i].text, st, err.text);
    if (!st)
        ck_assert_double_eq(spec->objective.time_s, spec->search.trials ? 0 : 60);
}
END_TEST

START_TEST(in_memory)
{
    sets("task", "classify", "assay_classify");
    ck_assert_int_eq(spec_validate(spec, SPEC_IN_MEMORY, &err), ASX_OK);
    const struct asx_metric *m;
    ck_assert_int_eq(spec_metric(spec, ASX_BINARY, &m, &err), ASX_OK);
    ck_assert_str_eq(m->head.name, "roc_auc");
    ck_assert_int_eq(spec_metric(spec, ASX_MULTICLASS, &m, &err), ASX_OK);
    ck_assert_str_eq(m->head.name, "log_loss");
    sets("objective.metric", "roc_auc", "--metric");
    ck_assert_int_eq(spec_metric(spec, ASX_MULTICLASS, &m, &err), ASX_E_INVAL);
    ck_assert(strstr(err.text, "choose for example roc_auc_ovr"));
}
END_TEST

START_TEST(choices_by_word)
{
    static const char *const fewer[] = {"huber", "absolute"};
    struct asx_param p = {.name = "loss", .kind = ASX_CHOICE, .choices = fewer, .n_choices = 2};
    double value[2];
    reads("search: {space: {gbdt: {loss: [squared, absolute]}}}");
    ck_assert_int_eq(spec_choice_values(&spec->search.restriction[0], &p, value), 1);
    ck_assert_double_eq(value[0], 1);
}
END_TEST

START_TEST(commented)
{
    struct text out;
    struct frame_make *f = frame_make_new(6);
    frame_make_f64(f, "age #1", (double[]){1, 2, 3, NAN, 5, 6});
    frame_make_strings(f, "is \"it\"?\n", ASX_CATEGORICAL, (const char *[]){"y", "n", "y", "n", "y", "y"});
    struct profile p = {.facts = *frame_make_profile(f), .columns = 2, .rows = 6};
    p.target = (struct profile_target){.column = 1, .classes = 2, .minority = 1.0 / 3};
    struct spec_init in = {.data = "my data.csv", .target = "is \"it\"?\n", .frame = frame_make_frame(f), .profile = &p};
    text_init(&out, account);
    ck_assert_int_eq(spec_write_commented(&context, &in, &out, &err), ASX_OK);
    reads(out.s);
    ck_assert_str_eq(spec->kind->head.name, "classify");
    ck_assert_str_eq(spec->data.train, "dir/my data.csv");
    ck_assert_str_eq(spec->data.target, "is \"it\"?\n");
    ck_assert_str_eq(spec->objective.metric->head.name, "roc_auc");
    ck_assert_int_eq(spec_validate(spec, 0, &err), ASX_OK);
    ck_assert(strstr(out.s, "6 rows, 2 columns"));
    for (int i = 0; i < spec_keys_n; i++) /* every key of the table is there */
        ck_assert(strstr(out.s, spec_keys[i].help) || strcmp(spec_keys[i].path, "data.target") == 0);
    text_clear(&out);
    frame_make_free(f);
}
END_TEST

/* The examples that `assay init` shows are valid for the learners that are built. */
START_TEST(examples)
{
    registry = *registry_builtin();
    for (int i = 0; i < spec_keys_n; i++) {
        fresh();
        sets(spec_keys[i].path, spec_keys[i].example, NULL);
    }
}
END_TEST

START_TEST(no_memory)
{
    asx_st st = ASX_E_NOMEM;
    for (long i = 1; st; i++) {
        fresh();
        mem_fault_after(i);
        st = read_text(full);
        mem_fault_after(0);
        ck_assert_msg(st == ASX_OK || st == ASX_E_NOMEM, "%d %s", st, err.text);
    }
    spec_free(spec);
    spec = NULL;
    st = ASX_E_NOMEM;
    for (long i = 1; st; i++) {
        mem_fault_after(i);
        st = spec_create(&context, account, &spec, &err);
        mem_fault_after(0);
    }
}
END_TEST

/* Bytes cut and changed anywhere: an answer, never a crash. */
START_TEST(damaged)
{
    char text[sizeof(full)];
    for (size_t i = 0; i < sizeof(full) - 1; i += 3) {
        memcpy(text, full, sizeof(full));
        text[i] = "\"{[:-#\n9"[i % 8];
        fresh();
        if (spec_read_text(spec, text, sizeof(full) - 1, "t", &err) == ASX_OK)
            spec_validate(spec, 0, &err);
        fresh();
        if (spec_read_text(spec, full, i, "t", &err) == ASX_OK)
            spec_validate(spec, 0, &err);
    }
}
END_TEST

Suite *suite_spec(void)
{
    Suite *s = suite_create("spec");
    TCase *t = tcase_create("spec");
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, all_keys);
    tcase_add_test(t, json_round_trip);
    tcase_add_loop_test(t, errors, 0, sizeof(bads) / sizeof(*bads));
    tcase_add_test(t, options);
    tcase_add_loop_test(t, whole, 0, sizeof(wholes) / sizeof(*wholes));
    tcase_add_test(t, in_memory);
    tcase_add_test(t, choices_by_word);
    tcase_add_test(t, commented);
    tcase_add_test(t, examples);
    tcase_add_test(t, no_memory);
    tcase_add_test(t, damaged);
    suite_add_tcase(s, t);
    return s;
}
