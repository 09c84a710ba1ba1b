/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Model files: 8 magic bytes, u32 format, u32 zero, u64 payload size, 128-bit XXH3 of the payload,
 * payload (base/codec.h items). The checksum is checked before anything is parsed.
 */
#include "engine/model.h"
#include "engine/registry.h"

#include "base/codec.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>

static const char magic[8] = {'A', 'S', 'S', 'A', 'Y', 'M', 'D', 'L'};
enum { FORMAT = 1, HEADER = 40 };
static const uint64_t most_bytes = (uint64_t)1 << 36;

struct header {
    char magic[8];
    uint32_t format, zero;
    uint64_t size;
    uint64_t hi, lo;
};
_Static_assert(sizeof(struct header) == HEADER, "the header has no padding");

/* ---- writing ---------------------------------------------------------------- */

static void put_schema(const struct model *m, struct asx_writer *w)
{
    asx_put_str(w, m->kind);
    asx_put_str(w, m->target);
    asx_put_str(w, m->metric);
    asx_put_str(w, m->learner);
    asx_put_u64(w, (uint64_t)m->task);
    asx_put_u64(w, (uint64_t)m->classes);
    asx_put_i64(w, m->positive);
    for (int i = 0; i < m->classes; i++)
        asx_put_str(w, m->class_name[i]);
    asx_put_u64(w, m->sparse);
    asx_put_f64(w, m->temperature);
    asx_put_f64(w, m->threshold);
    asx_put_f64(w, m->validation);
    asx_put_str(w, m->board);
    asx_put_u64(w, (uint64_t)m->columns);
    for (int i = 0; i < m->columns; i++) {
        asx_put_str(w, m->column[i].name);
        asx_put_u64(w, (uint64_t)m->column[i].type);
        asx_put_u64(w, m->column[i].type == ASX_NUMERIC ? m->column[i].comma : m->column[i].day_first);
    }
}

static asx_st put_parts(const struct model *m, struct asx_writer *w)
{
    asx_put_u64(w, (uint64_t)m->parts);
    for (int i = 0; i < m->parts; i++) {
        const struct model_part *p = &m->part[i];
        asx_put_str(w, p->fitted->prep->head.name);
        asx_put_u64(w, (uint64_t)p->fitted->prep->version);
        asx_put_u64(w, (uint64_t)p->columns);
        asx_put_i32s(w, p->column, (size_t)p->columns);
        if (p->fitted->prep->save) {
            asx_st st = p->fitted->prep->save(p->fitted->state, w);
            if (st != ASX_OK)
                return st;
        }
    }
    return ASX_OK;
}

static asx_st put_members(const struct model *m, struct asx_writer *w)
{
    asx_put_u64(w, (uint64_t)m->members);
    for (int i = 0; i < m->members; i++) {
        const struct model_member *mm = &m->member[i];
        asx_put_str(w, mm->learner->head.name);
        asx_put_u64(w, (uint64_t)mm->learner->version);
        asx_put_f64(w, mm->weight);
        asx_put_u64(w, (uint64_t)mm->parts);
        for (int p = 0; p < mm->parts; p++)
            asx_put_u64(w, (uint64_t)mm->part[p]);
        asx_st st = mm->learner->save(mm->model, w);
        if (st != ASX_OK)
            return st;
    }
    return ASX_OK;
}

/* Behind everything else and only where there are some, so that models without them are as they were. */
static void put_missing(const struct model *m, struct asx_writer *w)
{
    uint64_t n = 0;
    while (m->missing && m->missing[n])
        n++;
    if (n)
        asx_put_u64(w, n);
    for (uint64_t i = 0; i < n; i++)
        asx_put_str(w, m->missing[i]);
}

asx_st eng_model_bytes(const struct model *m, void **data, size_t *size, struct asx_err *err)
{
    struct asx_writer w;
    codec_writer_init(&w, m->mem);
    put_schema(m, &w);
    asx_st st = put_parts(m, &w);
    if (st == ASX_OK)
        st = put_members(m, &w);
    if (st == ASX_OK)
        put_missing(m, &w);
    if (st == ASX_OK)
        st = codec_writer_status(&w, err);
    char *bytes = st == ASX_OK ? mem_alloc(m->mem, HEADER + w.out.n) : NULL;
    if (st == ASX_OK && !bytes)
        st = ASX_E_NOMEM;
    if (st != ASX_OK) {
        codec_writer_clear(&w);
        return err_set(err, st, "the model cannot be written down: %s", err_text(st));
    }
    struct asx_key key = hash_of(w.out.s, w.out.n);
    struct header h = {.format = FORMAT, .size = w.out.n, .hi = key.hi, .lo = key.lo};
    memcpy(h.magic, magic, sizeof magic);
    memcpy(bytes, &h, HEADER);
    memcpy(bytes + HEADER, w.out.s, w.out.n);
    *data = bytes;
    *size = HEADER + w.out.n;
    codec_writer_clear(&w);
    return ASX_OK;
}

