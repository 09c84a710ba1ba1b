/* SPDX-License-Identifier: Apache-2.0 */
/* The one table of options, and the parser that it drives. */
#include "cli/cli.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define CLI_TASK (CLI_RUN | CLI_KIND | CLI_EXPLAIN)
#define CLI_SHOWS                                                                                                                  \
    (CLI_EXPLAIN | CLI_LEADERBOARD | CLI_INIT | CLI_PROFILE | CLI_MACHINE | CLI_RUNS | CLI_LEARNERS | CLI_METRICS | CLI_HELP)

const struct cli_option cli_options[] = {
    {"--target", "COL", "data.target", CLI_TASK, "column to predict"},
    {"--target", "COL", NULL, CLI_INIT | CLI_PROFILE, "column to predict"},
    {"--time", "60s", "objective.subject_to.time", CLI_TASK,
     "limit from process start to exit: 500ms, 60s, 5min, 2h (60s without --time and --trials)"},
    {"--time", "60s", NULL, CLI_RESUME, "new limit in all, to extend a finished run"},
    {"--trials", "N", "search.trials", CLI_TASK, "limit on configs; makes the run repeatable"},
    {"--trials", "N", NULL, CLI_RESUME, "new limit on configs in all, to extend a finished run"},
    {"--memory", "2GiB", "objective.subject_to.memory", CLI_TASK, "limit on memory: 512MiB, 2GiB"},
    {"--metric", "NAME", "objective.metric", CLI_TASK, "score to optimize; 'assay metrics' lists them"},
    {"--test", "FILE", "data.test", CLI_TASK, "rows scored once, at the end, never used for choosing"},
    {"--test", "FILE", NULL, CLI_LEADERBOARD, "score the saved model and the configs it consists of on these rows"},
    {"--folds", "N", "search.validation.folds", CLI_TASK, "folds of cross-validation"},
    {"--seed", "N", "search.seed", CLI_TASK, "seed of everything random (1)"},
    {"--threads", "N", "resources.threads", CLI_TASK, "threads to use (all cores of the quota)"},
    {"--devices", "LIST", "resources.devices", CLI_TASK, "devices to use: cpu, opencl:0, ..."},
    {"--learners", "LIST", "search.learners", CLI_TASK, "learners to try; 'assay learners' lists them"},
    {"--positive", "CLASS", "data.positive", CLI_TASK, "the positive class (the last one as sorted)"},
    {"--header", "yes|no|auto", "data.header", CLI_TASK, "does the file begin with column names"},
    {"--header", "yes|no|auto", NULL, CLI_READS, "does the file begin with column names"},
    {"--delimiter", "CHAR", "data.delimiter", CLI_TASK, "what stands between cells: ';', tab, ... (found out)"},
    {"--delimiter", "CHAR", NULL, CLI_READS, "what stands between cells: ';', tab, ... (found out)"},
    {"--model", "FILE", "output.model", CLI_TASK, "save the model there as well"},
    {"--model", "FILE", NULL, CLI_RESUME, "save the model there as well"},
    {"--report", "FILE", "output.report", CLI_TASK, "write an HTML report"},
    {"--report", "FILE", NULL, CLI_RESUME, "write an HTML report"},
    {"--set", "KEY=VALUE", NULL, CLI_TASK, "set any key of the specification, as search.space.gbdt.max_depth=8; the value is YAML"},
    {"--progress", "MODE", NULL, CLI_RUN | CLI_KIND | CLI_RESUME, "auto (a line on a terminal), plain (lines), none"},
    {"--analyze", NULL, NULL, CLI_EXPLAIN, "run the plan and show measured beside predicted (not supported yet)"},
    {"--machine", "FILE", NULL, CLI_EXPLAIN, "plan for a machine written by 'assay machine --record'"},
    {"--topology", "HWLOC", NULL, CLI_EXPLAIN, "plan for an hwloc XML file or synthetic string ('numa:2 core:8 pu:1')"},
    {"--costs", "on|off", NULL, CLI_EXPLAIN, "off: leave out figures that differ between machines"},
    {"--proba", NULL, NULL, CLI_PREDICT, "columns proba_<class> instead of prediction"},
    {"--explain", "N", NULL, CLI_PREDICT, "add the N largest contributions of each row"},
    {"--failed", NULL, NULL, CLI_LEADERBOARD, "list the failed trials with their errors"},
    {"--calibrate", NULL, NULL, CLI_MACHINE, "measure every kernel class (not supported yet)"},
    {"--record", "FILE", NULL, CLI_MACHINE, "write the machine to a file that 'explain --machine' reads"},
    {"--size", "1GiB", NULL, CLI_GC, "drop the oldest runs, too, until the catalog takes at most this"},
    {"--out", "FILE", NULL, CLI_PREDICT | CLI_SHOWS, "write there, all or nothing, instead of to standard output"},
    {"--format", "FORMAT", NULL, CLI_ALL, "how results are written"},
    {"--json", NULL, NULL, CLI_ALL, "the same as --format json"},
    {"--catalog", "FILE", NULL, CLI_ALL, "the catalog ($ASSAY_CATALOG, else $XDG_DATA_HOME/assay/catalog.db)"},
    {"--help", NULL, NULL, CLI_ALL, "show this help"},
    {0}};

