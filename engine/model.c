/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/model.h"

#include "base/err.h"
#include "base/mem.h"
#include "data/frame.h"

#include <string.h>

struct model *eng_model_create(void)
{
    struct mem *mem = mem_create(NULL, 0);
    struct model *m = mem ? mem_calloc(mem, 1, sizeof *m) : NULL;
    if (!m) {
        if (mem)
            mem_destroy(mem);
        return NULL;
    }
    m->mem = mem;
    m->temperature = 1;
    m->positive = -1;
    return m;
}

static void free_schema(struct model *m)
{
    for (int i = 0; i < m->columns; i++)
        mem_free(m->column[i].name);
    mem_free(m->column);
    for (int i = 0; m->class_name && i < m->classes; i++)
        mem_free(m->class_name[i]);
    mem_free(m->class_name);
}

bool eng_model_take_missing(struct model *m, const char *const *words)
{
    size_t n = 0;
    while (words && words[n])
        n++;
    m->missing = n ? mem_calloc(m->mem, n + 1, sizeof *m->missing) : NULL;
    for (size_t i = 0; m->missing && i < n; i++)
        if (!(m->missing[i] = mem_strdup(m->mem, words[i])))
            return false;
    return !n || m->missing;
}

void eng_model_free(struct model *m)
{
    if (!m)
        return;
    for (int i = 0; i < m->members; i++) {
        if (m->member[i].model)
            m->member[i].learner->free_model(m->member[i].model);
        mem_free(m->member[i].part);
    }
    for (int i = 0; i < m->parts; i++) {
        prep_fitted_put(m->part[i].fitted);
        mem_free(m->part[i].column);
    }
    mem_free(m->member);
    mem_free(m->part);
    mem_free(m->place);
    free_schema(m);
    for (char **word = m->missing; word && *word; word++)
        mem_free(*word);
    mem_free(m->missing);
    char *text[] = {m->kind, m->target, m->metric, m->learner, m->board, m->id, m->path};
    for (size_t i = 0; i < sizeof text / sizeof *text; i++)
        mem_free(text[i]);
    struct mem *mem = m->mem;
    mem_free(m);
    mem_destroy(mem);
}

static int find_part(const struct model *m, const struct prep_fitted *f, const int32_t *column, int columns)
{
    for (int i = 0; i < m->parts; i++)
        if (m->part[i].fitted == f && m->part[i].columns == columns &&
            (columns == 0 || memcmp(m->part[i].column, column, (size_t)columns * sizeof *column) == 0))
            return i;
    return -1;
}

int eng_model_add_part(struct model *m, struct prep_fitted *f, const int32_t *column, int columns)
{
    int at = find_part(m, f, column, columns);
    if (at >= 0)
        return at;
    struct model_part *part = mem_realloc(m->mem, m->part, (size_t)(m->parts + 1) * sizeof *part);
    if (!part)
        return -1;
    m->part = part;
    int32_t *copy = mem_array(m->mem, (size_t)columns + 1, sizeof *copy);
    if (!copy)
        return -1;
    if (columns)
        memcpy(copy, column, (size_t)columns * sizeof *copy);
    m->part[m->parts] = (struct model_part){prep_fitted_get(f), copy, columns};
    return m->parts++;
}

asx_st eng_model_add_member(struct model *m, const struct asx_learner *learner, struct asx_model *fitted, const int *part,
                            int parts, double weight, struct asx_err *err)
{
    struct model_member *member = mem_realloc(m->mem, m->member, (size_t)(m->members + 1) * sizeof *member);
    if (member)
        m->member = member;
    int *copy = mem_array(m->mem, (size_t)parts + 1, sizeof *copy);
    if (!member || !copy) {
        mem_free(copy);
        return err_set(err, ASX_E_NOMEM, "no memory for a member of the model; raise the memory limit");
    }
    memcpy(copy, part, (size_t)parts * sizeof *copy);
    m->member[m->members++] = (struct model_member){learner, fitted, copy, parts, weight};
    return ASX_OK;
}

asx_st eng_model_bind(const struct model *m, const struct asx_frame *frame, const struct asx_frame **out, struct asx_err *err)
{
    int32_t *column = mem_array(m->mem, (size_t)m->columns + 1, sizeof *column);
    if (!column)
        return err_set(err, ASX_E_NOMEM, "no memory to bind the data to the model");
    asx_st st = ASX_OK;
    for (int i = 0; i < m->columns && st == ASX_OK; i++) {
        column[i] = frame_find_near(frame, m->column[i].name, i ? (size_t)column[i - 1] + 1 : 0);
        if (column[i] < 0)
            st = err_set(err, ASX_E_DATA, "column '%s' is missing, which the model was trained on; add it to the data",
                         m->column[i].name);
    }
    if (st == ASX_OK && m->sparse && !frame->sparse)
        st = err_set(err, ASX_E_DATA, "the model was trained on sparse features f1, f2, ...; give a .libsvm file");
    struct asx_frame *view = NULL;
    if (st == ASX_OK)
        st = frame_select(frame, column, (size_t)m->columns, m->mem, &view, err);
    mem_free(column);
    *out = view;
    return st;
}

int eng_model_decide(const struct model *m, const double *proba)
{
    if (m->classes == 2 && m->threshold > 0)
        return proba[m->positive] >= m->threshold ? m->positive : 1 - m->positive;
    int best = 0;
    for (int c = 1; c < m->outputs; c++)
        if (proba[c] > proba[best])
            best = c;
    return best;
}

int eng_model_source(const struct model_part *part, const struct asx_block *b, size_t at)
{
    if (b->source && b->source[at] >= 0)
        for (size_t k = 0, n = (size_t)part->columns; k < n; k++) /* most steps keep the order: found at once */
            if (part->column[(at + k) % n] == b->source[at])
                return b->source[at];
    return part->columns == 1 ? part->column[0] : -1;
}
