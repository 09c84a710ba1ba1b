/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file space.h
 * Parameters, spaces and configs.
 *
 * For: whoever declares parameters (learners, preparation steps) and whoever
 * chooses their values (strategies, specs). One table of `struct asx_param` is the
 * single source for ranges, defaults, `assay learners`, checks of specs and docs.
 *
 *     static const struct asx_param params[] = {
 *         {.name = "l2", .kind = ASX_REAL, .low = 1e-6, .high = 1e4, .log = true, .def = 1,
 *          .help = "ridge penalty"},
 *         {.name = "solver", .kind = ASX_CHOICE, .choices = solvers, .n_choices = 2, .def = 0},
 *     };
 *     double l2 = asx_config_get(config, "l2");
 */
#ifndef ASSAY_EXT_SPACE_H
#define ASSAY_EXT_SPACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

enum asx_param_kind { ASX_REAL, ASX_INT, ASX_BOOL, ASX_CHOICE };

/** One parameter. Zero members mean "none"; `def` is a value (the index for a choice). */
struct asx_param {
    const char *name;
    enum asx_param_kind kind;
    double low, high;           /**< the range searched, both ends included; REAL and INT */
    double min, max;            /**< the range allowed in specs; both 0: low..high */
    bool log;                   /**< searched on a log scale */
    const char *const *choices; /**< CHOICE */
    int n_choices;
    double def;
    const char *only_if;  /**< "param=choice" or "param=one|other": otherwise inactive and at its default */
    bool fixed;           /**< not searched unless a spec gives a range */
    const char *help;     /**< one line with the unit */
    const double *values; /**< a spec's explicit list, else NULL */
    int n_values;
    unsigned tasks; /**< ASX_TASK_BITs of the problems it has an effect on; 0: all */
};

enum { ASX_MAX_PARAMS = 48 };

/** The parameters of a pipeline: preparation steps' and learner's, spec restrictions applied. */
struct asx_space {
    int n;
    const struct asx_param *param;
};

struct asx_learner;

/** A point of a space; inactive parameters hold their default. */
struct asx_config {
    const struct asx_learner *learner;
    const struct asx_space *space;
    double value[ASX_MAX_PARAMS];
};

/** Is `word` one of "one|other"? */
static inline bool asx_words_have(const char *words, const char *word)
{
    size_t len = strlen(word);
    for (const char *w = words; w; w = strchr(w, '|') ? strchr(w, '|') + 1 : NULL)
        if (strncmp(w, word, len) == 0 && (w[len] == '|' || !w[len]))
            return true;
    return false;
}

/** Has the parameter, at value v, one of these words for it? Numbers have one word. */
static inline bool asx_param_is(const struct asx_param *p, double v, const char *words)
{
    if (p->kind == ASX_BOOL)
        return asx_words_have(words, v != 0 ? "true" : "false");
    if (p->kind != ASX_CHOICE)
        return v == strtod(words, NULL);
    return v >= 0 && v < p->n_choices && asx_words_have(words, p->choices[(int)v]);
}

/** Does parameter i play a part in this config? What it hangs on may hang on something itself. */
static inline bool asx_param_active(const struct asx_config *c, int i)
{
    for (int depth = 0; depth < 8; depth++) { /* a cycle in a table ends here */
        const char *condition = c->space->param[i].only_if, *eq = condition ? strchr(condition, '=') : NULL;
        int on = -1;
        for (int j = 0; eq && j < c->space->n && on < 0; j++)
            if (strncmp(c->space->param[j].name, condition, (size_t)(eq - condition)) == 0 &&
                !c->space->param[j].name[eq - condition])
                on = j;
        if (on < 0) /* nothing to wait for */
            return true;
        if (!asx_param_is(&c->space->param[on], c->value[on], eq + 1))
            return false;
        i = on;
    }
    return true;
}

/** Index of a parameter, or -1. */
static inline int asx_space_find(const struct asx_space *s, const char *name)
{
    for (int i = 0; i < s->n; i++)
        if (strcmp(s->param[i].name, name) == 0)
            return i;
    return -1;
}

/** Value of a parameter that must exist; `def` of the table when the space lacks it is the caller's job. */
static inline double asx_config_get(const struct asx_config *c, const char *name)
{
    int i = asx_space_find(c->space, name);
    return i < 0 ? 0.0 : c->value[i];
}

/** Value of a parameter, or `def` when the space lacks it. */
static inline double asx_config_get_or(const struct asx_config *c, const char *name, double def)
{
    int i = asx_space_find(c->space, name);
    return i < 0 ? def : c->value[i];
}

/** Name of the chosen alternative of a CHOICE parameter, or NULL. */
static inline const char *asx_config_choice(const struct asx_config *c, const char *name)
{
    int i = asx_space_find(c->space, name);
    return i < 0 ? NULL : c->space->param[i].choices[(int)c->value[i]];
}

#ifdef __cplusplus
}
#endif
#endif
