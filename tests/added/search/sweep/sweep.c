/* SPDX-License-Identifier: Apache-2.0 */
/* Each learner once, at its defaults and full fidelity. */
#include <assay/ext/learner.h>
#include <assay/ext/strategy.h>

#include "base/err.h"
#include "base/mem.h"

struct asx_strategy_state {
    struct asx_search search;
    int asked;
};

static asx_st sweep_open(const struct asx_search *s, struct asx_strategy_state **out, struct asx_err *err)
{
    *out = mem_calloc(s->mem, 1, sizeof **out);
    if (!*out)
        return err_set(err, ASX_E_NOMEM, "no memory to search; raise the memory limit");
    (*out)->search = *s;
    return ASX_OK;
}

static bool sweep_exhausted(const struct asx_strategy_state *t)
{
    return t->asked >= t->search.learners || (t->search.max_configs && t->asked >= t->search.max_configs);
}

static asx_st sweep_ask(struct asx_strategy_state *t, struct asx_prices *prices, struct asx_ask *out)
{
    (void)prices;
    if (sweep_exhausted(t))
        return ASX_NONE;
    const struct asx_learner *learner = t->search.learner[t->asked];
    const struct asx_space *space = t->search.space[t->asked];
    t->asked++;
    *out = (struct asx_ask){.trial = t->asked, .config_id = t->asked, .config = {.learner = learner, .space = space}};
    for (int i = 0; i < space->n; i++)
        out->config.value[i] = space->param[i].def;
    int rounds = learner->iterations ? (int)asx_config_get(&out->config, learner->iterations) : 0;
    out->from = (struct asx_fidelity){1, 0, 0};
    out->to = (struct asx_fidelity){1, rounds, t->search.folds};
    return ASX_OK;
}

static void sweep_tell(struct asx_strategy_state *t, const struct asx_outcome *o)
{
    (void)t, (void)o;
}

static void sweep_close(struct asx_strategy_state *t)
{
    mem_free(t);
}

extern const struct asx_strategy asx_strategy_sweep;
const struct asx_strategy asx_strategy_sweep = {.head = {"sweep", "every learner once, at its defaults"},
                                                .open = sweep_open,
                                                .ask = sweep_ask,
                                                .tell = sweep_tell,
                                                .exhausted = sweep_exhausted,
                                                .close = sweep_close};
