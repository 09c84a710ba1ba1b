/* SPDX-License-Identifier: Apache-2.0 */
/* Cells one by one: missing or not, as text; names of types. */
#include "data/datetime.h"
#include "data/frame.h"
#include "data/number.h"

#include <stdio.h>
#include <string.h>

static const char *const type_names[ASX_TYPES] = {"numeric", "boolean", "categorical", "text", "datetime"};

const char *frame_type_name(enum asx_type type)
{
    return (unsigned)type < ASX_TYPES ? type_names[type] : "unknown";
}

bool frame_type_parse(const char *word, enum asx_type *type)
{
    for (int i = 0; i < ASX_TYPES; i++) {
        if (strcmp(word, type_names[i]) == 0) {
            *type = (enum asx_type)i;
            return true;
        }
    }
    return false;
}

bool frame_missing(const struct asx_column *c, size_t row)
{
    switch (c->store) {
    case ASX_STORE_F64: return c->f64[row] != c->f64[row];
    case ASX_STORE_F32: return c->f32[row] != c->f32[row];
    case ASX_STORE_CODE: return c->code[row] < 0;
    default: return c->missing && (c->missing[row / 64] >> (row % 64) & 1);
    }
}

size_t frame_count_missing(const struct asx_column *c, size_t rows)
{
    size_t n = 0;
    for (size_t i = 0; i < rows; i++)
        n += frame_missing(c, i);
    return n;
}

/* Shortest of 15 to 17 digits that reads back the same. */
static const char *number_text(double v, char *buffer, size_t size)
{
    char text[40];
    for (int digits = 15; digits <= 17; digits++) {
        double back;
        uint32_t flags;
        int n = snprintf(text, sizeof text, "%.*g", digits, v);
        for (char *s = text; *s; s++)
            *s = *s == ',' ? '.' : *s;
        if (number_parse(text, (size_t)n, &back, &flags) && back == v)
            break;
    }
    snprintf(buffer, size, "%s", text);
    return buffer;
}

const char *frame_cell(const struct asx_column *c, size_t row, char *buffer, size_t size)
{
    if (frame_missing(c, row))
        return NULL;
    switch (c->store) {
    case ASX_STORE_CODE: return c->level[c->code[row]];
    case ASX_STORE_STRING: {
        size_t n = (size_t)(c->offset[row + 1] - c->offset[row]);
        n = n < size - 1 ? n : size - 1;
        memcpy(buffer, c->bytes + c->offset[row], n);
        buffer[n] = '\0';
        return buffer;
    }
    default: break;
    }
    if (c->type == ASX_DATETIME) {
        char date[40];
        snprintf(buffer, size, "%s", datetime_format(asx_column_number(c, row), date));
        return buffer;
    }
    return number_text(c->store == ASX_STORE_F32 ? number_from_f32(c->f32[row]) : c->f64[row], buffer, size);
}
