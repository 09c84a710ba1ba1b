/* SPDX-License-Identifier: Apache-2.0 */
/* Building bins: edges per feature from a sample, groups, then codes tile by tile. */
#include "learners/trees/bins.h"

#include "base/err.h"
#include "base/mem.h"
#include "learners/trees/bins_source.h"
#include "learners/trees/kernels.h"

#include <stdatomic.h>
#include <string.h>

enum { TILE = 2048 };

/* What the chunks of a build share; chunks write disjoint parts. */
struct build {
    struct asx_exec *exec;
    const struct asx_block *raw;
    struct bins *bins;
    struct source source;
    int max_bins;
    float **edge;    /* [cols] a copy of each feature's edges, made by its chunk */
    uint8_t **level; /* [cols] bin_of_level */
    uint16_t **wide; /* [cols] wide_of_level, NULL where 254 bins do */
    size_t tiles;
    size_t *next;       /* CSR: [pieces * cols] the next cell of a column in a pass over rows */
    int64_t *piece_end; /* CSR: [pieces] places written */
    asx_kernel_fn kernel[ASX_KERNELS];
    _Atomic int failed, stopped;
};

/* ---- edges of one feature ------------------------------------------------- */

struct distinct {
    float *value;
    double *count;
    size_t n;
};

static void distinct_of_sorted(const float *sorted, size_t n, struct distinct *d)
{
    d->n = 0;
    for (size_t i = 0; i < n; i++) {
        if (d->n && d->value[d->n - 1] == sorted[i]) {
            d->count[d->n - 1] += 1;
        } else {
            d->value[d->n] = sorted[i];
            d->count[d->n++] = 1;
        }
    }
}

static void distinct_insert(struct distinct *d, float v, double count);

/* Columns of few values, as counts and indicators are, need no sort. False: more than FEW. */
static bool distinct_few(const float *v, size_t n, struct distinct *d)
{
    enum { FEW = 12 };
    float known[FEW];
    size_t count[FEW], many = 0;
    for (size_t i = 0; i < n; i++) {
        size_t k = 0;
        while (k < many && known[k] != v[i])
            k++;
        if (k == many) {
            if (many == FEW)
                return false;
            known[many] = v[i] + 0.0f; /* as source_sort has -0 */
            count[many++] = 0;
        }
        count[k]++;
    }
    d->n = 0;
    for (size_t k = 0; k < many; k++)
        distinct_insert(d, known[k], (double)count[k]);
    return true;
}

static void distinct_insert(struct distinct *d, float v, double count)
{
    size_t at = 0;
    while (at < d->n && d->value[at] < v)
        at++;
    if (at < d->n && d->value[at] == v) {
        d->count[at] += count;
        return;
    }
    memmove(d->value + at + 1, d->value + at, (d->n - at) * sizeof *d->value);
    memmove(d->count + at + 1, d->count + at, (d->n - at) * sizeof *d->count);
    d->value[at] = v;
    d->count[at] = count;
    d->n++;
}

static bool any_missing(const float *x, size_t n)
{
    int found = 0; /* no early exit inside a tile: the loop vectorises */
    for (size_t i = 0; i < n; i++)
        found |= x[i] != x[i];
    return found;
}

/* Bins of u8 codes. */
static size_t narrow(int max_bins)
{
    return max_bins < BINS_MAX - 1 ? (size_t)max_bins : BINS_MAX - 1;
}

/* Adds the values of a tile that are not known yet; false: there are more than u8 codes tell apart. */
static bool add_unknown(struct build *b, const float *x, size_t n, struct distinct *d)
{
    float known[BINS_MAX];
    uint8_t place[TILE];
    for (size_t i = 0; i < BINS_MAX; i++)
        known[i] = i < d->n ? d->value[i] : INFINITY;
    struct asx_bin_args a = {.x = x, .n = n, .edge = known, .edges = (int)d->n, .missing = 0, .code = place};
    b->kernel[ASX_K_BIN](NULL, &a);
    int unknown = 0;
    for (size_t i = 0; i < n; i++)
        unknown |= ((known[place[i]] != x[i]) | (place[i] >= d->n)) & (x[i] == x[i]);
    for (size_t i = 0; unknown && i < n; i++) {
        size_t at = 0;
        if (x[i] != x[i])
            continue;
        while (at < d->n && d->value[at] < x[i])
            at++;
        if (at < d->n && d->value[at] == x[i])
            continue; /* added just now */
        distinct_insert(d, x[i], 1);
        if (d->n > narrow(b->max_bins))
            return false;
    }
    return true;
}

