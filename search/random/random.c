/* SPDX-License-Identifier: Apache-2.0 */
/* The strategy: who is asked next. README.md explains the policy. */
#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"
#include "search/random/draw.h"
#include "search/random/ladder.h"

#include <math.h>
#include <string.h>

static const double most_of_rest = 0.5;     /* share of the seconds left that one trial may cost */
static const double weak_share = 0.05;      /* the same for the first config of a learner that seldom wins */
static const double caution = 4;            /* what a learner's price may prove to be before it has run once */
static const double all_folds_share = 0.15; /* above: one fold first */
static const double climb_share = 0.3;      /* a promotion of a good learner */
static const double cheap_share = 0.03;     /* a promotion this cheap needs no good learner */
static const double explore = 0.15;         /* share of picks that ignore results */
static const double near_share = 0.6;       /* share of random configs drawn near a good one */
enum { FAILURES = 3, DRAWS = 64, PARENTS = 3, LOOK_AHEAD = 64 };

struct family {
    const struct asx_learner *learner;
    const struct asx_space *space;
    bool usable, started, drained; /* drained: draws give nothing new */
    int failed, told, dimensions;
    double best;    /* best potential, greater is better; NaN = none */
    double seconds; /* mean of first trials, as told */
};

struct asx_strategy_state {
    struct asx_search s;
    struct family *family;
    struct climber **all;
    int n, capacity, pending, told, trials, last_id;
    bool greater;
};

/* ---- opening ----------------------------------------------------------------------- */

/* What is sensible (`fits`) the engine has decided: a learner that the user names comes although it is not. */
static bool suits(const struct asx_search *s, const struct asx_learner *l)
{
    return (l->tasks & ASX_TASK_BIT(s->problem->task)) != 0;
}

static void random_close(struct asx_strategy_state *t)
{
    if (!t)
        return;
    for (int i = 0; i < t->n; i++)
        mem_free(t->all[i]);
    mem_free(t->all);
    mem_free(t->family);
    mem_free(t);
}

static asx_st random_open(const struct asx_search *s, struct asx_strategy_state **out, struct asx_err *err)
{
    struct asx_strategy_state *t = mem_calloc(s->mem, 1, sizeof *t);
    struct family *family = t ? mem_calloc(s->mem, (size_t)s->learners + 1, sizeof *family) : NULL;
    if (!family) {
        mem_free(t);
        return err_set(err, ASX_E_NOMEM, "out of memory for the search; raise the memory limit");
    }
    t->s = *s;
    t->family = family;
    t->greater = s->problem->metric ? s->problem->metric->greater_is_better : true;
    for (int i = 0; i < s->learners; i++)
        family[i] = (struct family){.learner = s->learner[i],
                                    .space = s->space[i],
                                    .usable = suits(s, s->learner[i]),
                                    .best = NAN,
                                    .seconds = NAN,
                                    .dimensions = draw_dimensions(s->space[i])};
    *out = t;
    return ASX_OK;
}

/* ---- configs known ------------------------------------------------------------------- */

static bool known(const struct asx_strategy_state *t, struct asx_key key)
{
    for (int i = 0; i < t->n; i++)
        if (key_equal(t->all[i]->key, key))
            return true;
    return false;
}

static struct climber *find(const struct asx_strategy_state *t, int id)
{
    for (int i = t->n - 1; i >= 0; i--)
        if (t->all[i]->id == id)
            return t->all[i];
    return NULL;
}

/*
 * Does the space hold nothing new? A function of the configs known alone, so that a replay, which is told
 * of them, answers the same.
 */
static bool is_drained(const struct asx_strategy_state *t, int learner)
{
    const struct family *f = &t->family[learner];
    struct rng rng = rng_stream(t->s.seed, (uint64_t)learner, (uint64_t)t->n, 0x647261696eull);
    struct asx_config c;
    for (int k = 0; k < DRAWS; k++) {
        draw_random(f->learner, f->space, &rng, &c);
        if (!known(t, draw_key(&c)))
            return false;
    }
    for (int k = 0; f->learner->first && f->learner->first[k]; k++)
        if (draw_json(f->learner->first[k], f->learner, f->space, &c) && !known(t, draw_key(&c)))
            return false;
    return true;
}

