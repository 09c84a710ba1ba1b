/* SPDX-License-Identifier: Apache-2.0 */
#include "base/codec.h"

#include "base/err.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the format is little-endian and written as it lies in memory");

enum tag {
    TAG_U64 = 'u',
    TAG_I64 = 'i',
    TAG_F64 = 'd',
    TAG_STR = 's',
    TAG_NULL = 'n',
    TAG_BYTES = 'b',
    TAG_F64S = 'D',
    TAG_F32S = 'F',
    TAG_I32S = 'I'
};

/* ---- writing -------------------------------------------------------------- */

void codec_writer_init(struct asx_writer *w, struct mem *mem)
{
    text_init(&w->out, mem);
}

void codec_writer_clear(struct asx_writer *w)
{
    text_clear(&w->out);
}

asx_st codec_writer_status(const struct asx_writer *w, struct asx_err *err)
{
    if (!w->out.failed)
        return ASX_OK;
    return err_set(err, ASX_E_NOMEM, "not enough memory to save a model; raise the memory limit");
}

static void put_tag(struct asx_writer *w, enum tag tag)
{
    char c = (char)tag;
    text_put(&w->out, &c, 1);
}

static void put_8(struct asx_writer *w, enum tag tag, const void *p)
{
    put_tag(w, tag);
    text_put(&w->out, p, 8);
}

static void put_many(struct asx_writer *w, enum tag tag, const void *p, size_t n, size_t item)
{
    uint64_t count = n;
    put_8(w, tag, &count);
    text_put(&w->out, p, n * item);
}

void asx_put_u64(struct asx_writer *w, uint64_t v)
{
    put_8(w, TAG_U64, &v);
}

void asx_put_i64(struct asx_writer *w, int64_t v)
{
    put_8(w, TAG_I64, &v);
}

void asx_put_f64(struct asx_writer *w, double v)
{
    put_8(w, TAG_F64, &v);
}

void asx_put_str(struct asx_writer *w, const char *s)
{
    if (s)
        put_many(w, TAG_STR, s, strlen(s), 1);
    else
        put_tag(w, TAG_NULL);
}

void asx_put_bytes(struct asx_writer *w, const void *p, size_t n)
{
    put_many(w, TAG_BYTES, p, n, 1);
}

void asx_put_f64s(struct asx_writer *w, const double *v, size_t n)
{
    put_many(w, TAG_F64S, v, n, sizeof *v);
}

void asx_put_f32s(struct asx_writer *w, const float *v, size_t n)
{
    put_many(w, TAG_F32S, v, n, sizeof *v);
}

void asx_put_i32s(struct asx_writer *w, const int32_t *v, size_t n)
{
    put_many(w, TAG_I32S, v, n, sizeof *v);
}

/* ---- reading -------------------------------------------------------------- */

void codec_reader_init(struct asx_reader *r, const void *data, size_t size, const char *what)
{
    *r = (struct asx_reader){.data = data, .size = size};
    snprintf(r->what, sizeof r->what, "%s", what ? what : "data");
}

bool codec_reader_at_end(const struct asx_reader *r)
{
    return r->code == ASX_OK && r->at == r->size;
}

static void fail(struct asx_reader *r, asx_st code, const char *why)
{
    if (r->code != ASX_OK)
        return;
    r->code = code;
    snprintf(r->why, sizeof r->why, "%s", why);
}

void asx_reader_fail(struct asx_reader *r, const char *why)
{
    fail(r, ASX_E_DATA, why);
}

bool asx_reader_bad(const struct asx_reader *r)
{
    return r->code != ASX_OK;
}

asx_st asx_reader_error(const struct asx_reader *r, struct asx_err *err)
{
    if (r->code == ASX_OK)
        return ASX_OK;
    if (r->code == ASX_E_NOMEM)
        return err_set(err, ASX_E_NOMEM, "not enough memory to load '%s'; raise the memory limit", r->what);
    return err_set(err, r->code, "cannot load '%s': %s at byte %zu; the file is damaged or of another version, make it anew",
                   r->what, r->why, r->at);
}