/*
 * A column that showed few distinct values in the sample is read whole, so that rare values get their
 * own bin too; gives up when there turn out to be more than max_bins. Also answers whether cells are missing.
 */
static bool complete(struct build *b, size_t col, struct distinct *d)
{
    float tile[TILE];
    size_t n = source_cells(&b->source, col);
    bool missing = false, few = d->n <= narrow(b->max_bins) && n > BINS_SAMPLE;
    for (size_t i = 0; i < n && (few || !missing); i += TILE) {
        size_t m = n - i < TILE ? n - i : TILE;
        const float *x = source_run(&b->source, col, i, m, tile);
        missing = missing || any_missing(x, m);
        if (few)
            few = add_unknown(b, x, m, d);
    }
    return missing;
}

static int stride_for(int n_bins, bool missing)
{
    int s = 4;
    while ((1 << s) < n_bins + (missing ? 1 : 0))
        s++;
    return s;
}

/* Ordered bins that leave the last code to missing cells, even after shifting to 64 or 128 bins. */
static int room_for(int max_bins, bool missing)
{
    if (!missing)
        return max_bins;
    return max_bins > 255 ? max_bins : max_bins > 252 ? 252 : max_bins > 126 && max_bins < 128 ? 126 : max_bins;
}

/* More bins than u8 codes tell apart: u16 codes, with missing cells apart by 64, hence also after shifting by up to 6. */
static void widen(struct bins_feature *f)
{
    if (f->n_bins <= room_for(BINS_MAX - 1, f->has_missing))
        return;
    f->wide_bins = f->n_bins;
    f->stride_log2 = 9;
    while ((1 << f->stride_log2) < f->n_bins + 64)
        f->stride_log2++;
}

static bool number_edges(struct build *b, size_t col)
{
    struct bins_feature *f = &b->bins->feature[col];
    size_t cap = BINS_SAMPLE + 2 + BINS_MAX;
    size_t cells = source_cells(&b->source, col), zeros = source_zeros(&b->source, col);
    size_t want = cells < BINS_SAMPLE ? cells : BINS_SAMPLE;
    if (cap > want + 2 + BINS_MAX)
        cap = want + 2 + BINS_MAX;
    float *v = mem_array(b->exec->mem, cap, 3 * sizeof(float));
    double *count = mem_array(b->exec->mem, cap, sizeof *count);
    bool ok = v && count;
    if (ok) {
        struct distinct d = {v + 2 * cap, count, 0};
        size_t n = source_sample(&b->source, col, want, v);
        if (!distinct_few(v, n, &d)) {
            source_sort(v, v + cap, n);
            distinct_of_sorted(v, n, &d);
        }
        f->has_missing = (want < cells && complete(b, col, &d)) || n < want;
        if (zeros)
            distinct_insert(&d, 0, want ? (double)zeros * (double)want / (double)cells : 1);
        int room = room_for(b->max_bins, f->has_missing);
        float *edge = b->edge[col] = mem_array(b->exec->mem, (size_t)room + 1, sizeof(float));
        ok = edge != NULL;
        f->n_bins = ok ? bins_edges(d.value, d.count, d.n, room, edge) : 1;
        f->low = d.n ? d.value[0] : 0;
        f->stride_log2 = stride_for(f->n_bins, f->has_missing);
        /* 127 and 253..255 numbers beside a missing bin would share its code after a shift */
        if (f->has_missing && f->stride_log2 == 7 && f->n_bins > 126)
            f->stride_log2 = 8;
        widen(f);
        f->missing = (1 << f->stride_log2) - 1;
        f->zero = 0;
        while (ok && f->zero < f->n_bins - 1 && 0 > edge[f->zero])
            f->zero++;
    }
    mem_free(v);
    mem_free(count);
    return ok;
}

