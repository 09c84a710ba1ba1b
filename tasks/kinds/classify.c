/* SPDX-License-Identifier: Apache-2.0 */
#include "tasks/target.h"

#include "base/err.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/*
 * Classes are found by sorting the distinct cells. A cell is held as a word and, where it
 * reads as one, as a number: if every class does, classes sort (and compare) as numbers,
 * so that 2 comes before 10 and "1" in new data is the class 1.0; else bytewise.
 */
struct word {
    const char *s;
    size_t n;
    double number;
    size_t row; /* position in target->row, or the level of a dictionary */
};

static int by_bytes(const void *a, const void *b)
{
    const struct word *x = a, *y = b;
    int c = memcmp(x->s, y->s, x->n < y->n ? x->n : y->n);
    return c ? c : (x->n > y->n) - (x->n < y->n);
}

static int by_number(const void *a, const void *b)
{
    double x = ((const struct word *)a)->number, y = ((const struct word *)b)->number;
    return (x > y) - (x < y);
}

static bool is_number_store(const struct asx_column *c)
{
    return c->store == ASX_STORE_F64 || c->store == ASX_STORE_F32;
}

/* The distinct words of the target, or its dictionary's used levels; words of numbers have s = NULL. */
static struct word *collect(const struct asx_column *c, const struct asx_target *t, struct mem *mem, size_t *count)
{
    size_t n = c->store == ASX_STORE_CODE ? c->levels : t->rows;
    struct word *w = mem_calloc(mem, n + 1, sizeof(*w));
    if (!w)
        return NULL;
    if (c->store == ASX_STORE_CODE) {
        for (size_t i = 0; i < t->rows; i++)
            w[c->code[t->row[i]]].s = c->level[c->code[t->row[i]]];
        size_t used = 0;
        for (size_t i = 0; i < n; i++)
            if (w[i].s)
                w[used++] = (struct word){w[i].s, strlen(w[i].s), 0, i};
        n = used;
    } else
        for (size_t i = 0; i < n; i++) {
            w[i].row = i;
            if (is_number_store(c))
                w[i].number = asx_column_number(c, t->row[i]) + 0.0;
            else
                w[i].s = target_text(c, t->row[i], NULL, 0, &w[i].n);
        }
    *count = n;
    return w;
}

static size_t unique(struct word *w, size_t n, int (*order)(const void *, const void *))
{
    qsort(w, n, sizeof(*w), order);
    size_t k = 0;
    for (size_t i = 0; i < n; i++)
        if (!k || order(&w[k - 1], &w[i]))
            w[k++] = w[i];
    return k;
}

/* Distinct classes in order. Numeric only when that keeps words apart ("1" and "1.0" stay two words otherwise). */
static size_t sort_classes(const struct asx_column *c, struct word *w, size_t n)
{
    if (is_number_store(c))
        return unique(w, n, by_number);
    n = unique(w, n, by_bytes);
    if (n > TARGET_MAX_CLASSES)
        return n;
    for (size_t i = 0; i < n; i++)
        if (!target_number(w[i].s, w[i].n, &w[i].number))
            return n;
    qsort(w, n, sizeof(*w), by_number);
    for (size_t i = 1; i < n; i++)
        if (!by_number(&w[i - 1], &w[i])) {
            qsort(w, n, sizeof(*w), by_bytes);
            break;
        }
    return n;
}

/* Names as one block: pointers, then the strings they point to. */
static const char **names_of(const struct asx_column *c, const struct asx_target *t, const struct word *w, size_t n,
                             struct mem *mem)
{
    char buf[40];
    size_t bytes = n * sizeof(char *), length;
    for (size_t k = 0; k < n; k++) {
        if (!w[k].s)
            target_text(c, t->row[w[k].row], buf, sizeof(buf), &length);
        bytes += (w[k].s ? w[k].n : length) + 1;
    }
    const char **name = mem_alloc(mem, bytes);
    if (!name)
        return NULL;
    char *at = (char *)(name + n);
    for (size_t k = 0; k < n; k++) {
        const char *s = w[k].s ? w[k].s : target_text(c, t->row[w[k].row], buf, sizeof(buf), &length);
        length = w[k].s ? w[k].n : length;
        memcpy(at, s, length);
        at[length] = '\0';
        name[k] = at;
        at += length + 1;
    }
    return name;
}

