/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/node.h"

#include "base/err.h"
#include "base/mem.h"

#include <string.h>

enum { MOST_INPUTS = 4096 };

static struct exec_context *context(struct asx_exec *e)
{
    return e->engine;
}

/* ---- preparation ------------------------------------------------------------ */

struct prep_block {
    struct asx_block block; /* first: what ops see */
    const struct asx_prep *prep;
};

static void free_prep_block(void *p)
{
    struct prep_block *b = p;
    if (b->prep->free_block)
        b->prep->free_block(&b->block);
    mem_free(b);
}

static void prep_input(struct asx_exec *e, const struct opt_node *n, struct asx_prep_input *in)
{
    const struct opt_part *part = &n->recipe->part[n->part];
    const struct asx_problem *p = e->problem;
    *in = (struct asx_prep_input){
        .problem = p, .frame = p->frame, .column = part->column, .columns = part->columns, .config = n->config, .seed = p->seed};
    if (n->fold >= 0) {
        in->rows = p->splits->fold[n->fold].train;
        in->n_rows = p->splits->fold[n->fold].n_train;
    }
}

static asx_st fit_prep(struct asx_exec *e, const struct asx_prep *prep, const struct asx_prep_input *in,
                       struct asx_prep_state **state, struct asx_block *block, struct asx_err *err)
{
    if (prep->fit_transform)
        return prep->fit_transform(e, in, state, block, err);
    asx_st st = prep->fit ? prep->fit(e, in, state, err) : ASX_OK;
    if (st == ASX_OK)
        st = prep->transform(e, *state, in->frame, in->column, in->columns, block, err);
    return st;
}

static asx_st run_prep(struct asx_exec *e, struct node_result *r)
{
    const struct opt_node *n = context(e)->node;
    const struct asx_prep *prep = n->recipe->part[n->part].prep;
    struct asx_prep_input in;
    prep_input(e, n, &in);
    struct prep_block *b = mem_calloc(e->mem, 1, sizeof *b);
    struct prep_fitted *f = mem_calloc(e->mem, 1, sizeof *f);
    asx_st st = b && f ? ASX_OK : err_set(&r->err, ASX_E_NOMEM, "no memory for step '%s'; raise the memory limit", prep->head.name);
    if (f)
        *f = (struct prep_fitted){.refs = 1, .prep = prep, .part = n->recipe->part[n->part].key};
    if (st == ASX_OK)
        st = fit_prep(e, prep, &in, &f->state, &b->block, &r->err);
    if (st != ASX_OK) {
        mem_free(b);
        prep_fitted_put(f);
        return st;
    }
    b->prep = prep;
    b->block.key = n->key;
    r->artefact = artefact_create(n->key, b, free_prep_block, NULL, 0, e->mem);
    if (!r->artefact) {
        free_prep_block(b);
        prep_fitted_put(f);
        return err_set(&r->err, ASX_E_NOMEM, "no memory for step '%s'; raise the memory limit", prep->head.name);
    }
    r->artefact->fitted = f;
    return ASX_OK;
}

/* ---- matrices ------------------------------------------------------------------ */

static asx_st run_assemble(struct asx_exec *e, struct node_result *r, struct artefact *const *in)
{
    const struct opt_node *n = context(e)->node;
    struct asx_matrix *m = mem_calloc(e->mem, 1, sizeof *m + (size_t)n->inputs * sizeof(struct asx_block *));
    if (!m)
        return err_set(&r->err, ASX_E_NOMEM, "no memory to put a matrix together; raise the memory limit");
    const struct asx_block **block = (const struct asx_block **)(m + 1);
    *m = (struct asx_matrix){.key = n->key, .rows = e->problem->rows, .blocks = n->inputs, .block = block};
    for (int i = 0; i < n->inputs; i++) {
        block[i] = in[i]->ptr;
        m->cols += block[i]->cols;
        m->rows = block[i]->rows;
    }
    r->artefact = artefact_create(n->key, m, mem_free, in, n->inputs, e->mem);
    if (!r->artefact) {
        mem_free(m);
        return err_set(&r->err, ASX_E_NOMEM, "no memory to put a matrix together; raise the memory limit");
    }
    return ASX_OK;
}

/* ---- forms and fits --------------------------------------------------------------- */

static asx_st run_form(struct asx_exec *e, struct node_result *r, struct artefact *const *in)
{
    const struct opt_node *n = context(e)->node;
    struct asx_member member = {.config = n->config, .fold = n->fold, .seed = e->problem->seed};
    struct asx_batch batch = {.member = &member, .n = 1, .shape = n->shape};
    e->out_key = n->key;
    asx_st st = n->op->run(e, &batch, &r->err);
    if (st != ASX_OK)
        return st;
    if (n->op->flags & ASX_PER_BLOCK)
        ((struct asx_block *)e->out)->key = n->key;
    r->artefact = artefact_create(n->key, e->out, n->op->free_output, in, n->inputs, e->mem);
    if (!r->artefact) {
        if (n->op->free_output)
            n->op->free_output(e->out);
        return err_set(&r->err, ASX_E_NOMEM, "no memory for '%s'; raise the memory limit", n->op->head.name);
    }
    return ASX_OK;
}