static struct climber *add(struct asx_strategy_state *t, int learner, const struct asx_config *config, int id)
{
    if (t->n == t->capacity) {
        int more = t->capacity ? 2 * t->capacity : 64;
        struct climber **grown = mem_realloc(t->s.mem, t->all, (size_t)more * sizeof(struct climber *));
        if (!grown)
            return NULL;
        t->all = grown;
        t->capacity = more;
    }
    struct climber *c = mem_calloc(t->s.mem, 1, sizeof *c);
    if (!c)
        return NULL;
    c->id = id;
    c->learner = learner;
    c->config = *config;
    c->key = draw_key(config);
    c->score = c->potential = NAN;
    for (int r = 0; r < RUNGS; r++)
        c->on_rung[r] = NAN;
    t->all[t->n++] = c;
    t->last_id = id > t->last_id ? id : t->last_id;
    t->family[learner].started = true;
    t->family[learner].drained = is_drained(t, learner);
    return c;
}

static bool may_add(const struct asx_strategy_state *t)
{
    return t->s.max_configs <= 0 || t->n < t->s.max_configs;
}

static bool alive(const struct asx_strategy_state *t, int i)
{
    const struct family *f = &t->family[i];
    (void)t;
    return f->usable && !f->drained && !(f->told == 0 && f->failed >= FAILURES);
}

/* ---- choosing a learner ----------------------------------------------------------------- */

/*
 * How often a learner is at the top on tables, from published comparisons (README.md). Only the order of
 * first trials and ties before any result use it; names that are not listed are in the middle.
 */
static double strength(const struct asx_learner *l)
{
    static const struct {
        const char *name;
        double strength;
    } table[] = {{"gbdt", 1},     {"extra_trees", 0.65}, {"forest", 0.6},      {"logistic", 0.55},
                 {"ridge", 0.55}, {"mlp", 0.5},          {"elastic_net", 0.3}, {"multinomial_nb", 0.3},
                 {"knn", 0.25},   {"tree", 0.15},        {"gaussian_nb", 0.1}, {"constant", 0}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strcmp(table[i].name, l->head.name) == 0)
            return table[i].strength;
    return 0.5;
}

/* Learners with a better best result; those without results count by their strength. */
static int rank_of(const struct asx_strategy_state *t, int i)
{
    int rank = 0;
    const struct family *me = &t->family[i];
    for (int j = 0; j < t->s.learners; j++) {
        const struct family *f = &t->family[j];
        if (j == i || !f->usable)
            continue;
        if (!isnan(f->best) && !isnan(me->best))
            rank += f->best > me->best || (f->best == me->best && j < i);
        else if (isnan(f->best) != isnan(me->best))
            rank += isnan(me->best) && f->told > 0; /* having none after a try is worst */
        else
            rank += strength(f->learner) > strength(me->learner);
    }
    return rank;
}

/* How far a result is behind the best one, in units of the distance from the best to the median learner; at most 3. */
static double gap_of(const struct asx_strategy_state *t, double mine)
{
    double best = NAN, median = NAN;
    int n = 0;
    for (int j = 0; j < t->s.learners; j++) {
        best = fmax(best, t->family[j].best);
        n += !isnan(t->family[j].best);
    }
    for (int j = 0; j < t->s.learners; j++)
        if (!isnan(t->family[j].best) && rank_of(t, j) == n / 2)
            median = t->family[j].best;
    if (isnan(mine) || !(best > median))
        return 0;
    return fmin((best - mine) / (best - median), 3);
}

/* Configs of a learner with an outcome since its best one. */
static int since_best(const struct asx_strategy_state *t, int i)
{
    double best = NAN;
    int since = 0;
    for (int k = 0; k < t->n; k++) {
        const struct climber *c = t->all[k];
        if (c->learner != i || isnan(c->potential))
            continue;
        since = c->potential > best || isnan(best) ? 0 : since + 1;
        best = fmax(best, c->potential);
    }
    return since;
}

