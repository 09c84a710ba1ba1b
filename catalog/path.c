/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"
#include "base/mem.h"
#include "catalog/catalog.h"

#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

/* The environment's value, or NULL when it is unset or empty. */
static const char *env(const char *name)
{
    const char *v = getenv(name);
    return v && *v ? v : NULL;
}

static char *under_home(struct mem *mem)
{
    const char *home = env("HOME");
    if (home)
        return mem_printf(mem, "%s/.local/share/assay/catalog.db", home);
    char buffer[4096];
    struct passwd entry, *found = NULL;
    if (getpwuid_r(getuid(), &entry, buffer, sizeof buffer, &found) != 0 || !found || !*found->pw_dir)
        return mem_strdup(mem, ":memory:");
    return mem_printf(mem, "%s/.local/share/assay/catalog.db", found->pw_dir);
}

bool cat_path_given(const char *path)
{
    return (path && *path) || env("ASSAY_CATALOG");
}

asx_st cat_resolve_path(const char *path, struct mem *mem, char **out, struct asx_err *err)
{
    if (!path || !*path)
        path = env("ASSAY_CATALOG");
    const char *xdg = env("XDG_DATA_HOME");
    if (path)
        *out = mem_strdup(mem, path);
    else if (xdg && *xdg == '/') /* the XDG specification ignores relative values */
        *out = mem_printf(mem, "%s/assay/catalog.db", xdg);
    else
        *out = under_home(mem);
    return *out ? ASX_OK : err_set(err, ASX_E_NOMEM, "out of memory for the catalog's path; raise the memory limit");
}

const char *cat_id_format(char kind, int64_t id, char out[CAT_ID])
{
    snprintf(out, CAT_ID, "%c%" PRId64, kind, id);
    return out;
}

bool cat_id_parse(const char *text, char kind, int64_t *id)
{
    if (!text || *text++ != kind || *text < '1' || *text > '9' || strlen(text) > 18)
        return false;
    int64_t v = 0;
    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return false;
        v = 10 * v + (*text - '0');
    }
    *id = v;
    return true;
}
