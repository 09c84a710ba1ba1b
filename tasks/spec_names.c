/* SPDX-License-Identifier: Apache-2.0 */
/* Names in a spec: metrics, learners and what to say when there is none of that name. */
#include "tasks/spec_impl.h"

#include <string.h>

const struct asx_metric *spec_metric_named(const struct spec_context *c, const char *name)
{
    for (const struct asx_metric *const *m = c->registry->metric; *m; m++)
        if (strcmp((*m)->head.name, name) == 0)
            return *m;
    return NULL;
}

const struct asx_learner *spec_learner_named(const struct spec_context *c, const char *name)
{
    for (const struct asx_family *const *f = c->registry->family; *f; f++)
        for (const struct asx_learner *const *l = (*f)->learner; l && *l; l++)
            if (strcmp((*l)->head.name, name) == 0)
                return *l;
    return NULL;
}

asx_st spec_unknown(struct task_spec *s, struct asx_err *err, struct spec_place place, const char *what, const char *word,
                    const char **names, size_t n)
{
    const char *near = err_nearest(word, names, n);
    if (near)
        return spec_fail(err, ASX_E_INVAL, place, "there is no %s '%s'; did you mean '%s'?", what, word, near);
    struct text list;
    text_init(&list, s->mem);
    for (size_t i = 0; i < n && list.n < 400; i++)
        text_printf(&list, "%s%s", i ? ", " : "", names[i]);
    asx_st st = spec_fail(err, ASX_E_INVAL, place, "there is no %s '%.60s'; choose among %s", what, word,
                          list.failed || !list.n ? "those listed" : list.s);
    text_clear(&list);
    return st;
}

asx_st spec_unknown_metric(struct task_spec *s, struct asx_err *err, struct spec_place place, const char *word)
{
    const char *name[128];
    size_t n = 0;
    for (const struct asx_metric *const *m = s->context.registry->metric; *m && n < 128; m++)
        if (!s->kind || (*m)->tasks & s->kind->tasks)
            name[n++] = (*m)->head.name;
    return spec_unknown(s, err, place, "metric", word, name, n);
}

asx_st spec_unknown_learner(struct task_spec *s, struct asx_err *err, struct spec_place place, const char *word)
{
    const char *name[128];
    size_t n = 0;
    for (const struct asx_family *const *f = s->context.registry->family; *f; f++)
        for (const struct asx_learner *const *l = (*f)->learner; l && *l && n < 128; l++)
            name[n++] = (*l)->head.name;
    return spec_unknown(s, err, place, "learner", word, name, n);
}