/* ---- labels of rows, given the classes ---------------------------------- */

/* Classes by number and by name, for looking cells up. */
struct lookup {
    struct word *by_name, *by_value;
    size_t n, numbers;
};

static bool lookup_init(struct lookup *l, const struct asx_target *t, struct mem *mem)
{
    l->n = (size_t)t->classes;
    l->numbers = 0;
    l->by_name = mem_calloc(mem, 2 * l->n + 1, sizeof(*l->by_name));
    if (!l->by_name)
        return false;
    l->by_value = l->by_name + l->n;
    for (size_t k = 0; k < l->n; k++) {
        struct word w = {t->class_name[k], strlen(t->class_name[k]), 0, k};
        if (target_number(w.s, w.n, &w.number))
            l->by_value[l->numbers++] = w;
        l->by_name[k] = w;
    }
    qsort(l->by_name, l->n, sizeof(*l->by_name), by_bytes);
    qsort(l->by_value, l->numbers, sizeof(*l->by_value), by_number);
    return true;
}

static int32_t lookup_number(const struct lookup *l, double v)
{
    struct word w = {.number = v};
    const struct word *hit = bsearch(&w, l->by_value, l->numbers, sizeof(w), by_number);
    return hit ? (int32_t)hit->row : -1;
}

/* By name first; then, since new data may write a number another way, by value. */
static int32_t lookup_text(const struct lookup *l, const char *s, size_t n)
{
    struct word w = {s, n, 0, 0};
    const struct word *hit = bsearch(&w, l->by_name, l->n, sizeof(w), by_bytes);
    if (hit)
        return (int32_t)hit->row;
    return target_number(s, n, &w.number) ? lookup_number(l, w.number) : -1;
}

static asx_st fill_labels(const struct asx_column *c, struct asx_target *t, struct mem *mem)
{
    struct lookup l;
    int32_t *of_level = NULL;
    asx_st st = ASX_E_NOMEM;
    if (!lookup_init(&l, t, mem))
        return st;
    for (size_t k = 0; c->store == ASX_STORE_F32 && k < l.numbers; k++)
        l.by_value[k].number = (double)(float)l.by_value[k].number; /* "0.1" is the cell 0.1f */
    t->label = mem_array(mem, t->rows + 1, sizeof(*t->label));
    if (c->store == ASX_STORE_CODE) {
        of_level = mem_array(mem, c->levels + 1, sizeof(*of_level));
        for (size_t i = 0; of_level && i < c->levels; i++)
            of_level[i] = lookup_text(&l, c->level[i], strlen(c->level[i]));
    }
    if (!t->label || (c->store == ASX_STORE_CODE && !of_level))
        goto out;
    for (size_t i = 0; i < t->rows; i++) {
        size_t n, row = t->row[i];
        const char *s;
        if (of_level)
            t->label[i] = of_level[c->code[row]];
        else if (is_number_store(c)) {
            t->label[i] = lookup_number(&l, asx_column_number(c, row));
        } else {
            s = target_text(c, row, NULL, 0, &n);
            t->label[i] = lookup_text(&l, s, n);
        }
        t->y[i] = t->label[i] < 0 ? NAN : (double)t->label[i];
    }
    st = ASX_OK;
out:
    mem_free(of_level);
    mem_free(l.by_name);
    return st;
}

/* ---- the kind ------------------------------------------------------------ */

