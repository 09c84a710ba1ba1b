/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/ref/ref.h"
#include "backends/ref/tree.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/** Facts of the processor as a device; names beyond "cpu" are the machine model's business. */
static void facts(struct asx_device_info *info)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN), pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    *info = (struct asx_device_info){.units = cores > 0 ? (int)cores : 1, .f64 = true, .unified = true};
    snprintf(info->id, sizeof info->id, "cpu");
    snprintf(info->name, sizeof info->name, "host processor");
    snprintf(info->type, sizeof info->type, "cpu");
    snprintf(info->driver, sizeof info->driver, "host");
    if (pages > 0 && page > 0)
        info->memory_bytes = (uint64_t)pages * (uint64_t)page;
}

static int ref_probe(struct asx_device_info *out, int max)
{
    if (max < 1)
        return 0;
    facts(out);
    return 1;
}

static asx_st ref_open(struct asx_device *d, struct asx_err *err)
{
    (void)err;
    if (strcmp(d->info.id, "cpu") != 0)
        return ASX_NONE;
    facts(&d->info);
    d->kernel[ASX_K_GEMM_F32] = ref_gemm_f32;
    d->kernel[ASX_K_GEMM_F64] = ref_gemm_f64;
    d->kernel[ASX_K_SYRK_F64] = ref_syrk_f64;
    d->kernel[ASX_K_CHOLESKY_F64] = ref_cholesky_f64;
    d->kernel[ASX_K_EIGEN_F64] = ref_eigen_f64;
    d->kernel[ASX_K_SPMM_F32] = ref_spmm_f32;
    d->kernel[ASX_K_GLM_STEP] = ref_glm_step;
    d->kernel[ASX_K_DIST_TOPK] = ref_dist_topk;
    d->kernel[ASX_K_MLP_ACT] = ref_mlp_act;
    ref_tree_rows(d->kernel);
    return ASX_OK;
}

const struct asx_backend asx_backend_ref = {
    .head = {"ref", "plain C, the reference for every kernel"},
    .rank = 0,
    .probe = ref_probe,
    .open = ref_open,
};
