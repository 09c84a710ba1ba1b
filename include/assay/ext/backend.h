/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file backend.h
 * A backend: a kind of device, and macro-kernels that run there.
 *
 * For: `backends/<name>/`, each exporting `const struct asx_backend asx_backend_<name>`.
 * `ref` (plain C) fills the whole kernel table; `cpu` and others overwrite rows where
 * they are able; conformance runs every row against `ref`. Kernels take buffer handles
 * and a queue; `cpu` runs at once. Arguments of kernel X are `struct asx_X_args`, declared
 * in <assay/ext/kernels.h>.
 *
 *     struct asx_gemm_args a = {.m = m, .n = n, .p = p, .a = x, .b = w, .c = z, ...};
 *     asx_st st = asx_run_kernel(exec->device, ASX_K_GEMM_F32, &a);
 */
#ifndef ASSAY_EXT_BACKEND_H
#define ASSAY_EXT_BACKEND_H

#include <assay/ext/kernels.h>
#include <assay/ext/op.h>

#ifdef __cplusplus
extern "C" {
#endif

struct asx_queue;

/** Facts about a device, found without timing anything. */
struct asx_device_info {
    char id[32]; /**< "cpu", "opencl:0" */
    char name[128];
    char type[16]; /**< cpu, gpu, accelerator */
    char driver[64];
    uint64_t memory_bytes;
    int units;         /**< cores or compute units */
    bool f64, unified; /**< has doubles; shares memory with the host */
};

typedef asx_st (*asx_kernel_fn)(struct asx_queue *, const void *args);

/** An open device: kernels by id, never NULL. */
struct asx_device {
    struct asx_device_info info;
    asx_kernel_fn kernel[ASX_KERNELS];
    struct asx_queue *queue;
};

struct asx_backend {
    struct asx_head head;
    int rank; /**< rows of higher ranks overwrite lower ones on the same device; ref = 0 */
    /** Lists devices without timing and without side effects; returns how many were written. */
    int (*probe)(struct asx_device_info *out, int max);
    /** Opens a device and fills its kernel rows. `ref` and `cpu` share the device "cpu". */
    asx_st (*open)(struct asx_device *, struct asx_err *);
    void (*close)(struct asx_device *);
    /* memory of devices that do not share the host's; NULL = host memory */
    asx_st (*alloc)(struct asx_queue *, size_t, struct asx_buf *);
    void (*free)(struct asx_queue *, struct asx_buf *);
    asx_st (*copy)(struct asx_queue *, struct asx_buf to, struct asx_buf from, size_t bytes);
    asx_st (*wait)(struct asx_queue *);
    double (*elapsed)(struct asx_queue *); /**< seconds of the last kernel by the device's clock; NaN unknown */
};

static inline asx_st asx_run_kernel(const struct asx_device *d, enum asx_kernel k, const void *args)
{
    return d->kernel[k](d->queue, args);
}

#ifdef __cplusplus
}
#endif
#endif
