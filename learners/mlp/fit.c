/* SPDX-License-Identifier: Apache-2.0 */
/* Epochs of mini-batch Adam, averaged weights, stages. Formulas: README.md. */
#include "learners/mlp/fit.h"

#include <assay/ext/backend.h>
#include <assay/ext/metric.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/rng.h"

#include <string.h>

enum { PREDICT_ROWS = 256 };

static asx_st no_memory(struct asx_err *err)
{
    return err_set(err, ASX_E_NOMEM, "no memory for a network; raise the memory limit or lower 'width'");
}

/* ---- parameters ------------------------------------------------------------------------ */

void mlp_params_read(const struct asx_config *c, struct mlp_params *p)
{
    const char *batch = asx_config_choice(c, "batch_size");
    p->hidden = (int)asx_config_get_or(c, "n_layers", 2);
    p->width = (size_t)asx_config_get_or(c, "width", 128);
    p->epochs = (int)asx_config_get_or(c, "epochs", 160);
    p->learning_rate = asx_config_get_or(c, "learning_rate", 4e-3);
    p->weight_decay = asx_config_get_or(c, "weight_decay", 1e-2);
    p->dropout = asx_config_get_or(c, "dropout", 0);
    p->batch = 0;
    for (const char *s = batch ? batch : "128"; *s; s++)
        p->batch = p->batch * 10 + (size_t)(*s - '0');
}

size_t mlp_batch_rows(const struct mlp_params *p, size_t rows)
{
    size_t most = rows / 24 > 16 ? rows / 24 : 16;
    most = most < rows ? most : rows;
    return p->batch < most ? p->batch : most;
}

/* ---- state ------------------------------------------------------------------------------- */

static void drop_stage(struct asx_state *s, int at)
{
    mem_free(s->stage[at].w);
    memmove(s->stage + at, s->stage + at + 1, (size_t)(s->stages - at - 1) * sizeof *s->stage);
    s->stages--;
}

void mlp_free_state(struct asx_state *s)
{
    if (!s)
        return;
    while (s->stages)
        drop_stage(s, s->stages - 1);
    mem_free(s->stage);
    mem_free(s->w);
    mem_free(s->m);
    mem_free(s->v);
    mem_free(s->avg);
    mem_free(s);
}

uint64_t mlp_state_bytes(const struct asx_state *s)
{
    return sizeof *s + s->net.size * sizeof(float) * (4 + (uint64_t)s->stages) + (uint64_t)s->stages * sizeof *s->stage;
}

bool mlp_is_stage(int epoch)
{
    int stride = 1;
    while (12 * stride <= epoch)
        stride *= 2;
    return epoch > 0 && epoch % stride == 0;
}

/* The chosen epoch is the best of the mean over folds: hardly ever a fold's worst. Without scores the oldest goes. */
static int worst_stage(const struct asx_state *s, const struct asx_metric *metric)
{
    int worst = 0;
    for (int i = 1; i < s->stages; i++)
        if (metric && asx_metric_better(metric, s->stage[worst].value, s->stage[i].value))
            worst = i;
    return worst;
}

static asx_st keep_stage(struct asx_state *s, double value, const struct asx_metric *metric, struct mem *mem, struct asx_err *err)
{
    size_t bytes = s->net.size * sizeof(float);
    while (s->stages && (uint64_t)(s->stages + 1) * bytes > MLP_STAGE_BYTES)
        drop_stage(s, worst_stage(s, metric));
    struct mlp_stage *grown = mem_realloc(mem, s->stage, (size_t)(s->stages + 1) * sizeof *grown);
    if (!grown)
        return no_memory(err);
    s->stage = grown;
    float *w = mem_array(mem, s->net.size, sizeof *w);
    if (!w)
        return no_memory(err);
    memcpy(w, s->avg, bytes);
    s->stage[s->stages++] = (struct mlp_stage){s->epochs, value, w};
    return ASX_OK;
}

/* ---- one fold's data ------------------------------------------------------------------------ */

struct fit {
    struct asx_exec *exec;
    const struct asx_problem *problem;
    const struct asx_dense *dense;
    const struct asx_member *member;
    struct mlp_params params;
    struct asx_state *state;
    size_t n;        /* training rows of positive weight */
    uint32_t *row;   /* [n] ascending */
    uint32_t *order; /* [n] of an epoch */
    double mean_weight;
    struct mlp_pass pass;
    float *gradient;
    double *y;     /* [batch] */
    float *weight; /* [batch] */
    double loss;   /* of the epoch, weighted mean */
};

