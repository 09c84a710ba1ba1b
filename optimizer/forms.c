/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Forms, chained back to "raw". A node's key says all that its artefact depends on: the op's step
 * (its way too, unless the way is bitwise equal to the reference), its version, the parameters it
 * reads, its inputs' keys, the fold where that matters, the seed where it is stochastic.
 */
#include "optimizer/planner.h"

#include "base/hash.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>

enum { MAX_CHAIN = 12, MAX_OPS = 16 };

static int make(struct planner *p, struct request *q, const char *form, int depth);

static void hash_fold(struct hash *h, const struct asx_problem *problem, int fold)
{
    hash_key(h, problem->key);
    if (problem->splits)
        hash_key(h, problem->splits->key);
    hash_u64(h, (uint64_t)fold);
}

/* A step named after its op and way: "bins.build" of "bins.build/quantile". */
static void step_name(const char *way, char *out, size_t size)
{
    const char *slash = strchr(way, '/');
    snprintf(out, size, "%.*s", slash ? (int)(slash - way) : (int)strlen(way), way);
}

static bool at_hand(const struct planner *p, struct asx_key key)
{
    return p->ctx->cached && p->ctx->cached(p->ctx->cached_arg, key);
}

/* Prices a node that is complete but for its cost. */
static void price(const struct planner *p, struct plan_node *n)
{
    n->pub.cost = planner_cost(p->ctx, n, 1, 1, false);
    n->alone_s = planner_known(n->pub.cost.total_s);
    n->pub.output_bytes = n->work.output;
    n->pub.cached = at_hand(p, n->pub.key);
}

/* ---- preparation ------------------------------------------------------------------- */

static double fold_rows(const struct asx_problem *problem, int fold)
{
    if (!problem->splits || fold < 0)
        return (double)problem->rows;
    return (double)problem->splits->fold[fold].n_train;
}

static void describe_prep(const struct planner *p, const struct request *q, const struct opt_part *part, struct plan_node *n)
{
    const struct asx_problem *problem = p->ctx->problem;
    struct asx_prep_input in = {.problem = problem,
                                .frame = problem->frame,
                                .column = part->column,
                                .columns = part->columns,
                                .config = q->config,
                                .seed = problem->seed};
    if (n->pub.fold >= 0 && problem->splits) {
        in.rows = problem->splits->fold[n->pub.fold].train;
        in.n_rows = problem->splits->fold[n->pub.fold].n_train;
    }
    double rows = (double)problem->rows, cols = part->columns;
    n->gives = (struct asx_shape){.rows = rows, .cols = cols, .dense = cols, .test_rows = 0, .bytes = rows * cols * 4};
    if (part->prep->shape)
        part->prep->shape(&in, &n->gives);
    n->pub.shape =
        (struct asx_shape){.rows = fold_rows(problem, n->pub.fold), .cols = cols, .dense = cols, .bytes = rows * cols * 8};
    if (part->prep->work) {
        part->prep->work(&in, &n->work);
    } else {
        asx_work_add(n->work.once, &n->work.n_once, (struct asx_use){.k = ASX_KC_STREAM, .t = ASX_F32, .m = rows * cols});
        n->work.output = (uint64_t)n->gives.bytes;
    }
}

static int prep_node(struct planner *p, struct request *q, int part_index)
{
    const struct asx_problem *problem = p->ctx->problem;
    const struct opt_part *part = &q->recipe->part[part_index];
    int fold = part->prep->scope == ASX_FOLD ? q->fold : -1;
    struct hash h = hash_begin("prep");
    hash_key(&h, q->salt);
    hash_key(&h, part->key);
    hash_key(&h, problem->frame->key);
    if (fold >= 0) {
        hash_fold(&h, problem, fold);
        hash_u64(&h, problem->seed); /* cross-fitting draws its inner folds */
    }
    struct asx_key key = hash_end(&h);
    int id = planner_find(p, key);
    if (id >= 0)
        return id;
    char step[64], way[64];
    snprintf(step, sizeof step, "prepare %s", part->prep->head.name);
    snprintf(way, sizeof way, "prep.%s/apply", part->prep->head.name);
    struct plan_node *n = planner_add(p, OPT_PREP, key, step, way);
    if (!n)
        return -1;
    n->pub.recipe = q->recipe;
    n->pub.part = part_index;
    n->pub.config = q->config;
    n->pub.fold = fold;
    n->splits = true;
    describe_prep(p, q, part, n);
    price(p, n);
    return n->pub.id;
}

bool form_preps(struct planner *p, struct request *q, int *out)
{
    for (int i = 0; i < q->recipe->parts; i++)
        if ((out[i] = prep_node(p, q, i)) < 0)
            return false;
    return true;
}