static double weight_of(const struct asx_strategy_state *t, int i, double cheapest)
{
    const struct family *f = &t->family[i];
    double w = exp(-0.3 * rank_of(t, i) - 0.7 * gap_of(t, f->best));
    w *= (1 + f->dimensions) / (1 + f->dimensions + 0.5 * since_best(t, i)); /* few parameters are soon explored */
    if (f->seconds > 0 && cheapest > 0)
        w *= pow(fmin(cheapest / f->seconds, 1), 0.3); /* gain per second, damped: cheap is not good */
    return w;
}

/* Draws a learner in proportion to its weight, an `explore` share evenly; -1: none is left. */
static int pick_learner(const struct asx_strategy_state *t, const bool *out_of_reach, struct rng *rng)
{
    double cheapest = INFINITY, dearest = 0, sum = 0;
    int n = 0;
    for (int i = 0; i < t->s.learners; i++)
        if (t->family[i].seconds > 0) {
            cheapest = fmin(cheapest, t->family[i].seconds);
            dearest = fmax(dearest, t->family[i].seconds);
        }
    cheapest = fmax(cheapest, dearest / 100); /* what takes microseconds gains nothing by it */
    for (int i = 0; i < t->s.learners; i++)
        if (alive(t, i) && !out_of_reach[i]) {
            sum += weight_of(t, i, cheapest);
            n++;
        }
    if (n == 0)
        return -1;
    bool even = rng_unit(rng) < explore;
    double at = rng_unit(rng) * (even ? n : sum);
    int last = -1;
    for (int i = 0; i < t->s.learners; i++)
        if (alive(t, i) && !out_of_reach[i]) {
            last = i;
            at -= even ? 1 : weight_of(t, i, cheapest);
            if (at < 0)
                break;
        }
    return last;
}

/* ---- choosing a config -------------------------------------------------------------------- */

static bool next_warm(const struct asx_strategy_state *t, int i, struct asx_config *out)
{
    for (int w = 0; w < t->s.warms; w++)
        if (t->s.warm[w].learner == t->family[i].learner && !known(t, draw_key(&t->s.warm[w]))) {
            *out = t->s.warm[w];
            return true;
        }
    return false;
}

static bool next_good(const struct asx_strategy_state *t, int i, struct asx_config *out)
{
    const struct family *f = &t->family[i];
    if (!f->learner->first || !f->learner->first[0]) {
        draw_default(f->learner, f->space, out);
        return !known(t, draw_key(out));
    }
    for (int k = 0; f->learner->first[k]; k++)
        if (draw_json(f->learner->first[k], f->learner, f->space, out) && !known(t, draw_key(out)))
            return true;
    return false;
}

/* One of the learner's best few configs, or NULL when it has too few results. */
static const struct climber *parent(const struct asx_strategy_state *t, int i, struct rng *rng)
{
    const struct climber *best[PARENTS];
    int n = 0, scored = 0;
    for (int k = 0; k < t->n; k++) {
        const struct climber *c = t->all[k];
        if (c->learner != i || isnan(c->potential))
            continue;
        scored++;
        int at = n < PARENTS ? n++ : PARENTS;
        for (; at > 0 && c->potential > best[at - 1]->potential; at--)
            if (at < PARENTS)
                best[at] = best[at - 1];
        if (at < PARENTS)
            best[at] = c;
    }
    return scored < PARENTS ? NULL : best[rng_below(rng, PARENTS)];
}

static bool next_config(const struct asx_strategy_state *t, int i, struct rng *rng, struct asx_config *out)
{
    const struct family *f = &t->family[i];
    if (next_warm(t, i, out) || next_good(t, i, out))
        return true;
    for (int k = 0; k < DRAWS; k++) {
        const struct climber *p = rng_unit(rng) < near_share ? parent(t, i, rng) : NULL;
        if (p)
            draw_near(&p->config, rng, out);
        else
            draw_random(f->learner, f->space, rng, out);
        if (!known(t, draw_key(out)))
            return true;
    }
    return false;
}

/* ---- prices ----------------------------------------------------------------------------------- */

