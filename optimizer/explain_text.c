/* SPDX-License-Identifier: Apache-2.0 */
/* Plans as text: one numbered line a step, inputs by number, reasons under each choice. */
#include "optimizer/explain_view.h"

#include "base/clock.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MAX_STEP = 34, MAX_WAY = 30 };

const char *explain_title(const struct opt_explained *e, int plan)
{
    const struct opt_plan *p = e->plan[plan];
    if (p->trials > 0)
        return "first wave";
    return plan == 0 ? "before the search" : "after the search";
}

/* Three digits are enough to plan by: "1.23 s", "45.1 ms", "830 us". */
static const char *seconds_text(double s, char out[24])
{
    if (isnan(s))
        snprintf(out, 24, "?");
    else if (s >= 100)
        snprintf(out, 24, "%.0f s", s);
    else if (s >= 1)
        snprintf(out, 24, "%.*f s", s < 10 ? 2 : 1, s);
    else if (s >= 1e-3)
        snprintf(out, 24, "%.*f ms", s < 1e-2 ? 2 : s < 0.1 ? 1 : 0, s * 1e3);
    else if (s > 0)
        snprintf(out, 24, "%.0f us", fmax(s * 1e6, 1));
    else
        snprintf(out, 24, "0");
    return out;
}

static const char *bytes_text(uint64_t bytes, char out[32])
{
    if (bytes == 0)
        snprintf(out, 32, "-");
    else
        clock_format_bytes((double)bytes, out);
    return out;
}

/* "1 4-8 12": ids in ascending order, runs drawn together, the tail cut when there are many. */
static void inputs_text(const struct opt_node *n, int base, char *out, size_t size)
{
    int input[EXPLAIN_INPUTS], count = explain_inputs(n, input, EXPLAIN_INPUTS);
    size_t at = 0;
    out[0] = 0;
    for (int i = 0; i < count;) {
        int j = i;
        while (j + 1 < count && input[j + 1] == input[j] + 1)
            j++;
        char run[48];
        if (j > i)
            snprintf(run, sizeof run, "%s%d-%d", i ? " " : "", input[i] + base, input[j] + base);
        else
            snprintf(run, sizeof run, "%s%d", i ? " " : "", input[i] + base);
        if (at + strlen(run) + 5 > size) {
            snprintf(out + at, size - at, " ...");
            return;
        }
        at += (size_t)snprintf(out + at, size - at, "%s", run);
        i = j + 1;
    }
}

struct widths {
    int id, step, way, device;
};

static int at_most(int a, int most)
{
    return a < most ? a : most;
}

static struct widths measure(const struct opt_explained *e)
{
    struct widths w = {2, 4, 3, 6};
    for (int i = 0; i < e->plans; i++)
        for (int k = 0; k < e->plan[i]->nodes; k++) {
            const struct opt_node *n = e->plan[i]->node[k];
            char id[16];
            int len = snprintf(id, sizeof id, "%d", n->id + explain_base(e, i));
            int step = (int)strlen(n->step) + (n->fold < 0 ? 0 : n->fold < 9 ? 8 : 9), way = (int)strlen(n->way);
            w.id = len > w.id ? len : w.id;
            w.step = step > w.step ? at_most(step, MAX_STEP) : w.step;
            w.way = way > w.way ? at_most(way, MAX_WAY) : w.way;
        }
    return w;
}

static void header(const struct opt_explained *e, const struct widths *w, struct text *out)
{
    text_printf(out, "%*s  %-*s  %-*s  %-*s %3s %5s", w->id, "id", w->step, "step", w->way, "way", w->device, "device", "thr",
                "batch");
    if (e->costs)
        text_printf(out, "  %9s  %-20s  %9s", "seconds", "[80 % interval]", "bytes");
    text_puts(out, "  shared  inputs\n");
}

static void step_label(const struct opt_node *n, char *out, size_t size)
{
    if (n->fold >= 0)
        snprintf(out, size, "%s, fold %d", n->step, n->fold + 1);
    else
        snprintf(out, size, "%s", n->step);
}

static void row(const struct opt_explained *e, const struct opt_node *n, int base, const struct widths *w, struct text *out)
{
    char label[96], inputs[96], s[24], low[24], high[24], interval[64] = "", bytes[32], shared[16] = "-", batch[16] = "-";
    const char *device = e->machine && n->device < e->machine->devices ? e->machine->device[n->device].id : "cpu";
    step_label(n, label, sizeof label);
    inputs_text(n, base, inputs, sizeof inputs);
    if (n->shared_by > 1)
        snprintf(shared, sizeof shared, "%d", n->shared_by);
    if (n->members > 0)
        snprintf(batch, sizeof batch, "%d", n->members);
    text_printf(out, "%*d  %-*.*s  %-*.*s  %-*s %3d %5s", w->id, n->id + base, w->step, w->step, label, w->way, w->way, n->way,
                w->device, device, n->threads, batch);
    if (e->costs && n->cached) {
        text_printf(out, "  %9s  %-20s  %9s", "cached", "", "-");
    } else if (e->costs) {
        snprintf(interval, sizeof interval, "[%s .. %s]", seconds_text(n->low_s, low), seconds_text(n->high_s, high));
        text_printf(out, "  %9s  %-20s  %9s", seconds_text(n->cost.total_s, s), interval, bytes_text(n->cost.host_peak, bytes));
    } else if (n->cached) {
        text_puts(out, "  cached");
    }
    text_printf(out, "  %6s%s%s\n", shared, inputs[0] ? "  " : "", inputs);
}

