/* SPDX-License-Identifier: Apache-2.0 */
/* Plans and their nodes while they grow. */
#include "optimizer/planner.h"

#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- plans -------------------------------------------------------------------- */

asx_st opt_plan_create(struct mem *mem, struct opt_plan **out)
{
    struct opt_plan *p = mem_calloc(mem, 1, sizeof *p);
    if (!p)
        return ASX_E_NOMEM;
    p->mem = mem;
    *out = p;
    return ASX_OK;
}

static void node_free(struct opt_node *n)
{
    mem_free(n->input);
    mem_free(n->member);
    mem_free(n->alternative);
    mem_free(n);
}

void opt_plan_free(struct opt_plan *p)
{
    if (!p)
        return;
    for (int i = 0; i < p->nodes; i++)
        node_free(p->node[i]);
    for (int i = 0; i < p->recipes; i++)
        opt_recipe_free(p->recipe[i]);
    mem_free(p->node);
    mem_free(p->recipe);
    mem_free(p->done);
    mem_free(p->trial);
    mem_free(p->trial_seconds);
    mem_free(p->trial_alone);
    mem_free(p->trial_bytes);
    mem_free(p);
}

/* ---- the key table ------------------------------------------------------------------ */

static int slot_of(const struct planner *p, struct asx_key key)
{
    unsigned mask = (unsigned)p->slots - 1, i = (unsigned)(key.lo ^ key.hi) & mask;
    while (p->slot[i] && !key_equal(p->plan->node[p->slot[i] - 1]->key, key))
        i = (i + 1) & mask;
    return (int)i;
}

int planner_find(const struct planner *p, struct asx_key key)
{
    return p->slots ? p->slot[slot_of(p, key)] - 1 : -1;
}

static bool grow_table(struct planner *p)
{
    if (p->slots && p->plan->nodes * 2 < p->slots)
        return true;
    int slots = p->slots ? 2 * p->slots : 256;
    int *slot = mem_calloc(p->ctx->mem, (size_t)slots, sizeof *slot);
    if (!slot)
        return false;
    mem_free(p->slot);
    p->slot = slot;
    p->slots = slots;
    for (int i = 0; i < p->plan->nodes; i++)
        p->slot[slot_of(p, p->plan->node[i]->key)] = i + 1;
    return true;
}

static bool grow_nodes(struct opt_plan *p)
{
    if (p->nodes < p->capacity)
        return true;
    int capacity = p->capacity ? 2 * p->capacity : 64;
    struct opt_node **node = mem_realloc(p->mem, p->node, (size_t)capacity * sizeof *node);
    if (!node)
        return false;
    p->node = node;
    p->capacity = capacity;
    return true;
}

static struct plan_node *append(struct opt_plan *p, enum opt_kind kind, struct asx_key key, const char *step, const char *way)
{
    struct plan_node *n = grow_nodes(p) ? mem_calloc(p->mem, 1, sizeof *n) : NULL;
    if (!n)
        return NULL;
    n->pub.id = p->nodes;
    n->pub.kind = kind;
    n->pub.key = key;
    n->pub.fold = -1;
    n->pub.threads = 1;
    snprintf(n->pub.step, sizeof n->pub.step, "%s", step);
    snprintf(n->pub.way, sizeof n->pub.way, "%s", way);
    p->node[p->nodes++] = &n->pub;
    return n;
}

struct plan_node *planner_add(struct planner *p, enum opt_kind kind, struct asx_key key, const char *step, const char *way)
{
    struct plan_node *n = grow_table(p) ? append(p->plan, kind, key, step, way) : NULL;
    if (!n) {
        p->nomem = true;
        return NULL;
    }
    p->slot[slot_of(p, key)] = n->pub.id + 1;
    return n;
}

/* Nodes leave in the reverse order of their coming, so the table's probe chains stay whole. */
void planner_rollback(struct planner *p, int mark)
{
    while (p->plan->nodes > mark) {
        struct opt_node *n = p->plan->node[p->plan->nodes - 1];
        int slot = slot_of(p, n->key);
        if (p->slot[slot] == n->id + 1)
            p->slot[slot] = 0;
        p->plan->nodes--;
        node_free(n);
    }
}

void planner_clear(struct planner *p)
{
    mem_free(p->slot);
    mem_free(p->member);
    mem_free(p->recipe_key);
    p->slot = NULL;
    p->member = NULL;
    p->recipe_key = NULL;
    p->slots = p->members = 0;
}

bool planner_inputs(struct planner *p, struct plan_node *n, const int *input, int count)
{
    n->pub.input = mem_array(p->plan->mem, (size_t)count, sizeof *input);
    if (!n->pub.input) {
        p->nomem = true;
        return false;
    }
    if (count)
        memcpy(n->pub.input, input, (size_t)count * sizeof *input);
    n->pub.inputs = count;
    return true;
}

