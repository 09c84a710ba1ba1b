/* SPDX-License-Identifier: Apache-2.0 */
/* Contributions of columns to predictions: members' raw scores carried over to one scale. */
#include "engine/contributions.h"

#include "base/err.h"
#include "base/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- scales ------------------------------------------------------------------------------ */

void eng_link_apply(enum asx_link link, int k, const double *raw, double *out)
{
    double top = raw[0], sum = 0;
    if (link == ASX_LINK_LOGIT) {
        for (int c = 0; c < k; c++)
            out[c] = 1 / (1 + exp(-raw[c]));
        return;
    }
    if (link != ASX_LINK_SOFTMAX) {
        for (int c = 0; c < k; c++)
            out[c] = link == ASX_LINK_LOG ? exp(raw[c]) : raw[c];
        return;
    }
    for (int c = 1; c < k; c++)
        top = fmax(top, raw[c]);
    for (int c = 0; c < k; c++)
        sum += out[c] = exp(raw[c] - top);
    for (int c = 0; c < k; c++)
        out[c] /= sum;
}

/* Of one score: the change over the distance, or the derivative where there is no distance. */
static double secant(enum asx_link link, double a, double b)
{
    double fa, fb;
    eng_link_apply(link, 1, &a, &fa);
    eng_link_apply(link, 1, &b, &fb);
    if (fabs(b - a) > 1e-6)
        return (fb - fa) / (b - a);
    return link == ASX_LINK_LOGIT ? fa * (1 - fa) : fa;
}

/* The way from base to score of softmax; room holds raw scores and the outputs of three points. */
struct softmax_way {
    int k, o;
    const double *base, *score;
    double *room, *slope;
};

static const double *softmax_at(const struct softmax_way *w, double t, int point)
{
    double *p = w->room + (size_t)(point + 1) * (size_t)w->k;
    for (int c = 0; c < w->k; c++)
        w->room[c] = w->base[c] + t * (w->score[c] - w->base[c]);
    eng_link_apply(ASX_LINK_SOFTMAX, w->k, w->room, p);
    return p;
}

/*
 * Simpson's rule over a part of the way. How far it is off is known: the slopes must make up the change of output o. Scores
 * hundreds apart turn within a thousandth of the way, so the part is halved until they do.
 */
static void softmax_part(const struct softmax_way *w, double from, double to, int halvings)
{
    const double *p[3], weight[3] = {(to - from) / 6, (to - from) * 4 / 6, (to - from) / 6};
    double off = 0;
    for (int i = 0; i < 3; i++)
        p[i] = softmax_at(w, from + (to - from) * i / 2, i);
    for (int c = 0; c < w->k; c++)
        for (int i = 0; i < 3; i++)
            off += weight[i] * p[i][w->o] * ((c == w->o) - p[i][c]) * (w->score[c] - w->base[c]);
    off -= p[2][w->o] - p[0][w->o];
    if (halvings > 0 && fabs(off) > 1e-8) {
        softmax_part(w, from, (from + to) / 2, halvings - 1);
        softmax_part(w, (from + to) / 2, to, halvings - 1);
        return;
    }
    for (int c = 0; c < w->k; c++)
        for (int i = 0; i < 3; i++)
            w->slope[c] += weight[i] * p[i][w->o] * ((c == w->o) - p[i][c]);
}

/* What the rule leaves, 1e-8 a part, is spread in proportion. */
static void softmax_slopes(int k, int o, const double *base, const double *score, double *slope)
{
    enum { PARTS = 32, HALVINGS = 16, FEW = 64 };
    double few[4 * FEW], *room = k <= FEW ? few : mem_array(NULL, 4 * (size_t)k, sizeof *room), sum = 0;
    const struct softmax_way w = {k, o, base, score, room, slope};
    memset(slope, 0, (size_t)k * sizeof *slope);
    if (!room)
        return;
    for (int i = 0; i < PARTS; i++)
        softmax_part(&w, (double)i / PARTS, (double)(i + 1) / PARTS, HALVINGS);
    for (int c = 0; c < k; c++)
        sum += slope[c] * (score[c] - base[c]);
    double change = softmax_at(&w, 1, 0)[o] - softmax_at(&w, 0, 1)[o], by = fabs(sum) > 1e-12 ? change / sum : 1;
    for (int c = 0; c < k && by > 0.5 && by < 2; c++)
        slope[c] *= by;
    if (room != few)
        mem_free(room);
}

void eng_link_slopes(enum asx_link link, int k, int o, const double *base, const double *score, double *slope)
{
    if (link == ASX_LINK_SOFTMAX) {
        softmax_slopes(k, o, base, score, slope);
        return;
    }
    memset(slope, 0, (size_t)k * sizeof *slope);
    slope[o] = link == ASX_LINK_NONE ? 1 : secant(link, base[o], score[o]);
}

/* ---- rows ---------------------------------------------------------------------------------- */

struct explainer {
    const struct model *model;
    struct model_matrix **matrix;
    double *all;                          /* [outputs * (columns of a member + 1)] */
    double *base, *score, *slope, *start; /* [outputs]; start: the ensemble's before temperature */
    struct contribution *sum;
};

void eng_explainer_close(struct explainer *x)
{
    if (!x)
        return;
    for (int i = 0; x->matrix && i < x->model->members; i++)
        eng_model_matrix_free(x->matrix[i]);
    mem_free(x->matrix);
    mem_free(x->all);
    mem_free(x->base);
    mem_free(x->sum);
    mem_free(x);
}

