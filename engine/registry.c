/* SPDX-License-Identifier: Apache-2.0 */
/* Looking things up by name; the lists are short. */
#include "engine/registry.h"

#include <string.h>

static bool is(const struct asx_head *head, const char *name)
{
    return name && strcmp(head->name, name) == 0;
}

const struct asx_learner *registry_learner(const struct asx_registry *r, const char *name)
{
    for (int f = 0; r->family[f]; f++)
        for (int i = 0; r->family[f]->learner[i]; i++)
            if (is(&r->family[f]->learner[i]->head, name))
                return r->family[f]->learner[i];
    return NULL;
}

const struct asx_prep *registry_prep(const struct asx_registry *r, const char *name)
{
    for (int i = 0; r->prep[i]; i++)
        if (is(&r->prep[i]->head, name))
            return r->prep[i];
    return NULL;
}

const struct asx_metric *registry_metric(const struct asx_registry *r, const char *name)
{
    for (int i = 0; r->metric[i]; i++)
        if (is(&r->metric[i]->head, name))
            return r->metric[i];
    return NULL;
}

const struct asx_kind *registry_kind(const struct asx_registry *r, const char *name)
{
    for (int i = 0; r->kind[i]; i++)
        if (is(&r->kind[i]->head, name))
            return r->kind[i];
    return NULL;
}

const struct asx_strategy *registry_strategy(const struct asx_registry *r, const char *name)
{
    for (int i = 0; r->strategy[i]; i++)
        if (is(&r->strategy[i]->head, name))
            return r->strategy[i];
    return NULL;
}