static double weight_of(const struct asx_problem *p, size_t row)
{
    return p->fit_weight ? p->fit_weight[row] : 1;
}

static asx_st take_rows(struct fit *f, struct asx_err *err)
{
    const struct asx_fold *fold = &f->problem->splits->fold[f->member->fold];
    f->row = arena_alloc(f->exec->scratch, (fold->n_train + 1) * sizeof *f->row);
    f->order = arena_alloc(f->exec->scratch, (fold->n_train + 1) * sizeof *f->order);
    if (!f->row || !f->order)
        return no_memory(err);
    double sum = 0;
    for (size_t i = 0; i < fold->n_train; i++) {
        double w = weight_of(f->problem, fold->train[i]);
        if (!(w > 0))
            continue;
        f->row[f->n++] = fold->train[i];
        sum += w;
    }
    f->mean_weight = f->n ? sum / (double)f->n : 1;
    return ASX_OK;
}

static size_t scores_of(const struct asx_problem *p)
{
    return p->task == ASX_MULTICLASS ? (size_t)p->outputs : 1;
}

static void target_of(const struct fit *f, struct mlp_target *t)
{
    const struct asx_problem *p = f->problem;
    *t = (struct mlp_target){.task = p->task, .outputs = p->outputs, .sd = 1};
    if (p->task != ASX_REGRESSION || !f->n)
        return;
    double sum = 0, square = 0, all = f->mean_weight * (double)f->n;
    t->low = t->high = p->y[f->row[0]];
    for (size_t i = 0; i < f->n; i++) {
        double y = p->y[f->row[i]];
        sum += weight_of(p, f->row[i]) * y;
        t->low = y < t->low ? y : t->low;
        t->high = y > t->high ? y : t->high;
    }
    t->mean = sum / all;
    for (size_t i = 0; i < f->n; i++) {
        double d = p->y[f->row[i]] - t->mean;
        square += weight_of(p, f->row[i]) * d * d;
    }
    t->sd = square > 0 ? sqrt(square / all) : 1;
}

/* Biases of the last layer so that training starts at the class shares (one row more in each class). */
static asx_st start_biases(const struct fit *f, float *bias, struct asx_err *err)
{
    const struct asx_problem *p = f->problem;
    if (p->task == ASX_REGRESSION)
        return ASX_OK;
    double all = (double)f->n * f->mean_weight + p->classes * f->mean_weight;
    double *sum = arena_alloc(f->exec->scratch, (size_t)p->classes * sizeof *sum);
    if (!sum)
        return no_memory(err);
    for (int c = 0; c < p->classes; c++)
        sum[c] = f->mean_weight;
    for (size_t i = 0; i < f->n; i++)
        sum[p->label[f->row[i]]] += weight_of(p, f->row[i]);
    for (int c = 0; c < p->classes && p->task == ASX_MULTICLASS; c++)
        bias[c] = (float)log(sum[c] / all);
    if (p->task == ASX_BINARY)
        bias[0] = (float)(log(sum[1] / all) - log(sum[0] / all));
    return ASX_OK;
}

static asx_st new_state(struct fit *f, struct asx_err *err)
{
    struct mem *mem = f->exec->mem;
    struct asx_state *s = mem_calloc(mem, 1, sizeof *s);
    if (!s)
        return no_memory(err);
    mlp_net_init(&s->net, f->dense->cols, f->params.hidden, f->params.width, scores_of(f->problem));
    s->w = mem_calloc(mem, s->net.size, sizeof(float));
    s->m = mem_calloc(mem, s->net.size, sizeof(float));
    s->v = mem_calloc(mem, s->net.size, sizeof(float));
    s->avg = mem_calloc(mem, s->net.size, sizeof(float));
    if (!s->w || !s->m || !s->v || !s->avg) {
        mlp_free_state(s);
        return no_memory(err);
    }
    target_of(f, &s->target);
    mlp_net_start(&s->net, f->member->seed, s->w);
    asx_st st = start_biases(f, s->w + mlp_bias_at(&s->net, s->net.layers - 1), err);
    if (st) {
        mlp_free_state(s);
        return st;
    }
    memcpy(s->avg, s->w, s->net.size * sizeof(float));
    f->state = s;
    return ASX_OK;
}

static asx_st make_room(struct fit *f, struct asx_err *err)
{
    struct arena *a = f->exec->scratch;
    size_t batch = mlp_batch_rows(&f->params, f->n);
    f->gradient = arena_calloc(a, f->state->net.size, sizeof *f->gradient);
    f->y = arena_alloc(a, (batch + 1) * sizeof *f->y);
    f->weight = arena_alloc(a, (batch + 1) * sizeof *f->weight);
    if (!f->gradient || !f->y || !f->weight || !mlp_pass_init(&f->pass, &f->state->net, f->exec->device, batch + 1, true, a))
        return no_memory(err);
    return ASX_OK;
}