asx_st eng_explainer_open(const struct model *m, const struct asx_frame *bound, struct pool *pool, struct explainer **out,
                          struct asx_err *err)
{
    size_t most = 0, k = (size_t)m->outputs;
    int able = 0;
    struct explainer *x = mem_calloc(m->mem, 1, sizeof *x);
    if (!x)
        return err_set(err, ASX_E_NOMEM, "no memory to explain");
    x->model = m;
    x->matrix = mem_calloc(m->mem, (size_t)m->members, sizeof(void *));
    x->sum = mem_calloc(m->mem, (size_t)m->columns + 1, sizeof *x->sum);
    x->base = mem_calloc(m->mem, 4 * k, sizeof *x->base);
    asx_st st = x->matrix && x->sum && x->base ? ASX_OK : err_set(err, ASX_E_NOMEM, "no memory to explain");
    for (int i = 0; i < m->members && st == ASX_OK; i++) {
        able += m->member[i].learner->explain != NULL;
        if (m->member[i].parts == 0)
            continue;
        st = eng_model_matrix_make(m, i, bound, pool, &x->matrix[i], err);
        if (st == ASX_OK && eng_model_matrix_raw(x->matrix[i])->cols > most)
            most = eng_model_matrix_raw(x->matrix[i])->cols;
    }
    if (st == ASX_OK && !able)
        st = err_set(err, ASX_E_UNSUPPORTED,
                     "no learner of this model can explain its predictions; tree learners (gbdt, forest) can");
    if (st == ASX_OK && !(x->all = mem_array(m->mem, (most + 1) * k, sizeof(double))))
        st = err_set(err, ASX_E_NOMEM, "no memory to explain");
    if (st != ASX_OK) {
        eng_explainer_close(x);
        return st;
    }
    x->score = x->base + k;
    x->slope = x->base + 2 * k;
    x->start = x->base + 3 * k;
    *out = x;
    return ASX_OK;
}

/* A member that cannot explain: what it says of the row belongs to the base. */
static asx_st add_unexplained(struct explainer *x, const struct model_member *mm, const struct asx_matrix *raw, size_t row,
                              struct asx_err *err)
{
    asx_st st = mm->learner->predict(mm->model, raw, row, row + 1, x->base, err);
    for (int c = 0; st == ASX_OK && c < x->model->outputs; c++)
        x->start[c] += mm->weight * x->base[c];
    return st;
}

/* Sums of raw contributions, hence the way from base to score; then each column's part of what that way changes. */
static void add_member(struct explainer *x, const struct model_member *mm, const struct asx_matrix *raw, int o)
{
    const struct model *m = x->model;
    size_t cols = raw->cols, width = cols + 1;
    int k = m->outputs;
    enum asx_link link = mm->learner->link ? mm->learner->link(mm->model) : ASX_LINK_NONE;
    for (int c = 0; c < k; c++) {
        const double *mine = x->all + (size_t)c * width;
        x->score[c] = x->base[c] = mine[cols];
        for (size_t j = 0; j < cols; j++)
            x->score[c] += mine[j];
    }
    eng_link_slopes(link, k, o, x->base, x->score, x->slope);
    size_t j = 0;
    for (int b = 0; b < raw->blocks; b++)
        for (size_t at = 0; at < raw->block[b]->cols; at++, j++) {
            int column = eng_model_source(&m->part[mm->part[b]], raw->block[b], at);
            for (int c = 0; column >= 0 && c < k; c++)
                if (x->slope[c] != 0)
                    x->sum[column].value += mm->weight * x->slope[c] * x->all[(size_t)c * width + j];
        }
    eng_link_apply(link, k, x->base, x->score);
    for (int c = 0; c < k; c++)
        x->start[c] += mm->weight * x->score[c];
}

/* The temperature moves the whole; contributions keep their proportions. */
static void add_temperature(struct explainer *x, double p, int o)
{
    const struct model *m = x->model;
    double change = 0;
    if (m->temperature == 1 || m->outputs < 2)
        return;
    for (int c = 0; c < m->columns; c++)
        change += x->sum[c].value;
    eng_model_temper(x->start, m->outputs, m->temperature);
    double by = (p - x->start[o]) / change;
    for (int c = 0; c < m->columns && fabs(change) > 1e-9 && by > 0; c++)
        x->sum[c].value *= by;
}

static int larger(const void *a, const void *b)
{
    const struct contribution *x = a, *y = b;
    double u = fabs(x->value), v = fabs(y->value);
    return u != v ? (u < v ? 1 : -1) : (x->column > y->column) - (x->column < y->column);
}

asx_st eng_explain(struct explainer *x, size_t row, const double *p, int o, const struct contribution **list, double *base,
                   struct asx_err *err)
{
    const struct model *m = x->model;
    asx_st st = ASX_OK;
    for (int c = 0; c < m->columns; c++)
        x->sum[c] = (struct contribution){c, 0};
    memset(x->start, 0, (size_t)m->outputs * sizeof *x->start);
    for (int i = 0; i < m->members && st == ASX_OK; i++) {
        const struct model_member *mm = &m->member[i];
        const struct asx_matrix *raw = x->matrix[i] ? eng_model_matrix_raw(x->matrix[i]) : NULL;
        if (!mm->learner->explain || !raw) {
            st = add_unexplained(x, mm, raw, row, err);
            continue;
        }
        st = mm->learner->explain(mm->model, raw, row, x->all, err);
        if (st == ASX_OK)
            add_member(x, mm, raw, o);
    }
    if (st != ASX_OK)
        return st;
    add_temperature(x, p[o], o);
    *base = p[o];
    for (int c = 0; c < m->columns; c++)
        *base -= x->sum[c].value;
    qsort(x->sum, (size_t)m->columns, sizeof *x->sum, larger);
    *list = x->sum;
    return ASX_OK;
}