static double price(struct asx_prices *p, const struct asx_config *c, struct asx_fidelity from, struct asx_fidelity to)
{
    double seconds = NAN, bytes = NAN;
    if (p && p->add)
        p->add(p->self, c, from, to, &seconds, &bytes);
    return seconds;
}

/* Unknown prices are affordable: running is how they become known. */
static bool affordable(const struct asx_prices *p, double seconds, double share)
{
    return !p || isnan(seconds) || isnan(p->seconds_left) || seconds <= share * p->seconds_left;
}

/* A weak learner's first config must be cheap; whoever has shown something may cost more. */
static double reach(const struct family *f)
{
    return f->told == 0 && strength(f->learner) < 0.4 ? weak_share : most_of_rest;
}

/* Start of a config that the rest of the budget allows: all folds, else one. False: not even that. */
static bool start_within(const struct asx_strategy_state *t, struct asx_prices *p, const struct asx_config *config,
                         const struct family *f, struct asx_fidelity *to)
{
    struct climber c = {.config = *config};
    double share = reach(f) / (f->told == 0 ? caution : 1);
    double whole = all_folds_share / (f->told == 0 ? caution : 1);
    struct asx_fidelity from = {.rows = 1};
    *to = ladder_start(&c, t->s.folds);
    double seconds = price(p, config, from, *to);
    if (affordable(p, seconds, fmin(share, whole)))
        return true;
    if (t->s.folds > 1) {
        struct asx_fidelity one = ladder_start(&c, 1);
        double part = price(p, config, from, one);
        if (affordable(p, part, share * 0.5)) {
            *to = one;
            return true;
        }
    }
    return affordable(p, seconds, share);
}

/* ---- asking ---------------------------------------------------------------------------------------- */

static asx_st propose(struct asx_strategy_state *t, struct climber *c, struct asx_fidelity from, struct asx_fidelity to,
                      struct asx_ask *out)
{
    c->state = CLIMB_ASKED;
    c->promotable = false;
    t->pending++;
    c->trial = ++t->trials;
    *out = (struct asx_ask){.trial = c->trial, .config_id = c->id, .config = c->config, .from = from, .to = to};
    return ASX_OK;
}

static asx_st propose_new(struct asx_strategy_state *t, int i, const struct asx_config *config, struct asx_fidelity to,
                          struct asx_ask *out)
{
    struct climber *c = add(t, i, config, t->last_id + 1);
    return c ? propose(t, c, (struct asx_fidelity){.rows = 1}, to, out) : ASX_E_NOMEM;
}

/*
 * The learner to start next. With time only, the cheapest first: all of them are soon known. With few
 * configs the strongest first.
 */
static int next_start(const struct asx_strategy_state *t, struct asx_prices *p, struct asx_config *config, struct asx_fidelity *to,
                      bool force)
{
    bool few = t->s.max_configs > 0 && t->s.max_configs < 2 * t->s.learners;
    int best = -1;
    double best_order = INFINITY;
    for (int i = 0; i < t->s.learners; i++) {
        struct asx_config c;
        struct asx_fidelity f;
        const struct family *family = &t->family[i];
        if (family->started || !alive(t, i) || !(next_warm(t, i, &c) || next_good(t, i, &c)))
            continue;
        bool fits = start_within(t, p, &c, family, &f);
        if (!fits && !force)
            continue;
        double seconds = price(p, &c, (struct asx_fidelity){.rows = 1}, f);
        double order = few ? -strength(family->learner) : isnan(seconds) ? 1e9 * (1 + family->learner->nominal_cost) : seconds;
        if (best < 0 || order < best_order) {
            best = i;
            best_order = order;
            *config = c;
            *to = f;
        }
    }
    return best;
}

/* `later`: there is one, but it is longer than a wave that has something in it already. */
static asx_st ask_start(struct asx_strategy_state *t, struct asx_prices *p, bool force, struct asx_ask *out, bool *later)
{
    struct asx_config config;
    struct asx_fidelity to;
    int i = next_start(t, p, &config, &to, force);
    *later = i >= 0 && p && t->pending > 0 && p->wave_seconds > 0 &&
             price(p, &config, (struct asx_fidelity){.rows = 1}, to) > p->wave_seconds;
    return i < 0 || *later ? ASX_NONE : propose_new(t, i, &config, to, out);
}