/* Levels of at least two rows, until 99 % of the rows have theirs: what LightGBM keeps. */
static bool wide_bins(struct build *b, size_t col, const uint64_t *key, size_t levels)
{
    struct bins_feature *f = &b->bins->feature[col];
    double total = 0, seen = 0;
    size_t kept = 0;
    for (size_t l = 0; l < levels; l++)
        total += (double)(key[l] >> 32);
    uint16_t *wide = b->wide[col] = mem_array(b->exec->mem, levels + 1, sizeof *wide);
    if (!wide)
        return false;
    for (size_t l = 0; l <= levels; l++)
        wide[l] = UINT16_MAX;
    for (; kept < levels && kept < BINS_WIDE && key[kept] >> 32 >= 2 && seen < 0.99 * total; kept++) {
        wide[0xffffffffu - (uint32_t)key[kept]] = (uint16_t)kept;
        seen += (double)(key[kept] >> 32);
    }
    for (size_t l = 0; l < levels; l++)
        if (wide[l] == UINT16_MAX)
            wide[l] = (uint16_t)kept;
    f->wide_bins = (int)kept;
    return true;
}

/* Levels by falling frequency, ties by code; what does not fit 254 bins counts as missing. */
static bool category_bins(struct build *b, size_t col)
{
    struct bins_feature *f = &b->bins->feature[col];
    size_t levels = (size_t)b->raw->col[col].levels;
    const int32_t *code = b->raw->col[col].data;
    uint64_t *key = mem_calloc(b->exec->mem, levels + 1, sizeof *key);
    uint8_t *bin = mem_array(b->exec->mem, levels + 1, 1);
    b->level[col] = bin;
    if (!key || !bin) {
        mem_free(key);
        return false;
    }
    bool missing = false;
    for (size_t i = 0; i < b->bins->rows; i++) {
        if (code[i] < 0 || (size_t)code[i] >= levels)
            missing = true;
        else
            key[code[i]] += 1;
    }
    for (size_t l = 0; l < levels; l++)
        key[l] = key[l] << 32 | (0xffffffffu - (uint32_t)l);
    source_sort_u64_down(key, levels);
    memset(bin, 255, levels + 1);
    int kept = 0;
    size_t rank = 0;
    for (; rank < levels && key[rank] >> 32 && kept < (int)narrow(b->max_bins) - 1; rank++)
        bin[0xffffffffu - (uint32_t)key[rank]] = (uint8_t)kept++;
    f->categorical = true;
    f->has_missing = missing || (rank < levels && key[rank] >> 32);
    f->n_bins = kept ? kept : 1;
    f->stride_log2 = stride_for(f->n_bins, true);
    f->missing = (1 << f->stride_log2) - 1;
    for (size_t l = 0; l < levels; l++)
        if (bin[l] == 255)
            bin[l] = (uint8_t)f->missing;
    f->levels = (int32_t)levels;
    bool ok = !(rank < levels && key[rank] >> 32 >= 2) || wide_bins(b, col, key, levels);
    mem_free(key);
    return ok;
}

static void edges_chunk(void *arg, size_t col, int worker)
{
    (void)worker;
    struct build *b = arg;
    if (atomic_load(&b->failed) || atomic_load(&b->stopped))
        return;
    if (b->exec->stop && b->exec->stop(b->exec)) {
        atomic_store(&b->stopped, 1);
        return;
    }
    const struct asx_block *raw = b->raw;
    bool code = raw->layout == ASX_LAYOUT_COLUMNS && raw->col[col].levels > 0;
    if (!(code ? category_bins(b, col) : number_edges(b, col)))
        atomic_store(&b->failed, 1);
}

/* ---- groups ------------------------------------------------------------------ */

static void add_group(struct bins *bins, const int *feature, int n)
{
    struct bins_group *g = &bins->group[bins->n_groups];
    g->n = n;
    g->used = (n + 3) / 4 * 4;
    g->width = g->used == 12 ? 16 : g->used;
    for (int j = 0; j < n; j++) {
        const struct bins_feature *f = &bins->feature[feature[j]];
        g->feature[j] = feature[j];
        g->stride_log2 = f->stride_log2 > g->stride_log2 ? f->stride_log2 : g->stride_log2;
        g->categorical |= f->categorical;
    }
    for (int j = 0; j < n; j++) {
        struct bins_feature *f = &bins->feature[feature[j]];
        f->group = bins->n_groups;
        f->slot = j;
        f->pre = f->categorical ? 0 : g->stride_log2 - f->stride_log2; /* shifting the group leaves small strides whole */
    }
    bins->n_groups++;
}