static asx_st set_positive(struct asx_target *t, const char *column, const char *positive, struct mem *mem, struct asx_err *err)
{
    t->positive = t->classes == 2 ? 1 : 0;
    if (!positive || !*positive)
        return ASX_OK;
    if (t->classes != 2)
        return err_set(err, ASX_E_INVAL,
                       "a positive class '%s' is for two classes, and the target '%s' has %d; remove data.positive", positive,
                       column, t->classes);
    struct lookup l;
    if (!lookup_init(&l, t, mem))
        return err_set(err, ASX_E_NOMEM, "no memory for the classes of '%s'; raise the memory limit", column);
    int32_t k = lookup_text(&l, positive, strlen(positive));
    mem_free(l.by_name);
    if (k < 0)
        return err_set(err, ASX_E_INVAL, "the target '%s' has no class '%s'; its classes are '%s' and '%s'", column, positive,
                       t->class_name[0], t->class_name[1]);
    t->positive = (int)k;
    return ASX_OK;
}

static asx_st check_count(const struct asx_column *c, size_t classes, const struct asx_target *t, struct asx_err *err)
{
    char buf[40];
    size_t n;
    if (classes > TARGET_MAX_CLASSES)
        return err_set(err, ASX_E_DATA,
                       "the target '%s' has %zu distinct values, more than %d classes; use regress, or choose another column",
                       c->name, classes, (int)TARGET_MAX_CLASSES);
    if (classes > 1)
        return ASX_OK;
    const char *s = target_text(c, t->row[0], buf, sizeof(buf), &n);
    return err_set(err, ASX_E_DATA,
                   "the target '%s' has one class only, '%.*s'; there is nothing to tell apart, choose another column", c->name,
                   (int)(n < 60 ? n : 60), s);
}

static asx_st classify_target(const struct asx_frame *f, int column, const char *positive, struct mem *mem, struct asx_target *t,
                              struct asx_err *err)
{
    asx_st st = target_rows(f, column, mem, t, err);
    if (st)
        return st;
    const struct asx_column *c = &f->column[column];
    size_t n = 0;
    struct word *w = collect(c, t, mem, &n);
    st = ASX_E_NOMEM;
    if (!w)
        goto out;
    n = sort_classes(c, w, n);
    st = check_count(c, n, t, err);
    if (st)
        goto out;
    st = ASX_E_NOMEM;
    t->class_name = names_of(c, t, w, n, mem);
    if (!t->class_name)
        goto out;
    t->classes = (int)n;
    t->task = n == 2 ? ASX_BINARY : ASX_MULTICLASS;
    st = fill_labels(c, t, mem);
    if (!st)
        st = set_positive(t, c->name, positive, mem, err);
out:
    mem_free(w);
    if (st)
        target_clear(t);
    return st == ASX_E_NOMEM ? err_set(err, st, "no memory for the target '%s'; raise the memory limit", c->name) : st;
}

static const char **copy_names(const char *const *name, size_t n, struct mem *mem)
{
    size_t bytes = n * sizeof(char *);
    for (size_t k = 0; k < n; k++)
        bytes += strlen(name[k]) + 1;
    const char **copy = mem_alloc(mem, bytes);
    if (!copy)
        return NULL;
    char *at = (char *)(copy + n);
    for (size_t k = 0; k < n; k++) {
        size_t size = strlen(name[k]) + 1;
        copy[k] = memcpy(at, name[k], size);
        at += size;
    }
    return copy;
}

static asx_st classify_again(const struct asx_frame *f, int column, const struct asx_target *known, struct mem *mem,
                             struct asx_target *t, struct asx_err *err)
{
    asx_st st = target_rows(f, column, mem, t, err);
    if (st)
        return st;
    const struct asx_column *c = &f->column[column];
    t->task = known->task;
    t->classes = known->classes;
    t->positive = known->positive;
    t->class_name = copy_names(known->class_name, (size_t)known->classes, mem);
    st = t->class_name ? fill_labels(c, t, mem) : ASX_E_NOMEM;
    if (st) {
        target_clear(t);
        return err_set(err, st, "no memory for the target '%s'; raise the memory limit", c->name);
    }
    return ASX_OK;
}

static const char *classify_metric(enum asx_task task)
{
    return task == ASX_BINARY ? "roc_auc" : "log_loss";
}

const struct asx_kind asx_kind_classify = {
    .head = {"classify", "predict a class"},
    .target = classify_target,
    .target_again = classify_again,
    .default_metric = classify_metric,
    .stratified = true,
    .tasks = ASX_CLASSIFY,
};
