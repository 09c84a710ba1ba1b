/* SPDX-License-Identifier: Apache-2.0 */
/* predict: CSV as the library writes it, or the same table as JSON. */
#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Reads one CSV field (RFC 4180) into `field`; returns what follows it, the separator included. */
static const char *read_field(const char *s, struct cli_text *field)
{
    field->n = 0;
    cli_put(field, "%s", "");
    if (*s != '"') {
        size_t n = strcspn(s, ",\r\n");
        cli_put(field, "%.*s", (int)n, s);
        return s + n;
    }
    for (s++; *s; s++) {
        if (*s == '"' && *++s != '"')
            break;
        cli_put(field, "%c", *s);
    }
    return s;
}

static void put_cell(struct cli_text *json, const struct cli_text *field, bool number)
{
    const char *s = field->s ? field->s : "";
    char *end = NULL;
    if (!number) {
        cli_put_json(json, s);
        return;
    }
    double v = strtod(s, &end);
    if (end == s || *end || !(v - v == 0)) /* JSON knows neither NaN nor infinity */
        cli_put(json, "null");
    else
        cli_put(json, "%s", s);
}

enum { COLUMNS = 20003 }; /* a class each, the base, and pairs of contributions */

/*
 * {"columns":[names],"rows":[[cells],...]}: classes and names of features are texts, all else numbers.
 */
static void csv_to_json(const char *csv, bool labels, struct cli_text *json)
{
    static unsigned char number[COLUMNS];
    struct cli_text field = {0};
    cli_put(json, "{\"columns\":[");
    const char *s = csv;
    for (size_t row = 0; *s; row++) {
        bool head = row == 0;
        if (!head)
            cli_put(json, row > 1 ? ",[" : "[");
        for (int column = 0;; column++) {
            int at = column < COLUMNS ? column : COLUMNS - 1;
            s = read_field(s, &field);
            if (head)
                number[at] = field.s && strncmp(field.s, "feature_", 8) != 0 && (!labels || strcmp(field.s, "prediction") != 0);
            if (column)
                cli_put(json, ",");
            put_cell(json, &field, !head && number[at]);
            if (*s != ',')
                break;
            s++;
        }
        cli_put(json, head ? "],\"rows\":[" : "]");
        s += strspn(s, "\r\n");
    }
    cli_put(json, "]}\n");
    json->failed |= field.failed;
    free(field.s);
}

static char *read_back(int fd)
{
    struct cli_text t = {0};
    char block[65536 + 1];
    ssize_t n;
    while ((n = read(fd, block, sizeof block - 1)) > 0) {
        block[n] = '\0';
        cli_put(&t, "%s", block);
    }
    if (n == 0)
        cli_put(&t, "%s", "");
    if (n < 0) {
        free(t.s);
        return NULL;
    }
    return t.s;
}

static int predict_json(struct cli *c, const assay_model *m, int explain)
{
    const char *folder = getenv("TMPDIR"), *out = cli_value(c, "--out");
    char path[4096];
    int n = snprintf(path, sizeof path, "%s/assay-XXXXXX", folder && *folder ? folder : "/tmp");
    int fd = n > 0 && (size_t)n < sizeof path ? mkstemp(path) : -1;
    if (fd < 0) {
        cli_error("cannot make a file in '%s': %s; set TMPDIR", folder && *folder ? folder : "/tmp", strerror(errno));
        return 2;
    }
    close(fd);
    bool proba = cli_value(c, "--proba") != NULL;
    int rc = cli_done(c, assay_predict_file(c->session, m, c->arg[1], path, proba, explain));
    fd = rc == 0 ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    char *csv = fd >= 0 ? read_back(fd) : NULL;
    if (fd >= 0)
        close(fd);
    unlink(path);
    if (rc)
        return rc;
    struct cli_text json = {0};
    if (csv)
        csv_to_json(csv, assay_model_classes(m) > 0, &json);
    free(csv);
    if (!json.s) {
        cli_error("no memory for the predictions as JSON; leave --json out");
        return 1;
    }
    rc = cli_done(c, assay_write(c->session, out ? out : "-", json.s));
    free(json.s);
    return rc;
}

int cli_cmd_predict(struct cli *c)
{
    const char *top = cli_value(c, "--explain");
    char *end = NULL;
    long explain = top ? strtol(top, &end, 10) : 0;
    if (top && (*end || end == top || explain < 1 || explain > 10000)) {
        cli_error("--explain: '%s' is not a number of contributions; write a number from 1 to 10000", top);
        return 2;
    }
    assay_model *m = NULL;
    assay_status st = assay_model_open(&m, c->session, c->arg[0]);
    int rc;
    if (st == ASSAY_OK && cli_json(c))
        rc = predict_json(c, m, (int)explain);
    else if (st == ASSAY_OK)
        rc = cli_done(
            c, assay_predict_file(c->session, m, c->arg[1], cli_value(c, "--out"), cli_value(c, "--proba") != NULL, (int)explain));
    else
        rc = cli_done(c, st);
    assay_model_free(m);
    return rc;
}
