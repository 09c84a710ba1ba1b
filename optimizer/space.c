/* SPDX-License-Identifier: Apache-2.0 */
/* The conditional space of a pipeline: choices of steps by column type, their parameters, the learner's own. */
#include "base/err.h"
#include "base/mem.h"
#include "optimizer/pipeline.h"
#include "optimizer/steps.h"

#include <math.h>

enum { MAX_STEPS = 64 };

struct builder {
    const struct asx_registry *registry;
    const struct asx_problem *problem; /* NULL: everything that could fit */
    const struct asx_learner *learner;
    struct arena *arena;
    const struct opt_restriction *restriction;
    int restrictions;
    struct asx_param *param;
    int n;
    bool nomem, full;
};

/* What opt_space_free gets back. `space` comes first, so that the pointers coincide. */
struct owned_space {
    struct asx_space space;
    struct arena *arena;
};

static const enum asx_type group_type[] = {ASX_CATEGORICAL, ASX_DATETIME, ASX_NUMERIC, ASX_TEXT};
enum { GROUPS = sizeof group_type / sizeof *group_type };

static void add_param(struct builder *b, const struct asx_param *p, const char *step, const char *condition)
{
    if (b->n >= ASX_MAX_PARAMS) {
        b->full = true;
        return;
    }
    struct asx_param *q = &b->param[b->n];
    *q = *p;
    if (step) {
        q->name = arena_printf(b->arena, "%s.%s", step, p->name);
        q->only_if = p->only_if ? arena_printf(b->arena, "%s.%s", step, p->only_if) : condition;
        b->nomem |= !q->name || (p->only_if && !q->only_if);
    }
    b->n++;
}

static bool has_step_params(const struct builder *b, const char *step)
{
    size_t len = strlen(step);
    for (int i = 0; i < b->n; i++)
        if (strncmp(b->param[i].name, step, len) == 0 && b->param[i].name[len] == '.')
            return true;
    return false;
}

static bool before(const struct builder *b, const struct asx_prep *a, const struct asx_prep *c)
{
    int x = steps_preference(a, b->learner), y = steps_preference(c, b->learner);
    return x != y ? x > y : strcmp(a->head.name, c->head.name) < 0;
}

/* Largest value the task gives to the parameter that the step's `fits` hangs on; NAN: none. */
static double given(const struct builder *b, const struct asx_prep *p)
{
    size_t len = strlen(p->head.name);
    double most = NAN;
    for (int k = 0; p->fits_param && k < b->restrictions; k++) {
        const struct opt_restriction *r = &b->restriction[k];
        if ((r->learner && strcmp(r->learner, b->learner->head.name) != 0) || strncmp(r->param, p->head.name, len) != 0 ||
            r->param[len] != '.' || strcmp(r->param + len + 1, p->fits_param) != 0)
            continue;
        most = r->n > 0 ? most : fmax(most, r->high);
        for (int i = 0; i < r->n; i++)
            most = fmax(most, r->value[i]);
    }
    return most;
}

static bool candidate(const struct builder *b, const struct asx_prep *p, size_t column)
{
    return steps_candidate_at(p, b->learner, b->problem, (int)column, given(b, p));
}

/* Steps that serve a type, best first: all of them, or those that fit a column of the problem. */
static int candidates(const struct builder *b, enum asx_type type, bool all, const struct asx_prep **out)
{
    int n = 0;
    for (int i = 0; b->registry->prep[i] && n < MAX_STEPS; i++) {
        const struct asx_prep *p = b->registry->prep[i];
        bool fits = steps_serves(p, b->learner, type) && all;
        const struct asx_frame *f = all ? NULL : b->problem->frame;
        for (size_t j = 0; f && !fits && j < f->columns; j++)
            fits = f->column[j].type == type && steps_feature(b->problem, j) && candidate(b, p, j);
        if (!fits)
            continue;
        int at = n++;
        for (; at > 0 && before(b, p, out[at - 1]); at--)
            out[at] = out[at - 1];
        out[at] = p;
    }
    return n;
}

/* Do the steps that a restriction names serve this column? Booleans stand with the categorical, and have steps of their own. */
static bool served(const struct builder *b, const struct opt_restriction *r, enum asx_type type, size_t column)
{
    const struct asx_prep *all[MAX_STEPS];
    int n = candidates(b, type, true, all);
    for (int i = 0; i < r->n; i++)
        if (r->value[i] >= 0 && r->value[i] < n && candidate(b, all[(int)r->value[i]], column))
            return true;
    return false;
}

size_t opt_restriction_unserved(const struct asx_registry *registry, const struct asx_problem *problem,
                                const struct asx_learner *learner, const struct opt_restriction *restriction, int restrictions,
                                const struct opt_restriction *of, size_t *first)
{
    struct builder b = {
        .registry = registry, .problem = problem, .learner = learner, .restriction = restriction, .restrictions = restrictions};
    size_t count = 0;
    bool other = of->n == 0 || (of->learner && strcmp(of->learner, learner->head.name) != 0);
    for (int g = 0; !other && g < GROUPS; g++) {
        if (strcmp(of->param, steps_group(group_type[g])) != 0)
            continue;
        for (size_t j = problem->frame->columns; j-- > 0;)
            if (problem->frame->column[j].type == group_type[g] && steps_feature(problem, j) && !served(&b, of, group_type[g], j)) {
                *first = j;
                count++;
            }
    }
    return count;
}

