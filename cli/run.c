/* SPDX-License-Identifier: Apache-2.0 */
/* Commands that state a task: run, the task kinds, explain, resume. */
#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --set KEY=VALUE: the part before the first '='. */
static assay_status set_pair(assay_task *t, const char *pair)
{
    const char *equals = strchr(pair, '=');
    char *key = strndup(pair, (size_t)(equals - pair));
    if (!key)
        return ASSAY_E_NOMEM;
    assay_status st = assay_task_set(t, key, equals + 1, NULL);
    free(key);
    return st;
}

static bool check_pairs(const struct cli *c)
{
    for (int i = 0; i < c->settings; i++) {
        const char *pair = c->setting[i].value, *equals = strchr(pair, '=');
        if (strcmp(c->setting[i].option->name, "--set") != 0 || (equals && equals != pair))
            continue;
        cli_error("--set: '%s' is not KEY=VALUE; write for example --set search.space.gbdt.max_depth=8", pair);
        return false;
    }
    return true;
}

/* Options in the order they were given; the later wins. */
static assay_status apply_options(const struct cli *c, assay_task *t)
{
    assay_status st = ASSAY_OK;
    for (int i = 0; i < c->settings && st == ASSAY_OK; i++) {
        const struct cli_option *o = c->setting[i].option;
        if (o->key)
            st = assay_task_set(t, o->key, c->setting[i].value, o->name);
        else if (strcmp(o->name, "--set") == 0)
            st = set_pair(t, c->setting[i].value);
    }
    return st;
}

/* kind NULL: `file` is a specification. */
static assay_status make_task(struct cli *c, const char *kind, const char *file, assay_task **t)
{
    assay_status st = assay_task_create(t, c->session, kind);
    if (st == ASSAY_OK)
        st = kind ? assay_task_set(*t, "data.train", file, "DATA") : assay_task_read_spec(*t, file);
    return st == ASSAY_OK ? apply_options(c, *t) : st;
}

/* Where the model is and how to use it. */
static void tell_model(const struct cli *c, const assay_model *m)
{
    const char *path = assay_model_path(m), *id = assay_model_id(m), *catalog = cli_value(c, "--catalog");
    const char *what = *path ? path : id;
    const char *blank = strpbrk(what, " \t'\"\\$`") ? "'" : "";
    if (!catalog && !*path && getenv("ASSAY_CATALOG") && strcmp(getenv("ASSAY_CATALOG"), ":memory:") == 0)
        catalog = ":memory:";
    if (!*path && (c->forgets || !*id || (catalog && strcmp(catalog, ":memory:") == 0)))
        fprintf(stderr, "the model is not saved: there is no catalog on disk; next: the same with --model FILE\n");
    else
        fprintf(stderr, "saved as %s; next: assay predict %s%s%s new.csv%s%s\n", what, blank, what, blank,
                *path || !catalog ? "" : " --catalog ", *path || !catalog ? "" : catalog);
}

/* The leaderboard on standard output, the rest on standard error. A model may come with a failure. */
static int show_model(struct cli *c, assay_status st, assay_model *m)
{
    char why[1024]; /* telling the rest must not lose the run's own error */
    char *text = NULL;
    cli_progress_end(c);
    snprintf(why, sizeof why, "%s", assay_session_error(c->session));
    int rc = assay_exit_status(st);
    if (m) {
        const char *format = cli_format(c);
        assay_status shown = assay_report(c->session, assay_model_board_json(m), format ? format : "table", &text);
        if (shown == ASSAY_OK)
            shown = assay_write(c->session, "-", text);
        tell_model(c, m);
        int written = cli_done(c, shown);
        rc = rc ? rc : written;
    }
    if (st < 0)
        cli_error("%s", *why ? why : "the run failed");
    else if (st == ASSAY_STOPPED)
        cli_error(m ? "interrupted; this is the best so far" : "interrupted before there was a model");
    assay_text_free(text);
    assay_model_free(m);
    return rc;
}

int cli_cmd_run(struct cli *c)
{
    assay_task *t = NULL;
    assay_model *m = NULL;
    if (!check_pairs(c) || !cli_progress_start(c, cli_value(c, "--progress")))
        return 2;
    cli_catch_signals(c->session);
    assay_status st = make_task(c, c->command->bit == CLI_KIND ? c->name : NULL, c->arg[0], &t);
    if (st == ASSAY_OK)
        st = assay_task_run(t, &m);
    int rc = show_model(c, st, m);
    assay_task_free(t);
    return rc;
}

int cli_cmd_explain(struct cli *c)
{
    const char *kind = c->args == 2 ? c->arg[0] : NULL, *costs = cli_value(c, "--costs");
    struct assay_explain_options o = {.size = sizeof o,
                                      .machine = cli_value(c, "--machine"),
                                      .topology = cli_value(c, "--topology"),
                                      .format = cli_format(c),
                                      .costs = costs && strcmp(costs, "off") == 0 ? 2 : 0};
    const struct cli_command *k = cli_find_command(c->arg[0]);
    if (cli_value(c, "--analyze")) {
        cli_error("--analyze is not supported yet; leave it out to see the plan");
        return 2;
    }
    if (costs && strcmp(costs, "off") != 0 && strcmp(costs, "on") != 0) {
        cli_error("--costs: '%s' is neither on nor off", costs);
        return 2;
    }
    if (kind && (!k || k->bit != CLI_KIND)) {
        cli_error("'%s' is not a kind of task; write 'assay explain SPEC.yaml' or 'assay explain classify DATA --target COL'",
                  kind);
        return 2;
    }
    if (!kind && k && k->bit == CLI_KIND) {
        cli_error("'explain %s' needs data; write 'assay explain %s DATA --target COL'", c->arg[0], c->arg[0]);
        return 2;
    }
    if (!check_pairs(c))
        return 2;
    assay_task *t = NULL;
    char *text = NULL;
    assay_status st = make_task(c, kind, c->arg[c->args - 1], &t);
    if (st == ASSAY_OK)
        st = assay_task_explain(t, &o, &text);
    int rc = cli_give(c, st, text);
    assay_task_free(t);
    return rc;
}

int cli_cmd_resume(struct cli *c)
{
    struct assay_resume_options o = {.size = sizeof o,
                                     .time = cli_value(c, "--time"),
                                     .trials = cli_value(c, "--trials"),
                                     .model = cli_value(c, "--model"),
                                     .report = cli_value(c, "--report")};
    assay_model *m = NULL;
    if (!cli_progress_start(c, cli_value(c, "--progress")))
        return 2;
    cli_catch_signals(c->session);
    assay_status st = assay_resume(c->session, c->arg[0], &o, &m);
    return show_model(c, st, m);
}
