/* SPDX-License-Identifier: Apache-2.0 */
/* What explain knows about a plan, for all three formats. */
#include "optimizer/explain_view.h"

#include "base/clock.h"
#include "base/json.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

int explain_base(const struct opt_explained *e, int plan)
{
    int base = 1;
    for (int i = 0; i < plan; i++)
        base += e->plan[i]->nodes;
    return base;
}

int explain_inputs(const struct opt_node *n, int *out, int most)
{
    int count = 0;
    for (int i = 0; i < n->inputs; i++) {
        bool seen = false;
        int at = count;
        for (int k = 0; k < count; k++)
            seen |= out[k] == n->input[i];
        if (seen || count == most)
            continue;
        for (; at > 0 && out[at - 1] > n->input[i]; at--)
            out[at] = out[at - 1];
        out[at] = n->input[i];
        count++;
    }
    return count;
}

struct explain_total explain_total(const struct opt_explained *e)
{
    struct explain_total t = {0};
    for (int i = 0; i < e->plans; i++) {
        const struct opt_plan *p = e->plan[i];
        double sum = 0, low = 0, high = 0;
        for (int k = 0; k < p->nodes; k++) {
            const struct opt_node *n = p->node[k];
            if (!isfinite(n->cost.total_s))
                continue;
            sum += n->cost.total_s;
            low += n->low_s;
            high += n->high_s;
        }
        t.seconds += p->seconds;
        /* errors of one machine's coefficients go together, so the ends add up like the middles */
        t.low += sum > 0 ? p->seconds * low / sum : p->seconds;
        t.high += sum > 0 ? p->seconds * high / sum : p->seconds;
        t.bytes = p->host_peak > t.bytes ? p->host_peak : t.bytes;
        t.alone += p->alone_seconds;
    }
    for (int i = 0; i < e->summaries; i++) {
        const struct opt_summary *s = &e->summary[i];
        t.seconds += isfinite(s->seconds) ? s->seconds : 0;
        t.low += isfinite(s->low) ? s->low : 0;
        t.high += isfinite(s->high) ? s->high : 0;
        t.bytes = s->host_bytes > t.bytes ? s->host_bytes : t.bytes;
    }
    return t;
}

/* Reasons without their numbers, which change from machine to machine. */
const char *explain_why(const struct opt_explained *e, const struct opt_alternative *a)
{
    const char *w = a->why_not;
    if (e->costs)
        return w;
    if (strncmp(w, "slower: ", 8) == 0 && isdigit((unsigned char)w[8]))
        return "slower";
    if (strncmp(w, "needs ", 6) == 0 && isdigit((unsigned char)w[6]))
        return "needs too much memory";
    if (strncmp(w, "as fast, but needs ", 19) == 0)
        return "as fast, but needs more memory";
    return w;
}

/* ---- JSON ----------------------------------------------------------------------------- */

static json_t *cost_json(const struct opt_explained *e, double v)
{
    return e->costs ? json_number(v) : json_null();
}

static json_t *alternatives_json(const struct opt_explained *e, const struct opt_node *n)
{
    json_t *a = json_array();
    for (int i = 0; i < n->alternatives; i++)
        json_array_append_new(a, json_pack("{s:s,s:o,s:s}", "way", n->alternative[i].way, "seconds",
                                           cost_json(e, n->alternative[i].seconds), "why_not", explain_why(e, &n->alternative[i])));
    return a;
}

static json_t *node_json(const struct opt_explained *e, const struct opt_node *n, int base)
{
    int input[EXPLAIN_INPUTS], count = explain_inputs(n, input, EXPLAIN_INPUTS);
    json_t *inputs = json_array();
    for (int i = 0; i < count; i++)
        json_array_append_new(inputs, json_integer(input[i] + base));
    const char *device = e->machine && n->device < e->machine->devices ? e->machine->device[n->device].id : "cpu";
    return json_pack(
        "{s:i,s:o,s:s,s:s,s:s,s:i,s:i,s:o,s:o,s:o,s:o,s:o,s:i,s:b,s:o,s:o}", "id", n->id + base, "inputs", inputs, "step", n->step,
        "way", n->way, "device", device, "threads", n->threads, "batch", n->members > 0 ? n->members : 1, "seconds",
        cost_json(e, n->cost.total_s), "seconds_low", cost_json(e, n->low_s), "seconds_high", cost_json(e, n->high_s), "host_bytes",
        cost_json(e, (double)n->cost.host_peak), "device_bytes", cost_json(e, (double)n->cost.dev_peak), "shared_by", n->shared_by,
        "cached", n->cached, "fold", n->fold < 0 ? json_null() : json_integer(n->fold), "alternatives", alternatives_json(e, n));
}