/* Features of one kind, by rising stride; only the last group of a kind has room left. */
static asx_st make_groups(struct build *b, struct asx_err *err)
{
    struct bins *bins = b->bins;
    int pending[BINS_GROUP], n = 0;
    bins->group = arena_calloc(bins->arena, bins->cols / BINS_GROUP + 3, sizeof *bins->group);
    if (!bins->group)
        return err_set(err, ASX_E_NOMEM, "out of memory for feature groups; raise the memory limit");
    for (int kind = 0; kind < 2; kind++) {
        for (int s = 4; s <= 8; s++)
            for (size_t j = 0; j < bins->cols; j++) {
                const struct bins_feature *f = &bins->feature[j];
                if (f->group != BINS_DENSE || f->wide_bins || f->categorical != (kind == 1) || f->stride_log2 != s)
                    continue;
                pending[n++] = (int)j;
                if (n == BINS_GROUP) {
                    add_group(bins, pending, n);
                    n = 0;
                }
            }
        if (n)
            add_group(bins, pending, n);
        n = 0;
    }
    return ASX_OK;
}

/* ---- codes ------------------------------------------------------------------- */

static void column_codes(struct build *b, size_t col, size_t first, size_t n, uint8_t *out)
{
    const struct bins_feature *f = &b->bins->feature[col];
    if (f->categorical) {
        const int32_t *code = (const int32_t *)b->raw->col[col].data + first;
        for (size_t i = 0; i < n; i++)
            out[i] = code[i] >= 0 && code[i] < f->levels ? f->bin_of_level[code[i]] : (uint8_t)f->missing;
        return;
    }
    float tile[TILE], edge[BINS_MAX];
    int edges = f->n_bins - 1;
    for (int i = 0; i < BINS_MAX; i++)
        edge[i] = i < edges ? f->edge[i] : INFINITY;
    const float *x = source_run(&b->source, col, first, n, tile);
    struct asx_bin_args a = {.x = x, .n = n, .edge = edge, .edges = edges, .missing = f->missing, .code = out};
    b->kernel[ASX_K_BIN](NULL, &a);
}

/* Sixteen bytes of sixteen rows at a time, through 64-bit words. */
static void interleave_16(const uint8_t *const *lane, size_t n, uint8_t *out)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t lo = 0, hi = 0;
        for (int j = 0; j < 8; j++) {
            lo |= (uint64_t)lane[j][i] << (8 * j);
            hi |= (uint64_t)lane[j + 8][i] << (8 * j);
        }
        memcpy(out + 16 * i, &lo, 8);
        memcpy(out + 16 * i + 8, &hi, 8);
    }
}

static void interleave(const struct bins_group *g, const uint8_t *const *lane, size_t n, uint8_t *out)
{
    if (g->width == 16)
        interleave_16(lane, n, out);
    else
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < (size_t)g->width; j++)
                out[i * (size_t)g->width + j] = lane[j][i];
}

static void codes_chunk(void *arg, size_t chunk, int worker)
{
    (void)worker;
    struct build *b = arg;
    struct bins_group *g = &b->bins->group[chunk / b->tiles];
    uint8_t shifted[BINS_GROUP * TILE];
    static const uint8_t none[TILE];
    if (atomic_load(&b->stopped))
        return;
    if (b->exec->stop && b->exec->stop(b->exec)) {
        atomic_store(&b->stopped, 1);
        return;
    }
    size_t per = (b->bins->rows + b->tiles - 1) / b->tiles, from = chunk % b->tiles * per;
    size_t to = from + per < b->bins->rows ? from + per : b->bins->rows;
    for (size_t i = from; i < to; i += TILE) {
        size_t n = to - i < TILE ? to - i : TILE;
        const uint8_t *lane[BINS_GROUP];
        for (int j = 0; j < BINS_GROUP; j++) {
            lane[j] = none;
            if (j >= g->n)
                continue;
            const struct bins_feature *f = &b->bins->feature[g->feature[j]];
            column_codes(b, (size_t)g->feature[j], i, n, f->plane + i);
            lane[j] = f->plane + i;
            for (size_t k = 0; f->pre && k < n; k++)
                shifted[(size_t)j * TILE + k] = (uint8_t)(f->plane[i + k] << f->pre);
            if (f->pre)
                lane[j] = shifted + (size_t)j * TILE;
        }
        interleave(g, lane, n, g->code + i * (size_t)g->width);
    }
}

