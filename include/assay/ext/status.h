/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file status.h
 * Status codes and the one error record.
 *
 * For: every function that can fail. Called by: everybody.
 * A function returns an `asx_st`: 0 is good, above 0 an expected non-result
 * (stopped, nothing there), below 0 a failure. The record is filled once, where
 * the problem is detected, and travels up unchanged; a message is one sentence,
 * lower case, the problem first, its subject in quotes, then what to do.
 *
 *     asx_st read_it(const char *path, struct asx_err *err) {
 *         FILE *f = fopen(path, "rb");
 *         if (!f)
 *             return err_set(err, ASX_E_IO, "cannot open '%s': %s; check the path", path, strerror(errno));
 *         ...
 *     }
 */
#ifndef ASSAY_EXT_STATUS_H
#define ASSAY_EXT_STATUS_H

#ifdef __cplusplus
extern "C" {
#endif

/** One list of all codes: X(name, value, exit status of the command line, text). */
#define ASX_STATUS_MAP(X)                                                                                                          \
    X(OK, 0, 0, "done")                                                                                                            \
    X(STOPPED, 1, 0, "stopped by the clock or by the caller")                                                                      \
    X(NONE, 2, 0, "nothing there")                                                                                                 \
    X(E_NOMEM, -1, 1, "out of memory or over the memory budget")                                                                   \
    X(E_INVAL, -2, 2, "bad usage, specification or argument")                                                                      \
    X(E_DATA, -3, 2, "bad data or file format")                                                                                    \
    X(E_IO, -4, 2, "a file cannot be read or written")                                                                             \
    X(E_UNSUPPORTED, -5, 2, "not supported")                                                                                       \
    X(E_LIMIT, -6, 3, "a goal or limit cannot be met")                                                                             \
    X(E_NUMERIC, -7, 1, "a computation has no finite result")                                                                      \
    X(E_BUSY, -8, 2, "in use by another process")                                                                                  \
    X(E_INTERNAL, -9, 1, "a fault of Assay itself")

enum asx_status {
#define X(name, value, exit_status, text) ASX_##name = value,
    ASX_STATUS_MAP(X)
#undef X
};

/** 0 good, > 0 an expected non-result, < 0 a failure. */
typedef int asx_st;

/** The one error record; zero-initialised means "no error". */
struct asx_err {
    asx_st code;
    int line, column; /**< 1-based place in `file`; 0 = no place */
    char file[256];   /**< "" = no file */
    char text[768];   /**< one sentence, without the place */
    const char *key;  /**< key of the task spec that asked for what failed ("data.target"), a literal; NULL: none */
};

#ifdef __cplusplus
}
#endif
#endif
