/* SPDX-License-Identifier: Apache-2.0 */
/* The recipe a config stands for: which step prepares which columns. */
#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"
#include "optimizer/pipeline.h"
#include "optimizer/steps.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { MAX_AFFINE = sizeof((struct opt_recipe *)0)->affine / sizeof *((struct opt_recipe *)0)->affine };

/* Step names, versions and parameter values; a parameter the space lacks is at the step's default. */
static void hash_step(struct hash *h, const struct asx_prep *p, const struct asx_config *config)
{
    char name[128];
    hash_str(h, p->head.name);
    hash_u64(h, (uint64_t)p->version);
    for (int i = 0; i < p->n_params; i++) {
        snprintf(name, sizeof name, "%s.%s", p->head.name, p->params[i].name);
        int k = asx_space_find(config->space, name);
        hash_str(h, p->params[i].name);
        hash_f64(h, k < 0 ? p->params[i].def : config->value[k]);
    }
}

/* Value of the parameter that `fits` hangs on; NAN: the step has none, or the space lacks it. */
static double fits_value(const struct asx_prep *p, const struct asx_config *config)
{
    char name[128];
    if (!p->fits_param)
        return NAN;
    snprintf(name, sizeof name, "%s.%s", p->head.name, p->fits_param);
    int k = asx_space_find(config->space, name);
    return k < 0 ? NAN : config->value[k];
}

static const struct asx_prep *step_of(const struct asx_registry *r, const struct asx_problem *problem,
                                      const struct asx_config *config, int column)
{
    if (column >= 0) {
        const char *chosen = asx_config_choice(config, steps_group(problem->frame->column[column].type));
        const struct asx_prep *p = chosen ? steps_find(r, chosen) : NULL;
        if (p && steps_candidate_at(p, config->learner, problem, column, fits_value(p, config)))
            return p;
    }
    return steps_default(r, config->learner, problem, column);
}

/* Order of parts: by type, then step name; the sparse part comes last. */
static int part_rank(const struct asx_problem *problem, int column)
{
    return column < 0 ? ASX_TYPES : (int)problem->frame->column[column].type;
}

struct pick {
    int rank, column;
    const struct asx_prep *prep;
};

static int compare_picks(const void *pa, const void *pb)
{
    const struct pick *a = pa, *b = pb;
    if (a->rank != b->rank)
        return a->rank < b->rank ? -1 : 1;
    int by_name = strcmp(a->prep->head.name, b->prep->head.name);
    if (by_name)
        return by_name;
    return (a->column > b->column) - (a->column < b->column);
}

static bool same_part(const struct pick *a, const struct pick *b)
{
    return a->rank == b->rank && a->prep == b->prep;
}

static void fill_parts(struct opt_recipe *r, const struct pick *pick, int n, int32_t *column, const struct asx_config *config)
{
    for (int i = 0; i < n;) {
        int j = i;
        struct opt_part *part = &r->part[r->parts++];
        part->prep = pick[i].prep;
        part->column = column + i;
        struct hash h = hash_begin("part");
        hash_step(&h, part->prep, config);
        for (; j < n && same_part(&pick[i], &pick[j]); j++) {
            column[j] = pick[j].column;
            hash_u64(&h, (uint64_t)(int64_t)pick[j].column);
        }
        part->columns = pick[i].column < 0 ? 0 : j - i;
        part->key = hash_end(&h);
        i = j;
    }
}

static asx_st fill_affine(struct opt_recipe *r, const struct asx_registry *registry, const struct asx_config *config,
                          struct asx_err *err)
{
    struct hash h = hash_begin("affine");
    const char *const *name = config->learner->affine;
    for (int i = 0; name && name[i]; i++) {
        const struct asx_prep *p = steps_find(registry, name[i]);
        if (!p || p->scope != ASX_AFFINE || r->affines == MAX_AFFINE)
            return err_set(err, ASX_E_INTERNAL, "learner '%s' wants the affine step '%s', which is not there; register it",
                           config->learner->head.name, name[i]);
        r->affine[r->affines++] = p;
        hash_step(&h, p, config);
    }
    r->affine_key = hash_end(&h);
    return ASX_OK;
}

/* A recipe, its parts and their columns are one block of memory. */
static struct opt_recipe *allocate(struct mem *mem, int n, const struct pick *pick, int32_t **column)
{
    int parts = 0;
    for (int i = 0; i < n; i++)
        parts += i == 0 || !same_part(&pick[i - 1], &pick[i]);
    size_t head = (sizeof(struct opt_recipe) + 15) & ~(size_t)15, body = (size_t)parts * sizeof(struct opt_part);
    char *p = mem_calloc(mem, 1, head + body + (size_t)n * sizeof **column);
    if (!p)
        return NULL;
    struct opt_recipe *r = (struct opt_recipe *)(void *)p;
    r->part = (struct opt_part *)(void *)(p + head);
    *column = (int32_t *)(void *)(p + head + body);
    return r;
}

asx_st opt_recipe_make(const struct asx_registry *registry, const struct asx_problem *problem, const struct asx_config *config,
                       struct mem *mem, struct opt_recipe **out, struct asx_err *err)
{
    const struct asx_frame *f = problem->frame;
    struct pick *pick = mem_array(mem, f->columns + 1, sizeof *pick);
    if (!pick)
        return err_set(err, ASX_E_NOMEM, "out of memory for the recipe of '%s'; raise the memory limit",
                       config->learner->head.name);
    int n = 0;
    for (int j = f->sparse ? -1 : 0; j < (int)f->columns; j++) {
        if (j >= 0 && !steps_feature(problem, (size_t)j))
            continue;
        const struct asx_prep *p = step_of(registry, problem, config, j);
        if (p)
            pick[n++] = (struct pick){.rank = part_rank(problem, j), .column = j, .prep = p};
    }
    if (n)
        qsort(pick, (size_t)n, sizeof *pick, compare_picks);
    int32_t *column = NULL;
    struct opt_recipe *r = allocate(mem, n, pick, &column);
    if (r)
        fill_parts(r, pick, n, column, config);
    mem_free(pick);
    if (!r)
        return err_set(err, ASX_E_NOMEM, "out of memory for the recipe of '%s'; raise the memory limit",
                       config->learner->head.name);
    asx_st st = fill_affine(r, registry, config, err);
    if (st) {
        opt_recipe_free(r);
        return st;
    }
    *out = r;
    return ASX_OK;
}

void opt_recipe_free(struct opt_recipe *r)
{
    mem_free(r);
}
