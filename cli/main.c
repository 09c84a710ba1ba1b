/* SPDX-License-Identifier: Apache-2.0 */
/* The assay command. */
#include "cli/cli.h"

#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Signal handlers have no argument of their own: the session they end stands here. */
static assay_session *volatile running;
static volatile sig_atomic_t signals;

static void on_signal(int number)
{
    (void)number;
    if (signals++ || !running)
        _exit(130);
    assay_cancel(running);
}

void cli_catch_signals(assay_session *s)
{
    running = s;
}

static void set_signals(void)
{
    struct sigaction end = {.sa_handler = on_signal, .sa_flags = SA_RESTART}, ignore = {.sa_handler = SIG_IGN};
    sigemptyset(&end.sa_mask);
    sigemptyset(&ignore.sa_mask);
    sigaction(SIGINT, &end, NULL);
    sigaction(SIGTERM, &end, NULL);
    sigaction(SIGPIPE, &ignore, NULL); /* a write then says what went wrong */
    sigaction(SIGXFSZ, &ignore, NULL);
}

void cli_error(const char *format, ...)
{
    char line[4096];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    for (char *s = line; *s; s++)
        if ((unsigned char)*s < 0x20)
            *s = ' ';
    fprintf(stderr, "assay: %s\n", line);
}

/* Has the reader of our standard output gone, as `head` does? */
static bool reader_gone(void)
{
    struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};
    return poll(&out, 1, 0) == 1 && (out.revents & POLLERR);
}

int cli_done(struct cli *c, assay_status st)
{
    cli_progress_end(c);
    if (st == ASSAY_E_IO && strstr(assay_session_error(c->session), "standard output") &&
        reader_gone()) { /* the work is done and kept; who reads has read enough */
        c->unread = true;
        return 0;
    }
    if (st < 0) {
        const char *text = assay_session_error(c->session);
        cli_error("%s", st == ASSAY_E_NOMEM && !*text ? "no memory" : *text ? text : "the command failed");
    }
    return assay_exit_status(st);
}

int cli_give(struct cli *c, assay_status st, char *text)
{
    const char *out = cli_value(c, "--out");
    int rc = cli_done(c, st);
    if (st >= 0 && text) {
        int written = cli_done(c, assay_write(c->session, out ? out : "-", text));
        rc = written ? written : rc;
    }
    assay_text_free(text);
    return rc;
}

/* The hidden subcommand that the library starts in a child: drivers may crash, or write what they like. */
static int probe_opencl(void)
{
    char *text = NULL;
    assay_status st = assay_opencl_list(&text);
    if (st == ASSAY_OK && text)
        fputs(text, stdout);
    assay_text_free(text);
    return fflush(stdout) == 0 ? assay_exit_status(st) : 1;
}

static int dispatch(struct cli *c)
{
    struct assay_options o = ASSAY_OPTIONS_INIT;
    o.catalog = cli_value(c, "--catalog");
    if (c->command->bit & CLI_READS) { /* a task has keys for them */
        o.header = cli_value(c, "--header");
        o.delimiter = cli_value(c, "--delimiter");
    }
    o.progress = cli_on_progress;
    o.progress_arg = c;
    o.event = cli_on_event;
    o.event_arg = c;
    o.from_process_start = 1;
    o.opencl_probe = "/proc/self/exe";
    if (assay_open(&c->session, &o) != ASSAY_OK) {
        cli_error("no memory to begin");
        return 1;
    }
    int rc = c->help ? cli_cmd_help(c) : c->command->run(c);
    running = NULL;
    assay_close(c->session);
    return rc;
}

/*
 * The end of the process. As every tool in a pipeline it ends by SIGPIPE when its reader went away. Everything was closed
 * before: the exit handlers of libraries have nothing to do, and that of OpenBLAS waits for ever for a thread that found
 * no memory. A sanitizer reports in such a handler, so its builds leave the ordinary way.
 */
static int leave(const struct cli *c, int rc)
{
    if (c->unread && rc == 0) {
        signal(SIGPIPE, SIG_DFL);
        raise(SIGPIPE);
    }
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    fflush(stdout);
    fflush(stderr);
    _exit(rc);
#endif
    return rc;
}

static int begin(struct cli *c, int argc, char **argv)
{
    if (argc == 2 && (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0)) {
        if (printf("assay %s\n", assay_version()) > 0 && fflush(stdout) == 0)
            return 0;
        cli_error("cannot write to standard output");
        return 2;
    }
    if (argc < 2) {
        char *text = cli_help_text(NULL, false);
        fputs(text ? text : "", stderr);
        free(text);
        return 2;
    }
    int rc = cli_parse(c, argc, argv) ? dispatch(c) : 2;
    free(c->setting);
    return rc;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "__probe-opencl") == 0)
        return probe_opencl();
    set_signals();
    struct cli c = {0};
    return leave(&c, begin(&c, argc, argv));
}
