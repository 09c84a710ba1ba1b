/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file opencl.h
 * Finding OpenCL devices without risking the process that asks.
 *
 * A driver can crash, hang, start threads or print, so the list is made in a child process:
 * the `assay` program called with OPENCL_LIST_COMMAND, which does nothing but opencl_list.
 * The loader library is opened at run time; without it, or without drivers, there are no devices.
 */
#ifndef ASSAY_BACKENDS_OPENCL_OPENCL_H
#define ASSAY_BACKENDS_OPENCL_OPENCL_H

#include "base/file.h"

#include <assay/ext/backend.h>

/** Hidden subcommand of `assay` that prints opencl_list and exits 0. */
#define OPENCL_LIST_COMMAND "__probe-opencl"

#define OPENCL_PATIENCE 10.0

/**
 * Appends {"devices":[{"id","name","type","driver","platform","memory_bytes","units","f64","unified"}...]}.
 * Loads every driver: call it in a process made for that.
 */
void opencl_list(struct text *out);

/**
 * Lists devices through a child; at most `patience` seconds (OPENCL_PATIENCE), whatever the drivers do.
 *
 * @param program  the `assay` program ("/proc/self/exe" when it is this process's own); NULL: `assay` on PATH
 * @param out      [max], in the order of their ids opencl:0, opencl:1, ...
 * @param note     why there are none, one clause ("the probe took too long"), or ""; may be NULL
 * @return how many were written; 0 when anything goes wrong
 */
int opencl_probe(const char *program, double patience, struct asx_device_info *out, int max, char note[128]);

#endif
