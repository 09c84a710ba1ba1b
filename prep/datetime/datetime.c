/* SPDX-License-Identifier: Apache-2.0 */
/* Dates and times as numbers: elapsed days, calendar parts, and points on circles. See README.md. */
#include "prep/support.h"

#include <string.h>

extern const struct asx_prep asx_prep_datetime;

static const struct asx_param params[] = {
    {.name = "cyclic",
     .kind = ASX_BOOL,
     .low = 0,
     .high = 1,
     .def = 1,
     .fixed = true,
     .help = "sine and cosine of the time of day, the weekday and the day of the year, so that 23:59 is near 0:00"},
};

/* Parts of a moment; the cyclic ones come last. */
enum part {
    ELAPSED,
    YEAR,
    MONTH,
    DAY,
    WEEKDAY,
    YEARDAY,
    HOUR,
    MINUTE,
    PLAIN,
    DAY_SIN = PLAIN,
    DAY_COS,
    WEEK_SIN,
    WEEK_COS,
    YEAR_SIN,
    YEAR_COS,
    PARTS
};

static const char *const part_name[PARTS] = {"days",        "year",        "month",    "day",      "weekday",
                                             "day_of_year", "hour",        "minute",   "hour_sin", "hour_cos",
                                             "weekday_sin", "weekday_cos", "year_sin", "year_cos"};

/* Parts that vary among the cells seen at fitting: bit p of `kept`. */
struct state {
    struct prep_head head;
    int columns;
    uint32_t *kept;
};

/**
 * Days since 1970-01-01 to the civil date, proleptic Gregorian calendar.
 * @source Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms" (2013), civil_from_days
 */
static void civil(int64_t days, int64_t *year, int *month, int *day)
{
    days += 719468; /* count from 0000-03-01, so that the leap day ends a year */
    int64_t era = (days >= 0 ? days : days - 146096) / 146097, of_era = days - era * 146097;
    int64_t year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t m = (5 * of_year + 2) / 153;
    *day = (int)(of_year - (153 * m + 2) / 5 + 1);
    *month = (int)(m < 10 ? m + 3 : m - 9);
    *year = year_of_era + era * 400 + (*month <= 2);
}