/* ---- one step --------------------------------------------------------------------------------- */

/* Scores to d loss / d scores, in place; adds the batch's loss. Weights carry the 1 / batch. */
static asx_st loss_step(struct fit *f, size_t n, double *loss)
{
    float *z = f->pass.act[f->state->net.layers];
    if (f->problem->task != ASX_REGRESSION) {
        int outputs = (int)scores_of(f->problem);
        struct asx_glm_args g = {.rows = n,
                                 .k = 1,
                                 .outputs = outputs,
                                 .z = asx_buf_of(z),
                                 .ldz = (size_t)outputs,
                                 .y = f->y,
                                 .weight = f->weight,
                                 .loss = loss};
        return asx_run_kernel(f->exec->device, ASX_K_GLM_STEP, &g);
    }
    for (size_t i = 0; i < n; i++) {
        double d = (double)z[i] - f->y[i];
        *loss += 0.5 * (double)f->weight[i] * d * d;
        z[i] = (float)((double)f->weight[i] * d);
    }
    return ASX_OK;
}

static void batch_answers(struct fit *f, const uint32_t *row, size_t n)
{
    const struct mlp_target *t = &f->state->target;
    for (size_t i = 0; i < n; i++) {
        f->y[i] =
            f->problem->task == ASX_REGRESSION ? (f->problem->y[row[i]] - t->mean) / t->sd : (double)f->problem->label[row[i]];
        f->weight[i] = (float)(weight_of(f->problem, row[i]) / (f->mean_weight * (double)n));
    }
}

/* Rate of step t: warms up over the first 100 steps, then falls as 1 / sqrt(1 + epochs / 20); never looks at the end. */
static double rate_of(const struct fit *f, uint64_t t, double epochs)
{
    double warm = (double)t < 100 ? (double)t / 100 : 1;
    return f->params.learning_rate * warm / sqrt(1 + epochs / 20);
}

static void update(struct fit *f, double epochs)
{
    struct asx_state *s = f->state;
    uint64_t t = ++s->steps;
    double rate = rate_of(f, t, epochs), b1 = 0.9, b2 = 0.999;
    struct mlp_adam a = {.rate = (float)(rate / (1 - pow(b1, (double)t))),
                         .beta1 = (float)b1,
                         .beta2 = (float)b2,
                         .correction2 = (float)(1 / (1 - pow(b2, (double)t))),
                         .average = (float)(9 / ((double)t + 8))};
    for (int l = 0; l < s->net.layers; l++) {
        size_t at = s->net.at[l], bias = mlp_bias_at(&s->net, l);
        a.decay = (float)(rate * f->params.weight_decay);
        mlp_adam_step(&a, bias - at, f->gradient + at, s->m + at, s->v + at, s->w + at, s->avg + at);
        a.decay = 0;
        mlp_adam_step(&a, s->net.dim[l + 1], f->gradient + bias, s->m + bias, s->v + bias, s->w + bias, s->avg + bias);
    }
}

static asx_st step(struct fit *f, size_t from, size_t to, struct mlp_drop *drop, double epochs)
{
    double loss = 0;
    size_t n = to - from;
    drop->first_row = from;
    mlp_gather(f->dense, f->order + from, n, f->pass.act[0]);
    batch_answers(f, f->order + from, n);
    asx_st st = mlp_forward(&f->pass, f->state->w, n, drop);
    if (!st)
        st = loss_step(f, n, &loss);
    if (!st)
        st = mlp_backward(&f->pass, f->state->w, n, drop, f->gradient);
    if (!st)
        update(f, epochs);
    f->loss += loss * (double)n;
    return st;
}