/* ---- words ----------------------------------------------------------------------- */

enum { WORD = 40 };

/* Edit distance, two neighbours swapped being one edit (Damerau 1964), of words of at most WORD bytes. */
static size_t distance(const char *a, const char *b)
{
    size_t n = strnlen(a, WORD), m = strnlen(b, WORD), d[WORD + 1][WORD + 1];
    for (size_t i = 0; i <= n; i++)
        for (size_t j = 0; j <= m; j++) {
            if (i == 0 || j == 0) {
                d[i][j] = i + j;
                continue;
            }
            size_t best = d[i - 1][j - 1] + (tolower((unsigned char)a[i - 1]) != tolower((unsigned char)b[j - 1]));
            if (d[i - 1][j] + 1 < best)
                best = d[i - 1][j] + 1;
            if (d[i][j - 1] + 1 < best)
                best = d[i][j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && d[i - 2][j - 2] + 1 < best)
                best = d[i - 2][j - 2] + 1;
            d[i][j] = best;
        }
    return d[n][m];
}

/* Keeps the nearer of *near and `word`; farther than a third of its letters is no neighbour. */
static void nearer(const char *typed, const char *word, const char **near, size_t *best)
{
    size_t d = distance(typed, word);
    if (d < *best && d <= 1 + strlen(word) / 3) {
        *best = d;
        *near = word;
    }
}

/* ---- commands ------------------------------------------------------------------------ */

static bool is_kind(const char *name)
{
    for (const char *const *k = assay_task_kinds(); *k; k++)
        if (strcmp(*k, name) == 0)
            return true;
    return false;
}

const struct cli_command *cli_find_command(const char *name)
{
    for (const struct cli_command *c = cli_commands; c->bit; c++)
        if (c->name ? strcmp(c->name, name) == 0 : is_kind(name))
            return c;
    return NULL;
}

static void unknown_command(const char *name)
{
    const char *near = NULL;
    size_t best = WORD;
    for (const struct cli_command *c = cli_commands; c->bit; c++)
        if (c->name)
            nearer(name, c->name, &near, &best);
    for (const char *const *k = assay_task_kinds(); *k; k++)
        nearer(name, *k, &near, &best);
    if (near)
        cli_error("there is no command '%s'; did you mean '%s'?", name, near);
    else
        cli_error("there is no command '%s'; 'assay help' lists them", name);
}

/* ---- options --------------------------------------------------------------------------- */

static const struct cli_option *find_option(const struct cli *c, const char *name, size_t n)
{
    const struct cli_option *elsewhere = NULL;
    for (const struct cli_option *o = cli_options; o->name; o++) {
        if (strlen(o->name) != n || strncmp(o->name, name, n) != 0)
            continue;
        if (o->commands & c->command->bit)
            return o;
        elsewhere = o;
    }
    if (elsewhere) {
        cli_error("option '%s' does not belong to '%s'; see 'assay help %s'", elsewhere->name, c->name, c->name);
        return NULL;
    }
    const char *near = NULL;
    size_t best = WORD;
    char word[WORD + 1] = {0};
    memcpy(word, name, n < WORD ? n : WORD);
    for (const struct cli_option *o = cli_options; o->name; o++)
        if (o->commands & c->command->bit)
            nearer(word, o->name, &near, &best);
    if (near)
        cli_error("there is no option '%.*s'; did you mean '%s'?", (int)n, name, near);
    else
        cli_error("there is no option '%.*s'; see 'assay help %s'", (int)n, name, c->name);
    return NULL;
}

