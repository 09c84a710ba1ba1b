/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file cli.h
 * The command line: a client of <assay/assay.h> and of nothing else.
 *
 *     main.c      signals, the session, the way out
 *     options.c   the one table of options; parsing, nearest word
 *     help.c      `help`, `--help`, `--version`: written from the tables
 *     progress.c  the progress line and warnings, on standard error
 *     run.c       run, the task kinds, explain, resume
 *     predict.c   predict
 *     show.c      everything that only shows
 *
 * Results go to standard output, all or nothing; everything else to standard error. An
 * error is one line that begins with "assay: ".
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <assay/assay.h>

#include <stdbool.h>
#include <stddef.h>

/** Bits of commands, for the table of options. */
enum cli_command_bit {
    CLI_RUN = 1 << 0,
    CLI_KIND = 1 << 1, /**< classify, regress, ...: every registered task kind */
    CLI_INIT = 1 << 2,
    CLI_EXPLAIN = 1 << 3,
    CLI_PREDICT = 1 << 4,
    CLI_LEADERBOARD = 1 << 5,
    CLI_PROFILE = 1 << 6,
    CLI_MACHINE = 1 << 7,
    CLI_RUNS = 1 << 8,
    CLI_RESUME = 1 << 9,
    CLI_LEARNERS = 1 << 10,
    CLI_METRICS = 1 << 11,
    CLI_GC = 1 << 12,
    CLI_HELP = 1 << 13,
    CLI_READS = CLI_INIT | CLI_PROFILE | CLI_PREDICT | CLI_LEADERBOARD, /**< read a table without a task */
    CLI_ALL = (1 << 14) - 1
};

/** An option: the table drives parsing, help and the man page's check. */
struct cli_option {
    const char *name;  /**< "--time" */
    const char *value; /**< word for its value in help, "60s"; NULL: a flag */
    const char *key;   /**< key of the task specification it sets, or NULL */
    unsigned commands; /**< bits of the commands it belongs to */
    const char *help;
};

struct cli;

struct cli_command {
    const char *name; /**< NULL: any task kind */
    unsigned bit;
    int min_args, max_args;
    const char *formats; /**< words of --format, comma-separated, the default first */
    const char *usage;   /**< after "assay NAME " */
    const char *summary;
    const char *detail; /**< paragraphs of its help, may be "" */
    /** @return the exit status; whatever went wrong has been told */
    int (*run)(struct cli *);
};

struct cli_setting {
    const struct cli_option *option;
    const char *value; /**< "" for a flag */
};

struct cli_progress {
    enum { CLI_PROGRESS_NONE, CLI_PROGRESS_PLAIN, CLI_PROGRESS_LINE } mode;
    int shown;           /**< columns of the line on the terminal now */
    double last_s, best; /**< plain: when the last line was written, and its score */
    char phase[32];
};

/** One parsed command line. Texts are borrowed from argv. */
struct cli {
    const struct cli_command *command;
    const char *name; /**< as typed: "classify" */
    const char *arg[4];
    int args;
    struct cli_setting *setting;
    int settings;
    bool help; /**< --help was among the options */
    assay_session *session;
    struct cli_progress progress;
    bool unread;  /**< standard output is a pipe that nobody reads any more */
    bool forgets; /**< the catalog could not be used: what it would keep is gone with this process */
};

/* ---- tables ---------------------------------------------------------------------- */

/** Ends with an entry whose name is NULL. */
extern const struct cli_option cli_options[];
/** Ends with an entry whose bit is 0; the entry of the task kinds has no name. */
extern const struct cli_command cli_commands[];

/** The command of that name (a task kind included), or NULL. */
const struct cli_command *cli_find_command(const char *name);

/* ---- parsing (options.c) -------------------------------------------------------------- */

/** Parses argv; false: told on standard error, status 2. The caller frees c->setting. */
bool cli_parse(struct cli *c, int argc, char **argv);
/** The value of an option (the last one given), "" for a flag that is there, NULL when it was not given. */
const char *cli_value(const struct cli *c, const char *option);
/** The word of --format (or json for --json), NULL when not given. */
const char *cli_format(const struct cli *c);
/** Whether results are wanted as JSON. */
bool cli_json(const struct cli *c);

/* ---- telling (main.c, help.c, progress.c) ---------------------------------------------- */

/** Writes "assay: ..." as one line to standard error. */
void cli_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
/** Tells the session's error when the status is a failure; returns the exit status. */
int cli_done(struct cli *c, assay_status st);
/** Writes a result to --out or standard output, frees it, tells what went wrong; returns the exit status. */
int cli_give(struct cli *c, assay_status st, char *text);
/** From here on signals end the task instead of the process; a second one ends the process. */
void cli_catch_signals(assay_session *s);

/** Help of one command, or of all when NULL; the text is to be freed, NULL without memory. */
char *cli_help_text(const char *command, bool json);
int cli_cmd_help(struct cli *c);

/** Chooses how progress is shown: auto, plain, none; false: told, status 2. */
bool cli_progress_start(struct cli *c, const char *mode);
int cli_on_progress(void *cli, const struct assay_progress *p);
void cli_on_event(void *cli, int level, const char *name, const char *text);
/** Takes the line away, before anything else is written. */
void cli_progress_end(struct cli *c);

/* ---- commands ------------------------------------------------------------------------------ */

int cli_cmd_run(struct cli *c);
int cli_cmd_explain(struct cli *c);
int cli_cmd_resume(struct cli *c);
int cli_cmd_predict(struct cli *c);
int cli_cmd_leaderboard(struct cli *c);
int cli_cmd_init(struct cli *c);
int cli_cmd_profile(struct cli *c);
int cli_cmd_machine(struct cli *c);
int cli_cmd_runs(struct cli *c);
int cli_cmd_learners(struct cli *c);
int cli_cmd_metrics(struct cli *c);
int cli_cmd_gc(struct cli *c);

/* ---- text ------------------------------------------------------------------------------------ */

/** A growing text; after a failed allocation `s` is NULL and everything else does nothing. */
struct cli_text {
    char *s;
    size_t n, room;
    bool failed;
};
void cli_put(struct cli_text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** A JSON string with its quotes. */
void cli_put_json(struct cli_text *t, const char *s);

#endif
