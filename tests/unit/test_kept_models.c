/* SPDX-License-Identifier: Apache-2.0 */
/* Whose fold models are kept while a search runs. */
#include "engine/registry.h"
#include "engine/search.h"
#include "tests/runner.h"

#include <pthread.h>

Suite *suite_kept_models(void);

enum { FOLDS = 5, MOST = 40 };

static struct asx_splits splits = {.folds = FOLDS};
static struct config_run one[MOST], *all[MOST];
static struct run run;

/* n configs on `folds` folds, with models, that have this score and a little more each. */
static void add(int n, int folds, double score)
{
    for (int i = 0; i < n; i++) {
        struct config_run *c = &one[run.configs];
        *c = (struct config_run){.id = run.configs, .scored = true, .has_models = true, .validation = score + 0.001 * i};
        c->fidelity.folds = folds;
        all[run.configs++] = c;
    }
}

static bool wanted(int folds, double score)
{
    struct config_run c = {.id = MOST};
    struct trial_run t = {.run = &run, .config = &c, .validation = score};
    t.ask.to.folds = folds;
    return search_wants_models(&run, &t);
}

START_TEST(few_folds_take_no_places_of_all_folds)
{
    run = (struct run){.splits = &splits, .config = all, .keep_models = true};
    pthread_mutex_init(&run.lock, NULL);
    run.opt.metric = registry_metric(registry_builtin(), "rmse");
    add(KEPT_MODELS, 1, 2.2); /* one fold was easy */
    ck_assert(wanted(FOLDS, 2.7));
    ck_assert(!wanted(1, 2.7) && wanted(1, 2.1));
    add(KEPT_MODELS - 1, FOLDS, 2.6);
    ck_assert(wanted(FOLDS, 2.7));
    add(1, FOLDS, 2.65);
    ck_assert(!wanted(FOLDS, 2.7) && wanted(FOLDS, 2.5));
    ck_assert(!wanted(1, 2.4)); /* better than those on all folds, and yet not among the best of its own */
    pthread_mutex_destroy(&run.lock);
}
END_TEST

Suite *suite_kept_models(void)
{
    Suite *s = suite_create("kept_models");
    TCase *c = tcase_create("kept_models");
    tcase_add_test(c, few_folds_take_no_places_of_all_folds);
    suite_add_tcase(s, c);
    return s;
}