/* ---- matrices ------------------------------------------------------------------------- */

static void add_shape(struct asx_shape *sum, const struct asx_shape *s)
{
    sum->rows = s->rows > sum->rows ? s->rows : sum->rows;
    sum->cols += s->cols;
    sum->dense += s->dense;
    sum->nnz += s->nnz;
    sum->bytes += s->bytes;
}

static int assemble(struct planner *p, struct request *q, const char *form, const int *block, int n)
{
    struct hash h = hash_begin("assemble");
    int fold = -1;
    struct asx_shape shape = {.rows = (double)p->ctx->problem->rows};
    for (int i = 0; i < n; i++) {
        const struct plan_node *b = plan_node_of(p->plan, block[i]);
        hash_key(&h, b->pub.key);
        fold = b->pub.fold > fold ? b->pub.fold : fold;
        add_shape(&shape, &b->gives);
    }
    hash_key(&h, q->salt); /* an empty matrix has no blocks to carry it */
    struct asx_key key = hash_end(&h);
    int id = planner_find(p, key);
    if (id >= 0)
        return id;
    char step[64];
    snprintf(step, sizeof step, "assemble %s", form);
    struct plan_node *a = planner_add(p, OPT_ASSEMBLE, key, step, "matrix.assemble/blocks");
    if (!a || !planner_inputs(p, a, block, n))
        return -1;
    a->pub.recipe = q->recipe;
    a->pub.config = q->config;
    a->pub.fold = fold;
    a->pub.shape = a->gives = shape;
    a->work.serial = 1;
    asx_work_add(a->work.once, &a->work.n_once, (struct asx_use){.k = ASX_KC_STREAM, .t = ASX_F64, .m = 16.0 * n});
    price(p, a);
    return a->pub.id;
}

/* ---- ops ---------------------------------------------------------------------------------- */

static struct asx_key form_key(const struct planner *p, const struct request *q, const struct asx_op *op, const int *input, int n,
                               int fold)
{
    char step[64];
    struct hash h = hash_begin("form");
    step_name(op->head.name, step, sizeof step);
    hash_str(&h, op->equiv == ASX_BITWISE ? step : op->head.name);
    hash_u64(&h, (uint64_t)op->version);
    for (int i = 0; op->params && op->params[i]; i++) {
        hash_str(&h, op->params[i]);
        hash_f64(&h, asx_config_get(q->config, op->params[i]));
    }
    for (int i = 0; i < n; i++)
        hash_key(&h, plan_node_of(p->plan, input[i])->pub.key);
    if (strcmp(op->gives, "affine") == 0)
        hash_key(&h, q->recipe->affine_key);
    if (op->flags & ASX_SEEDED)
        hash_u64(&h, p->ctx->problem->seed);
    if (!(op->flags & ASX_PER_BLOCK)) /* other ops may look at targets, weights and folds */
        hash_fold(&h, p->ctx->problem, op->flags & ASX_PER_FOLD ? fold : -1);
    return hash_end(&h);
}

static int op_node(struct planner *p, struct request *q, const struct asx_op *op, const int *input, int n)
{
    int fold = op->flags & ASX_PER_FOLD ? q->fold : -1;
    for (int i = 0; i < n; i++)
        fold = plan_node_of(p->plan, input[i])->pub.fold > fold ? plan_node_of(p->plan, input[i])->pub.fold : fold;
    struct asx_key key = form_key(p, q, op, input, n, fold);
    int id = planner_find(p, key);
    if (id >= 0)
        return id;
    struct asx_shape in = plan_node_of(p->plan, input[0])->gives;
    if (op->flags & ASX_PER_FOLD)
        in.rows = fold_rows(p->ctx->problem, fold);
    struct asx_member member = {.config = q->config, .fold = fold, .seed = p->ctx->problem->seed};
    struct asx_batch batch = {.member = &member, .n = 1, .shape = in};
    if (op->can && !op->can(p->ctx->problem, &batch))
        return -1;
    char step[64];
    step_name(op->head.name, step, sizeof step);
    struct plan_node *f = planner_add(p, OPT_FORM, key, step, op->head.name);
    if (!f || !planner_inputs(p, f, input, n))
        return -1;
    f->pub.op = op;
    f->pub.recipe = q->recipe;
    f->pub.config = q->config;
    f->pub.fold = fold;
    f->pub.shape = f->gives = in;
    f->splits = op->flags & ASX_SPLITS;
    if (op->shape)
        op->shape(p->ctx->problem, &in, &f->gives);
    f->gives.rows = (double)p->ctx->problem->rows;
    if (op->work)
        op->work(p->ctx->problem, &batch, &f->work);
    price(p, f);
    return f->pub.id;
}

