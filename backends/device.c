/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/device.h"

#include "base/err.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>

static asx_st unsupported(struct asx_queue *q, const void *args)
{
    (void)q, (void)args;
    return ASX_E_UNSUPPORTED;
}

/* The backend of the least rank above `above`; ranks are distinct. */
static const struct asx_backend *next_rank(const struct asx_registry *r, int above)
{
    const struct asx_backend *best = NULL;
    for (int i = 0; r->backend[i]; i++)
        if (r->backend[i]->rank > above && (!best || r->backend[i]->rank < best->rank))
            best = r->backend[i];
    return best;
}

/* Each backend that knows the device returns OK; the others ASX_NONE. */
static asx_st open_all(const struct asx_registry *r, struct asx_device *d, struct asx_err *err)
{
    bool known = false;
    const struct asx_backend *b = NULL;
    while ((b = next_rank(r, b ? b->rank : -1))) {
        asx_st rc = b->open ? b->open(d, err) : ASX_NONE;
        if (rc < 0)
            return rc;
        known |= rc == ASX_OK;
    }
    if (!known)
        return err_set(err, ASX_E_INVAL, "no device '%s' on this machine; 'assay machine' lists them", d->info.id);
    return ASX_OK;
}

asx_st dev_open(const struct asx_registry *r, const char *id, struct asx_device **out, struct asx_err *err)
{
    *out = NULL;
    struct asx_device *d = mem_calloc(NULL, 1, sizeof *d);
    if (!d)
        return err_set(err, ASX_E_NOMEM, "not enough memory to open device '%s'; raise the memory limit", id);
    snprintf(d->info.id, sizeof d->info.id, "%s", id);
    for (int k = 0; k < ASX_KERNELS; k++)
        d->kernel[k] = unsupported;
    asx_st rc = open_all(r, d, err);
    if (rc != ASX_OK) {
        dev_close(r, d);
        return rc;
    }
    *out = d;
    return ASX_OK;
}

void dev_close(const struct asx_registry *r, struct asx_device *d)
{
    if (!d)
        return;
    for (int i = 0; r->backend[i]; i++)
        if (r->backend[i]->close)
            r->backend[i]->close(d);
    mem_free(d);
}

const char *dev_kernel_name(enum asx_kernel k)
{
    static const char *const name[ASX_KERNELS] = {
        [ASX_K_GEMM_F32] = "gemm_f32",   [ASX_K_GEMM_F64] = "gemm_f64",
        [ASX_K_SYRK_F64] = "syrk_f64",   [ASX_K_CHOLESKY_F64] = "cholesky_f64",
        [ASX_K_EIGEN_F64] = "eigen_f64", [ASX_K_SPMM_F32] = "spmm_f32",
        [ASX_K_GLM_STEP] = "glm_step",   [ASX_K_DIST_TOPK] = "dist_topk",
        [ASX_K_MLP_ACT] = "mlp_act",     [ASX_K_BIN] = "bin",
        [ASX_K_HIST] = "hist",           [ASX_K_SPLIT_SCAN] = "split_scan",
        [ASX_K_PARTITION] = "partition", [ASX_K_TREE_PREDICT] = "tree_predict",
    };
    return (int)k >= 0 && k < ASX_KERNELS && name[k] ? name[k] : "unknown";
}