/*
 * Is `step` in use for some column of the group when the choice is `chosen`? Chosen steps serve the
 * columns they fit; the others fall back on their own default.
 */
static bool in_use(const struct builder *b, const char *group, const struct asx_prep *step, const struct asx_prep *chosen)
{
    const struct asx_frame *f = b->problem->frame;
    for (size_t j = 0; j < f->columns; j++) {
        if (!steps_feature(b->problem, j) || strcmp(steps_group(f->column[j].type), group) != 0)
            continue;
        const struct asx_prep *p = chosen;
        if (!p || !candidate(b, p, j))
            p = steps_default(b->registry, b->learner, b->problem, (int)j);
        if (p == step)
            return true;
    }
    return false;
}

/* Parameters of one step under a group's choice; unconditional when more than one choice uses it. */
static void add_step(struct builder *b, const char *group, const struct asx_prep *step, const struct asx_prep *const *choice, int n)
{
    if (has_step_params(b, step->head.name)) { /* also serves an earlier type: no single condition is right */
        size_t len = strlen(step->head.name);
        for (int i = 0; i < b->n; i++) {
            struct asx_param *q = &b->param[i];
            if (strncmp(q->name, step->head.name, len) == 0 && q->name[len] == '.' && q->only_if &&
                strncmp(q->only_if, step->head.name, len) != 0)
                q->only_if = NULL;
        }
        return;
    }
    int used = 0;
    const struct asx_prep *by = NULL;
    for (int c = 0; c < n; c++)
        if (b->problem ? in_use(b, group, step, choice[c]) : choice[c] == step)
            used++, by = choice[c];
    if (n == 0 && (!b->problem || in_use(b, group, step, NULL)))
        used = 2;
    if (!used)
        return;
    const char *condition = NULL;
    if (used == 1 && n > 1) {
        condition = arena_printf(b->arena, "%s=%s", group, by->head.name);
        b->nomem |= !condition;
    }
    for (int i = 0; i < step->n_params; i++)
        add_param(b, &step->params[i], step->head.name, condition);
}

static void add_choice(struct builder *b, const char *group, const struct asx_prep *const *step, int n)
{
    const char **name = arena_calloc(b->arena, (size_t)n, sizeof *name);
    if (!name) {
        b->nomem = true;
        return;
    }
    for (int i = 0; i < n; i++)
        name[i] = step[i]->head.name;
    struct asx_param p = {
        .name = group, .kind = ASX_CHOICE, .choices = name, .n_choices = n, .help = "preparation of columns of this type"};
    add_param(b, &p, NULL, NULL);
}

static void add_group(struct builder *b, enum asx_type type)
{
    const char *group = steps_group(type);
    const struct asx_prep *choice[MAX_STEPS], *all[MAX_STEPS];
    int n = candidates(b, type, !b->problem, choice), any = n;
    if (n > 1)
        add_choice(b, group, choice, n);
    memcpy(all, choice, sizeof all);
    if (b->problem && type == ASX_CATEGORICAL) { /* steps only boolean columns use */
        const struct asx_prep *more[MAX_STEPS];
        int m = candidates(b, ASX_BOOLEAN, false, more);
        for (int i = 0; i < m && any < MAX_STEPS; i++) {
            bool known = false;
            for (int k = 0; k < any; k++)
                known |= all[k] == more[i];
            if (!known)
                all[any++] = more[i];
        }
    }
    for (int i = 0; i < any; i++)
        add_step(b, group, all[i], choice, n);
}

static void add_whole_steps(struct builder *b)
{
    const struct asx_registry *r = b->registry;
    const struct asx_prep *sparse = b->problem ? steps_default(r, b->learner, b->problem, -1) : NULL;
    for (int i = 0; sparse && i < sparse->n_params; i++)
        add_param(b, &sparse->params[i], sparse->head.name, NULL);
    for (int i = 0; b->learner->affine && b->learner->affine[i]; i++) {
        const struct asx_prep *p = steps_find(r, b->learner->affine[i]);
        for (int j = 0; p && j < p->n_params; j++)
            add_param(b, &p->params[j], p->head.name, NULL);
    }
}

/* ---- restrictions ---------------------------------------------------------- */

/*
 * A spec is checked before its data is read, so the index of a step choice counts among all steps that
 * could fit; here it is mapped by name to this problem's choices. -1: that step fits no column.
 */
