/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys that would have no effect. Where a key contradicts the rest of the spec it is refused at its place; where it may
 * well stand in a spec that serves several purposes (a space for a learner that this run leaves out), a note says so.
 */
#include "tasks/spec_impl.h"

#include "tasks/report/report.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static struct spec_place place(const struct task_spec *s, const char *path)
{
    return s->place[spec_find(path)];
}

static asx_st useless(const struct task_spec *s, const char *path, const char *why, struct asx_err *err)
{
    return spec_fail(err, ASX_E_INVAL, place(s, path), "'%s' has no effect %s; remove it", path, why);
}

/* ---- data ---------------------------------------------------------------------- */

static asx_st first_given(const struct task_spec *s, const char *const *path, size_t n, const char *why, struct asx_err *err)
{
    for (size_t i = 0; i < n; i++)
        if (spec_given(s, path[i]))
            return useless(s, path[i], why, err);
    return ASX_OK;
}

static asx_st check_data(const struct task_spec *s, unsigned flags, struct asx_err *err)
{
    static const char *const text_keys[] = {"data.header", "data.delimiter", "data.missing",
                                            "data.types",  "data.ignore",    "data.monotone"};
    if (flags & SPEC_IN_MEMORY)
        return first_given(s, text_keys, 4, "on tables in memory", err);
    if (spec_sparse_text(s->data.train))
        return first_given(s, text_keys, 6, "on a libsvm file, whose features are numbers without names", err);
    size_t n = strlen(s->data.train);
    if (n > 5 && strcmp(s->data.train + n - 5, ".arff") == 0)
        return first_given(s, text_keys, 2, "on an ARFF file, which says it itself", err);
    if (s->data.test && strcmp(s->data.train, "-") == 0 && strcmp(s->data.test, "-") == 0)
        return spec_fail(err, ASX_E_INVAL, place(s, "data.test"),
                         "training and test data cannot both come from standard input; give a file for one");
    return ASX_OK;
}

/* A column that is left out plays no part; those of folds (group, time) do: they are read and are no features. */
static asx_st check_left_out(const struct task_spec *s, struct asx_err *err)
{
    for (int i = 0; i < s->data.ignore.n; i++) {
        const char *name = s->data.ignore.name[i];
        for (int j = 0; j < s->data.monotone.n; j++)
            if (strcmp(name, s->data.monotone.name[j]) == 0)
                return spec_fail(err, ASX_E_INVAL, place(s, "data.monotone"),
                                 "the column '%s' is left out by 'data.ignore', so 'data.monotone' has no effect on it; remove one",
                                 name);
        for (int j = 0; j < s->data.types.n; j++)
            if (strcmp(name, s->data.types.name[j]) == 0 && !(s->search.time && strcmp(name, s->search.time) == 0))
                return spec_fail(err, ASX_E_INVAL, place(s, "data.types"),
                                 "the column '%s' is left out by 'data.ignore', so its type has no effect; remove one", name);
    }
    return ASX_OK;
}

static bool any_monotone(const struct task_spec *s)
{
    for (int i = 0; i < s->search.learners.n; i++) {
        const struct asx_learner *l = spec_learner_named(&s->context, s->search.learners.name[i]);
        if (l && l->monotone)
            return true;
    }
    return s->search.learners.n == 0;
}

/* ---- search -------------------------------------------------------------------- */

static asx_st check_validation(const struct task_spec *s, struct asx_err *err)
{
    if (s->search.time && s->search.repeats > 1)
        return useless(s, "search.validation.repeats", "beside 'time': there is one order of time", err);
    return ASX_OK;
}

static const struct spec_restriction *restriction_of(const struct task_spec *s, const char *learner, const char *param)
{
    for (int i = 0; i < s->search.restrictions; i++)
        if (strcmp(s->search.restriction[i].learner, learner) == 0 && strcmp(s->search.restriction[i].param, param) == 0)
            return &s->search.restriction[i];
    return NULL;
}

/* May the space make `condition` ("loss=huber|quantile") true? */
static bool may_hold(const struct task_spec *s, const struct asx_learner *l, const char *condition)
{
    char name[96];
    const char *eq = strchr(condition, '=');
    if (!eq || (size_t)(eq - condition) >= sizeof name)
        return true;
    memcpy(name, condition, (size_t)(eq - condition));
    name[eq - condition] = '\0';
    const struct asx_param *p = spec_param(s, l, name);
    const struct spec_restriction *r = restriction_of(s, l->head.name, name);
    if (!p || p->kind != ASX_CHOICE)
        return true;
    if (r) {
        for (int i = 0; i < r->n; i++)
            if (r->word && asx_words_have(eq + 1, r->word[i]))
                return true;
        return false;
    }
    return !p->fixed || asx_param_is(p, p->def, eq + 1);
}