/* Codes of a number of more than 255 bins: the first edge that is not below the value, by halving without branches. */
static void wide_number(struct build *b, size_t col)
{
    const struct bins_feature *f = &b->bins->feature[col];
    float tile[TILE];
    for (size_t i = 0; i < b->bins->rows; i += TILE) {
        size_t n = b->bins->rows - i < TILE ? b->bins->rows - i : TILE;
        const float *x = source_run(&b->source, col, i, n, tile);
        for (size_t k = 0; k < n; k++) {
            const float *at = f->edge;
            for (size_t left = (size_t)f->n_bins - 1; left > 0;) {
                size_t half = (left + 1) / 2;
                at = x[k] > at[half - 1] ? at + half : at;
                left -= half;
            }
            f->wide[i + k] = (uint16_t)(x[k] != x[k] ? f->missing : at - f->edge);
        }
    }
}

/* Wide features are in no group: both planes in one pass over the column. */
static void wide_chunk(void *arg, size_t col, int worker)
{
    (void)worker;
    struct build *b = arg;
    struct bins_feature *f = &b->bins->feature[col];
    if (!f->wide)
        return;
    if (!f->categorical) {
        wide_number(b, col);
        return;
    }
    const int32_t *code = b->raw->col[col].data;
    for (size_t i = 0; i < b->bins->rows; i++) {
        bool known = code[i] >= 0 && code[i] < f->levels;
        f->plane[i] = known ? f->bin_of_level[code[i]] : (uint8_t)f->missing;
        f->wide[i] = known ? f->wide_of_level[code[i]] : (uint16_t)f->wide_bins;
    }
}

static void sparse_plane(void *arg, size_t col, int worker)
{
    (void)worker;
    struct bins *bins = arg;
    const struct bins_feature *f = &bins->feature[col];
    const struct bins_sparse *s = &bins->sparse;
    if (!f->plane)
        return;
    memset(f->plane, f->zero, bins->rows + 64);
    for (size_t k = s->start[col]; k < s->start[col] + s->count[col]; k++)
        f->plane[s->row[k]] = s->code[k];
}

/*
 * Partitions and forests look single cells up, which a search in the row makes five to ten times dearer than a
 * byte. Small sparse blocks therefore get planes as dense ones have; larger ones, or a tight budget, do without.
 */
static void sparse_planes(struct bins *bins, struct asx_exec *exec)
{
    enum { MOST = 64 << 20 };
    size_t used = 0;
    for (size_t j = 0; j < bins->cols; j++)
        used += bins->feature[j].group == BINS_SPARSE;
    size_t bytes = used * (bins->rows + 64);
    if (bytes > MOST || !mem_fits(exec->mem, 4 * bytes))
        return;
    for (size_t j = 0; j < bins->cols; j++) {
        struct bins_feature *f = &bins->feature[j];
        f->plane = f->group == BINS_SPARSE ? mem_array(exec->mem, bins->rows + 64, 1) : NULL;
    }
    exec->split(exec, bins->cols, sparse_plane, bins);
    bins->bytes += bytes;
}

/*
 * Places of the columns in a histogram: as many as there are codes, missing cells right after the others. Columns of
 * more than 64 codes, which configs may shift, keep the layout of dense ones.
 */
