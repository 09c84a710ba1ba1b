/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/session.h"

#include "backends/cpu/cpu.h"
#include "backends/device.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/pool.h"
#include "catalog/catalog.h"
#include "engine/registry.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static void forward_event(void *arg, enum event_level level, const char *name, const char *text)
{
    struct session *s = arg;
    if (s->options.event)
        s->options.event(s->options.event_arg, (int)level, name, text);
}

static const char *keep(struct session *s, const char *text)
{
    if (!text || s->texts >= (int)(sizeof s->text / sizeof *s->text))
        return NULL;
    return s->text[s->texts++] = mem_strdup(s->mem, text);
}

static void copy_options(struct session *s, const struct assay_options *o)
{
    s->options.size = sizeof s->options;
    if (!o)
        return;
    memcpy(&s->options, o, o->size && o->size < sizeof *o ? o->size : sizeof *o);
    s->options.metric = keep(s, s->options.metric);
    s->options.space_yaml = keep(s, s->options.space_yaml);
    s->options.catalog = keep(s, s->options.catalog);
    s->options.learners = keep(s, s->options.learners);
    s->options.positive = keep(s, s->options.positive);
    s->options.opencl_probe = keep(s, s->options.opencl_probe);
    s->options.header = keep(s, s->options.header);
    s->options.delimiter = keep(s, s->options.delimiter);
}

assay_status assay_open(assay_session **out, const struct assay_options *options)
{
    if (!out)
        return ASSAY_E_INVAL;
    *out = NULL;
    struct mem *mem = mem_create(NULL, 0);
    struct session *s = mem ? mem_calloc(mem, 1, sizeof *s) : NULL;
    if (!s) {
        if (mem)
            mem_destroy(mem);
        return ASSAY_E_NOMEM;
    }
    s->mem = mem;
    s->registry = registry_builtin();
    copy_options(s, options);
    s->sink = (struct event_sink){.fn = forward_event, .arg = s, .least = EVENT_INFO};
    if (s->options.from_process_start)
        s->started = clock_process_start();
    cpu_blas_init(NULL);
    *out = (assay_session *)s;
    return ASSAY_OK;
}

void assay_close(assay_session *session)
{
    struct session *s = (struct session *)session;
    if (!s)
        return;
    if (s->pool)
        pool_destroy(s->pool);
    dev_close(s->registry, s->cpu);
    opt_machine_free(s->machine);
    cat_close(s->cat);
    for (int i = 0; i < s->texts; i++)
        mem_free(s->text[i]);
    struct mem *mem = s->mem;
    mem_free(s);
    mem_destroy(mem);
}

const char *assay_session_error(const assay_session *session)
{
    return session ? ((const struct session *)session)->error : "";
}

void assay_cancel(assay_session *session)
{
    if (session)
        __atomic_store_n(&((struct session *)session)->cancelled, 1, __ATOMIC_RELAXED);
}

assay_status session_fail(struct session *s, asx_st st, const struct asx_err *err)
{
    s->error[0] = '\0';
    if (st < 0) {
        if (err && err->code < 0)
            err_format(err, s->error, sizeof s->error);
        else
            snprintf(s->error, sizeof s->error, "%s", err_text(st));
    }
    return (assay_status)st;
}

assay_status session_refuse(struct session *s)
{
    struct asx_err err = {0};
    asx_st st = err_set(&err, ASX_E_INVAL, "an argument is NULL that must not be; assay.h says which may");
    return s ? session_fail(s, st, &err) : (assay_status)st;
}

asx_st session_machine(struct session *s, struct asx_err *err)
{
    return s->machine ? ASX_OK : opt_machine_probe(s->mem, &s->machine, err);
}

asx_st session_device(struct session *s, struct asx_err *err)
{
    return s->cpu ? ASX_OK : dev_open(s->registry, "cpu", &s->cpu, err);
}

/*
 * OpenBLAS maps 128 MiB of addresses for each thread that calls it, and asks again for ever when it cannot: a process with
 * less than that would hang in its first product of matrices.
 */
static asx_st check_address_space(int threads, struct asx_err *err)
{
    static const double each = 132u << 20, rest = 64u << 20;
    struct rlimit limit;
    long pages = 0;
    FILE *f = getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY ? fopen("/proc/self/statm", "re") : NULL;
    if (!f)
        return ASX_OK;
    bool known = fscanf(f, "%ld", &pages) == 1;
    fclose(f);
    double used = (double)pages * (double)sysconf(_SC_PAGESIZE), need = each * threads + rest;
    if (!known || (double)limit.rlim_cur - used >= need)
        return ASX_OK;
    return err_set(err, ASX_E_NOMEM,
                   "the address space is limited to %.0f MiB, too little for %d threads; allow %.0f MiB (ulimit -v), or give fewer "
                   "threads",
                   (double)limit.rlim_cur / (1 << 20), threads, (used + need) / (1 << 20));
}

asx_st session_pool(struct session *s, int threads, struct asx_err *err)
{
    if (s->pool && s->pool_threads == threads)
        return ASX_OK;
    asx_st st = check_address_space(threads, err);
    if (st != ASX_OK)
        return st;
    if (s->pool)
        pool_destroy(s->pool);
    s->pool = pool_create(threads);
    s->pool_threads = threads;
    return s->pool ? ASX_OK : err_set(err, ASX_E_NOMEM, "%d threads cannot be started; ask for fewer", threads);
}

asx_st session_catalog(struct session *s, bool read_only, struct asx_err *err)
{
    if (s->cat)
        return ASX_OK;
    return cat_open(
        &s->cat, &(struct cat_options){.path = s->options.catalog, .read_only = read_only, .events = &s->sink, .mem = s->mem}, err);
}

const char *assay_version(void)
{
    return ASSAY_VERSION;
}

int assay_exit_status(assay_status st)
{
    return st == ASSAY_STOPPED ? 130 : err_exit_status((asx_st)st);
}

void assay_text_free(char *text)
{
    mem_free(text);
}
