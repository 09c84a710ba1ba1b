/* SPDX-License-Identifier: Apache-2.0 */
/* How far a run is, and its warnings: always on standard error. */
#include "cli/cli.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

bool cli_progress_start(struct cli *c, const char *mode)
{
    const char *term = getenv("TERM");
    c->progress.last_s = -1;
    c->progress.best = NAN;
    if (!mode || strcmp(mode, "auto") == 0)
        c->progress.mode = !isatty(STDERR_FILENO)              ? CLI_PROGRESS_NONE
                           : term && strcmp(term, "dumb") != 0 ? CLI_PROGRESS_LINE
                                                               : CLI_PROGRESS_PLAIN;
    else if (strcmp(mode, "plain") == 0)
        c->progress.mode = CLI_PROGRESS_PLAIN;
    else if (strcmp(mode, "none") == 0)
        c->progress.mode = CLI_PROGRESS_NONE;
    else {
        cli_error("--progress: '%s' is not a way to show progress; choose one of auto, plain, none", mode);
        return false;
    }
    return true;
}

/* Appends to a line of fixed room; what does not fit is cut. */
static void add(char *line, size_t room, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void add(char *line, size_t room, const char *format, ...)
{
    size_t n = strlen(line);
    va_list args;
    va_start(args, format);
    vsnprintf(line + n, room - n, format, args);
    va_end(args);
}

static void write_line(char *line, size_t room, const struct assay_progress *p)
{
    line[0] = '\0';
    add(line, room, "%-10s %.1f s", p->phase ? p->phase : "", p->elapsed_s);
    if (isfinite(p->budget_s))
        add(line, room, " of %g s", p->budget_s);
    if (p->trials_max)
        add(line, room, "  %d of %d trials", p->trials, p->trials_max);
    else
        add(line, room, "  %d trial%s", p->trials, p->trials == 1 ? "" : "s");
    if (isfinite(p->best))
        add(line, room, "  best %s %.5g", p->metric ? p->metric : "score", p->best);
    if (p->learner && *p->learner)
        add(line, room, " (%s)", p->learner);
    if (isfinite(p->rest_s) && p->rest_s >= 0.05)
        add(line, room, "  about %.*f s left", p->rest_s < 10 ? 1 : 0, p->rest_s);
}

static int terminal_columns(void)
{
    struct winsize size;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col : 80;
}

static void clear_line(struct cli_progress *p)
{
    if (p->shown)
        fprintf(stderr, "\r%*s\r", p->shown, "");
    p->shown = 0;
}

/* Plain lines: at each phase, at each better score, and every two seconds, never more than two in a second. */
static bool plain_is_due(struct cli_progress *p, const struct assay_progress *now)
{
    const char *phase = now->phase ? now->phase : "";
    bool new_phase = strncmp(phase, p->phase, sizeof p->phase - 1) != 0;
    bool better = isfinite(now->best) && !(now->best == p->best);
    double since = p->last_s < 0 ? 1e9 : now->elapsed_s - p->last_s;
    if (!new_phase && !(better && since >= 0.5) && since < 2)
        return false;
    snprintf(p->phase, sizeof p->phase, "%s", phase);
    p->last_s = now->elapsed_s;
    p->best = now->best;
    return true;
}

int cli_on_progress(void *arg, const struct assay_progress *now)
{
    struct cli_progress *p = &((struct cli *)arg)->progress;
    char line[256];
    if (p->mode == CLI_PROGRESS_NONE)
        return 0;
    write_line(line, sizeof line, now);
    if (p->mode == CLI_PROGRESS_PLAIN) {
        if (plain_is_due(p, now))
            fprintf(stderr, "%s\n", line);
        return 0;
    }
    int columns = terminal_columns() - 1, n = (int)strlen(line);
    if (n > columns)
        n = columns;
    flockfile(stderr);
    fprintf(stderr, "\r%.*s%*s", n, line, p->shown > n ? p->shown - n : 0, "");
    fflush(stderr);
    p->shown = p->shown > n ? p->shown : n;
    funlockfile(stderr);
    return 0;
}

void cli_on_event(void *arg, int level, const char *name, const char *text)
{
    struct cli *c = arg;
    if (strcmp(name, "catalog.memory") == 0)
        c->forgets = true;
    bool note = strcmp(name, "resume.note") == 0;
    if (level < 2 && !note)
        return;
    flockfile(stderr);
    clear_line(&c->progress);
    fputs(note ? "assay: " : "assay: warning: ", stderr);
    for (const char *s = text; *s; s++)
        fputc((unsigned char)*s < 0x20 ? ' ' : *s, stderr);
    fputc('\n', stderr);
    funlockfile(stderr);
}

void cli_progress_end(struct cli *c)
{
    flockfile(stderr);
    clear_line(&c->progress);
    fflush(stderr);
    funlockfile(stderr);
}