/* Batches of nearly equal size over all rows, in an order that is a function of the epoch alone. */
static asx_st epoch(struct fit *f, struct asx_err *err)
{
    struct asx_state *s = f->state;
    size_t batch = mlp_batch_rows(&f->params, f->n), steps = batch ? (f->n + batch - 1) / batch : 0;
    struct rng shuffle = rng_stream(f->member->seed, 0x73687566, (uint64_t)s->epochs, 0);
    struct mlp_drop drop = {.keep = (float)(1 - f->params.dropout)};
    for (int l = 0; l < s->net.layers - 1; l++)
        drop.key[l] = rng_stream(f->member->seed, 0x64726f70, (uint64_t)s->epochs, (uint64_t)l).key;
    memcpy(f->order, f->row, f->n * sizeof *f->order);
    rng_shuffle_u32(&shuffle, f->order, f->n);
    f->loss = 0;
    for (size_t i = 0; i < steps; i++) {
        if (f->exec->stop(f->exec))
            return ASX_STOPPED;
        asx_st st = step(f, i * f->n / steps, (i + 1) * f->n / steps, &drop, s->epochs + (double)i / (double)steps);
        if (st)
            return err_set(err, st, "a step of a network failed; leave out 'mlp'");
    }
    s->epochs++;
    if (!isfinite(f->loss))
        return err_set(err, ASX_E_NUMERIC, "training the network diverged; lower 'learning_rate'");
    return ASX_OK;
}

/* ---- predictions and stages --------------------------------------------------------------------- */

void mlp_outputs(const struct mlp_target *t, const float *score, double *out)
{
    if (t->task == ASX_REGRESSION) {
        double v = t->mean + t->sd * (double)score[0];
        out[0] = v < t->low ? t->low : v > t->high ? t->high : v;
    } else if (t->task == ASX_BINARY) {
        /* the smaller probability is computed, not 1 - the larger */
        double z = (double)score[0], e = exp(-fabs(z)), small = e / (1 + e), large = 1 / (1 + e);
        out[0] = z > 0 ? small : large;
        out[1] = z > 0 ? large : small;
    } else {
        double top = (double)score[0], sum = 0;
        for (int c = 1; c < t->outputs; c++)
            top = (double)score[c] > top ? (double)score[c] : top;
        for (int c = 0; c < t->outputs; c++)
            sum += out[c] = exp((double)score[c] - top);
        for (int c = 0; c < t->outputs; c++)
            out[c] /= sum;
    }
}

static asx_st predict_rows(struct mlp_pass *pass, const struct asx_dense *dense, const struct asx_state *s, const uint32_t *row,
                           size_t n, const float *w, double *line, float *pred)
{
    size_t scores = s->net.dim[s->net.layers], outputs = (size_t)s->target.outputs;
    mlp_gather(dense, row, n, pass->act[0]);
    asx_st st = mlp_forward(pass, w, n, NULL);
    for (size_t i = 0; i < n && !st; i++) {
        mlp_outputs(&s->target, pass->act[s->net.layers] + i * scores, line);
        for (size_t c = 0; c < outputs; c++)
            pred[i * outputs + c] = (float)line[c];
    }
    return st;
}

static asx_st predict_with(struct asx_exec *e, struct mlp_pass *pass, double *line, const struct asx_dense *dense,
                           const struct asx_state *s, int fold, const float *w, float *pred, struct asx_err *err)
{
    const struct asx_fold *f = &e->problem->splits->fold[fold];
    for (size_t at = 0; at < f->n_test; at += PREDICT_ROWS) {
        size_t n = f->n_test - at < PREDICT_ROWS ? f->n_test - at : PREDICT_ROWS;
        if (e->stop(e))
            return ASX_STOPPED;
        asx_st st = predict_rows(pass, dense, s, f->test + at, n, w, line, pred + at * (size_t)s->target.outputs);
        if (st)
            return err_set(err, st, "a network's held-out rows were not predicted; leave out 'mlp'");
    }
    return ASX_OK;
}

asx_st mlp_predict_held_out(struct asx_exec *e, const struct asx_dense *dense, const struct asx_state *s, int fold, const float *w,
                            float *pred, struct asx_err *err)
{
    struct mlp_pass pass;
    double *line = arena_alloc(e->scratch, (size_t)s->target.outputs * sizeof *line);
    if (!line || !mlp_pass_init(&pass, &s->net, e->device, PREDICT_ROWS, false, e->scratch))
        return no_memory(err);
    return predict_with(e, &pass, line, dense, s, fold, w, pred, err);
}

static asx_st curve_add(struct asx_curve *c, int iteration, double value, struct asx_err *err)
{
    if (c->n == c->capacity) {
        int next = c->capacity ? 2 * c->capacity : 64;
        int *it = mem_realloc(NULL, c->iteration, (size_t)next * sizeof *it);
        c->iteration = it ? it : c->iteration;
        double *v = mem_realloc(NULL, c->value, (size_t)next * sizeof *v);
        c->value = v ? v : c->value;
        if (!it || !v)
            return no_memory(err);
        c->capacity = next;
    }
    c->iteration[c->n] = iteration;
    c->value[c->n++] = value;
    return ASX_OK;
}

