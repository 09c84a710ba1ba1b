/* SPDX-License-Identifier: Apache-2.0 */
/* Targets that read saved things: the codec by a program of gets, and whole models behind a checksum that is made to match. */
#include "tests/fuzz/fuzz.h"

#include "base/codec.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "data/read.h"
#include "engine/model.h"
#include "engine/registry.h"

#include <assay/assay.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The first byte says how many of the next are gets; the rest is what they read. */
static void run_codec(const uint8_t *data, size_t size)
{
    size_t gets = size ? data[0] % 32 : 0;
    if (size < gets + 1)
        return;
    struct mem *m = mem_create(NULL, 1 << 20);
    struct asx_reader r;
    codec_reader_init(&r, data + 1 + gets, size - 1 - gets, "fuzz");
    uint8_t bytes[256];
    for (size_t i = 0; i < gets; i++) {
        uint8_t get = data[1 + i];
        switch (get % 10) {
        case 0: asx_get_u64(&r); break;
        case 1: asx_get_i64(&r); break;
        case 2: asx_get_f64(&r); break;
        case 3: mem_free(asx_get_str(&r, m)); break;
        case 4: asx_get_bytes(&r, bytes, get); break;
        case 5: mem_free(asx_get_f64s(&r, m, asx_get_count(&r, 8))); break;
        case 6: mem_free(asx_get_f32s(&r, m, asx_get_count(&r, 4))); break;
        case 7: mem_free(asx_get_i32s(&r, m, asx_get_count(&r, 4))); break;
        case 8: mem_free(asx_get_f64s(&r, m, get)); break;
        default: asx_get_count(&r, 0); break;
        }
    }
    if (mem_used(m) != 0)
        abort();
    mem_destroy(m);
}

static void codec_seeds(struct fuzz_seeds *s)
{
    struct asx_writer w;
    codec_writer_init(&w, NULL);
    text_put(&w.out, "\x06\0\x01\x02\x03\x05\x07", 7);
    double v[3] = {1, 2, 3};
    int32_t k[2] = {4, 5};
    asx_put_u64(&w, 7);
    asx_put_i64(&w, -7);
    asx_put_f64(&w, 0.5);
    asx_put_str(&w, "text");
    asx_put_u64(&w, 3);
    asx_put_f64s(&w, v, 3);
    asx_put_u64(&w, 2);
    asx_put_i32s(&w, k, 2);
    fuzz_add(s, w.out.s, w.out.n);
    codec_writer_clear(&w);
}

enum { HEADER = 40 };

/* A model that loads must also predict: indices in it may point anywhere. */
static void predict_with(const struct model *m)
{
    static const char text[] = "f1,f2,f3\n0.5,0.25,NA\n1,,3\nNA,NA,NA\n-1e30,0,1e30\n0.1,0.2,0.3\n";
    struct data_options o = {.byte_budget = 1 << 20};
    struct asx_frame *frame = NULL;
    const struct asx_frame *bound = NULL;
    struct asx_err e = {0};
    if (data_read_text(&o, "new.csv", text, sizeof text - 1, NULL, NULL, &frame, &e) != ASX_OK)
        abort();
    if (m->outputs > 0 && m->outputs < 1000 && eng_model_bind(m, frame, &bound, &e) == ASX_OK) {
        double *out = calloc(frame->rows * (size_t)m->outputs, sizeof *out);
        if (eng_model_predict(m, bound, NULL, NULL, NULL, out, &e) == ASX_OK)
            for (size_t i = 0; m->classes > 0 && i < frame->rows; i++)
                if (eng_model_decide(m, out + i * (size_t)m->outputs) >= m->classes)
                    abort();
        frame_put(bound);
        free(out);
    }
    frame_put(frame);
}

/* Size and checksum are put right, so that the bytes behind them are what is tested. */
static void run_model(const uint8_t *data, size_t size)
{
    if (size < HEADER)
        return;
    uint8_t *sealed = malloc(size);
    memcpy(sealed, data, size);
    uint64_t payload = size - HEADER;
    struct asx_key key = hash_of(data + HEADER, size - HEADER);
    memcpy(sealed + 16, &payload, 8);
    memcpy(sealed + 24, &key.hi, 8);
    memcpy(sealed + 32, &key.lo, 8);
    struct model *m = NULL;
    struct asx_err e = {0};
    asx_st rc = eng_model_load_bytes(registry_builtin(), sealed, size, "f.assay", &m, &e);
    if (rc < 0 && !e.text[0])
        abort();
    if (rc == ASX_OK)
        predict_with(m);
    eng_model_free(m);
    free(sealed);
}

enum { ROWS = 60, COLS = 3 };

/* A model of one learner, trained on x and y here, saved and read back as bytes. */
static void seed_model(struct fuzz_seeds *s, const char *learner, const assay_table *x, const assay_table *y)
{
    struct assay_options o = ASSAY_OPTIONS_INIT;
    o.trials = 1;
    o.threads = 1;
    o.folds = 2;
    o.ensemble = 2;
    o.catalog = ":memory:";
    o.learners = learner;
    char path[] = "/tmp/assay-fuzz-XXXXXX", *bytes = NULL;
    int fd = mkstemp(path);
    size_t size = 0;
    assay_session *session = NULL;
    assay_model *m = NULL;
    bool number = strcmp(learner, "ridge") == 0 || strcmp(learner, "elastic_net") == 0;
    assay_status st = assay_open(&session, &o);
    if (st == ASSAY_OK)
        st = (number ? assay_regress : assay_classify)(session, x, y, NULL, &m);
    if (m && assay_model_save(m, path) == ASSAY_OK && file_read(path, 1 << 24, NULL, &bytes, &size, NULL) == ASX_OK)
        fuzz_add(s, bytes, size);
    else
        fprintf(stderr, "no model of '%s' to start from: status %d, %s\n", learner, st,
                session ? assay_session_error(session) : "");
    mem_free(bytes);
    assay_model_free(m);
    assay_close(session);
    close(fd);
    unlink(path);
}

static void model_seeds(struct fuzz_seeds *s)
{
    static const char *const learner[] = {"constant", "ridge", "elastic_net", "logistic", "gaussian_nb", "multinomial_nb",
                                          "knn",      "gbdt",  "tree",        "forest",   "mlp"};
    double x[ROWS * COLS], y[ROWS];
    for (int i = 0; i < ROWS; i++) {
        for (int j = 0; j < COLS; j++)
            x[i * COLS + j] = i % 7 == j ? (double)NAN : fabs(sin(i * 3.7 + j));
        y[i] = sin(i * 3.7) > 0;
    }
    assay_table *features = NULL, *target = NULL;
    if (assay_table_from_dense_f64(&features, x, ROWS, COLS, COLS, NULL) == ASSAY_OK &&
        assay_table_from_dense_f64(&target, y, ROWS, 1, 1, (const char *const[]){"y"}) == ASSAY_OK)
        for (size_t k = 0; k < sizeof learner / sizeof *learner; k++)
            seed_model(s, learner[k], features, target);
    assay_table_free(features);
    assay_table_free(target);
}

const struct fuzz_target fuzz_codec = {"codec", NULL, run_codec, codec_seeds, "u i d s n b D F I", 0, 1};
const struct fuzz_target fuzz_model = {"model", NULL, run_model, model_seeds, "u i d s n b D F I", 8, 1};
