/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loads a model and predicts the rows of a file.
 *
 *     predict MODEL.assay DATA
 */
#include <assay/assay.h>

#include <stdio.h>
#include <stdlib.h>

static void print(const assay_model *model, const double *y, size_t rows)
{
    size_t classes = assay_model_classes(model);
    for (size_t i = 0; i < rows; i++)
        if (classes)
            printf("%s\n", assay_model_class(model, (size_t)y[i]));
        else
            printf("%.10g\n", y[i]);
}

int main(int argc, char **argv)
{
    assay_session *session = NULL;
    assay_model *model = NULL;
    assay_table *table = NULL;
    double *y = NULL;
    if (argc != 3) {
        fprintf(stderr, "usage: predict MODEL.assay DATA\n");
        return 2;
    }
    assay_status st = assay_open(&session, NULL);
    if (st == ASSAY_OK) /* like assay_model_load, but the session tells what is wrong */
        st = assay_model_open(&model, session, argv[1]);
    if (st == ASSAY_OK)
        st = assay_table_from_file(&table, session, argv[2]);
    if (st == ASSAY_OK && !(y = malloc((assay_table_rows(table) + 1) * sizeof *y)))
        st = ASSAY_E_NOMEM;
    if (st < 0) {
        fprintf(stderr, "predict: %s\n", assay_session_error(session));
    } else if ((st = assay_predict(model, table, y, assay_table_rows(table))) == ASSAY_OK) {
        print(model, y, assay_table_rows(table));
    } else {
        fprintf(stderr, "predict: %s\n", assay_model_error(model));
    }
    free(y);
    assay_table_free(table);
    assay_model_free(model);
    assay_close(session);
    return assay_exit_status(st);
}