/* A fit that ran out of memory begins anew at its second try: what it had may be half of something. */
static void begin_anew(struct asx_member *m)
{
    if (m->state)
        m->config->learner->free_state(m->state);
    m->state = NULL;
    m->from.iterations = 0;
    if (m->curve)
        m->curve->n = 0;
    m->status = ASX_OK;
}

static asx_st run_fit(struct asx_exec *e, struct node_result *r)
{
    struct exec_context *c = context(e);
    const struct opt_node *n = c->node;
    if (!r->member)
        r->member = mem_calloc(e->mem, (size_t)n->members, sizeof *r->member);
    if (!r->member)
        return err_set(&r->err, ASX_E_NOMEM, "no memory to fit; raise the memory limit");
    asx_st st = c->executor->members(c->executor->run, c->plan, n, r->member, &r->err);
    if (st != ASX_OK)
        return st;
    struct asx_batch batch = {.member = r->member, .n = n->members, .shape = n->shape};
    st = n->op->run(e, &batch, &r->err);
    struct asx_member *m = r->member;
    if (n->members == 1 && (st == ASX_E_NOMEM || (st == ASX_OK && m->status == ASX_E_NOMEM))) {
        if (st == ASX_OK)
            r->err = m->err;
        st = ASX_E_NOMEM;
        begin_anew(m);
    }
    return st;
}

static asx_st run_core(struct asx_exec *e, struct node_result *r)
{
    struct asx_batch none = {0};
    none.shape = context(e)->node->shape;
    return context(e)->node->op->run(e, &none, &r->err);
}

/* ---- one node ----------------------------------------------------------------------- */

static asx_st gather_inputs(struct asx_exec *e, struct artefact **in, const void **ptr)
{
    struct exec_context *c = context(e);
    const struct opt_node *n = c->node;
    for (int i = 0; i < n->inputs; i++) {
        in[i] = c->result[n->input[i]].artefact;
        ptr[i] = in[i] ? in[i]->ptr : NULL;
    }
    e->in = ptr;
    e->n_needs = 0;
    if (n->op)
        while (e->n_needs < ASX_NEEDS && n->op->needs[e->n_needs])
            e->n_needs++;
    return ASX_OK;
}

static asx_st dispatch(struct asx_exec *e, struct node_result *r, struct artefact *const *in)
{
    switch (context(e)->node->kind) {
    case OPT_PREP: return run_prep(e, r);
    case OPT_ASSEMBLE: return run_assemble(e, r, in);
    case OPT_FORM: return run_form(e, r, in);
    case OPT_FIT: return run_fit(e, r);
    default: return run_core(e, r);
    }
}

/* A node the plan calls cached is taken from the cache; if it was evicted since, it is made. */
static bool take_cached(struct exec_context *c, struct node_result *r)
{
    if (c->node->kind == OPT_FIT || c->node->kind == OPT_CORE)
        return false;
    if (!r->artefact && c->executor->cache)
        r->artefact = cache_get(c->executor->cache, c->node->key);
    return r->artefact != NULL;
}

static asx_st run_once(struct asx_exec *e, struct node_result *r, struct artefact *const *in)
{
    memset(&r->err, 0, sizeof r->err);
    e->out = NULL;
    e->scratch = arena_create(e->mem);
    if (!e->scratch)
        return err_set(&r->err, ASX_E_NOMEM, "no memory for '%s'; raise the memory limit", context(e)->node->way);
    asx_st st = dispatch(e, r, in);
    arena_destroy(e->scratch);
    return st;
}

asx_st node_run(struct asx_exec *e, struct node_result *r)
{
    struct exec_context *c = context(e);
    const struct opt_node *n = c->node;
    if (take_cached(c, r))
        return ASX_OK;
    e->problem = c->executor->problem ? *c->executor->problem : NULL;
    struct artefact **in = mem_array(e->mem, (size_t)n->inputs + 1, 2 * sizeof(void *));
    if (!in)
        return err_set(&r->err, ASX_E_NOMEM, "no memory for '%s'; raise the memory limit", n->way);
    asx_st st = gather_inputs(e, in, (const void **)(void *)(in + n->inputs + 1));
    if (st == ASX_OK)
        st = run_once(e, r, in);
    if (st == ASX_E_NOMEM && c->executor->cache && cache_shrink(c->executor->cache, 0) > 0)
        st = run_once(e, r, in);
    mem_free(in);
    if (st == ASX_OK && r->artefact) {
        size_t kept = (size_t)mem_used(e->mem); /* the account is the op's own: what is left of it is the output */
        r->artefact->bytes = kept ? kept : 1;
        r->artefact->seconds = n->cost.total_s;
        if (c->executor->cache)
            cache_put(c->executor->cache, r->artefact);
    }
    return st;
}