static json_t *machine_json(const struct opt_machine *m)
{
    if (!m)
        return json_null();
    return json_pack("{s:s,s:s,s:i,s:o,s:s,s:I}", "source", m->source, "cpu", m->cpu, "cores", m->cores, "quota_cores",
                     json_number(m->quota_cores), "simd", m->simd, "memory_bytes", (json_int_t)m->memory_bytes);
}

json_t *opt_explain_json(const struct opt_explained *e)
{
    struct explain_total t = explain_total(e);
    json_t *steps = json_array(), *later = json_array();
    for (int i = 0; i < e->plans; i++)
        for (int k = 0; k < e->plan[i]->nodes; k++)
            json_array_append_new(steps, node_json(e, e->plan[i]->node[k], explain_base(e, i)));
    for (int i = 0; i < e->summaries; i++) {
        const struct opt_summary *s = &e->summary[i];
        json_array_append_new(later, json_pack("{s:s,s:i,s:o,s:o,s:o,s:o}", "step", s->step, "trials", s->trials, "seconds",
                                               cost_json(e, s->seconds), "seconds_low", cost_json(e, s->low), "seconds_high",
                                               cost_json(e, s->high), "host_bytes", cost_json(e, (double)s->host_bytes)));
    }
    json_t *speeds = json_pack("{s:s,s:i,s:i}", "source",
                               e->nominal                    ? "nominal"
                               : e->speeds || e->corrections ? "measured"
                                                             : "shipped",
                               "measured", e->speeds, "corrections", e->corrections);
    return json_pack("{s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:{s:n,s:n,s:n},s:o,s:o,s:[]}", "speeds", speeds, "machine",
                     machine_json(e->machine), "budget_s", json_number(e->budget_s), "seconds", cost_json(e, t.seconds),
                     "seconds_low", cost_json(e, t.low), "seconds_high", cost_json(e, t.high), "host_bytes",
                     cost_json(e, (double)t.bytes), "expected", "score", "low", "high", "steps", steps, "later", later, "front");
}

/* ---- Graphviz ---------------------------------------------------------------------------- */

static void dot_node(const struct opt_explained *e, const struct opt_node *n, int base, struct text *out)
{
    char s[32];
    text_printf(out, "    n%d [label=\"%d %s\\n%s", n->id + base, n->id + base, n->step, n->way);
    if (n->members > 1)
        text_printf(out, " x %d", n->members);
    if (e->costs)
        text_printf(out, "\\n%s, %d thread%s", n->cached ? "cached" : clock_format_seconds(n->cost.total_s, s), n->threads,
                    n->threads > 1 ? "s" : "");
    text_printf(out, "\"%s%s];\n", n->cached ? ", style=dashed" : "", n->shared_by > 1 ? ", penwidth=2" : "");
    int input[EXPLAIN_INPUTS], count = explain_inputs(n, input, EXPLAIN_INPUTS);
    for (int i = 0; i < count; i++)
        text_printf(out, "    n%d -> n%d;\n", input[i] + base, n->id + base);
}

void opt_explain_dot(const struct opt_explained *e, struct text *out)
{
    text_puts(out, "digraph plan {\n  rankdir=BT;\n  node [shape=box, fontname=\"monospace\"];\n");
    for (int i = 0; i < e->plans; i++) {
        text_printf(out, "  subgraph cluster_%d {\n    label=\"%s\";\n", i, explain_title(e, i));
        for (int k = 0; k < e->plan[i]->nodes; k++)
            dot_node(e, e->plan[i]->node[k], explain_base(e, i), out);
        text_puts(out, "  }\n");
    }
    text_puts(out, "}\n");
}