asx_st eng_model_save(const struct model *m, const char *path, struct asx_err *err)
{
    void *data = NULL;
    size_t size = 0;
    asx_st st = eng_model_bytes(m, &data, &size, err);
    if (st == ASX_OK)
        st = file_write(path, data, size, err);
    mem_free(data);
    return st;
}

/* ---- reading ------------------------------------------------------------------ */

static void get_schema(struct model *m, struct asx_reader *r)
{
    m->kind = asx_get_str(r, m->mem);
    m->target = asx_get_str(r, m->mem);
    m->metric = asx_get_str(r, m->mem);
    m->learner = asx_get_str(r, m->mem);
    uint64_t task = asx_get_u64(r);
    m->task = task < ASX_TASKS ? (enum asx_task)task : ASX_REGRESSION;
    size_t classes = asx_get_count(r, 1);
    int64_t positive = asx_get_i64(r);
    m->class_name = mem_calloc(m->mem, classes + 1, sizeof *m->class_name);
    if (!m->class_name || task >= ASX_TASKS) {
        asx_reader_fail(r, "the schema makes no sense");
        return;
    }
    m->classes = (int)classes;
    m->outputs = classes ? (int)classes : 1;
    for (size_t i = 0; i < classes; i++)
        if (!(m->class_name[i] = asx_get_str(r, m->mem)))
            asx_reader_fail(r, "a class has no name");
    if ((m->task == ASX_BINARY && classes != 2) || (m->task == ASX_REGRESSION) != (classes == 0))
        asx_reader_fail(r, "the number of classes does not fit the task");
    m->positive = (int)positive;
    if (classes && (positive < -1 || positive >= (int64_t)classes || (m->task == ASX_BINARY && positive < 0)))
        asx_reader_fail(r, "the positive class is not there");
    m->sparse = asx_get_u64(r) != 0;
    m->temperature = asx_get_f64(r);
    m->threshold = asx_get_f64(r);
    m->validation = asx_get_f64(r);
    m->board = asx_get_str(r, m->mem);
    size_t columns = asx_get_count(r, 3);
    m->column = mem_calloc(m->mem, columns + 1, sizeof *m->column);
    if (!m->column) {
        asx_reader_fail(r, "no memory for the columns");
        return;
    }
    for (size_t i = 0; i < columns; i++) {
        m->column[i].name = asx_get_str(r, m->mem);
        uint64_t type = asx_get_u64(r);
        m->column[i].type = (enum asx_type)type;
        uint64_t how = asx_get_u64(r); /* its texts are written: of dates the order, of numbers the commas */
        m->column[i].day_first = type != ASX_NUMERIC && how != 0;
        m->column[i].comma = type == ASX_NUMERIC && how <= COMMA_DECIMAL_POINTS ? (enum comma)how : COMMA_NONE;
        m->columns++;
        if (!m->column[i].name || type >= ASX_TYPES || how > COMMA_DECIMAL_POINTS) {
            asx_reader_fail(r, "a column has no name or no type");
            return;
        }
    }
}

static asx_st get_part(struct model *m, const struct asx_registry *reg, struct asx_reader *r, struct asx_err *err)
{
    char *name = asx_get_str(r, m->mem);
    uint64_t version = asx_get_u64(r);
    const struct asx_prep *prep = registry_prep(reg, name);
    if (!asx_reader_bad(r) && (!prep || version != (uint64_t)prep->version)) {
        asx_st st =
            err_set(err, ASX_E_DATA,
                    "the model needs preparation step '%s' version %d, which this build does not have; use the Assay that made it",
                    name ? name : "?", (int)version);
        mem_free(name);
        return st;
    }
    mem_free(name);
    size_t columns = asx_get_count(r, 0);
    int32_t *column = asx_get_i32s(r, m->mem, columns);
    for (size_t i = 0; column && i < columns; i++)
        if (column[i] < 0 || column[i] >= m->columns)
            asx_reader_fail(r, "a preparation step reads a column that is not there");
    struct prep_fitted *f = asx_reader_bad(r) ? NULL : mem_calloc(m->mem, 1, sizeof *f);
    asx_st st = f ? ASX_OK : asx_reader_bad(r) ? asx_reader_error(r, err) : err_set(err, ASX_E_NOMEM, "no memory for the model");
    if (f) {
        *f = (struct prep_fitted){.refs = 1, .prep = prep};
        if (prep->load)
            st = prep->load(r, m->mem, &f->state, err);
        if (st == ASX_OK && eng_model_add_part(m, f, column, (int)columns) < 0)
            st = err_set(err, ASX_E_NOMEM, "no memory for the model");
        prep_fitted_put(f);
    }
    mem_free(column);
    return st;
}

