/* SPDX-License-Identifier: Apache-2.0 */
#include "tasks/target.h"

#include "base/err.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void target_clear(struct asx_target *t)
{
    mem_free(t->class_name);
    mem_free(t->y);
    mem_free(t->label);
    mem_free(t->row);
    memset(t, 0, sizeof(*t));
}

bool target_missing(const struct asx_column *c, size_t row)
{
    if (c->store == ASX_STORE_STRING)
        return c->missing && (c->missing[row / 64] >> (row % 64) & 1);
    double v = asx_column_number(c, row);
    return v != v;
}

const char *target_text(const struct asx_column *c, size_t row, char *buf, size_t size, size_t *length)
{
    if (c->store == ASX_STORE_STRING) {
        *length = (size_t)(c->offset[row + 1] - c->offset[row]);
        return c->bytes + c->offset[row];
    }
    if (c->store == ASX_STORE_CODE) {
        const char *s = c->level[c->code[row]];
        *length = strlen(s);
        return s;
    }
    double v = asx_column_number(c, row) + 0.0; /* -0 and 0 are one class */
    int digits = c->store == ASX_STORE_F32 ? 6 : 15, last = c->store == ASX_STORE_F32 ? 9 : 17;
    for (; digits <= last; digits++) {
        snprintf(buf, size, "%.*g", digits, v);
        double back = strtod(buf, NULL);
        if (c->store == ASX_STORE_F32 ? (float)back == (float)v : back == v)
            break;
    }
    *length = strlen(buf);
    return buf;
}

bool target_number(const char *text, size_t length, double *out)
{
    char buf[64], *end;
    if (!length || length >= sizeof(buf) || strchr(" \t\n\r\v\f", text[0]))
        return false;
    memcpy(buf, text, length);
    buf[length] = '\0';
    if (strcspn(buf, "xXpPnN") != length) /* strtod also takes hexadecimal, nan and inf */
        return false;
    *out = strtod(buf, &end);
    return *end == '\0' && isfinite(*out);
}

asx_st target_rows(const struct asx_frame *f, int column, struct mem *mem, struct asx_target *t, struct asx_err *err)
{
    memset(t, 0, sizeof(*t));
    if (column < 0 || (size_t)column >= f->columns)
        return err_set(err, ASX_E_DATA, "the table has no target column; name one (data.target, or --target COLUMN)");
    const struct asx_column *c = &f->column[column];
    size_t n = 0;
    for (size_t i = 0; i < f->rows; i++)
        n += !target_missing(c, i);
    if (!n)
        return err_set(err, ASX_E_DATA, "the target '%s' is missing in every row; choose another column", c->name);
    t->row = mem_array(mem, n, sizeof(*t->row));
    t->y = mem_array(mem, n, sizeof(*t->y));
    if (!t->row || !t->y) {
        target_clear(t);
        return err_set(err, ASX_E_NOMEM, "no memory for the target '%s'; raise the memory limit", c->name);
    }
    for (size_t i = 0; i < f->rows; i++)
        if (!target_missing(c, i))
            t->row[t->rows++] = (uint32_t)i;
    return ASX_OK;
}