static bool leap(int64_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* All parts of unix time t. Times beyond some 3 million years are treated as missing. */
static void parts_of(double t, double out[PARTS])
{
    if (!(fabs(t) < 1e14)) {
        for (int p = 0; p < PARTS; p++)
            out[p] = NAN;
        return;
    }
    static const int before[12] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    int64_t day_number = (int64_t)floor(t / 86400), year;
    double second = t - (double)day_number * 86400;
    int month, day;
    civil(day_number, &year, &month, &day);
    int year_day = before[month - 1] + day + (month > 2 && leap(year));
    int64_t weekday = ((day_number + 3) % 7 + 7) % 7; /* Monday is 0; 1970-01-01 was a Thursday */
    out[ELAPSED] = t / 86400;
    out[YEAR] = (double)year;
    out[MONTH] = month;
    out[DAY] = day;
    out[WEEKDAY] = (double)weekday;
    out[YEARDAY] = year_day;
    out[HOUR] = floor(second / 3600);
    out[MINUTE] = floor(second / 60) - 60 * out[HOUR];
    double turn = 2 * M_PI;
    out[DAY_SIN] = sin(turn * second / 86400);
    out[DAY_COS] = cos(turn * second / 86400);
    out[WEEK_SIN] = sin(turn * (double)weekday / 7);
    out[WEEK_COS] = cos(turn * (double)weekday / 7);
    out[YEAR_SIN] = sin(turn * (year_day - 1) / (leap(year) ? 366 : 365));
    out[YEAR_COS] = cos(turn * (year_day - 1) / (leap(year) ? 366 : 365));
}

static int wanted(const struct asx_prep_input *in)
{
    return prep_param(&asx_prep_datetime, in->config, "cyclic") != 0 ? PARTS : PLAIN;
}

static void datetime_shape(const struct asx_prep_input *in, struct asx_shape *out)
{
    double rows = (double)in->frame->rows, cols = (double)in->columns * wanted(in);
    *out = (struct asx_shape){.rows = rows, .cols = cols, .dense = cols, .bytes = rows * cols * 4 + rows * in->columns * 4};
}

static void datetime_work(const struct asx_prep_input *in, struct asx_work *w)
{
    struct asx_shape shape;
    datetime_shape(in, &shape);
    double cells = (double)in->frame->rows * in->columns;
    *w = (struct asx_work){.output = (uint64_t)shape.bytes, .serial = 0.05};
    asx_work_add(w->once, &w->n_once, (struct asx_use){.k = ASX_KC_EXP, .t = ASX_F64, .m = cells * 6, .times = 2});
    asx_work_add(w->once, &w->n_once, (struct asx_use){.k = ASX_KC_STREAM, .t = ASX_F32, .m = shape.rows * shape.cols, .times = 1});
}

/* ---- fit ------------------------------------------------------------------ */

/* A part is kept when two cells differ in it; a cyclic pair goes with the part it was made from. */
static uint32_t varying(const struct asx_column *c, const uint32_t *rows, size_t n)
{
    double first[PARTS], here[PARTS];
    uint32_t plain = 0, all = (1u << PLAIN) - 1;
    bool begun = false;
    for (size_t i = 0; i < n && plain != all; i++) {
        double t = asx_column_number(c, rows ? rows[i] : i);
        if (t != t)
            continue;
        parts_of(t, begun ? here : first);
        for (int p = 0; begun && p < PLAIN; p++)
            plain |= here[p] != first[p] ? 1u << p : 0;
        begun = true;
    }
    uint32_t kept = plain;
    if (plain & (1u << HOUR | 1u << MINUTE))
        kept |= 1u << DAY_SIN | 1u << DAY_COS;
    if (plain & 1u << WEEKDAY)
        kept |= 1u << WEEK_SIN | 1u << WEEK_COS;
    if (plain & 1u << YEARDAY)
        kept |= 1u << YEAR_SIN | 1u << YEAR_COS;
    return kept;
}

static asx_st fit_column(struct asx_exec *x, const struct asx_prep_input *in, int j, void *state)
{
    struct state *s = state;
    (void)x;
    const struct asx_column *c = &in->frame->column[in->column[j]];
    s->kept[j] = varying(c, in->rows, in->rows ? in->n_rows : in->frame->rows) & ((1u << wanted(in)) - 1);
    return ASX_OK;
}

static asx_st fit(struct asx_exec *x, const struct asx_prep_input *in, void *state, struct asx_err *err)
{
    struct state *s = state;
    s->columns = in->columns;
    s->kept = prep_state_alloc(s, (size_t)in->columns + 1, sizeof *s->kept);
    return s->kept ? prep_fit_columns(&asx_prep_datetime, x, in, PREP_STORE_BIT(ASX_STORE_F64), fit_column, s, err) : ASX_E_NOMEM;
}

static asx_st datetime_fit(struct asx_exec *x, const struct asx_prep_input *in, struct asx_prep_state **out, struct asx_err *err)
{
    return prep_fit_state(&asx_prep_datetime, x, in, sizeof(struct state), fit, out, err);
}

/* ---- transform -------------------------------------------------------------- */

struct fill {
    const struct state *s;
    const struct asx_frame *frame;
    const int32_t *column;
    const struct asx_colref *col;
    size_t chunks;
};

static asx_st fill_piece(void *arg, size_t piece, int worker)
{
    const struct fill *f = arg;
    (void)worker;
    size_t j = piece / f->chunks, chunk = piece % f->chunks, first = 0, n = 0;
    for (size_t i = 0; i < j; i++)
        first += (size_t)__builtin_popcount(f->s->kept[i]);
    void *to[PARTS];
    int part[PARTS];
    for (int p = 0; p < PARTS; p++)
        if (f->s->kept[j] >> p & 1) {
            part[n] = p;
            to[n] = (void *)(uintptr_t)f->col[first + n].data;
            n++;
        }
    const double *t = f->frame->column[f->column[j]].f64;
    double v[PARTS];
    for (size_t i = chunk * PREP_ROWS; i < prep_chunk_end(chunk, f->frame->rows); i++) {
        parts_of(t[i], v);
        for (size_t k = 0; k < n; k++) {
            if (part[k] == ELAPSED) /* f32 would round to minutes */
                ((double *)to[k])[i] = v[ELAPSED];
            else
                ((float *)to[k])[i] = (float)v[part[k]];
        }
    }
    return ASX_OK;
}

static asx_st transform(struct asx_exec *x, const void *state, const struct asx_frame *f, const int32_t *column,
                        struct asx_block *out, struct asx_err *err)
{
    const struct state *s = state;
    size_t cols = 0, at = 0;
    for (int j = 0; j < s->columns; j++)
        cols += (size_t)__builtin_popcount(s->kept[j]);
    const char **name;
    uint8_t *kind;
    int32_t *source;
    if (prep_block_init(x, out, ASX_LAYOUT_COLUMNS, f->rows, cols) != ASX_OK ||
        prep_block_describe(x, out, &name, &kind, &source) != ASX_OK)
        return ASX_E_NOMEM;
    struct asx_colref *col = (struct asx_colref *)(uintptr_t)out->col;
    for (int j = 0; j < s->columns; j++) {
        const struct asx_column *c = &f->column[column[j]];
        asx_st st = prep_need_store(&asx_prep_datetime, c, PREP_STORE_BIT(ASX_STORE_F64), err);
        if (st != ASX_OK)
            return st;
        for (int p = 0; p < PARTS; p++) {
            if (!(s->kept[j] >> p & 1))
                continue;
            void *cells = prep_block_alloc(x, out, f->rows, p == ELAPSED ? sizeof(double) : sizeof(float));
            name[at] = prep_block_name(x, out, c->name, ".", part_name[p]);
            if (!cells || !name[at])
                return ASX_E_NOMEM;
            col[at] = (struct asx_colref){.data = cells, .dtype = p == ELAPSED ? ASX_F64 : ASX_F32};
            kind[at] = ASX_COL_NUMBER;
            source[at++] = column[j];
        }
    }
    struct fill arg = {s, f, column, col, prep_chunks(f->rows)};
    return prep_run(x, arg.chunks * (size_t)s->columns, fill_piece, &arg);
}

static asx_st datetime_transform(struct asx_exec *x, const struct asx_prep_state *state, const struct asx_frame *f,
                                 const int32_t *column, int columns, struct asx_block *out, struct asx_err *err)
{
    int fitted = ((const struct state *)(const void *)state)->columns;
    return prep_transform_state(&asx_prep_datetime, x, state, fitted, f, column, columns, transform, out, err);
}

/* ---- save, load ---------------------------------------------------------------- */

static asx_st datetime_save(const struct asx_prep_state *state, struct asx_writer *w)
{
    const struct state *s = (const void *)state;
    asx_put_u64(w, (uint64_t)s->columns);
    for (int j = 0; j < s->columns; j++)
        asx_put_u64(w, s->kept[j]);
    return ASX_OK;
}

static asx_st load(struct asx_reader *r, void *state)
{
    struct state *s = state;
    size_t columns = asx_get_count(r, 9);
    s->kept = prep_state_alloc(s, columns + 1, sizeof *s->kept);
    if (!s->kept)
        return ASX_E_NOMEM;
    s->columns = (int)columns;
    for (size_t j = 0; j < columns && !asx_reader_bad(r); j++) {
        uint64_t kept = asx_get_u64(r);
        if (kept >> PARTS)
            asx_reader_fail(r, "a list of date parts is damaged");
        s->kept[j] = (uint32_t)kept;
    }
    return ASX_OK;
}

static asx_st datetime_load(struct asx_reader *r, struct mem *mem, struct asx_prep_state **out, struct asx_err *err)
{
    return prep_load_state(&asx_prep_datetime, r, mem, sizeof(struct state), load, out, err);
}

const struct asx_prep asx_prep_datetime = {
    .head = {"datetime", "dates as elapsed days, calendar parts and points on circles"},
    .version = 1,
    .takes = ASX_TYPE_BIT(ASX_DATETIME),
    .roles = ASX_FOR_TREES | ASX_FOR_LINEAR,
    .preference = 100,
    .scope = ASX_SHARED,
    .params = params,
    .n_params = sizeof params / sizeof *params,
    .shape = datetime_shape,
    .work = datetime_work,
    .fit = datetime_fit,
    .transform = datetime_transform,
    .free_block = prep_block_free,
    .save = datetime_save,
    .load = datetime_load,
    .free_state = prep_state_free,
};
