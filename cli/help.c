/* SPDX-License-Identifier: Apache-2.0 */
/* Help, written from the tables of commands and options. */
#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>

static const char *const kind_detail =
    "DATA is a table (.csv .tsv .arff .libsvm .svm) or '-' for CSV on standard input. Without --time or --trials the\n"
    "budget is 60 s. The model goes to the catalog, and to --model FILE.";

const struct cli_command cli_commands[] = {
    {"run", CLI_RUN, 1, 1, "table,md,html,json,csv", "SPEC.yaml [OPTIONS]", "run a task from its specification",
     "Options win over the specification; the key that an option sets is in brackets. 'assay init' writes a commented\n"
     "specification for your data.",
     cli_cmd_run},
    {NULL, CLI_KIND, 1, 1, "table,md,html,json,csv", "DATA [--target COL] [OPTIONS]", "the same without a specification", "",
     cli_cmd_run},
    {"init", CLI_INIT, 1, 1, "text,json", "DATA --target COL", "write a commented specification for this data", "", cli_cmd_init},
    {"explain", CLI_EXPLAIN, 1, 2, "text,json,dot", "SPEC.yaml | (KIND) DATA --target COL",
     "show the plan: steps, ways, seconds, bytes, sharing",
     "KIND is classify or regress. Takes the options of 'run'. Nothing is trained.", cli_cmd_explain},
    {"predict", CLI_PREDICT, 2, 2, "csv,json", "MODEL DATA [--out FILE] [--proba]", "predict new rows",
     "MODEL is a file, a model id (m41), a run id (r7) or 'latest'. Rows keep their order, columns that the model does not\n"
     "know are ignored, a level that it has not seen counts as missing.",
     cli_cmd_predict},
    {"leaderboard", CLI_LEADERBOARD, 0, 1, "table,md,html,json,csv", "[RUN] [--test DATA]", "show the models of a run (the latest)",
     "", cli_cmd_leaderboard},
    {"profile", CLI_PROFILE, 1, 1, "text,json", "DATA [--target COL]", "types, missing values, ranges, roles of columns", "",
     cli_cmd_profile},
    {"machine", CLI_MACHINE, 0, 0, "text,json", "", "what this machine has, and how fast it is", "", cli_cmd_machine},
    {"runs", CLI_RUNS, 0, 0, "text,json", "", "runs of the catalog, oldest first", "", cli_cmd_runs},
    {"resume", CLI_RESUME, 1, 1, "table,md,html,json,csv", "RUN", "go on with a run that was interrupted, or extend a finished one",
     "RUN is a run id (r7) or 'latest'. A finished run is left as it is unless --time or --trials extends it.", cli_cmd_resume},
    {"learners", CLI_LEARNERS, 0, 1, "text,json", "[NAME]", "learners, and the parameters of one, with ranges and defaults", "",
     cli_cmd_learners},
    {"metrics", CLI_METRICS, 0, 0, "text,json", "", "metrics and their direction", "", cli_cmd_metrics},
    {"gc", CLI_GC, 0, 0, "text,json", "[--size 1GiB]", "shrink the catalog",
     "Runs, boards and their last models stay. What only extending an older finished run would need is dropped; of each problem\n"
     "the newest run can still be extended.",
     cli_cmd_gc},
    {"help", CLI_HELP, 0, 1, "text,json", "[COMMAND]", "this help, or that of a command", "", cli_cmd_help},
    {0}};

static const char *const exit_text =
    "Exit status: 0 done; 1 the run failed; 2 bad usage, specification or data; 3 a goal or limit cannot be met (the best\n"
    "result is saved all the same); 130 interrupted (the best so far is saved; a second signal ends at once).\n";

/* One line of a list: a name, and a text that starts at the same column. */
static void put_row(struct cli_text *t, const char *name, int width, const char *text)
{
    cli_put(t, (int)strlen(name) > width ? "  %s\n  %-*s %s" : "  %s%-*s %s", name,
            (int)strlen(name) > width ? width : width - (int)strlen(name), "", text);
}

static void put_usage(struct cli_text *t, const char *name, const struct cli_command *c)
{
    struct cli_text left = {0};
    cli_put(&left, "%s%s%s", name, *c->usage ? " " : "", c->usage);
    put_row(t, left.s ? left.s : "", 47, c->summary);
    cli_put(t, "\n");
    free(left.s);
}

