/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file device.h
 * Opening a device: every backend that knows it fills its kernel rows, lower ranks first,
 * so that `ref` gives the complete table and `cpu` overwrites what it does faster.
 */
#ifndef ASSAY_BACKENDS_DEVICE_H
#define ASSAY_BACKENDS_DEVICE_H

#include <assay/ext/registry.h>

/**
 * Opens `id` ("cpu", "opencl:0"). Rows nobody fills return E_UNSUPPORTED, so no row is NULL.
 * E_INVAL when no backend knows the device.
 */
asx_st dev_open(const struct asx_registry *, const char *id, struct asx_device **, struct asx_err *);

/** NULL is fine. */
void dev_close(const struct asx_registry *, struct asx_device *);

/** Name of a kernel for messages and tables: "gemm_f32", "hist", ... */
const char *dev_kernel_name(enum asx_kernel);

#endif
