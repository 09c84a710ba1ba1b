/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Body of glm_step for one vector width: a file defines LANES and GLM_STEP, then includes this.
 *
 * Logistic: lanes run along LANES models of a row, or along rows when there is one model, straight
 * from memory. What is left over, and softmax of few outputs, is gathered: LANES items (row, model)
 * into vectors, one per output, computed and put back. With at least LANES outputs the lanes run
 * along an item's outputs. Losses are summed in double, in an order that depends on the shape only.
 */
#include "backends/cpu/cpu.h"
#include "backends/cpu/vecmath.h"

#include <math.h>
#include <string.h>

/* By dereference, not memcpy: gcc 12 would copy 32 bytes as two halves through the stack, which stalls. */
static inline vf load_floats(const float *p)
{
    return *(const vf *)p;
}

static inline void store_floats(float *p, vf v)
{
    *(vf *)p = v;
}

struct item_block {
    size_t row, model; /* of the first item */
    size_t first;      /* models before it are not taken */
    size_t n;
};

static inline void advance(const struct asx_glm_args *g, const struct item_block *b, size_t *row, size_t *model)
{
    if (++*model == g->k) {
        *model = b->first;
        ++*row;
    }
}

/* Loads the block's logits (as columns of LANES), y and weights; lanes past n are harmless zeros. */
static inline void load(const struct asx_glm_args *g, const struct item_block *b, vf *z, vf *y, vf *w)
{
    float *zs = (float *)z, *ys = (float *)y, *ws = (float *)w;
    size_t row = b->row, model = b->model;
    for (size_t l = 0; l < LANES; l++) {
        bool real = l < b->n;
        ys[l] = real ? (float)g->y[row] : 0;
        ws[l] = !real ? 0 : g->weight ? g->weight[row * g->k + model] : 1;
        const float *from = (const float *)g->z.host + row * g->ldz + model * (size_t)g->outputs;
        for (int c = 0; c < g->outputs; c++)
            zs[(size_t)c * LANES + l] = real && ws[l] != 0 ? from[c] : 0;
        if (real)
            advance(g, b, &row, &model);
    }
}

static inline void store(const struct asx_glm_args *g, const struct item_block *b, const vf *z, const vf *loss)
{
    const float *zs = (const float *)z, *ls = (const float *)loss;
    size_t row = b->row, model = b->model;
    for (size_t l = 0; l < b->n; l++) {
        float *to = (float *)g->z.host + row * g->ldz + model * (size_t)g->outputs;
        for (int c = 0; c < g->outputs; c++)
            to[c] = zs[(size_t)c * LANES + l];
        g->loss[model] += (double)ls[l];
        advance(g, b, &row, &model);
    }
}

static inline vf logistic(vf *z, vf y, vf w)
{
    vf x = *z, zero = vec(0.0f), one = vec(1.0f);
    vi negative = x < zero;
    vf e = vec_exp(vec_select(negative, x, -x));
    vf inverse = one / (one + e);
    vf p = vec_select(negative, e * inverse, inverse);
    *z = w * (p - y);
    return w * (vec_log1p(e) + (vec_select(negative, zero, x) - y * x));
}

/* ln of sums in [1, outputs]: scalar, one a item. */
static inline vf softmax(vf *z, int outputs, vf y, vf w)
{
    vf top = z[0], sum = vec(0.0f), at_label = vec(0.0f);
    for (int c = 1; c < outputs; c++)
        top = vec_select(z[c] <= top, top, z[c]); /* a NaN wins and poisons the item, as it must */
    for (int c = 0; c < outputs; c++) {
        vi mine = y == vec((float)c);
        at_label = vec_select(mine, z[c] - top, at_label);
        z[c] = vec_exp(z[c] - top);
        sum += z[c];
    }
    vf scale = w / sum, loss;
    float *ls = (float *)&loss;
    for (size_t l = 0; l < LANES; l++)
        ls[l] = logf(((const float *)&sum)[l]);
    for (int c = 0; c < outputs; c++) {
        vi mine = y == vec((float)c);
        z[c] = z[c] * scale - vec_select(mine, w, vec(0.0f));
    }
    return w * (loss - at_label);
}

/* Softmax of one item with many outputs, lanes along them; the tail is padded with -infinity. */
static double wide_softmax(float *z, size_t outputs, size_t label, float w)
{
    size_t whole = outputs / LANES * LANES, rest = outputs - whole;
    vf pad = vec(-INFINITY), top, sum = vec(0.0f);
    memcpy(&pad, z + whole, rest * sizeof *z);
    top = pad;
    for (size_t c = 0; c < whole; c += LANES) {
        vf v = load_floats(z + c);
        top = vec_select(v <= top, top, v);
    }
    float most = ((const float *)&top)[0];
    for (size_t l = 1; l < LANES; l++)
        if (!(((const float *)&top)[l] <= most))
            most = ((const float *)&top)[l];
    float at_label = z[label] - most;
    for (size_t c = 0; c < whole; c += LANES) {
        vf v = vec_exp(load_floats(z + c) - vec(most));
        sum += v;
        store_floats(z + c, v);
    }
    double total = 0;
    for (size_t l = 0; l < LANES; l++)
        total += (double)((const float *)&sum)[l];
    pad = vec_exp(pad - vec(most));
    for (size_t l = 0; l < rest; l++) {
        z[whole + l] = ((const float *)&pad)[l];
        total += (double)z[whole + l];
    }
    float scale = (float)((double)w / total);
    for (size_t c = 0; c < outputs; c++)
        z[c] *= scale;
    z[label] -= w;
    return (double)w * (log(total) - (double)at_label);
}

