/* SPDX-License-Identifier: Apache-2.0 */
/* See lbfgs.h. */
#include "learners/linear/lbfgs.h"

#include "learners/linear/glm_fast.h"

#include "base/mem.h"

#include <math.h>
#include <string.h>

static const double armijo = 1e-4, curvature = 0.9;
enum { MAX_SEARCHES = 25, MAX_FLAT = 5 };

asx_st lbfgs_init(struct lbfgs *m, struct arena *arena)
{
    double *v = arena_calloc(arena, (6 + 2 * (size_t)LBFGS_HISTORY) * m->n + 1, sizeof *v);
    if (!v)
        return ASX_E_NOMEM;
    double **part[] = {&m->trial, &m->grad_trial, &m->x, &m->grad, &m->dir, &m->pg};
    for (size_t k = 0; k < sizeof part / sizeof *part; k++, v += m->n)
        *part[k] = v;
    m->s = v;
    m->y = v + (size_t)LBFGS_HISTORY * m->n;
    return ASX_OK;
}

void lbfgs_restart(struct lbfgs *m, double tolerance, double noise)
{
    m->tolerance = tolerance;
    m->noise = noise;
    m->gain = 0.1 * noise;
    m->started = false;
    m->done = m->iterations >= m->max_iterations;
    m->stored = m->flat = 0;
    memcpy(m->trial, m->x, m->n * sizeof *m->x);
}

static double l1_of(const struct lbfgs *m, size_t i)
{
    return m->l1 > 0 ? m->l1 * m->l1_of[i % m->stride] : 0;
}

static double l1_norm(const struct lbfgs *m, const double *x)
{
    double s = 0;
    for (size_t i = 0; m->l1 > 0 && i < m->n; i++)
        s += l1_of(m, i) * fabs(x[i]);
    return s;
}

/* The subgradient of least norm; returns its largest component. */
static double pseudo_gradient(struct lbfgs *m)
{
    double most = 0;
    for (size_t i = 0; i < m->n; i++) {
        double g = m->grad[i], l1 = l1_of(m, i);
        if (m->x[i] > 0)
            g += l1;
        else if (m->x[i] < 0)
            g -= l1;
        else
            g = g < -l1 ? g + l1 : g > l1 ? g - l1 : 0;
        m->pg[i] = g;
        most = fabs(g) > most ? fabs(g) : most;
    }
    return most;
}

/* dir = -H pg by the two-loop recursion. */
static void direction(struct lbfgs *m)
{
    double alpha[LBFGS_HISTORY];
    size_t n = m->n;
    for (size_t i = 0; i < n; i++)
        m->dir[i] = -m->pg[i];
    for (int k = 0; k < m->stored; k++) {
        size_t at = (size_t)((m->newest - k + LBFGS_HISTORY) % LBFGS_HISTORY);
        alpha[at] = m->rho[at] * vec_dot(n, m->s + at * n, m->dir);
        vec_axpy(n, -alpha[at], m->y + at * n, m->dir);
    }
    for (size_t i = 0; m->stored && i < n; i++)
        m->dir[i] *= m->ys_yy;
    for (int k = m->stored - 1; k >= 0; k--) {
        size_t at = (size_t)((m->newest - k + LBFGS_HISTORY) % LBFGS_HISTORY);
        double beta = m->rho[at] * vec_dot(n, m->y + at * n, m->dir);
        vec_axpy(n, alpha[at] - beta, m->s + at * n, m->dir);
    }
    for (size_t i = 0; m->l1 > 0 && i < n; i++)
        if (l1_of(m, i) > 0 && m->dir[i] * m->pg[i] >= 0)
            m->dir[i] = 0;
}

static void set_trial(struct lbfgs *m)
{
    for (size_t i = 0; i < m->n; i++) {
        double v = m->x[i] + m->step * m->dir[i];
        if (l1_of(m, i) > 0) {
            double orthant = m->x[i] != 0 ? m->x[i] : -m->pg[i];
            if (v * orthant <= 0)
                v = 0;
        }
        m->trial[i] = v;
    }
}

