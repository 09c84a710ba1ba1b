/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Watches a run and ends it when the score is good enough: the best model so far is there all the same.
 *
 *     cancel TASK.yaml SCORE
 */
#include <assay/assay.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

struct goal {
    double score;
    int calls;
};

static int watch(void *arg, const struct assay_progress *p)
{
    struct goal *goal = arg;
    goal->calls++;
    if (!isfinite(p->best)) /* nothing finished yet */
        return 0;
    fprintf(stderr, "%5.1f s  %3d trials  %s %.4f\n", p->elapsed_s, p->trials, p->metric, p->best);
    return p->best >= goal->score;
}

int main(int argc, char **argv)
{
    assay_session *session = NULL;
    assay_model *model = NULL;
    if (argc != 3) {
        fprintf(stderr, "usage: cancel TASK.yaml SCORE\n");
        return 2;
    }
    struct goal goal = {strtod(argv[2], NULL), 0};
    struct assay_options options = ASSAY_OPTIONS_INIT;
    options.progress = watch;
    options.progress_arg = &goal;
    options.catalog = ":memory:";
    assay_status st = assay_open(&session, &options);
    if (st == ASSAY_OK)
        st = assay_run_spec(session, argv[1], &model);
    if (st < 0)
        fprintf(stderr, "cancel: %s\n", assay_session_error(session));
    printf("%s after %d looks, %s\n", st == ASSAY_STOPPED ? "ended early" : "ran to its end", goal.calls,
           model ? "with a model" : "without a model");
    assay_model_free(model);
    assay_close(session);
    return st < 0 ? assay_exit_status(st) : 0;
}