/* n bytes of the section, or NULL after setting the error. */
static const unsigned char *take(struct asx_reader *r, size_t n)
{
    if (r->code != ASX_OK)
        return NULL;
    if (n > r->size - r->at) {
        fail(r, ASX_E_DATA, "it ends too early");
        return NULL;
    }
    const unsigned char *p = r->data + r->at;
    r->at += n;
    return p;
}

static bool expect(struct asx_reader *r, enum tag tag)
{
    if (r->code == ASX_OK && r->at < r->size && r->data[r->at] != (unsigned char)tag) {
        fail(r, ASX_E_DATA, "another kind of value stands there");
        return false;
    }
    return take(r, 1) != NULL;
}

static void get_8(struct asx_reader *r, enum tag tag, void *out)
{
    const unsigned char *p = expect(r, tag) ? take(r, 8) : NULL;
    if (p)
        memcpy(out, p, 8);
    else
        memset(out, 0, 8);
}

uint64_t asx_get_u64(struct asx_reader *r)
{
    uint64_t v;
    get_8(r, TAG_U64, &v);
    return v;
}

int64_t asx_get_i64(struct asx_reader *r)
{
    int64_t v;
    get_8(r, TAG_I64, &v);
    return v;
}

double asx_get_f64(struct asx_reader *r)
{
    double v;
    get_8(r, TAG_F64, &v);
    return v;
}

size_t asx_get_count(struct asx_reader *r, size_t item)
{
    uint64_t n = asx_get_u64(r);
    if (r->code == ASX_OK && n > (r->size - r->at) / (item ? item : 1)) {
        fail(r, ASX_E_DATA, "a count is larger than what follows");
        return 0;
    }
    return (size_t)n;
}

/* Bytes of an array that must hold n items. */
static const unsigned char *array(struct asx_reader *r, enum tag tag, size_t n, size_t item)
{
    uint64_t count;
    get_8(r, tag, &count);
    if (r->code != ASX_OK)
        return NULL;
    if (count != n) {
        fail(r, ASX_E_DATA, "an array has another length than expected");
        return NULL;
    }
    if (n > (r->size - r->at) / item) {
        fail(r, ASX_E_DATA, "it ends too early");
        return NULL;
    }
    return take(r, n * item);
}

static void *array_copy(struct asx_reader *r, enum tag tag, struct mem *mem, size_t n, size_t item)
{
    const unsigned char *p = array(r, tag, n, item);
    if (!p)
        return NULL;
    void *out = mem_array(mem, n, item);
    if (!out)
        fail(r, ASX_E_NOMEM, "out of memory");
    else if (n)
        memcpy(out, p, n * item);
    return out;
}

double *asx_get_f64s(struct asx_reader *r, struct mem *mem, size_t n)
{
    return array_copy(r, TAG_F64S, mem, n, sizeof(double));
}

float *asx_get_f32s(struct asx_reader *r, struct mem *mem, size_t n)
{
    return array_copy(r, TAG_F32S, mem, n, sizeof(float));
}

int32_t *asx_get_i32s(struct asx_reader *r, struct mem *mem, size_t n)
{
    return array_copy(r, TAG_I32S, mem, n, sizeof(int32_t));
}

void asx_get_bytes(struct asx_reader *r, void *out, size_t n)
{
    const unsigned char *p = array(r, TAG_BYTES, n, 1);
    if (p && n)
        memcpy(out, p, n);
    else if (n)
        memset(out, 0, n);
}

char *asx_get_str(struct asx_reader *r, struct mem *mem)
{
    if (r->code == ASX_OK && r->at < r->size && r->data[r->at] == (unsigned char)TAG_NULL) {
        r->at++;
        return NULL;
    }
    uint64_t n;
    get_8(r, TAG_STR, &n);
    if (r->code == ASX_OK && n > r->size - r->at)
        fail(r, ASX_E_DATA, "it ends too early");
    const unsigned char *p = r->code == ASX_OK ? take(r, (size_t)n) : NULL;
    if (!p)
        return NULL;
    if (memchr(p, 0, (size_t)n)) {
        fail(r, ASX_E_DATA, "a text holds a zero byte");
        return NULL;
    }
    char *s = mem_strndup(mem, (const char *)p, (size_t)n);
    if (!s)
        fail(r, ASX_E_NOMEM, "out of memory");
    return s;
}