/** Where staged predictions go. */
struct staging {
    struct mlp_pass pass;
    double *line;
    float *pred;
};

static asx_st staging_init(struct staging *g, const struct fit *f, struct asx_err *err)
{
    const struct asx_fold *fold = &f->problem->splits->fold[f->member->fold];
    struct arena *a = f->exec->scratch;
    g->line = arena_alloc(a, (size_t)f->problem->outputs * sizeof *g->line);
    g->pred = f->member->pred ? f->member->pred : arena_alloc(a, (fold->n_test * (size_t)f->problem->outputs + 1) * sizeof(float));
    if (!g->line || !g->pred || !mlp_pass_init(&g->pass, &f->state->net, f->exec->device, PREDICT_ROWS, false, a))
        return no_memory(err);
    return ASX_OK;
}

/* Keeps the weights of a stage and scores them; the last epoch's predictions stay in member->pred. */
static asx_st stage(struct fit *f, struct staging *g, bool last, struct asx_err *err)
{
    const struct asx_problem *p = f->problem;
    const struct asx_fold *fold = &p->splits->fold[f->member->fold];
    struct asx_state *s = f->state;
    bool is_stage = mlp_is_stage(s->epochs), scored = is_stage && f->member->curve && fold->n_test && p->metric;
    double value = NAN;
    asx_st st = ASX_OK;
    if (fold->n_test && (scored || (last && f->member->pred)))
        st = predict_with(f->exec, &g->pass, g->line, f->dense, s, f->member->fold, s->avg, g->pred, err);
    if (!st && scored) {
        struct asx_scored q = {.n = fold->n_test,
                               .outputs = p->outputs,
                               .y = p->y,
                               .pred = g->pred,
                               .weight = p->score_weight,
                               .row = fold->test,
                               .positive = p->positive};
        value = p->metric->score(&q);
        st = curve_add(f->member->curve, s->epochs, value, err);
    }
    return st || !is_stage ? st : keep_stage(s, value, p->metric, f->exec->mem, err);
}

/* ---- fits ------------------------------------------------------------------------------------------ */

static asx_st train(struct fit *f, int to, struct asx_err *err)
{
    struct staging g;
    asx_st st = make_room(f, err);
    if (!st)
        st = staging_init(&g, f, err);
    if (!st && f->state->epochs >= to && f->member->pred) /* nothing to do but to predict */
        st = predict_with(f->exec, &g.pass, g.line, f->dense, f->state, f->member->fold, f->state->avg, g.pred, err);
    while (!st && f->state->epochs < to) {
        st = epoch(f, err);
        if (!st)
            st = stage(f, &g, f->state->epochs == to, err);
    }
    return st;
}

static asx_st fit_init(struct fit *f, struct asx_exec *e, const struct asx_dense *dense, const struct asx_member *b,
                       struct asx_err *err)
{
    *f = (struct fit){.exec = e, .problem = e->problem, .dense = dense, .member = b};
    mlp_params_read(b->config, &f->params);
    return take_rows(f, err);
}

asx_st mlp_train(struct asx_exec *e, const struct asx_dense *dense, struct asx_member *b, struct asx_err *err)
{
    struct fit f;
    asx_st st = fit_init(&f, e, dense, b, err);
    f.state = b->state;
    if (!st && !f.state)
        st = new_state(&f, err);
    if (!st)
        st = train(&f, b->to.iterations > 0 ? b->to.iterations : f.params.epochs, err);
    b->state = f.state;
    if (st) { /* somewhere within an epoch: of no use to anyone */
        mlp_free_state(f.state);
        b->state = NULL;
    }
    return st;
}

asx_st mlp_weights_at(struct asx_exec *e, const struct asx_dense *dense, const struct asx_member *b, int iterations,
                      const float **w, struct asx_state **again, struct asx_err *err)
{
    const struct asx_state *s = b->state;
    *again = NULL;
    *w = s->avg;
    if (iterations <= 0 || iterations >= s->epochs)
        return ASX_OK;
    for (int i = 0; i < s->stages; i++)
        if (s->stage[i].epoch == iterations) {
            *w = s->stage[i].w;
            return ASX_OK;
        }
    struct asx_member anew = *b;
    anew.state = NULL;
    anew.pred = NULL;
    anew.curve = NULL;
    anew.from.iterations = 0;
    anew.to.iterations = iterations;
    asx_st st = mlp_train(e, dense, &anew, err);
    if (st)
        return st;
    *again = anew.state;
    *w = anew.state->avg;
    return ASX_OK;
}
