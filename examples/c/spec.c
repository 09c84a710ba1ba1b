/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a task specification, shows its leaderboard and saves the model.
 *
 *     spec TASK.yaml MODEL.assay [KEY=VALUE]...
 */
#include <assay/assay.h>

#include <stdio.h>
#include <string.h>

/* KEY=VALUE as `assay run --set` takes it; splits it in place. */
static assay_status set(assay_task *task, char *pair)
{
    char *equals = strchr(pair, '=');
    if (!equals)
        return ASSAY_E_INVAL;
    *equals = '\0';
    return assay_task_set(task, pair, equals + 1, NULL);
}

int main(int argc, char **argv)
{
    assay_session *session = NULL;
    assay_task *task = NULL;
    assay_model *model = NULL;
    char *board = NULL;
    if (argc < 3) {
        fprintf(stderr, "usage: spec TASK.yaml MODEL.assay [KEY=VALUE]...\n");
        return 2;
    }
    struct assay_options options = ASSAY_OPTIONS_INIT;
    options.catalog = ":memory:";
    assay_status st = assay_open(&session, &options);
    if (st == ASSAY_OK)
        st = assay_task_create(&task, session, NULL);
    if (st == ASSAY_OK)
        st = assay_task_read_spec(task, argv[1]);
    for (int i = 3; i < argc && st == ASSAY_OK; i++)
        st = set(task, argv[i]);
    if (st == ASSAY_OK)
        st = assay_task_run(task, &model);
    if (model && assay_report(session, assay_model_board_json(model), "md", &board) == ASSAY_OK)
        fputs(board, stdout);
    if (st == ASSAY_OK && (st = assay_model_save(model, argv[2])) != ASSAY_OK)
        fprintf(stderr, "spec: %s\n", assay_model_error(model));
    else if (st < 0)
        fprintf(stderr, "spec: %s\n", assay_session_error(session));
    assay_text_free(board);
    assay_model_free(model);
    assay_task_free(task);
    assay_close(session);
    return assay_exit_status(st);
}