static void wide(const struct asx_glm_args *g)
{
    size_t outputs = (size_t)g->outputs;
    for (size_t i = 0; i < g->rows; i++)
        for (size_t j = 0; j < g->k; j++) {
            float *z = (float *)g->z.host + i * g->ldz + j * outputs;
            float w = g->weight ? g->weight[i * g->k + j] : 1;
            if (w == 0)
                memset(z, 0, outputs * sizeof *z);
            else
                g->loss[j] += wide_softmax(z, outputs, (size_t)g->y[i], w);
        }
}

/* Infinite logits: vec_exp clamps, so the vector path would hide them. */
static inline vf poison(const vf *z, int outputs, vf loss)
{
    vf bad = vec(0.0f);
    for (int c = 0; c < outputs; c++)
        bad += z[c] - z[c]; /* NaN for NaN and infinity */
    return loss + bad;
}

typedef float hf __attribute__((vector_size(LANES * 2), aligned(4), may_alias));
typedef double hd __attribute__((vector_size(LANES * 4), aligned(8), may_alias));

/* LANES sums in double, as two vectors of the size of vf: wider ones compile badly. */
struct sums {
    hd low, high;
};

static inline void add(struct sums *s, vf v)
{
    hf part[2];
    memcpy(part, &v, sizeof v);
    s->low += __builtin_convertvector(part[0], hd);
    s->high += __builtin_convertvector(part[1], hd);
}

static inline double sum_of(const struct sums *s, size_t lane)
{
    return ((const double *)(lane < LANES / 2 ? &s->low : &s->high))[lane % (LANES / 2)];
}

static inline vf load_doubles(const double *p)
{
    hf part[2] = {__builtin_convertvector(*(const hd *)p, hf), __builtin_convertvector(*(const hd *)(p + LANES / 2), hf)};
    vf v;
    memcpy(&v, part, sizeof v);
    return v;
}

/* Residuals of LANES logits in place; returns the losses. Where the weight is 0 both are 0, whatever z holds. */
static inline vf logistic_at(float *z, vf y, vf w)
{
    vf v = load_floats(z);
    v = vec_select(w == vec(0.0f), vec(0.0f), v);
    vf bad = v - v; /* NaN for NaN and infinity, which vec_exp would hide */
    vf loss = logistic(&v, y, w) + bad;
    store_floats(z, v);
    return loss;
}

enum { ROWS = 64 }; /* rows whose losses are summed before they go to the total: fixed, so that sums repeat */

/* One model: lanes along the rows. Returns how many rows were done. */
static size_t one_model(const struct asx_glm_args *g)
{
    float *z = g->z.host;
    size_t whole = g->rows / LANES * LANES;
    struct sums sum = {{0}, {0}};
    for (size_t i = 0; i < whole; i += LANES) {
        vf w = g->weight ? load_floats(g->weight + i) : vec(1.0f);
        add(&sum, logistic_at(z + i, load_doubles(g->y + i), w));
    }
    for (size_t l = 0; l < LANES; l++)
        g->loss[0] += sum_of(&sum, l);
    return whole;
}

/* Models [first, first + LANES) of all rows: lanes along the models. */
static void model_tile(const struct asx_glm_args *g, size_t first)
{
    for (size_t i0 = 0; i0 < g->rows; i0 += ROWS) {
        size_t end = g->rows - i0 < ROWS ? g->rows : i0 + ROWS;
        struct sums sum = {{0}, {0}};
        for (size_t i = i0; i < end; i++) {
            vf w = g->weight ? load_floats(g->weight + i * g->k + first) : vec(1.0f);
            add(&sum, logistic_at((float *)g->z.host + i * g->ldz + first, vec((float)g->y[i]), w));
        }
        for (size_t l = 0; l < LANES; l++)
            g->loss[first + l] += sum_of(&sum, l);
    }
}

/* Items of models [first, k) from row `row` on, gathered LANES at a time. */
static void gathered(const struct asx_glm_args *g, size_t row, size_t first)
{
    size_t items = (g->rows - row) * (g->k - first);
    struct item_block b = {row, first, first, LANES};
    for (size_t at = 0; at < items; at += LANES) {
        if (items - at < LANES)
            b.n = items - at;
        vf z[LANES], y, w;
        load(g, &b, z, &y, &w);
        vf bad = poison(z, g->outputs, vec(0.0f));
        vf loss = g->outputs == 1 ? logistic(&z[0], y, w) : softmax(z, g->outputs, y, w);
        loss += bad;
        store(g, &b, z, &loss);
        for (size_t l = 0; l < b.n; l++)
            advance(g, &b, &b.row, &b.model);
    }
}

asx_st GLM_STEP(struct asx_queue *q, const void *args)
{
    (void)q;
    const struct asx_glm_args *g = args;
    if (g->rows == 0 || g->k == 0)
        return ASX_OK;
    if (g->outputs >= LANES) {
        wide(g);
        return ASX_OK;
    }
    size_t row = 0, model = 0;
    if (g->outputs == 1 && g->k == 1 && g->ldz == 1)
        row = one_model(g);
    else if (g->outputs == 1)
        for (; model + LANES <= g->k; model += LANES)
            model_tile(g, model);
    if (model < g->k)
        gathered(g, row, model);
    return ASX_OK;
}
