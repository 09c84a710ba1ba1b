/* SPDX-License-Identifier: Apache-2.0 */
/* Confusion matrix, ROC curve, residuals: what the report draws of the best model's held-out predictions. */
#include "engine/board.h"

#include "base/json.h"
#include "base/mem.h"

#include <stdlib.h>

enum { MOST_CLASSES = 50, ROC_POINTS = 200, RESIDUAL_POINTS = 500 };

static int decide(const struct run *r, const float *p)
{
    int k = r->problem.outputs, best = 0;
    if (k == 2 && r->threshold > 0)
        return p[r->problem.positive] >= (float)r->threshold ? r->problem.positive : 1 - r->problem.positive;
    for (int c = 1; c < k; c++)
        if (p[c] > p[best])
            best = c;
    return best;
}

static void add_confusion(const struct run *r, const uint32_t *row, size_t n, const float *blend, json_t *out)
{
    int k = r->problem.classes;
    int64_t *count = k <= MOST_CLASSES ? mem_calloc(r->mem, (size_t)(k * k), sizeof *count) : NULL;
    if (!count)
        return;
    for (size_t i = 0; i < n; i++)
        count[r->problem.label[row[i]] * k + decide(r, blend + i * (size_t)k)]++;
    json_t *classes = json_array(), *counts = json_array();
    for (int a = 0; a < k; a++) {
        json_array_append_new(classes, json_string(r->problem.class_name[a]));
        json_t *line = json_array();
        for (int b = 0; b < k; b++)
            json_array_append_new(line, json_integer(count[a * k + b]));
        json_array_append_new(counts, line);
    }
    json_object_set_new(out, "confusion", json_pack("{s:o, s:o}", "classes", classes, "counts", counts));
    mem_free(count);
}

struct ranked {
    float p;
    float weight;
    int positive;
};

static int descending(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    return (x->p < y->p) - (x->p > y->p);
}

static void add_roc(const struct run *r, const uint32_t *row, size_t n, const float *blend, json_t *out)
{
    struct ranked *list = r->problem.task == ASX_BINARY ? mem_array(r->mem, n, sizeof *list) : NULL;
    if (!list)
        return;
    double pos = 0, neg = 0;
    for (size_t i = 0; i < n; i++) {
        float w = r->problem.score_weight ? (float)r->problem.score_weight[row[i]] : 1;
        int positive = r->problem.label[row[i]] == r->problem.positive;
        list[i] = (struct ranked){blend[i * 2 + (size_t)r->problem.positive], w, positive};
        *(positive ? &pos : &neg) += (double)w;
    }
    qsort(list, n, sizeof *list, descending);
    json_t *curve = json_array();
    json_array_append_new(curve, json_pack("[f, f]", 0.0, 0.0));
    double tp = 0, fp = 0, last = 0;
    for (size_t i = 0; pos > 0 && neg > 0 && i < n; i++) {
        *(list[i].positive ? &tp : &fp) += (double)list[i].weight;
        bool tie = i + 1 < n && list[i + 1].p == list[i].p;
        double at = tp / pos + fp / neg;
        if (tie || (at - last < 2.0 / ROC_POINTS && i + 1 < n))
            continue;
        json_array_append_new(curve, json_pack("[f, f]", fp / neg, tp / pos));
        last = at;
    }
    json_object_set_new(out, "roc", curve);
    mem_free(list);
}

static void add_residuals(const struct run *r, const uint32_t *row, size_t n, const float *blend, json_t *out)
{
    json_t *points = json_array();
    size_t step = n / RESIDUAL_POINTS + 1;
    for (size_t i = 0; i < n; i += step)
        json_array_append_new(points, json_pack("[o, o]", json_number((double)blend[i]), json_number(r->problem.y[row[i]])));
    json_object_set_new(out, "residuals", points);
}

json_t *board_summary(const struct run *r, const uint32_t *row, size_t n, const float *blend)
{
    json_t *out = json_object();
    if (!out)
        return NULL;
    if (r->problem.task == ASX_REGRESSION) {
        add_residuals(r, row, n, blend, out);
    } else {
        add_confusion(r, row, n, blend, out);
        add_roc(r, row, n, blend, out);
    }
    return out;
}