static double map_choice(const struct builder *b, const struct asx_param *q, double v)
{
    for (int g = 0; b->problem && g < GROUPS; g++) {
        if (strcmp(q->name, steps_group(group_type[g])) != 0)
            continue;
        const struct asx_prep *all[MAX_STEPS];
        int n = candidates(b, group_type[g], true, all);
        if (v < 0 || v >= n)
            return -1;
        for (int i = 0; i < q->n_choices; i++)
            if (strcmp(q->choices[i], all[(int)v]->head.name) == 0)
                return i;
        return -1;
    }
    return v >= 0 && v < q->n_choices ? v : -1;
}

static void restrict_to_values(struct builder *b, struct asx_param *q, const struct opt_restriction *r)
{
    double *v = arena_calloc(b->arena, (size_t)r->n, sizeof *v);
    if (!v) {
        b->nomem = true;
        return;
    }
    int n = 0;
    bool has_default = false;
    for (int i = 0; i < r->n; i++) {
        double x = q->kind == ASX_CHOICE ? map_choice(b, q, r->value[i]) : r->value[i];
        if (q->kind == ASX_CHOICE && x < 0)
            continue;
        v[n++] = x;
        has_default |= x == q->def;
    }
    if (n == 0)
        return; /* none of the steps named fits this data: the default serves */
    q->values = v;
    q->n_values = n;
    q->fixed = n == 1;
    if (!has_default)
        q->def = v[0];
    q->low = q->high = v[0];
    for (int i = 1; i < n; i++) {
        q->low = fmin(q->low, v[i]);
        q->high = fmax(q->high, v[i]);
    }
    q->min = q->max = 0;
}

static void restrict_to_range(struct asx_param *q, const struct opt_restriction *r)
{
    q->low = q->min = r->low;
    q->high = q->max = r->high;
    q->log = r->log && r->low > 0;
    q->fixed = r->low == r->high;
    q->def = fmin(fmax(q->def, r->low), r->high);
}

static void apply_restrictions(struct builder *b, const struct opt_restriction *r, int n)
{
    for (int k = 0; k < n; k++) {
        if (r[k].learner && strcmp(r[k].learner, b->learner->head.name) != 0)
            continue;
        for (int i = 0; i < b->n; i++) {
            struct asx_param *q = &b->param[i];
            if (strcmp(q->name, r[k].param) != 0)
                continue;
            if (r[k].n > 0)
                restrict_to_values(b, q, &r[k]);
            else
                restrict_to_range(q, &r[k]);
        }
    }
}

/* ---- the space --------------------------------------------------------------- */

/* Does any way to fit look at the columns? What does not is the same however they are prepared. */
static bool looks_at_columns(const struct asx_learner *l)
{
    for (int i = 0; l->fit[i]; i++)
        if (l->fit[i]->needs[0])
            return true;
    return false;
}

static asx_st fill(struct builder *b, const struct opt_restriction *r, int n, struct asx_err *err)
{
    bool columns = looks_at_columns(b->learner);
    for (int g = 0; columns && g < GROUPS; g++)
        add_group(b, group_type[g]);
    if (columns)
        add_whole_steps(b);
    for (int i = 0; i < b->learner->n_params; i++)
        add_param(b, &b->learner->params[i], NULL, NULL);
    apply_restrictions(b, r, n);
    if (b->nomem)
        return err_set(err, ASX_E_NOMEM, "out of memory for the space of '%s'; raise the memory limit", b->learner->head.name);
    if (b->full)
        return err_set(err, ASX_E_INTERNAL, "the space of '%s' has more than %d parameters; raise ASX_MAX_PARAMS",
                       b->learner->head.name, ASX_MAX_PARAMS);
    return ASX_OK;
}

asx_st opt_space_make(const struct asx_registry *registry, const struct asx_problem *problem, const struct asx_learner *learner,
                      const struct opt_restriction *restriction, int restrictions, struct mem *mem, struct asx_space **out,
                      struct asx_err *err)
{
    struct owned_space *s = mem_calloc(mem, 1, sizeof *s);
    struct arena *arena = s ? arena_create(mem) : NULL;
    struct builder b = {.registry = registry,
                        .problem = problem,
                        .learner = learner,
                        .arena = arena,
                        .restriction = restriction,
                        .restrictions = restrictions};
    if (arena)
        b.param = arena_calloc(arena, ASX_MAX_PARAMS, sizeof *b.param);
    if (!b.param) {
        if (arena)
            arena_destroy(arena);
        mem_free(s);
        return err_set(err, ASX_E_NOMEM, "out of memory for the space of '%s'; raise the memory limit", learner->head.name);
    }
    asx_st st = fill(&b, restriction, restrictions, err);
    if (st) {
        arena_destroy(arena);
        mem_free(s);
        return st;
    }
    s->space.param = b.param;
    s->space.n = b.n;
    s->arena = arena;
    *out = &s->space;
    return ASX_OK;
}

void opt_space_free(struct asx_space *space)
{
    struct owned_space *s = (struct owned_space *)(void *)space;
    if (!s)
        return;
    arena_destroy(s->arena);
    mem_free(s);
}
