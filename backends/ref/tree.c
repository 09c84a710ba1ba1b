/* SPDX-License-Identifier: Apache-2.0 */
/* The tree kernels written for reading: what the fast rows are tested against. */
#include "backends/ref/tree.h"

#include <math.h>

static asx_st ref_bin(struct asx_queue *q, const void *args)
{
    (void)q;
    const struct asx_bin_args *a = args;
    for (size_t i = 0; i < a->n; i++) {
        int b = 0;
        while (b < a->edges && a->x[i] > a->edge[b])
            b++;
        a->code[i] = (uint8_t)(a->x[i] != a->x[i] ? a->missing : b);
    }
    return ASX_OK;
}

static asx_st ref_hist(struct asx_queue *q, const void *args)
{
    (void)q;
    const struct asx_hist_args *a = args;
    for (size_t i = 0; i < a->n; i++) {
        size_t row = a->row ? a->row[i] : a->first + i;
        for (int j = 0; j < (a->used ? a->used : a->width); j++) {
            size_t at = ((size_t)j << a->stride_log2) | (size_t)(a->code[row * (size_t)a->width + (size_t)j] >> a->shift);
            if (a->gh64) {
                a->hist64[2 * at] += a->gh64[2 * i];
                a->hist64[2 * at + 1] += a->gh64[2 * i + 1];
            } else {
                a->hist[at] += a->gh ? a->gh[i] : asx_widen(a->gh16[i]);
            }
        }
    }
    return ASX_OK;
}

static double thresholded(double g, double l1)
{
    double t = fabs(g) - l1;
    return t > 0 ? t : 0;
}

/* GL^2/(HL + l2) + GR^2/(HR + l2) over one common divisor; every row of this kernel rounds alike. */
static double gain_of(const struct asx_split_args *a, double g, double h)
{
    double tl = thresholded(g, a->l1), tr = thresholded(a->sum_g - g, a->l1);
    double dl = h + a->l2, dr = (a->sum_h - h) + a->l2;
    return (tl * tl * dr + tr * tr * dl) / (dl * dr);
}

static void cell(const struct asx_split_args *a, int b, double *g, double *h)
{
    if (a->hist64) {
        *g += a->hist64[2 * b];
        *h += a->hist64[2 * b + 1];
    } else {
        *g += (double)(int32_t)(a->hist[b] >> 32) * a->g_unit;
        *h += (double)(uint32_t)a->hist[b] * a->h_unit;
    }
}

/* Largest gain of one direction of the missing cells (mg, mh are theirs when they go left); -1: none is allowed. */
static double largest(const struct asx_split_args *a, double mg, double mh)
{
    double g = mg, h = mh, top = -1;
    for (int b = 0; b < a->bins - 1; b++) {
        cell(a, b, &g, &h);
        if (h < a->min_h || a->sum_h - h < a->min_h || (a->only >= 0 && b != a->only))
            continue;
        top = fmax(top, gain_of(a, g, h));
    }
    return top;
}

/* The first threshold that ties with the largest, if that beats the other direction. */
static void scan(struct asx_split_args *a, double mg, double mh, bool missing_left)
{
    double g = mg, h = mh, top = largest(a, mg, mh), slack = asx_split_slack(a, top);
    if (!(top > (a->bin < 0 ? a->gain : a->gain + slack)))
        return;
    for (int b = 0; b < a->bins - 1; b++) {
        cell(a, b, &g, &h);
        if (h < a->min_h || a->sum_h - h < a->min_h || (a->only >= 0 && b != a->only) || gain_of(a, g, h) < top - slack)
            continue;
        a->gain = gain_of(a, g, h);
        a->bin = b;
        a->missing_left = missing_left;
        a->left_g = g;
        a->left_h = h;
        return;
    }
}

static asx_st ref_split(struct asx_queue *q, const void *args)
{
    (void)q;
    struct asx_split_args *a = (struct asx_split_args *)(uintptr_t)args;
    double mg = 0, mh = 0;
    a->gain = -1;
    a->bin = -1;
    a->missing_left = false;
    scan(a, 0, 0, false);
    if (a->missing < 0)
        return ASX_OK;
    cell(a, a->missing, &mg, &mh);
    if (mh > 0)
        scan(a, mg, mh, true);
    return ASX_OK;
}

static asx_st ref_partition(struct asx_queue *q, const void *args)
{
    (void)q;
    struct asx_partition_args *a = (struct asx_partition_args *)(uintptr_t)args;
    size_t nl = 0, nr = 0;
    for (size_t i = 0; !a->move && i < (a->n + 63) / 64; i++)
        a->side[i] = 0;
    for (size_t i = 0; i < a->n; i++) {
        bool left = a->move ? a->side[i / 64] >> (i % 64) & 1 : a->left[a->code[(size_t)a->row[i] * (size_t)a->width]] != 0;
        if (!a->move) {
            a->side[i / 64] |= (uint64_t)left << (i % 64);
        } else {
            (left ? a->left_row : a->right_row)[left ? nl : nr] = a->row[i];
            if (a->gh)
                (left ? a->left_gh : a->right_gh)[left ? nl : nr] = a->gh[i];
            if (a->gh16)
                (left ? a->left_gh16 : a->right_gh16)[left ? nl : nr] = a->gh16[i];
        }
        nl += left;
        nr += !left;
    }
    a->n_left = nl;
    return ASX_OK;
}

static asx_st ref_walk(struct asx_queue *q, const void *args)
{
    (void)q;
    const struct asx_walk_args *a = args;
    for (int i = 0; i < ASX_TREE_ROWS; i++) {
        int32_t at = 0;
        while (at >= 0) {
            const struct asx_cut_node *n = &a->node[at];
            bool left = n->by_mask ? a->mask[n->slot * ASX_TREE_ROWS + (size_t)i] != 0
                                   : (uint8_t)(a->code[n->slot * a->stride + (size_t)i] + n->add) <= n->cut;
            at = left ? n->left : n->right;
        }
        a->leaf[i] = (uint16_t)~at;
    }
    return ASX_OK;
}

void ref_tree_rows(asx_kernel_fn *kernel)
{
    kernel[ASX_K_BIN] = ref_bin;
    kernel[ASX_K_HIST] = ref_hist;
    kernel[ASX_K_SPLIT_SCAN] = ref_split;
    kernel[ASX_K_PARTITION] = ref_partition;
    kernel[ASX_K_TREE_PREDICT] = ref_walk;
}