static asx_st sparse_places(struct bins *bins)
{
    struct bins_sparse *s = &bins->sparse;
    size_t total = 0;
    s->base = arena_alloc(bins->arena, (bins->cols + 1) * sizeof *s->base);
    if (!s->base)
        return ASX_E_NOMEM;
    for (size_t j = 0; j < bins->cols; j++) {
        struct bins_feature *f = &bins->feature[j];
        s->base[j] = (uint32_t)total;
        if (f->group == BINS_CONSTANT)
            continue;
        if (f->stride_log2 <= 6)
            f->missing = f->n_bins;
        total += bins_places(f);
    }
    s->base[bins->cols] = (uint32_t)total;
    s->feature_of = arena_alloc(bins->arena, (total + 1) * sizeof *s->feature_of);
    if (!s->feature_of)
        return ASX_E_NOMEM;
    for (size_t j = 0; j < bins->cols; j++)
        for (uint32_t k = s->base[j]; k < s->base[j + 1]; k++)
            s->feature_of[k] = (uint32_t)j;
    return ASX_OK;
}

/* Codes of the stored cells of one column. */
static void sparse_column(void *arg, size_t col, int worker)
{
    (void)worker;
    struct build *b = arg;
    size_t n = source_cells(&b->source, col);
    uint8_t *code = b->bins->sparse.code + b->source.start[col];
    if (b->bins->feature[col].group == BINS_CONSTANT)
        memset(code, 0, n);
    else if (n)
        column_codes(b, col, 0, n, code);
}

/*
 * Row by row from the codes by column, which every row takes the next of; cells in the bin of zero are dropped. A piece of
 * rows writes from where its cells stand in the raw block.
 */
static void sparse_rows(void *arg, size_t piece, int worker)
{
    (void)worker;
    struct build *b = arg;
    struct bins *bins = b->bins;
    const struct asx_csr *m = &b->raw->csr;
    struct bins_sparse *s = &bins->sparse;
    size_t first = source_piece(&b->source, piece), last = source_piece(&b->source, piece + 1);
    size_t *at = b->next + piece * bins->cols;
    int64_t n = m->indptr[first];
    memcpy(at, piece ? b->source.end + (piece - 1) * bins->cols : b->source.start, bins->cols * sizeof *at);
    for (size_t i = first; i < last; i++) {
        s->indptr[i] = n;
        for (int64_t k = m->indptr[i]; k < m->indptr[i + 1]; k++) {
            size_t j = (size_t)m->indices[k];
            const struct bins_feature *f = &bins->feature[j];
            int code = s->code[at[j]++];
            int64_t place = n;
            n += (f->group != BINS_CONSTANT) & (code != f->zero);
            if (n > place)
                s->place[place] = s->base[j] + (uint32_t)code;
        }
    }
    b->piece_end[piece] = n;
}

/* Closes the gaps that dropped cells left between pieces. */
static void join_rows(struct build *b)
{
    struct bins_sparse *s = &b->bins->sparse;
    int64_t n = b->piece_end[0];
    for (size_t p = 1; p < b->source.pieces; p++) {
        size_t first = source_piece(&b->source, p), last = source_piece(&b->source, p + 1);
        int64_t from = b->raw->csr.indptr[first], gap = from - n;
        if (gap > 0)
            memmove(s->place + n, s->place + from, (size_t)(b->piece_end[p] - from) * sizeof *s->place);
        for (size_t i = first; gap > 0 && i < last; i++)
            s->indptr[i] -= gap;
        n = b->piece_end[p] - gap;
    }
    s->indptr[b->bins->rows] = n;
}

static void drop_zeros(void *arg, size_t col, int worker)
{
    (void)worker;
    struct build *b = arg;
    struct bins_sparse *s = &b->bins->sparse;
    const struct bins_feature *f = &b->bins->feature[col];
    size_t from = s->start[col], n = 0, all = s->start[col + 1] - from;
    if (f->group != BINS_CONSTANT && !memchr(s->code + from, f->zero, all)) { /* as a rule */
        s->count[col] = all;
        return;
    }
    for (size_t k = from; f->group != BINS_CONSTANT && k < s->start[col + 1]; k++) {
        s->row[from + n] = s->row[k];
        s->code[from + n] = s->code[k];
        n += s->code[k] != f->zero;
    }
    s->count[col] = n;
}

