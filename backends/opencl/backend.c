/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/opencl/opencl.h"

#include "base/err.h"

#include <string.h>

static int opencl_backend_probe(struct asx_device_info *out, int max)
{
    return opencl_probe(NULL, OPENCL_PATIENCE, out, max, NULL);
}

static asx_st opencl_open(struct asx_device *d, struct asx_err *err)
{
    if (strncmp(d->info.id, "opencl:", 7) != 0)
        return ASX_NONE;
    return err_set(err, ASX_E_UNSUPPORTED, "running on device '%s' is not supported yet; use 'cpu'", d->info.id);
}

/** Lists devices (which starts a process: ask only when someone wants the list); has no kernels yet. */
const struct asx_backend asx_backend_opencl = {
    .head = {"opencl", "OpenCL devices"},
    .rank = 20,
    .probe = opencl_backend_probe,
    .open = opencl_open,
};