/* Have the same reasons been given for an earlier node of the plan? */
static bool said_before(const struct opt_plan *p, int node)
{
    const struct opt_node *n = p->node[node];
    for (int i = 0; i < node; i++) {
        const struct opt_node *m = p->node[i];
        if (strcmp(m->step, n->step) != 0 || strcmp(m->way, n->way) != 0 || m->alternatives != n->alternatives)
            continue;
        bool same = true;
        for (int k = 0; k < n->alternatives && same; k++)
            same = strcmp(m->alternative[k].way, n->alternative[k].way) == 0;
        if (same)
            return true;
    }
    return false;
}

static void reasons(const struct opt_explained *e, const struct opt_plan *p, int node, const struct widths *w, struct text *out)
{
    const struct opt_node *n = p->node[node];
    if (n->alternatives == 0 || said_before(p, node))
        return;
    for (int i = 0; i < n->alternatives; i++)
        text_printf(out, "%*s    not %s: %s\n", w->id, "", n->alternative[i].way, explain_why(e, &n->alternative[i]));
}

static void plan_head(const struct opt_explained *e, int i, struct text *out)
{
    const struct opt_plan *p = e->plan[i];
    char a[24], b[24], bytes[32];
    text_printf(out, "\n%s:", explain_title(e, i));
    if (p->trials > 0)
        text_printf(out, " %d trial%s,", p->trials, p->trials == 1 ? "" : "s");
    text_printf(out, " %d step%s", p->nodes, p->nodes == 1 ? "" : "s");
    if (e->costs) {
        text_printf(out, ", %s, peak %s", seconds_text(p->seconds, a), bytes_text(p->host_peak, bytes));
        if (p->alone_seconds > 0)
            text_printf(out, "; each trial alone on one thread: %s in all", seconds_text(p->alone_seconds, b));
    }
    text_puts(out, "\n");
}

static void head(const struct opt_explained *e, struct text *out)
{
    char a[24], b[24], c[24], bytes[32];
    const struct opt_machine *m = e->machine;
    if (m) {
        text_printf(out, "plan for %s: %s, %d core%s, %d thread%s usable, %s", m->source[0] ? m->source : "a machine", m->cpu,
                    m->cores, m->cores == 1 ? "" : "s", opt_machine_threads(m), opt_machine_threads(m) == 1 ? "" : "s", m->simd);
        if (e->costs)
            text_printf(out, ", %s", bytes_text(m->memory_bytes, bytes));
        text_puts(out, "\n");
    }
    if (!e->costs)
        return;
    struct explain_total t = explain_total(e);
    text_printf(out, "predicted: %s (80 %% within %s .. %s), peak %s", seconds_text(t.seconds, a), seconds_text(t.low, b),
                seconds_text(t.high, c), bytes_text(t.bytes, bytes));
    if (isfinite(e->budget_s))
        text_printf(out, "; budget %s", seconds_text(e->budget_s, a));
    text_puts(out, "\n");
    if (e->nominal)
        text_puts(out, "speeds: nominal, as repeatable runs plan with\n");
    else if (e->speeds || e->corrections)
        text_printf(out, "speeds: %d measured on this machine, %d op%s corrected by earlier runs\n", e->speeds, e->corrections,
                    e->corrections == 1 ? "" : "s");
    else
        text_puts(out, "speeds: as shipped; nothing has been measured on this machine\n");
}

static void summaries(const struct opt_explained *e, struct text *out)
{
    char a[24], b[24], c[24], interval[64], bytes[32];
    if (e->summaries)
        text_puts(out, "\nthen:\n");
    for (int i = 0; i < e->summaries; i++) {
        const struct opt_summary *s = &e->summary[i];
        text_printf(out, "  %-40s", s->step);
        if (s->trials > 0)
            text_printf(out, " %4d trial%s", s->trials, s->trials == 1 ? " " : "s");
        else
            text_printf(out, " %11s", "");
        if (e->costs) {
            snprintf(interval, sizeof interval, "[%s .. %s]", seconds_text(s->low, b), seconds_text(s->high, c));
            text_printf(out, "  %9s  %-20s  %9s", seconds_text(s->seconds, a), interval, bytes_text(s->host_bytes, bytes));
        }
        text_puts(out, "\n");
    }
}

void opt_explain_text(const struct opt_explained *e, struct text *out)
{
    struct widths w = measure(e);
    head(e, out);
    for (int i = 0; i < e->plans; i++) {
        plan_head(e, i, out);
        header(e, &w, out);
        for (int k = 0; k < e->plan[i]->nodes; k++) {
            row(e, e->plan[i]->node[k], explain_base(e, i), &w, out);
            reasons(e, e->plan[i], k, &w, out);
        }
    }
    summaries(e, out);
}