static asx_st sparse_codes(struct build *b, struct asx_err *err)
{
    struct bins *bins = b->bins;
    const struct asx_csr *m = &b->raw->csr;
    size_t nnz = (size_t)m->indptr[m->rows], pieces = b->source.pieces;
    struct bins_sparse *s = &bins->sparse;
    b->next = mem_array(b->exec->mem, pieces * bins->cols + 1, sizeof *b->next);
    b->piece_end = mem_array(b->exec->mem, pieces, sizeof *b->piece_end);
    s->indptr = mem_array(b->exec->mem, m->rows + 1, sizeof *s->indptr);
    s->code = mem_array(b->exec->mem, nnz + 1, 1);
    s->count = mem_array(b->exec->mem, bins->cols + 1, sizeof *s->count);
    if (!b->next || !b->piece_end || !s->indptr || !s->code || !s->count || sparse_places(bins))
        return err_set(err, ASX_E_NOMEM, "out of memory for the bins of %zu cells; raise the memory limit", nnz);
    b->exec->split(b->exec, bins->cols, sparse_column, b);
    s->place = (uint32_t *)(void *)b->source.value; /* values have become codes: places take their memory */
    b->source.value = NULL;
    b->exec->split(b->exec, pieces, sparse_rows, b);
    join_rows(b);
    s->start = b->source.start;
    s->row = b->source.row;
    b->exec->split(b->exec, bins->cols, drop_zeros, b);
    b->source.start = NULL; /* the bins' now */
    b->source.row = NULL;
    bins->bytes = (m->rows + 1) * sizeof *s->indptr + nnz * (sizeof *s->place + sizeof *s->row + 1);
    sparse_planes(bins, b->exec);
    return ASX_OK;
}

static asx_st dense_codes(struct build *b, struct asx_err *err)
{
    struct bins *bins = b->bins;
    for (int g = 0; g < bins->n_groups; g++) {
        size_t bytes = bins->rows * (size_t)bins->group[g].width;
        bins->group[g].code = mem_array(b->exec->mem, bytes + 64, 1);
        if (!bins->group[g].code)
            return err_set(err, ASX_E_NOMEM, "out of memory for the bins of %zu rows; raise the memory limit", bins->rows);
        bins->bytes += bytes;
    }
    for (size_t j = 0; j < bins->cols; j++) {
        struct bins_feature *f = &bins->feature[j];
        if (f->group < 0 && !f->wide_bins)
            continue;
        if (f->wide_bins) {
            f->wide = mem_array(b->exec->mem, bins->rows + 32, sizeof *f->wide);
            if (!f->wide)
                return err_set(err, ASX_E_NOMEM, "out of memory for the bins of %zu rows; raise the memory limit", bins->rows);
            bins->bytes += 2 * bins->rows;
        }
        if (f->wide_bins && !f->categorical)
            continue;
        bins->feature[j].plane = mem_array(b->exec->mem, bins->rows + 64, 1);
        if (!bins->feature[j].plane)
            return err_set(err, ASX_E_NOMEM, "out of memory for the bins of %zu rows; raise the memory limit", bins->rows);
        bins->bytes += bins->rows;
    }
    size_t tasks = 4 * (size_t)b->exec->threads, groups = (size_t)bins->n_groups;
    b->tiles = (bins->rows + 65535) / 65536;
    while (b->exec->threads > 1 && groups > 0 && b->tiles * groups < tasks && bins->rows / b->tiles > 2 * TILE)
        b->tiles++;
    b->exec->split(b->exec, b->tiles * groups, codes_chunk, b);
    b->exec->split(b->exec, bins->cols, wide_chunk, b);
    return ASX_OK;
}

/* ---- the whole ----------------------------------------------------------------- */