/* Half of the learners, two at least, may climb whatever it costs within the rest. */
static bool good_learner(const struct asx_strategy_state *t, int i)
{
    int usable = 0;
    for (int j = 0; j < t->s.learners; j++)
        usable += t->family[j].usable;
    return rank_of(t, i) < (usable > 4 ? (usable + 1) / 2 : 2);
}

/* A price, or a second where there is none. */
static double seconds_or_one(double seconds)
{
    return seconds > 1e-3 ? seconds : isnan(seconds) ? 1 : 1e-3;
}

/*
 * The next rung as far as the rest of the budget allows: what is too dear as a whole goes on for fewer rounds. False:
 * not even a third more.
 */
static bool next_within(const struct asx_strategy_state *t, struct asx_prices *p, const struct climber *c, double share,
                        struct asx_fidelity *to, double *seconds)
{
    *to = ladder_next(c, t->s.folds);
    *seconds = price(p, &c->config, c->at, *to);
    if (affordable(p, *seconds, share))
        return true;
    if (to->folds != c->at.folds || to->iterations <= c->at.iterations)
        return false;
    int more = (int)((to->iterations - c->at.iterations) * share * p->seconds_left / *seconds);
    to->iterations = c->at.iterations + more;
    *seconds = price(p, &c->config, c->at, *to);
    return more >= (c->at.iterations + 2) / 3 && affordable(p, *seconds, share);
}

/* Worth of a promotion: near the best, and cheap. The power is damped as in weight_of. */
static double worth_of(const struct asx_strategy_state *t, const struct climber *c, double seconds)
{
    return exp(-gap_of(t, c->potential)) / sqrt(seconds_or_one(seconds));
}

/* The promotion of most worth that fits; ties by the order of the configs. */
static asx_st ask_promotion(struct asx_strategy_state *t, struct asx_prices *p, struct asx_ask *out)
{
    struct climber *best = NULL;
    struct asx_fidelity best_to = {0};
    double most = 0;
    for (int k = 0; k < t->n; k++) {
        struct climber *c = t->all[k];
        if (!c->promotable)
            continue;
        struct asx_fidelity to;
        double seconds;
        bool good = good_learner(t, c->learner);
        if (!next_within(t, p, c, good ? climb_share : cheap_share, &to, &seconds) || (!good && isnan(seconds)))
            continue;
        double worth = worth_of(t, c, seconds);
        if (best && worth <= most)
            continue;
        best = c;
        best_to = to;
        most = worth;
    }
    return best ? propose(t, best, best->at, best_to, out) : ASX_NONE;
}

static asx_st ask_new(struct asx_strategy_state *t, struct asx_prices *p, struct asx_ask *out)
{
    bool *out_of_reach = mem_calloc(t->s.mem, (size_t)t->s.learners + 1, sizeof *out_of_reach);
    if (!out_of_reach)
        return ASX_E_NOMEM;
    asx_st st = ASX_NONE;
    while (st == ASX_NONE) {
        struct rng rng = rng_stream(t->s.seed, (uint64_t)t->last_id + 1, 0, 0x72616e646f6dull);
        int i = pick_learner(t, out_of_reach, &rng);
        if (i < 0)
            break;
        struct asx_config config;
        struct asx_fidelity to;
        if (next_config(t, i, &rng, &config) && start_within(t, p, &config, &t->family[i], &to))
            st = propose_new(t, i, &config, to, out);
        else
            out_of_reach[i] = true;
    }
    mem_free(out_of_reach);
    return st;
}

static asx_st random_ask(struct asx_strategy_state *t, struct asx_prices *p, struct asx_ask *out)
{
    if (t->pending >= LOOK_AHEAD)
        return ASX_NONE;
    bool later = false;
    asx_st st = may_add(t) ? ask_start(t, p, false, out, &later) : ASX_NONE;
    if (later || (st == ASX_NONE && t->told == 0 && t->pending > 0))
        return ASX_NONE; /* its turn comes with the next wave; before any result guessing on would be blind */
    if (st == ASX_NONE)
        st = ask_promotion(t, p, out);
    if (st == ASX_NONE && may_add(t))
        st = ask_new(t, p, out);
    if (st == ASX_NONE && t->n == 0)
        st = ask_start(t, p, true, out, &later); /* nothing fits: the cheapest, so that something is tried */
    return st;
}