static bool parse_option(struct cli *c, int argc, char **argv, int *i)
{
    const char *word = argv[*i], *equals = strchr(word, '=');
    const struct cli_option *o = find_option(c, word, equals ? (size_t)(equals - word) : strlen(word));
    if (!o)
        return false;
    const char *value = equals ? equals + 1 : NULL;
    if (!o->value && value) {
        cli_error("option '%s' takes no value; leave '=%s' out", o->name, value);
        return false;
    }
    if (o->value && !value && *i + 1 >= argc) {
        cli_error("option '%s' needs a value; write '%s %s'", o->name, o->name, o->value);
        return false;
    }
    if (o->value && !value)
        value = argv[++*i];
    if (o->value && !*value) {
        cli_error("option '%s' has an empty value; write '%s %s'", o->name, o->name, o->value);
        return false;
    }
    c->setting[c->settings++] = (struct cli_setting){o, value ? value : ""};
    return true;
}

static bool parse_arg(struct cli *c, const char *word)
{
    if (c->args >= c->command->max_args) {
        if (c->command->max_args == 0)
            cli_error("'%s' is one argument too many; '%s' takes none", word, c->name);
        else
            cli_error("'%s' is one argument too many; write 'assay %s %s'", word, c->name, c->command->usage);
        return false;
    }
    c->arg[c->args++] = word;
    return true;
}

static bool check_format(const struct cli *c)
{
    const char *format = cli_format(c);
    if (!format)
        return true;
    size_t n = strlen(format);
    for (const char *p = c->command->formats; *p;) {
        size_t len = strcspn(p, ",");
        if (len == n && strncmp(p, format, n) == 0)
            return true;
        p += len + (p[len] == ',');
    }
    cli_error("--format: '%s' is not a format of '%s'; choose one of %s", format, c->name, c->command->formats);
    return false;
}

bool cli_parse(struct cli *c, int argc, char **argv)
{
    c->name = argc > 1 ? argv[1] : "help";
    if (strcmp(c->name, "--help") == 0 || strcmp(c->name, "-h") == 0)
        c->name = "help";
    c->command = cli_find_command(c->name);
    if (!c->command) {
        if (c->name[0] == '-')
            cli_error("'%s' stands where a command should; write 'assay COMMAND ...', 'assay help' lists them", c->name);
        else
            unknown_command(c->name);
        return false;
    }
    c->setting = calloc((size_t)argc + 1, sizeof *c->setting);
    if (!c->setting) {
        cli_error("no memory for the command line");
        return false;
    }
    bool only_args = false;
    for (int i = 2; i < argc; i++) {
        const char *word = argv[i];
        if (!only_args && strcmp(word, "--") == 0)
            only_args = true;
        else if (!only_args && strcmp(word, "-h") == 0)
            c->help = true;
        else if (!only_args && word[0] == '-' && word[1] ? !parse_option(c, argc, argv, &i) : !parse_arg(c, word))
            return false;
    }
    if (cli_value(c, "--help"))
        c->help = true;
    if (c->help)
        return true;
    if (c->args < c->command->min_args) {
        cli_error("'%s' needs more arguments; write 'assay %s %s'", c->name, c->name, c->command->usage);
        return false;
    }
    return check_format(c);
}

const char *cli_value(const struct cli *c, const char *option)
{
    for (int i = c->settings - 1; i >= 0; i--)
        if (strcmp(c->setting[i].option->name, option) == 0)
            return c->setting[i].value;
    return NULL;
}

const char *cli_format(const struct cli *c)
{
    for (int i = c->settings - 1; i >= 0; i--) {
        const char *name = c->setting[i].option->name;
        if (strcmp(name, "--json") == 0)
            return "json";
        if (strcmp(name, "--format") == 0)
            return c->setting[i].value;
    }
    return NULL;
}

bool cli_json(const struct cli *c)
{
    const char *format = cli_format(c);
    return format && strcmp(format, "json") == 0;
}
