/* SPDX-License-Identifier: Apache-2.0 */
/** @file api.h What the opaque types of <assay/assay.h> are. */
#ifndef ASSAY_ENGINE_API_H
#define ASSAY_ENGINE_API_H

#include "engine/model.h"
#include "engine/task.h"

#include <assay/assay.h>

struct assay_table {
    struct asx_frame *building;    /**< until it is first used */
    const struct asx_frame *frame; /**< sealed */
    size_t rows;
};

struct assay_task {
    struct task *task;
};

struct assay_model {
    struct model *model;
    struct asx_err err;
    char error[1200];
};

/** The sealed frame of a table, borrowed. */
asx_st table_frame(const assay_table *, const struct asx_frame **, struct asx_err *);
/** Wraps a model; takes it over, on failure too. */
asx_st api_wrap_model(struct model *, assay_model **, struct asx_err *);

/** A call of the library that gives text. */
struct api_call {
    struct session *session;
    char **out;
    struct text text;
    struct asx_err err;
};

/** False when there is no session, or nowhere to put the text; else `*out` is NULL until the call ends. */
bool api_begin(struct api_call *, assay_session *, char **out);
/** Gives the text away, or keeps the error for assay_error; frees the rest. */
assay_status api_end(struct api_call *, asx_st);

/** Hands the text over (mem_free) and clears the buffer, whatever `st` is. */
asx_st api_give(struct text *, asx_st st, char **out, struct asx_err *);
/** Appends JSON and a line end; takes over the reference. */
void api_put_json(struct text *, json_t *);

#endif