/* ---- telling ----------------------------------------------------------------------------------------- */

/* A config of an earlier process: replaying is telling. */
static struct climber *adopt(struct asx_strategy_state *t, const struct asx_ask *ask)
{
    for (int i = 0; i < t->s.learners; i++)
        if (t->family[i].learner == ask->config.learner) {
            struct asx_config config = ask->config;
            config.space = t->family[i].space;
            struct climber *c = add(t, i, &config, ask->config_id);
            if (c)
                c->state = CLIMB_IDLE;
            return c;
        }
    return NULL;
}

/* Best potential of a learner; results on all folds count before those on one. */
static double best_of(const struct asx_strategy_state *t, int i)
{
    double best = NAN, part = NAN;
    for (int k = 0; k < t->n; k++) {
        const struct climber *c = t->all[k];
        if (c->learner != i)
            continue;
        if (c->at.folds >= t->s.folds)
            best = fmax(best, c->potential);
        else
            part = fmax(part, c->potential);
    }
    return isnan(best) ? part : best;
}

/*
 * A replay may tell of something else than was asked under that number (prices were measured then, and are
 * others now): what was asked is taken back.
 */
static void take_back(struct asx_strategy_state *t, const struct asx_ask *told)
{
    struct asx_key key = draw_key(&told->config);
    for (int i = 0; i < t->n; i++) {
        struct climber *c = t->all[i];
        bool mine = c->id == told->config_id && key_equal(c->key, key);
        bool asked = c->state == CLIMB_ASKED && c->trial == told->trial;
        if (mine || (!asked && c->id != told->config_id))
            continue;
        t->pending -= c->state == CLIMB_ASKED;
        if (!isnan(c->score) && c->id != told->config_id) { /* a promotion that never was */
            c->state = CLIMB_IDLE;
            continue;
        }
        mem_free(c);
        memmove(&t->all[i], &t->all[i + 1], (size_t)(--t->n - i) * sizeof *t->all);
        i--;
    }
}

static void random_tell(struct asx_strategy_state *t, const struct asx_outcome *o)
{
    if (o->ask->config_id <= 0)
        return; /* the baseline */
    if (o->ask->trial > t->trials)
        t->trials = o->ask->trial;
    take_back(t, o->ask);
    struct climber *c = find(t, o->ask->config_id);
    if (!c)
        c = adopt(t, o->ask);
    if (!c)
        return; /* a learner that is not searched, or no memory */
    t->pending -= c->state == CLIMB_ASKED;
    ladder_settle(c, o, t->greater, t->s.folds);
    struct family *f = &t->family[c->learner];
    t->told++;
    if (c->state == CLIMB_FAILED) {
        f->failed++;
    } else {
        f->told++;
        f->best = best_of(t, c->learner);
        if (o->ask->from.folds == 0 && o->seconds > 0)
            f->seconds = isnan(f->seconds) ? o->seconds : f->seconds + (o->seconds - f->seconds) / f->told;
    }
    ladder_mark(t->all, t->n, t->s.folds);
}

static bool random_exhausted(const struct asx_strategy_state *t)
{
    if (t->pending > 0)
        return false;
    for (int i = 0; may_add(t) && i < t->s.learners; i++)
        if (alive(t, i))
            return false;
    for (int k = 0; k < t->n; k++)
        if (t->all[k]->promotable && good_learner(t, t->all[k]->learner))
            return false;
    return true;
}

extern const struct asx_strategy asx_strategy_random;
const struct asx_strategy asx_strategy_random = {
    .head = {"random", "good configs first, then random ones near and far, on rungs that continue"},
    .open = random_open,
    .ask = random_ask,
    .tell = random_tell,
    .exhausted = random_exhausted,
    .close = random_close,
};