static asx_st get_member(struct model *m, const struct asx_registry *reg, struct asx_reader *r, struct asx_err *err)
{
    char *name = asx_get_str(r, m->mem);
    uint64_t version = asx_get_u64(r);
    const struct asx_learner *learner = registry_learner(reg, name);
    if (!asx_reader_bad(r) && (!learner || version != (uint64_t)learner->version)) {
        asx_st st = err_set(err, ASX_E_DATA,
                            "the model needs learner '%s' version %d, which this build does not have; use the Assay that made it",
                            name ? name : "?", (int)version);
        mem_free(name);
        return st;
    }
    mem_free(name);
    double weight = asx_get_f64(r);
    size_t parts = asx_get_count(r, 9);
    int part[ARTEFACT_DEPS];
    if (parts > ARTEFACT_DEPS)
        asx_reader_fail(r, "a member has too many preparation parts");
    for (size_t p = 0; !asx_reader_bad(r) && p < parts; p++) {
        uint64_t at = asx_get_u64(r);
        if (at >= (uint64_t)m->parts)
            asx_reader_fail(r, "a member uses a preparation part that is not there");
        part[p] = (int)at;
    }
    if (asx_reader_bad(r))
        return asx_reader_error(r, err);
    struct asx_model *fitted = NULL;
    asx_st st = learner->load(r, m->mem, &fitted, err);
    if (st != ASX_OK)
        return st;
    st = eng_model_add_member(m, learner, fitted, part, (int)parts, weight, err);
    if (st != ASX_OK)
        learner->free_model(fitted);
    return st;
}

static void get_missing(struct model *m, struct asx_reader *r)
{
    if (asx_reader_bad(r) || codec_reader_at_end(r))
        return;
    size_t n = asx_get_count(r, 1);
    m->missing = mem_calloc(m->mem, n + 1, sizeof *m->missing);
    if (!m->missing)
        asx_reader_fail(r, "no memory for the words of missing cells");
    for (size_t i = 0; i < n && !asx_reader_bad(r); i++)
        if (!(m->missing[i] = asx_get_str(r, m->mem)))
            asx_reader_fail(r, "a word for missing cells is not there");
}

static asx_st get_all(struct model *m, const struct asx_registry *reg, struct asx_reader *r, struct asx_err *err)
{
    get_schema(m, r);
    if (asx_reader_bad(r))
        return asx_reader_error(r, err);
    asx_st st = ASX_OK;
    for (size_t i = 0, n = asx_get_count(r, 4); i < n && st == ASX_OK; i++)
        st = get_part(m, reg, r, err);
    if (st == ASX_OK)
        for (size_t i = 0, n = asx_get_count(r, 4); i < n && st == ASX_OK; i++)
            st = get_member(m, reg, r, err);
    if (st == ASX_OK)
        get_missing(m, r);
    if (st == ASX_OK && !asx_reader_bad(r) && (m->members == 0 || !codec_reader_at_end(r)))
        asx_reader_fail(r, "it has no members, or something after its end");
    return st == ASX_OK && asx_reader_bad(r) ? asx_reader_error(r, err) : st;
}

static asx_st check_header(const unsigned char *data, size_t size, const char *where, struct asx_err *err)
{
    struct header h;
    if (size < HEADER || memcmp(data, magic, sizeof magic) != 0)
        return err_at(err, ASX_E_DATA, where, 0, 0, "this is no Assay model; give a file that a run wrote as its model");
    memcpy(&h, data, HEADER);
    if (h.format != FORMAT)
        return err_at(err, ASX_E_DATA, where, 0, 0, "the model has format %u, this build reads %d; use the Assay that made it",
                      h.format, FORMAT);
    if (h.size != size - HEADER)
        return err_at(err, ASX_E_DATA, where, 0, 0, "the model is cut short or has bytes added; make it again");
    struct asx_key key = hash_of(data + HEADER, size - HEADER);
    if (h.zero != 0 || key.hi != h.hi || key.lo != h.lo)
        return err_at(err, ASX_E_DATA, where, 0, 0, "the model is damaged (its checksum does not match); make it again");
    return ASX_OK;
}

asx_st eng_model_load_bytes(const struct asx_registry *reg, const void *data, size_t size, const char *where, struct model **out,
                            struct asx_err *err)
{
    asx_st st = check_header(data, size, where, err);
    if (st != ASX_OK)
        return st;
    struct model *m = eng_model_create();
    if (!m)
        return err_set(err, ASX_E_NOMEM, "no memory for the model");
    struct asx_reader r;
    codec_reader_init(&r, (const unsigned char *)data + HEADER, size - HEADER, "model");
    st = get_all(m, reg, &r, err);
    if (st != ASX_OK) {
        err_place(err, where, 0, 0);
        eng_model_free(m);
        return st;
    }
    *out = m;
    return ASX_OK;
}

asx_st eng_model_load(const struct asx_registry *reg, const char *path, struct model **out, struct asx_err *err)
{
    char *data = NULL;
    size_t size = 0;
    asx_st st = file_read(path, most_bytes, NULL, &data, &size, err);
    if (st != ASX_OK)
        return st;
    st = eng_model_load_bytes(reg, data, size, path, out, err);
    mem_free(data);
    if (st == ASX_OK)
        (*out)->path = mem_strdup((*out)->mem, path);
    return st;
}