bool planner_alternative(struct planner *p, struct plan_node *n, const char *way, double seconds, const char *why_not)
{
    struct opt_alternative *a = mem_realloc(p->plan->mem, n->pub.alternative, (size_t)(n->pub.alternatives + 1) * sizeof *a);
    if (!a) {
        p->nomem = true;
        return false;
    }
    n->pub.alternative = a;
    a += n->pub.alternatives++;
    memset(a, 0, sizeof *a);
    snprintf(a->way, sizeof a->way, "%s", way);
    snprintf(a->why_not, sizeof a->why_not, "%s", why_not);
    a->seconds = seconds;
    return true;
}

/* ---- small questions ------------------------------------------------------------------ */

bool planner_disabled(const struct opt_context *ctx, const char *name)
{
    const char *slash = strchr(name, '/');
    size_t step = slash ? (size_t)(slash - name) : strlen(name);
    for (int i = 0; ctx->disabled && ctx->disabled[i]; i++) {
        const char *d = ctx->disabled[i];
        if (strcmp(d, name) == 0 || (strlen(d) == step && strncmp(d, name, step) == 0))
            return true;
    }
    return false;
}

struct asx_cost planner_cost(const struct opt_context *ctx, const struct plan_node *n, int threads, int busy, bool raw)
{
    const char *device = ctx->model->machine->device[n->pub.device].id;
    struct asx_cost c =
        opt_cost(ctx->model, raw ? NULL : n->pub.way, device[0] ? device : "cpu", &n->work, n->iterations, threads, busy);
    if (n->known_s > 0) {
        c.total_s = raw ? 0 : n->known_s;
        c.startup_s = 0;
        c.sd_s = 0.2 * n->known_s;
    }
    return c;
}

void opt_plan_know(struct opt_plan *plan, int id, double seconds)
{
    struct plan_node *n = plan_node_of(plan, id);
    n->known_s = isfinite(seconds) && seconds > 0 ? seconds : 0;
}

double planner_known(double seconds)
{
    return isfinite(seconds) && seconds > 0 ? seconds : isnan(seconds) ? 1e-3 : 0;
}

/* ---- what is not needed goes -------------------------------------------------------------- */

asx_st planner_prune(struct planner *p)
{
    struct opt_plan *plan = p->plan;
    int *map = mem_array(p->ctx->mem, (size_t)plan->nodes + 1, sizeof *map);
    if (!map)
        return err_set(p->err, ASX_E_NOMEM, "out of memory while planning; raise the memory limit");
    int kept = 0;
    for (int i = 0; i < plan->nodes; i++)
        map[i] = plan_node_of(plan, i)->needed ? kept++ : -1;
    kept = 0;
    for (int i = 0; i < plan->nodes; i++) {
        struct opt_node *n = plan->node[i];
        if (map[i] < 0) {
            node_free(n);
            continue;
        }
        if (n->cached)
            n->inputs = 0; /* at hand: what it was made of does not matter */
        for (int k = 0; k < n->inputs; k++)
            n->input[k] = map[n->input[k]];
        n->id = kept;
        plan->node[kept++] = n;
    }
    plan->nodes = kept;
    for (int i = 0; i < plan->dones; i++)
        for (int k = 0; k < plan->done[i].inputs; k++)
            plan->done[i].input[k] = map[plan->done[i].input[k]];
    mem_free(map);
    planner_clear(p); /* ids have changed */
    return ASX_OK;
}

/* ---- core steps ------------------------------------------------------------------------------ */

int opt_plan_add_core(struct opt_plan *plan, const struct opt_context *ctx, const struct asx_op *op, const char *step,
                      const struct asx_shape *shape, const int *input, int inputs, struct asx_key key, void *core)
{
    struct plan_node *n = append(plan, OPT_CORE, key, step, op->head.name);
    if (!n)
        return -1;
    n->pub.input = mem_array(plan->mem, (size_t)inputs, sizeof *input);
    if (!n->pub.input) {
        plan->nodes--;
        node_free(&n->pub);
        return -1;
    }
    if (inputs)
        memcpy(n->pub.input, input, (size_t)inputs * sizeof *input);
    n->pub.inputs = inputs;
    n->pub.op = op;
    n->pub.core = core;
    n->pub.shared_by = 1;
    n->needed = true;
    n->splits = op->flags & ASX_SPLITS;
    if (shape)
        n->pub.shape = *shape;
    struct asx_batch batch = {.shape = n->pub.shape};
    if (op->work)
        op->work(ctx->problem, &batch, &n->work);
    n->pub.cost = planner_cost(ctx, n, 1, 1, false);
    n->pub.output_bytes = n->work.output;
    n->alone_s = n->pub.cost.total_s;
    return n->pub.id;
}
