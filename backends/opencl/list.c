/* SPDX-License-Identifier: Apache-2.0 */
/* The child's part: asks every platform for its devices. */
#define CL_TARGET_OPENCL_VERSION 120
#include "backends/opencl/opencl.h"

#include "base/json.h"

#include <CL/cl.h>
#include <dlfcn.h>
#include <string.h>

enum { PLATFORMS = 16, DEVICES = 64 };

struct loader {
    __typeof__(clGetPlatformIDs) *platforms;
    __typeof__(clGetDeviceIDs) *devices;
    __typeof__(clGetDeviceInfo) *info;
    __typeof__(clGetPlatformInfo) *platform_info;
};

static void *symbol(void *library, const char *name)
{
    return library ? dlsym(library, name) : NULL;
}

/* The library is never closed: drivers leave threads and exit handlers behind. */
static bool load(struct loader *l)
{
    void *library = dlopen("libOpenCL.so.1", RTLD_NOW | RTLD_LOCAL);
    *(void **)&l->platforms = symbol(library, "clGetPlatformIDs");
    *(void **)&l->devices = symbol(library, "clGetDeviceIDs");
    *(void **)&l->info = symbol(library, "clGetDeviceInfo");
    *(void **)&l->platform_info = symbol(library, "clGetPlatformInfo");
    return l->platforms && l->devices && l->info && l->platform_info;
}

/* JSON wants UTF-8; drivers promise nothing. */
static json_t *clean(char *s)
{
    for (char *p = s; *p; p++)
        if ((unsigned char)*p < 32 || (unsigned char)*p > 126)
            *p = '?';
    return json_string(s);
}

static json_t *device_text(const struct loader *l, cl_device_id d, cl_device_info what)
{
    char s[256] = "";
    if (l->info(d, what, sizeof s - 1, s, NULL) != CL_SUCCESS)
        s[0] = '\0';
    return clean(s);
}

static const char *type_name(cl_device_type t)
{
    return t & CL_DEVICE_TYPE_GPU ? "gpu" : t & CL_DEVICE_TYPE_CPU ? "cpu" : "accelerator";
}

static json_t *describe(const struct loader *l, cl_platform_id platform, cl_device_id d, int number)
{
    char name[256] = "", id[32];
    cl_device_type type = 0;
    cl_uint units = 0;
    cl_ulong memory = 0;
    cl_bool unified = CL_FALSE;
    cl_device_fp_config f64 = 0;
    l->platform_info(platform, CL_PLATFORM_NAME, sizeof name - 1, name, NULL);
    l->info(d, CL_DEVICE_TYPE, sizeof type, &type, NULL);
    l->info(d, CL_DEVICE_MAX_COMPUTE_UNITS, sizeof units, &units, NULL);
    l->info(d, CL_DEVICE_GLOBAL_MEM_SIZE, sizeof memory, &memory, NULL);
    l->info(d, CL_DEVICE_HOST_UNIFIED_MEMORY, sizeof unified, &unified, NULL);
    l->info(d, CL_DEVICE_DOUBLE_FP_CONFIG, sizeof f64, &f64, NULL);
    snprintf(id, sizeof id, "opencl:%d", number);
    return json_pack("{s:s, s:o, s:s, s:o, s:o, s:I, s:I, s:b, s:b}", "id", id, "name", device_text(l, d, CL_DEVICE_NAME), "type",
                     type_name(type), "driver", device_text(l, d, CL_DRIVER_VERSION), "platform", clean(name), "memory_bytes",
                     (json_int_t)memory, "units", (json_int_t)units, "f64", f64 != 0, "unified", unified == CL_TRUE);
}

static void list_devices(const struct loader *l, json_t *list)
{
    cl_platform_id platform[PLATFORMS];
    cl_uint platforms = 0;
    if (l->platforms(PLATFORMS, platform, &platforms) != CL_SUCCESS)
        return;
    for (cl_uint p = 0; p < platforms && p < PLATFORMS; p++) {
        cl_device_id device[DEVICES];
        cl_uint devices = 0;
        if (l->devices(platform[p], CL_DEVICE_TYPE_ALL, DEVICES, device, &devices) != CL_SUCCESS)
            continue; /* a platform without devices says CL_DEVICE_NOT_FOUND */
        for (cl_uint d = 0; d < devices && d < DEVICES; d++)
            json_array_append_new(list, describe(l, platform[p], device[d], (int)json_array_size(list)));
    }
}

void opencl_list(struct text *out)
{
    struct loader l;
    json_t *list = json_array();
    if (load(&l))
        list_devices(&l, list);
    json_t *whole = json_pack("{s:o}", "devices", list);
    char *s = whole ? json_text(whole) : NULL;
    if (s)
        text_puts(out, s);
    else
        out->failed = true;
    json_text_free(s);
    json_decref(whole);
}
