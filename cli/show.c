/* SPDX-License-Identifier: Apache-2.0 */
/* Commands that only show. */
#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>

int cli_cmd_leaderboard(struct cli *c)
{
    char *text = NULL;
    const char *format = cli_format(c);
    assay_status st = assay_leaderboard(c->session, c->args ? c->arg[0] : NULL, cli_value(c, "--test"), format ? format : "table",
                                        cli_value(c, "--failed") != NULL, &text);
    return cli_give(c, st, text);
}

/* The specification is YAML; as JSON it is one string. */
int cli_cmd_init(struct cli *c)
{
    char *text = NULL;
    const char *file = cli_value(c, "--out"), *data = c->arg[0];
    bool apart = file && strchr(file, '/') && data[0] != '/' && strcmp(data, "-") != 0; /* paths in a spec start at its folder */
    char *absolute = apart ? realpath(data, NULL) : NULL;
    assay_status st = assay_init(c->session, absolute ? absolute : data, cli_value(c, "--target"), &text);
    free(absolute);
    if (st != ASSAY_OK || !cli_json(c))
        return cli_give(c, st, text);
    struct cli_text json = {0};
    const char *out = cli_value(c, "--out");
    cli_put(&json, "{\"spec\":");
    cli_put_json(&json, text);
    cli_put(&json, "}\n");
    assay_text_free(text);
    st = json.failed ? ASSAY_E_NOMEM : assay_write(c->session, out ? out : "-", json.s);
    free(json.s);
    return cli_done(c, st);
}

int cli_cmd_profile(struct cli *c)
{
    char *text = NULL;
    assay_status st = assay_profile(c->session, c->arg[0], cli_value(c, "--target"), cli_json(c), &text);
    return cli_give(c, st, text);
}

int cli_cmd_machine(struct cli *c)
{
    char *text = NULL;
    const char *record = cli_value(c, "--record");
    if (cli_value(c, "--calibrate")) {
        cli_error("--calibrate is not supported yet; speeds are learnt from the runs themselves");
        return 2;
    }
    if (record) {
        int rc = cli_done(c, assay_machine_record(c->session, record));
        if (rc || strcmp(record, "-") == 0)
            return rc;
    }
    assay_status st = assay_machine(c->session, cli_json(c), &text);
    return cli_give(c, st, text);
}

int cli_cmd_runs(struct cli *c)
{
    char *text = NULL;
    assay_status st = assay_runs(c->session, cli_json(c), &text);
    return cli_give(c, st, text);
}

int cli_cmd_learners(struct cli *c)
{
    char *text = NULL;
    assay_status st = assay_learners(c->session, c->args ? c->arg[0] : NULL, cli_json(c), &text);
    return cli_give(c, st, text);
}

int cli_cmd_metrics(struct cli *c)
{
    char *text = NULL;
    assay_status st = assay_metrics(c->session, cli_json(c), &text);
    return cli_give(c, st, text);
}

int cli_cmd_gc(struct cli *c)
{
    char *text = NULL;
    assay_status st = assay_gc_to(c->session, cli_value(c, "--size"), cli_json(c), &text);
    return cli_give(c, st, text);
}
