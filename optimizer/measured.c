/* SPDX-License-Identifier: Apache-2.0 */
#include "optimizer/measured.h"

#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "catalog/machine.h"
#include "optimizer/coefficients.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const double least_seconds = 0.02;
static const uint64_t least_memory = 256u << 20;

/* ---- from the catalog ------------------------------------------------------------------ */

static bool read_levels(const char *text, double out[OPT_LEVELS])
{
    json_t *j = NULL;
    struct asx_err ignored = {0};
    bool good = text && json_parse(text, strlen(text), NULL, &j, &ignored) == ASX_OK && json_array_size(j) == OPT_LEVELS;
    for (size_t l = 0; good && l < OPT_LEVELS; l++) {
        out[l] = json_double(json_array_get(j, l));
        good = out[l] >= 0 && isfinite(out[l]);
    }
    json_decref(j);
    return good;
}

/* Rows that make no sense are passed over: the shipped speed stands. */
static bool take_row(struct opt_machine *m, const struct cat_coefficient *row, struct mem *mem)
{
    struct opt_coefficient c = {.startup_s = row->startup_s,
                                .flop_rate = row->rate,
                                .samples = (int)row->samples,
                                .spread = exp(row->spread),
                                .low = row->valid_low,
                                .high = row->valid_high};
    snprintf(c.device, sizeof c.device, "%s", row->device);
    if (!opt_kernel_parse(row->kernel, &c.kernel) || !opt_dtype_parse(row->dtype, &c.dtype) || !read_levels(row->json, c.bandwidth))
        return false;
    bool sane =
        c.startup_s >= 0 && c.flop_rate >= 0 && c.samples > 0 && c.spread >= 1 && isfinite(c.spread) && isfinite(c.flop_rate);
    return sane && opt_coefficient_put(m, &c, mem) == ASX_OK;
}

int opt_measured_load(struct opt_machine *m, struct cat *cat, struct mem *mem)
{
    struct cat_coefficient *row = NULL;
    size_t n = 0;
    int taken = 0;
    struct asx_err ignored = {0};
    struct arena *a = cat ? arena_create(mem) : NULL;
    if (a && cat_coefficients_get(cat, m->key, a, &row, &n, &ignored) == ASX_OK)
        for (size_t i = 0; i < n; i++)
            taken += take_row(m, &row[i], mem);
    if (a)
        arena_destroy(a);
    return taken;
}

/* ---- to the catalog ---------------------------------------------------------------------- */

static char *levels_text(const struct opt_coefficient *c)
{
    json_t *j = json_array();
    for (int l = 0; j && l < OPT_LEVELS; l++)
        json_array_append_new(j, json_number(c->bandwidth[l]));
    char *text = j ? json_text(j) : NULL;
    json_decref(j);
    return text;
}

static asx_st store_description(const struct opt_machine *m, struct cat *cat, struct asx_err *err)
{
    json_t *j = opt_machine_json(m);
    char *text = j ? json_text(j) : NULL;
    json_decref(j);
    asx_st st = text ? cat_machine_put(cat, m->key, text, err)
                     : err_set(err, ASX_E_NOMEM, "out of memory for the machine's description; raise the memory limit");
    json_text_free(text);
    return st;
}

asx_st opt_measured_store(const struct opt_machine *m, struct cat *cat, struct asx_err *err)
{
    struct cat_coefficient *row = mem_calloc(NULL, (size_t)m->coefficients + 1, sizeof *row);
    char **text = mem_calloc(NULL, (size_t)m->coefficients + 1, sizeof *text);
    size_t n = 0;
    asx_st st = row && text ? ASX_OK : err_set(err, ASX_E_NOMEM, "out of memory for measured speeds; raise the memory limit");
    for (int i = 0; st == ASX_OK && i < m->coefficients; i++) {
        const struct opt_coefficient *c = &m->coefficient[i];
        if (c->samples < 1)
            continue;
        text[n] = levels_text(c);
        row[n] = (struct cat_coefficient){.device = c->device,
                                          .kernel = opt_kernel_name(c->kernel),
                                          .dtype = opt_dtype_name(c->dtype),
                                          .startup_s = c->startup_s,
                                          .rate = c->flop_rate,
                                          .bandwidth = c->bandwidth[OPT_LEVELS - 1],
                                          .spread = log(c->spread > 1 ? c->spread : 1),
                                          .valid_low = c->low,
                                          .valid_high = c->high,
                                          .samples = c->samples,
                                          .json = text[n]};
        n++;
    }
    if (st == ASX_OK)
        st = store_description(m, cat, err);
    if (st == ASX_OK && n)
        st = cat_coefficients_put(cat, m->key, row, n, err);
    for (size_t i = 0; text && i < n; i++)
        json_text_free(text[i]);
    mem_free(text);
    mem_free(row);
    return st;
}

/* ---- once a machine ------------------------------------------------------------------------ */

static int measured(const struct opt_machine *m)
{
    int n = 0;
    for (int i = 0; i < m->coefficients; i++)
        n += m->coefficient[i].samples > 0;
    return n;
}

asx_st opt_measure(struct opt_machine *m, const struct asx_device *device, const struct opt_plan *const *plan, int plans,
                   double seconds, uint64_t memory, struct cat *cat, struct mem *mem, int *found, struct asx_err *err)
{
    unsigned wanted = opt_calibration_wants(plan, plans);
    int before = measured(m);
    if (found)
        *found = 0;
    for (int i = 0; i < m->coefficients; i++)
        if (m->coefficient[i].samples > 0)
            wanted &= ~(1u << m->coefficient[i].kernel);
    if (!wanted || !(seconds >= least_seconds) || (memory && memory < least_memory))
        return ASX_OK;
    asx_st st = opt_calibrate(m, device, wanted, seconds, mem, err);
    int n = measured(m) - before;
    if (found)
        *found = n;
    return st == ASX_OK && cat && n > 0 ? opt_measured_store(m, cat, err) : st;
}
