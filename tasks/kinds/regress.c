/* SPDX-License-Identifier: Apache-2.0 */
#include "tasks/target.h"

#include "base/err.h"
#include "base/mem.h"

#include <string.h>

/* The number of a cell; words of a dictionary or of text are read as numbers. False: it is none. */
static bool cell_number(const struct asx_column *c, size_t row, double *out)
{
    if (c->store == ASX_STORE_F64 || c->store == ASX_STORE_F32) {
        *out = asx_column_number(c, row);
        return isfinite(*out);
    }
    size_t n;
    const char *s = target_text(c, row, NULL, 0, &n);
    return target_number(s, n, out);
}

static asx_st bad_cell(const struct asx_column *c, size_t row, struct asx_err *err)
{
    char buf[40];
    size_t n;
    const char *s = target_text(c, row, buf, sizeof(buf), &n);
    return err_set(err, ASX_E_DATA,
                   "the target '%s' is not a number: row %zu says '%.*s'; choose a numeric column, or use classify", c->name,
                   row + 1, (int)(n < 40 ? n : 40), s);
}

static asx_st read_values(const struct asx_frame *f, int column, struct mem *mem, struct asx_target *t, struct asx_err *err)
{
    asx_st st = target_rows(f, column, mem, t, err);
    if (st)
        return st;
    const struct asx_column *c = &f->column[column];
    t->task = ASX_REGRESSION;
    if (c->type == ASX_DATETIME) {
        st = err_set(err, ASX_E_DATA,
                     "the target '%s' is a date, not a number; set data.types to numeric, or choose another column", c->name);
        goto out;
    }
    for (size_t i = 0; i < t->rows; i++)
        if (!cell_number(c, t->row[i], &t->y[i])) {
            st = bad_cell(c, t->row[i], err);
            goto out;
        }
out:
    if (st)
        target_clear(t);
    return st;
}

static asx_st regress_target(const struct asx_frame *f, int column, const char *positive, struct mem *mem, struct asx_target *t,
                             struct asx_err *err)
{
    memset(t, 0, sizeof(*t));
    if (positive && *positive)
        return err_set(err, ASX_E_INVAL, "a positive class '%s' is for classify; remove data.positive", positive);
    asx_st st = read_values(f, column, mem, t, err);
    if (!st && t->rows < 2) {
        target_clear(t);
        st = err_set(err, ASX_E_DATA, "one row has a value of the target '%s', too few to learn from; give more rows",
                     f->column[column].name);
    }
    return st;
}

static asx_st regress_again(const struct asx_frame *f, int column, const struct asx_target *known, struct mem *mem,
                            struct asx_target *t, struct asx_err *err)
{
    (void)known;
    return read_values(f, column, mem, t, err);
}

static const char *regress_metric(enum asx_task task)
{
    (void)task;
    return "rmse";
}

const struct asx_kind asx_kind_regress = {
    .head = {"regress", "predict a number"},
    .target = regress_target,
    .target_again = regress_again,
    .default_metric = regress_metric,
    .tasks = ASX_REGRESS,
};