static asx_st check_restriction(const struct task_spec *s, const struct spec_restriction *r, struct asx_err *err)
{
    const struct asx_learner *l = spec_learner_named(&s->context, r->learner);
    const struct asx_param *p = l ? spec_param(s, l, r->param) : NULL;
    if (!p)
        return ASX_OK;
    if (!(l->tasks & s->kind->tasks))
        return spec_fail(err, ASX_E_INVAL, r->place, "the learner '%s' does not %s, so '%s.%s' has no effect; remove it",
                         r->learner, s->kind->head.name, r->learner, r->param);
    bool only_default = r->n == 1 && r->value[0] == p->def;
    if (p->tasks && !(p->tasks & s->kind->tasks) && !only_default)
        return spec_fail(err, ASX_E_INVAL, r->place, "'%s.%s' has no effect under %s; remove it", r->learner, r->param,
                         s->kind->head.name);
    if (p->only_if && !only_default && !may_hold(s, l, p->only_if))
        return spec_fail(err, ASX_E_INVAL, r->place,
                         "'%s.%s' has an effect only where %s, which the space leaves out; add that, or remove this", r->learner,
                         r->param, p->only_if);
    return ASX_OK;
}

/* ---- output -------------------------------------------------------------------- */

static bool same_file(const char *a, const char *b)
{
    struct stat x, y;
    if (!a || !b)
        return false;
    return strcmp(a, b) == 0 ||
           (stat(a, &x) == 0 && stat(b, &y) == 0 && S_ISREG(x.st_mode) && x.st_dev == y.st_dev && x.st_ino == y.st_ino);
}

static asx_st check_output(const struct task_spec *s, struct asx_err *err)
{
    const struct {
        const char *path, *file;
    } out[] = {{"output.model", s->output.model},
               {"output.report", s->output.report},
               {"output.leaderboard", s->output.leaderboard}},
      in[] = {{"data.train", s->data.train}, {"data.test", s->data.test}};
    for (size_t i = 0; i < sizeof out / sizeof *out; i++) {
        if (out[i].file && strcmp(out[i].file, "-") == 0)
            return spec_fail(err, ASX_E_INVAL, place(s, out[i].path),
                             "'%s' cannot go to standard output, where the leaderboard goes; give a file", out[i].path);
        for (size_t j = 0; j < sizeof in / sizeof *in; j++)
            if (same_file(out[i].file, in[j].file))
                return spec_fail(err, ASX_E_INVAL, place(s, out[i].path),
                                 "'%s' would overwrite '%s', which is '%s'; give another file", out[i].path, in[j].file,
                                 in[j].path);
        for (size_t j = 0; j < i; j++)
            if (out[i].file && out[j].file && strcmp(out[i].file, out[j].file) == 0)
                return spec_fail(err, ASX_E_INVAL, place(s, out[i].path), "'%s' and '%s' are the same file '%s'; give two",
                                 out[j].path, out[i].path, out[i].file);
    }
    if (s->output.leaderboard && !report_format_of(s->output.leaderboard))
        return spec_fail(err, ASX_E_INVAL, place(s, "output.leaderboard"),
                         "the ending of '%s' names no format; write .csv, .md, .json, .html or .txt", s->output.leaderboard);
    return ASX_OK;
}

asx_st spec_check_effect(const struct task_spec *s, unsigned flags, struct asx_err *err)
{
    asx_st st = check_data(s, flags, err);
    if (!st)
        st = check_left_out(s, err);
    if (!st && s->data.monotone.n && !any_monotone(s))
        st = useless(s, "data.monotone", "on the learners that are named; it binds gbdt, forest, extra_trees and tree", err);
    if (!st)
        st = check_validation(s, err);
    for (int i = 0; !st && i < s->search.restrictions; i++)
        st = check_restriction(s, &s->search.restriction[i], err);
    return st ? st : check_output(s, err);
}

/* ---- notes --------------------------------------------------------------------- */

static bool named(const struct task_spec *s, const char *learner)
{
    for (int i = 0; i < s->search.learners.n; i++)
        if (strcmp(s->search.learners.name[i], learner) == 0)
            return true;
    return s->search.learners.n == 0;
}

void spec_notes(const struct task_spec *s, void (*tell)(void *arg, const char *text), void *arg)
{
    char text[400];
    for (int i = 0; i < s->search.restrictions; i++) {
        const char *learner = s->search.restriction[i].learner;
        bool before = false;
        for (int j = 0; j < i; j++)
            before |= strcmp(s->search.restriction[j].learner, learner) == 0;
        if (before || named(s, learner))
            continue;
        snprintf(text, sizeof text, "the space of '%.60s' has no effect: 'search.learners' leaves that learner out", learner);
        tell(arg, text);
    }
    bool others = s->search.learners.n == 0;
    for (int i = 0; i < s->search.learners.n; i++) {
        const struct asx_learner *l = spec_learner_named(&s->context, s->search.learners.name[i]);
        others |= l && !l->monotone;
    }
    if (s->data.monotone.n && others)
        tell(arg, "'data.monotone' binds tree learners only; name no others under search.learners if every model has to keep it");
    if (s->resources.prices.n && s->objective.price <= 0 && s->objective.goal != SPEC_GOAL_PRICE)
        tell(arg, "'resources.prices' has no effect without a price among the goals or limits");
}