/* Starts a line search along a fresh direction; falls back to steepest descent. */
static void begin_search(struct lbfgs *m)
{
    direction(m);
    m->slope = vec_dot(m->n, m->pg, m->dir);
    if (!(m->slope < 0)) {
        m->stored = 0;
        direction(m);
        m->slope = vec_dot(m->n, m->pg, m->dir);
    }
    if (!(m->slope < 0)) {
        m->done = true;
        return;
    }
    double norm = sqrt(vec_dot(m->n, m->dir, m->dir));
    m->step = m->stored ? 1 : 1 / (norm > 1 ? norm : 1);
    m->low = 0;
    m->high = INFINITY;
    m->searches = 0;
    set_trial(m);
}

/* Keeps the pair (s, y) when it has enough curvature to be trusted. */
static void remember(struct lbfgs *m)
{
    size_t at = (size_t)((m->newest + 1) % LBFGS_HISTORY), n = m->n;
    double *s = m->s + at * n, *y = m->y + at * n;
    for (size_t i = 0; i < n; i++) {
        s[i] = m->trial[i] - m->x[i];
        y[i] = m->grad_trial[i] - m->grad[i];
    }
    double ys = vec_dot(n, y, s), yy = vec_dot(n, y, y);
    if (!(ys > 1e-10 * yy) || !(ys > 0))
        return;
    m->newest = (int)at;
    m->stored += m->stored < LBFGS_HISTORY;
    m->rho[at] = 1 / ys;
    m->ys_yy = ys / yy;
}

static void accept(struct lbfgs *m, double f)
{
    if (m->started)
        remember(m);
    bool flat = m->started && m->f - f <= m->gain * fmax(fabs(f), 1e-12);
    m->flat = flat ? m->flat + 1 : 0;
    memcpy(m->x, m->trial, m->n * sizeof *m->x);
    memcpy(m->grad, m->grad_trial, m->n * sizeof *m->grad);
    m->iterations += m->started;
    m->started = true;
    m->f = f;
    if (pseudo_gradient(m) <= m->tolerance || m->flat >= MAX_FLAT || m->iterations >= m->max_iterations)
        m->done = true;
    else
        begin_search(m);
}

/* The search got nowhere: once more along the plain gradient, then give up (rounding rules). */
static void give_up(struct lbfgs *m)
{
    if (m->stored == 0) {
        m->done = true;
        return;
    }
    m->stored = 0;
    begin_search(m);
}

static void tell_l1(struct lbfgs *m, double f)
{
    double move = 0;
    for (size_t i = 0; i < m->n; i++)
        move += m->pg[i] * (m->trial[i] - m->x[i]);
    if (isfinite(f) && f <= m->f + armijo * move + m->noise * fabs(m->f)) {
        accept(m, f);
    } else if (++m->searches >= MAX_SEARCHES) {
        give_up(m);
    } else {
        m->step *= m->stored ? 0.5 : 0.1;
        set_trial(m);
    }
}

static void tell_smooth(struct lbfgs *m, double f)
{
    double slope = isfinite(f) ? vec_dot(m->n, m->grad_trial, m->dir) : INFINITY, room = m->noise * fabs(m->f);
    bool enough = isfinite(f) && f <= m->f + armijo * m->step * m->slope;
    bool near_enough = isfinite(f) && f <= m->f + room && slope <= (2 * armijo - 1) * m->slope;
    if ((enough || near_enough) && slope >= curvature * m->slope) {
        accept(m, f);
        return;
    }
    if (++m->searches >= MAX_SEARCHES) {
        if (enough)
            accept(m, f);
        else
            give_up(m);
        return;
    }
    if (enough || near_enough)
        m->low = m->step;
    else
        m->high = m->step;
    m->step = isfinite(m->high) ? 0.5 * (m->low + m->high) : 2 * m->step;
    set_trial(m);
}

void lbfgs_tell(struct lbfgs *m, double f)
{
    if (m->done)
        return;
    m->evaluations++;
    if (!m->started) {
        if (isfinite(f))
            accept(m, f + l1_norm(m, m->trial));
        else
            m->done = true;
    } else if (m->l1 > 0) {
        tell_l1(m, f + l1_norm(m, m->trial));
    } else {
        tell_smooth(m, f);
    }
}