static void put_overview(struct cli_text *t)
{
    cli_put(t,
            "assay %s: finds a good model for a table, and plans the search as a database plans a query\n\n"
            "usage: assay COMMAND [ARGUMENTS] [OPTIONS]\n\n",
            assay_version());
    for (const struct cli_command *c = cli_commands; c->bit; c++) {
        if (c->name) {
            put_usage(t, c->name, c);
            continue;
        }
        for (const char *const *k = assay_task_kinds(); *k; k++)
            put_usage(t, *k, c);
    }
    cli_put(t, "\n'assay help COMMAND' shows a command's options; 'assay --version' the version.\n%s", exit_text);
}

static void put_option(struct cli_text *t, const struct cli_option *o)
{
    struct cli_text left = {0};
    cli_put(&left, "%s%s%s", o->name, o->value ? " " : "", o->value ? o->value : "");
    put_row(t, left.s ? left.s : "", 20, o->help);
    cli_put(t, o->key ? " [%s]\n" : "\n", o->key);
    free(left.s);
}

static void put_command(struct cli_text *t, const char *name, const struct cli_command *c)
{
    cli_put(t, "usage: assay %s%s%s\n\n%s\n", name, *c->usage ? " " : "", c->usage, c->summary);
    if (c->bit == CLI_KIND)
        cli_put(t, "\n%s\n", kind_detail);
    else if (*c->detail)
        cli_put(t, "\n%s\n", c->detail);
    cli_put(t, "\noptions ('--option VALUE' or '--option=VALUE'):\n");
    for (const struct cli_option *o = cli_options; o->name; o++)
        if (o->commands & c->bit)
            put_option(t, o);
    cli_put(t, "\nformats: %s\n", c->formats);
    if (c->bit & (CLI_RUN | CLI_KIND | CLI_RESUME))
        cli_put(t, "\n%s", exit_text);
}

/* ---- as JSON ------------------------------------------------------------------------ */

static void put_command_json(struct cli_text *t, const char *name, const struct cli_command *c)
{
    cli_put(t, "{\"name\":");
    cli_put_json(t, name);
    cli_put(t, ",\"usage\":");
    cli_put_json(t, c->usage);
    cli_put(t, ",\"summary\":");
    cli_put_json(t, c->summary);
    cli_put(t, ",\"formats\":");
    cli_put_json(t, c->formats);
    cli_put(t, ",\"options\":[");
    const char *comma = "";
    for (const struct cli_option *o = cli_options; o->name; o++) {
        if (!(o->commands & c->bit))
            continue;
        cli_put(t, "%s{\"name\":", comma);
        cli_put_json(t, o->name);
        cli_put(t, ",\"value\":");
        o->value ? cli_put_json(t, o->value) : cli_put(t, "null");
        cli_put(t, ",\"key\":");
        o->key ? cli_put_json(t, o->key) : cli_put(t, "null");
        cli_put(t, ",\"help\":");
        cli_put_json(t, o->help);
        cli_put(t, "}");
        comma = ",";
    }
    cli_put(t, "]}");
}

static void put_json(struct cli_text *t, const char *only)
{
    const char *comma = "";
    cli_put(t, "{\"assay\":\"%s\",\"commands\":[", assay_version());
    for (const struct cli_command *c = cli_commands; c->bit; c++) {
        const char *const one[] = {c->name, NULL};
        for (const char *const *name = c->name ? one : assay_task_kinds(); *name; name++) {
            if (only && strcmp(only, *name) != 0)
                continue;
            cli_put(t, "%s", comma);
            put_command_json(t, *name, c);
            comma = ",";
        }
    }
    cli_put(t, "]}\n");
}

char *cli_help_text(const char *command, bool json)
{
    struct cli_text t = {0};
    const struct cli_command *c = command ? cli_find_command(command) : NULL;
    if (json)
        put_json(&t, command);
    else if (c)
        put_command(&t, command, c);
    else
        put_overview(&t);
    return t.s;
}

int cli_cmd_help(struct cli *c)
{
    const char *command = c->help && c->command->bit != CLI_HELP ? c->name : c->args ? c->arg[0] : NULL;
    if (command && !cli_find_command(command)) {
        cli_error("there is no command '%s'; 'assay help' lists them", command);
        return 2;
    }
    char *text = cli_help_text(command, cli_json(c));
    const char *out = cli_value(c, "--out");
    assay_status st = text ? assay_write(c->session, out ? out : "-", text) : ASSAY_E_NOMEM;
    free(text);
    return cli_done(c, st);
}