/* Moves what the chunks made into the arena, decides which features stay. */
static asx_st adopt(struct build *b, bool sparse, struct asx_err *err)
{
    for (size_t j = 0; j < b->bins->cols; j++) {
        struct bins_feature *f = &b->bins->feature[j];
        bool constant = f->n_bins + (f->has_missing ? 1 : 0) < 2;
        f->group = constant ? BINS_CONSTANT : sparse ? BINS_SPARSE : BINS_DENSE;
        f->monotone = b->raw->monotone ? b->raw->monotone[j] : 0;
        f->edge = arena_alloc(b->bins->arena, f->categorical ? 1 : (size_t)f->n_bins * sizeof(float));
        f->bin_of_level = arena_alloc(b->bins->arena, f->categorical ? (size_t)f->levels + 1 : 1);
        if (!f->edge || !f->bin_of_level)
            return err_set(err, ASX_E_NOMEM, "out of memory for bin edges; raise the memory limit");
        if (f->wide_bins && f->categorical) {
            f->wide_of_level = arena_alloc(b->bins->arena, (size_t)f->levels * sizeof *f->wide_of_level);
            if (!f->wide_of_level)
                return err_set(err, ASX_E_NOMEM, "out of memory for bin edges; raise the memory limit");
            memcpy(f->wide_of_level, b->wide[j], (size_t)f->levels * sizeof *f->wide_of_level);
        }
        if (f->categorical)
            memcpy(f->bin_of_level, b->level[j], (size_t)f->levels);
        else
            memcpy(f->edge, b->edge[j], (size_t)f->n_bins * sizeof(float));
    }
    return ASX_OK;
}

static asx_st build_all(struct build *b, struct asx_err *err)
{
    asx_st st = bins_source_open(&b->source, b->exec, b->raw, err);
    if (st)
        return st;
    b->exec->split(b->exec, b->bins->cols, edges_chunk, b);
    if (atomic_load(&b->failed))
        return err_set(err, ASX_E_NOMEM, "out of memory for bin edges; raise the memory limit");
    bool sparse = b->raw->layout == ASX_LAYOUT_CSR;
    if (!atomic_load(&b->stopped))
        st = adopt(b, sparse, err);
    if (!st && !atomic_load(&b->stopped) && !sparse)
        st = make_groups(b, err);
    if (!st && !atomic_load(&b->stopped))
        st = sparse ? sparse_codes(b, err) : dense_codes(b, err);
    return st ? st : atomic_load(&b->stopped) ? ASX_STOPPED : ASX_OK;
}

asx_st bins_build(struct asx_exec *exec, const struct asx_block *raw, int max_bins, struct bins **out, struct asx_err *err)
{
    struct build b = {.exec = exec, .raw = raw, .max_bins = raw->layout == ASX_LAYOUT_CSR && max_bins > 255 ? 255 : max_bins};
    asx_st st = ASX_E_NOMEM;
    tree_kernels(exec, b.kernel);
    b.bins = mem_calloc(exec->mem, 1, sizeof *b.bins);
    b.edge = mem_calloc(exec->mem, raw->cols + 1, sizeof *b.edge);
    b.level = mem_calloc(exec->mem, raw->cols + 1, sizeof *b.level);
    b.wide = mem_calloc(exec->mem, raw->cols + 1, sizeof *b.wide);
    if (b.bins)
        b.bins->arena = arena_create(exec->mem);
    if (b.bins && b.bins->arena)
        b.bins->feature = arena_calloc(b.bins->arena, raw->cols + 1, sizeof *b.bins->feature);
    if (b.bins && b.edge && b.level && b.wide && b.bins->feature) {
        b.bins->rows = raw->rows;
        b.bins->cols = raw->cols;
        st = build_all(&b, err);
    } else {
        err_set(err, st, "out of memory for bins; raise the memory limit");
    }
    bins_source_close(&b.source);
    for (size_t j = 0; b.edge && b.level && b.wide && j < raw->cols; j++) {
        mem_free(b.edge[j]);
        mem_free(b.level[j]);
        mem_free(b.wide[j]);
    }
    mem_free(b.next);
    mem_free(b.piece_end);
    mem_free(b.wide);
    mem_free(b.edge);
    mem_free(b.level);
    if (st) {
        bins_free(b.bins);
        b.bins = NULL;
    }
    *out = b.bins;
    return st;
}

void bins_free(struct bins *b)
{
    if (!b)
        return;
    for (int g = 0; g < b->n_groups; g++)
        mem_free(b->group[g].code);
    for (size_t j = 0; b->feature && j < b->cols; j++) {
        mem_free(b->feature[j].plane);
        mem_free(b->feature[j].wide);
    }
    mem_free(b->sparse.indptr);
    mem_free(b->sparse.place);
    mem_free(b->sparse.start);
    mem_free(b->sparse.count);
    mem_free(b->sparse.row);
    mem_free(b->sparse.code);
    arena_destroy(b->arena);
    mem_free(b);
}
