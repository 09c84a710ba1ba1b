/* SPDX-License-Identifier: Apache-2.0 */
/* Files a task asks for beside the model. */
#include "engine/run.h"

#include "base/err.h"
#include "base/file.h"
#include "tasks/report/report.h"

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
