/* SPDX-License-Identifier: Apache-2.0 */
/** @file task.h A task as the public API holds it, and its translation into run options. */
#ifndef ASSAY_ENGINE_TASK_H
#define ASSAY_ENGINE_TASK_H

#include "engine/run.h"
#include "engine/session.h"
#include "tasks/spec.h"

struct task {
    struct session *session;
    struct mem *mem;
    struct task_spec *spec;
    struct asx_space **space; /**< whole spaces by learner, made when a spec asks */
    const struct asx_learner **space_of;
    int spaces;
    char *spec_text, *spec_path;
    const struct asx_frame *frame; /**< tables in memory, joined */
};

asx_st task_create(struct session *, const char *kind, struct task **, struct asx_err *);
void task_free(struct task *);
/** Everything run_task wants; lists live in `arena`. The spec must be valid. */
asx_st task_options(struct task *, struct arena *arena, struct run_options *, struct asx_err *);

/** Moves an error that comes from a key of a spec file to where the key stands there. */
void task_place(const struct task *, struct asx_err *);
/** How files are read that no task names: header and delimiter as the session's options say. */
asx_st task_reading(struct session *, struct data_options *, struct asx_err *);

#endif
