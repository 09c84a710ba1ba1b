/* SPDX-License-Identifier: Apache-2.0 */
#include "optimizer/steps.h"

#include <math.h>
#include <string.h>

const char *steps_group(enum asx_type type)
{
    switch (type) {
    case ASX_NUMERIC: return "numeric";
    case ASX_TEXT: return "text";
    case ASX_DATETIME: return "datetime";
    default: return "categorical";
    }
}

bool steps_feature(const struct asx_problem *problem, size_t column)
{
    return !problem->profile || problem->profile->column[column].role == ASX_ROLE_FEATURE;
}

bool steps_serves(const struct asx_prep *p, const struct asx_learner *learner, enum asx_type type)
{
    return p->scope != ASX_AFFINE && (p->roles & learner->prep_role) && (p->takes & ASX_TYPE_BIT(type));
}

bool steps_candidate_at(const struct asx_prep *p, const struct asx_learner *learner, const struct asx_problem *problem, int column,
                        double value)
{
    if (column < 0) { /* the sparse part belongs to steps that take no typed column */
        if (p->takes || p->scope == ASX_AFFINE || !(p->roles & learner->prep_role) || !problem->frame->sparse)
            return false;
    } else if (!steps_serves(p, learner, problem->frame->column[column].type)) {
        return false;
    }
    if (!p->fits || p->fits(problem, column))
        return true;
    return value == value && p->fits_at && p->fits_at(problem, column, value);
}

bool steps_candidate(const struct asx_prep *p, const struct asx_learner *learner, const struct asx_problem *problem, int column)
{
    return steps_candidate_at(p, learner, problem, column, NAN);
}

int steps_preference(const struct asx_prep *p, const struct asx_learner *learner)
{
    return learner->prep_role == ASX_FOR_TREES && p->for_trees ? p->for_trees : p->preference;
}

const struct asx_prep *steps_default(const struct asx_registry *r, const struct asx_learner *learner,
                                     const struct asx_problem *problem, int column)
{
    const struct asx_prep *best = NULL;
    for (int i = 0; r->prep[i]; i++) {
        const struct asx_prep *p = r->prep[i];
        int rank = steps_preference(p, learner), most = best ? steps_preference(best, learner) : 0;
        bool better = !best || rank > most || (rank == most && strcmp(p->head.name, best->head.name) < 0);
        if (better && steps_candidate(p, learner, problem, column))
            best = p;
    }
    return best;
}

const struct asx_prep *steps_find(const struct asx_registry *r, const char *name)
{
    for (int i = 0; r->prep[i]; i++)
        if (strcmp(r->prep[i]->head.name, name) == 0)
            return r->prep[i];
    return NULL;
}
