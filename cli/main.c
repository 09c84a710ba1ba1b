/* SPDX-License-Identifier: Apache-2.0 */
#include <assay/assay.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static assay_session *running;
static volatile sig_atomic_t interrupted;

static void on_signal(int sig)
{
    (void)sig;
    if (interrupted++)
        _exit(130);
    assay_cancel(running);
}

static void on_event(void *arg, int level, const char *name, const char *text)
{
    (void)arg;
    (void)name;
    if (level >= 2)
        fprintf(stderr, "assay: warning: %s\n", text);
}

static const char *opts[][2] = {{"--target", "data.target"}, {"--time", "objective.subject_to.time"}, {"--trials", "search.trials"}, {"--memory", "objective.subject_to.memory"},
    {"--metric", "objective.metric"}, {"--test", "data.test"}, {"--folds", "search.validation.folds"}, {"--seed", "search.seed"}, {"--threads", "resources.threads"},
    {"--learners", "search.learners"}, {"--positive", "data.positive"}, {"--model", "output.model"}, {"--report", "output.report"}};

int main(int argc, char **argv)
{
    struct assay_options o = ASSAY_OPTIONS_INIT;
    o.event = on_event;
    o.from_process_start = 1;
    o.opencl_probe = "/proc/self/exe";
    const char *word[8] = {0}, *format = NULL, *machine = NULL, *topology = NULL, *out = NULL, *target = NULL;
    int n = 0, proba = 0, explain = 0;
    if (argc == 2 && strcmp(argv[1], "__probe-opencl") == 0) {
        char *t;
        if (!assay_opencl_list(&t))
            fputs(t, stdout);
        return 0;
    }
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    signal(SIGXFSZ, SIG_IGN);
    const char *set[64][3];
    int sets = 0;
    for (int i = 1; i < argc; i++) {
        const char *a = argv[i];
        if (strcmp(a, "--json") == 0)
            format = "json";
        else if (strcmp(a, "--proba") == 0)
            proba = 1;
        else if (strncmp(a, "--", 2) == 0 && i + 1 < argc) {
            const char *v = argv[++i];
            if (strcmp(a, "--catalog") == 0) o.catalog = v;
            else if (strcmp(a, "--format") == 0) format = v;
            else if (strcmp(a, "--machine") == 0) machine = v;
            else if (strcmp(a, "--topology") == 0) topology = v;
            else if (strcmp(a, "--out") == 0) out = v;
            else if (strcmp(a, "--explain") == 0) explain = atoi(v);
            else if (strcmp(a, "--set") == 0) { char *e = strchr((char *)(uintptr_t)v, '='); *e = 0; set[sets][0] = v; set[sets][1] = e + 1; set[sets++][2] = NULL; }
            for (size_t k = 0; k < sizeof opts / sizeof *opts; k++)
                if (strcmp(a, opts[k][0]) == 0) { set[sets][0] = opts[k][1]; set[sets][1] = v; set[sets++][2] = a; }
            if (strcmp(a, "--target") == 0) target = v;
        } else if (n < 8)
            word[n++] = a;
    }
    assay_session *s;
    if (n == 0 || assay_open(&s, &o))
        return 2;
    running = s;
    assay_status st = ASSAY_OK;
    assay_task *t = NULL;
    assay_model *m = NULL;
    char *text = NULL;
    const char *c = word[0];
    int ex = strcmp(c, "explain") == 0;
    if (ex || strcmp(c, "run") == 0 || strcmp(c, "classify") == 0 || strcmp(c, "regress") == 0) {
        const char **w = word + ex;
        int spec = strcmp(w[0], "classify") && strcmp(w[0], "regress");
        const char *file = spec ? (ex ? w[0] : w[1]) : w[1];
        st = assay_task_create(&t, s, spec ? NULL : w[0]);
        if (!st)
            st = spec ? assay_task_read_spec(t, file) : assay_task_set(t, "data.train", file, "DATA");
        for (int i = 0; i < sets && !st; i++)
            st = assay_task_set(t, set[i][0], set[i][1], set[i][2]);
        if (!st && ex) {
            struct assay_explain_options e = {.size = sizeof e, .machine = machine, .topology = topology, .format = format};
            st = assay_task_explain(t, &e, &text);
        } else if (!st)
            st = assay_task_run(t, &m);
        assay_task_free(t);
    } else if (strcmp(c, "resume") == 0)
        st = assay_resume(s, word[1], NULL, &m);
    else if (strcmp(c, "predict") == 0) {
        st = assay_model_open(&m, s, word[1]);
        if (!st)
            st = assay_predict_file(s, m, word[2], out, proba, explain);
        assay_model_free(m);
        m = NULL;
    } else if (strcmp(c, "leaderboard") == 0)
        st = assay_leaderboard(s, word[1], NULL, format, 0, &text);
    else if (strcmp(c, "runs") == 0)
        st = assay_runs(s, format != NULL, &text);
    else if (strcmp(c, "profile") == 0)
        st = assay_profile(s, word[1], target, format != NULL, &text);
    else if (strcmp(c, "machine") == 0)
        st = assay_machine(s, format != NULL, &text);
    else if (strcmp(c, "learners") == 0)
        st = assay_learners(s, word[1], format != NULL, &text);
    if (m) {
        assay_status r = assay_report(s, assay_model_board_json(m), format ? format : "table", &text);
        if (r)
            fprintf(stderr, "assay: %s\n", assay_session_error(s));
        fprintf(stderr, "saved as %s\n", assay_model_id(m));
        assay_model_free(m);
    }
    if (text)
        fputs(text, stdout);
    assay_text_free(text);
    if (st < 0)
        fprintf(stderr, "assay: %s\n", assay_session_error(s));
    assay_close(s);
    return assay_exit_status(st);
}
