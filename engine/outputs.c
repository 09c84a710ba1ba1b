/* SPDX-License-Identifier: Apache-2.0 */
/* Files a task asks for beside the model. */
#include "engine/run.h"

#include "base/err.h"
#include "base/file.h"
#include "tasks/report/report.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static asx_st write_one(const json_t *board, const char *path, const char *format, struct asx_err *err)
{
    struct text t;
    text_init(&t, NULL);
    asx_st st = report_make(board, format, NULL, &t, err);
    if (st == ASX_OK && t.failed)
        st = err_set(err, ASX_E_NOMEM, "no memory for the report '%s'", path);
    if (st == ASX_OK)
        st = file_write(path, t.s ? t.s : "", t.n, err);
    text_clear(&t);
    return st;
}

asx_st run_write_reports(struct run *r, const json_t *board, struct asx_err *err)
{
    asx_st st = ASX_OK;
    if (r->opt.report_path)
        st = write_one(board, r->opt.report_path, "html", err);
    if (r->opt.board_path && st == ASX_OK) {
        const char *format = report_format_of(r->opt.board_path);
        st = write_one(board, r->opt.board_path, format ? format : "csv", err);
    }
    return st;
}

/* Could a file be made at this path? Found out now, not after the time limit. */
static asx_st check_path(const char *path, const char *key, struct asx_err *err)
{
    char folder[4096];
    struct stat st;
    if (!path || strcmp(path, "-") == 0)
        return ASX_OK;
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        return err_set(err, ASX_E_IO, "%s: '%s' is a folder; name a file in it", key, path);
    const char *slash = strrchr(path, '/');
    size_t n = slash ? (size_t)(slash - path) : 1;
    if (n >= sizeof folder)
        return err_set(err, ASX_E_IO, "%s: the path is longer than %zu bytes; shorten it", key, sizeof folder);
    memcpy(folder, slash ? path : ".", n);
    folder[n] = '\0';
    if (access(n ? folder : "/", W_OK) != 0)
        return err_set(err, ASX_E_IO, "%s: cannot write '%s': %s; check the folder and its permissions", key, path,
                       strerror(errno));
    return ASX_OK;
}

asx_st run_check_outputs(const struct run_options *o, struct asx_err *err)
{
    const char *const key[] = {"output.model", "output.report", "output.leaderboard"};
    const char *const path[] = {o->model_path, o->report_path, o->board_path};
    for (size_t i = 0; i < sizeof key / sizeof *key; i++)
        if (check_path(path[i], key[i], err) != ASX_OK) {
            err_key(err, key[i]);
            return ASX_E_IO;
        }
    return ASX_OK;
}