/* Runs a per-block op on each block of the matrix it needs; returns how many nodes, -1 on failure. */
static int block_nodes(struct planner *p, struct request *q, const struct asx_op *op, int matrix, int *out, int most)
{
    const struct opt_node *m = p->plan->node[matrix];
    if (m->kind != OPT_ASSEMBLE || m->inputs > most)
        return -1;
    int n = m->inputs;
    for (int i = 0; i < n; i++) {
        int block = p->plan->node[matrix]->input[i];
        if ((out[i] = op_node(p, q, op, &block, 1)) < 0)
            return -1;
    }
    return n;
}

static int make_with(struct planner *p, struct request *q, const struct asx_op *op, int depth)
{
    int input[ASX_NEEDS], n = 0;
    for (; n < ASX_NEEDS && op->needs[n]; n++)
        if ((input[n] = make(p, q, op->needs[n], depth + 1)) < 0)
            return -1;
    if (n == 0)
        return -1; /* every form is made of something */
    if (!(op->flags & ASX_PER_BLOCK))
        return op_node(p, q, op, input, n);
    int most = p->plan->node[input[0]]->inputs, made = -1;
    int *block = mem_array(p->ctx->mem, (size_t)most, sizeof *block);
    if (!block) {
        p->nomem = true;
        return -1;
    }
    int blocks = block_nodes(p, q, op, input[0], block, most);
    if (blocks >= 0)
        made = assemble(p, q, op->gives, block, blocks);
    mem_free(block);
    return made;
}

static int raw(struct planner *p, struct request *q)
{
    int n = q->recipe->parts;
    int *block = mem_array(p->ctx->mem, (size_t)n, sizeof *block), id = -1;
    if (!block)
        p->nomem = true;
    else if (form_preps(p, q, block))
        id = assemble(p, q, "raw", block, n);
    mem_free(block);
    return id;
}

/* Ops that give a form: reference first within a family, families in order. */
static int makers(const struct planner *p, const char *form, const struct asx_op **out)
{
    int n = 0;
    for (int f = -1; f < 0 || p->ctx->registry->family[f]; f++) {
        const struct asx_op *const *list = f < 0 ? p->ctx->form : p->ctx->registry->family[f]->op;
        for (int i = 0; list && list[i] && n < MAX_OPS; i++)
            if (strcmp(list[i]->gives, form) == 0 && list[i]->equiv != ASX_APPROX)
                out[n++] = list[i];
    }
    return n;
}

static bool better(bool off, double seconds, const char *name, bool best_off, double best, const char *best_name)
{
    if (off != best_off)
        return !off;
    int a = opt_log_cost(seconds), b = opt_log_cost(best);
    return a != b ? a < b : strcmp(name, best_name) < 0;
}

/* Tries each maker, takes the cheapest; a disabled one only when nothing else is able. */
static int choose_maker(struct planner *p, struct request *q, const struct asx_op *const *op, int n, int depth)
{
    int best = -1;
    bool off[MAX_OPS];
    double seconds[MAX_OPS];
    for (int i = 0; i < n; i++) {
        int mark = p->plan->nodes, id = make_with(p, q, op[i], depth);
        off[i] = planner_disabled(p->ctx, op[i]->head.name);
        seconds[i] = id < 0 ? -1 : way_new_seconds(p, &id, 1, NULL);
        planner_rollback(p, mark);
        if (p->nomem)
            return -1;
        if (id >= 0 && (best < 0 || better(off[i], seconds[i], op[i]->head.name, off[best], seconds[best], op[best]->head.name)))
            best = i;
    }
    if (best < 0)
        return -1;
    int mark = p->plan->nodes, id = make_with(p, q, op[best], depth);
    for (int i = 0; id >= mark && i < n; i++) {
        char why[96];
        if (i == best)
            continue;
        snprintf(why, sizeof why, seconds[i] < 0 ? "not able on this data" : off[i] ? "disabled" : "slower");
        planner_alternative(p, plan_node_of(p->plan, id), op[i]->head.name, seconds[i] < 0 ? 0 : seconds[i], why);
    }
    return id;
}

static int make(struct planner *p, struct request *q, const char *form, int depth)
{
    if (strcmp(form, "raw") == 0)
        return raw(p, q);
    const struct asx_op *op[MAX_OPS];
    int n = depth > MAX_CHAIN ? 0 : makers(p, form, op), id = -1;
    if (n == 1)
        id = make_with(p, q, op[0], depth);
    else if (n > 1)
        id = choose_maker(p, q, op, n, depth);
    if (id < 0 && !p->nomem && !q->missing)
        q->missing = form;
    return id;
}

int form_make(struct planner *p, struct request *q, const char *form)
{
    return make(p, q, form, 0);
}
