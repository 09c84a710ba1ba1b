/* SPDX-License-Identifier: Apache-2.0 */
/** @file session.h What a session holds: registry, machine, pool, device, catalog. Opened lazily, once. */
#ifndef ASSAY_ENGINE_SESSION_H
#define ASSAY_ENGINE_SESSION_H

#include "base/event.h"
#include "optimizer/machine.h"

#include <assay/assay.h>
#include <assay/ext/registry.h>

struct cat;
struct mem;
struct pool;

struct session {
    const struct asx_registry *registry;
    struct mem *mem;
    struct assay_options options; /**< strings owned by `text` below */
    char *text[8];
    int texts;
    struct event_sink sink;
    struct asx_err err;
    char error[1200];
    int cancelled;  /**< atomic; set by assay_cancel */
    double started; /**< clock_now() the time limit counts from, or 0: from each task */
    struct opt_machine *machine;
    struct asx_device *cpu;
    struct pool *pool;
    int pool_threads;
    struct cat *cat;
};

/** Fill the member when it is empty. */
asx_st session_machine(struct session *, struct asx_err *);
asx_st session_device(struct session *, struct asx_err *);
asx_st session_pool(struct session *, int threads, struct asx_err *);
asx_st session_catalog(struct session *, bool read_only, struct asx_err *);

/** Remembers the error for assay_session_error and gives the public status. */
assay_status session_fail(struct session *, asx_st, const struct asx_err *);
/** What a call answers whose arguments lack something; the session, when there is one, keeps the sentence. */
assay_status session_refuse(struct session *);

#endif
