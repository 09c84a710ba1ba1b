/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Classifies a table in memory: numbers and labels in, a model out, probabilities of rows that it has not seen.
 *
 *     cc classify.c $(pkg-config --cflags --libs assay) -lm && ./a.out
 */
#include <assay/assay.h>

#include <math.h>
#include <stdio.h>

enum { TRAIN = 300, TEST = 100, ROWS = TRAIN + TEST, COLUMNS = 2 };

/* Two half moons with some noise; a small generator of our own keeps the example the same everywhere. */
static void two_moons(double X[ROWS][COLUMNS], const char *label[ROWS])
{
    unsigned state = 1;
    for (int i = 0; i < ROWS; i++) {
        double u[3];
        for (int k = 0; k < 3; k++) {
            state = state * 1664525u + 1013904223u;
            u[k] = (double)(state >> 8) / (1 << 24);
        }
        int upper = i % 2;
        double angle = 3.14159265358979 * u[0];
        X[i][0] = (upper ? cos(angle) : 1 - cos(angle)) + 0.3 * (u[1] - 0.5);
        X[i][1] = (upper ? sin(angle) : 0.5 - sin(angle)) + 0.3 * (u[2] - 0.5);
        label[i] = upper ? "upper" : "lower";
    }
}

int main(void)
{
    static double X[ROWS][COLUMNS], proba[TEST * 2];
    static const char *label[ROWS];
    static const char *const names[COLUMNS] = {"x", "y"};
    two_moons(X, label);

    assay_session *session = NULL;
    assay_table *train = NULL, *labels = NULL, *test = NULL;
    assay_model *model = NULL;
    struct assay_options options = ASSAY_OPTIONS_INIT;
    options.trials = 8; /* a limit on trials makes the result the same on every machine */
    options.catalog = ":memory:";

    assay_status st = assay_open(&session, &options);
    if (st == ASSAY_OK)
        st = assay_table_from_dense_f64(&train, X[0], TRAIN, COLUMNS, COLUMNS, names);
    if (st == ASSAY_OK)
        st = assay_table_from_dense_f64(&test, X[TRAIN], TEST, COLUMNS, COLUMNS, names);
    if (st == ASSAY_OK)
        st = assay_table_create(&labels, TRAIN);
    if (st == ASSAY_OK)
        st = assay_table_add_str(labels, "moon", label);
    if (st == ASSAY_OK)
        st = assay_classify(session, train, labels, NULL, &model);
    if (st == ASSAY_OK)
        st = assay_predict_proba(model, test, proba, TEST * 2);
    if (st == ASSAY_OK) {
        int right = 0;
        for (int i = 0; i < TEST; i++) {
            const char *said = assay_model_class(model, proba[2 * i + 1] > 0.5);
            right += said[0] == label[TRAIN + i][0];
        }
        printf("%d of %d rows right\n", right, TEST);
    } else {
        fprintf(stderr, "classify: %s\n",
                model && *assay_model_error(model) ? assay_model_error(model) : assay_session_error(session));
    }
    assay_model_free(model);
    assay_table_free(train);
    assay_table_free(labels);
    assay_table_free(test);
    assay_close(session);
    return st == ASSAY_OK ? 0 : 1;
}
