/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"
#include "base/hash.h"
#include "base/rng.h"
#include "data/read.h"
#include "tests/runner.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct mem *mem;
static struct asx_err err;
static struct asx_frame *frame;
static struct data_read_facts facts;
static char event_names[256];

static void listen(void *arg, enum event_level level, const char *name, const char *text)
{
    (void)arg, (void)level, (void)text;
    strncat(event_names, name, sizeof event_names - strlen(event_names) - 1);
}

static const struct event_sink sink = {listen, NULL, EVENT_DEBUG};

static void setup(void)
{
    mem = mem_create(NULL, 0);
    memset(&err, 0, sizeof err);
    frame = NULL;
    event_names[0] = '\0';
}

static void teardown(void)
{
    frame_put(frame);
    ck_assert_uint_eq(mem_used(mem), 0);
    mem_destroy(mem);
}

static asx_st read_with(struct data_options o, const char *name, const char *text, size_t size)
{
    frame_put(frame);
    frame = NULL;
    memset(&err, 0, sizeof err);
    o.facts = &facts;
    return data_read_text(&o, name, text, size, mem, &sink, &frame, &err);
}

static asx_st csv(const char *text)
{
    return read_with((struct data_options){0}, "t.csv", text, strlen(text));
}

static double num(const char *column, size_t row)
{
    int j = frame_find(frame, column);
    ck_assert_int_ge(j, 0);
    return asx_column_number(&frame->column[j], row);
}

static const char *cell(const char *column, size_t row)
{
    static char buffer[4][128];
    static int turn;
    turn = (turn + 1) % 4;
    int j = frame_find(frame, column);
    ck_assert_int_ge(j, 0);
    return frame_cell(&frame->column[j], row, buffer[turn], sizeof buffer[turn]);
}

static enum asx_type type_of(const char *column)
{
    return frame->column[frame_find(frame, column)].type;
}

START_TEST(plain)
{
    ck_assert_int_eq(csv("a,b,c\n1,x,2.5\n-3,y,\n"), ASX_OK);
    ck_assert_uint_eq(frame->rows, 2);
    ck_assert_uint_eq(frame->columns, 3);
    ck_assert_double_eq(num("a", 1), -3);
    ck_assert_double_nan(num("c", 1));
    ck_assert_str_eq(cell("b", 0), "x");
    ck_assert(facts.header && facts.delimiter == ',');
    ck_assert_uint_eq(facts.rows_seen, 2);
}
END_TEST

START_TEST(rfc4180)
{
    ck_assert_int_eq(csv("\xEF\xBB\xBF\"na\"\"me\",t\r\n\"a,b\",\"line\nbreak\"\r\n\"say \"\"hi\"\"\",\"\"\r\n\r\nplain,  spaced "
                         "out \r\n\"NA\",?"),
                     ASX_OK);
    ck_assert_uint_eq(frame->rows, 4);
    ck_assert_str_eq(frame->column[0].name, "na\"me");
    ck_assert_str_eq(cell("na\"me", 0), "a,b");
    ck_assert_str_eq(cell("t", 0), "line\nbreak");
    ck_assert_str_eq(cell("na\"me", 1), "say \"hi\"");
    ck_assert_ptr_null(cell("t", 1));
    ck_assert_str_eq(cell("t", 2), "spaced out");
    ck_assert_ptr_null(cell("na\"me", 3));
    ck_assert_ptr_null(cell("t", 3));
    ck_assert_int_eq(csv("a,b\n\"1\", \"2\" \n 3 ,+4\n5\" pipe,1e2\n"), ASX_OK);
    ck_assert_str_eq(cell("a", 2), "5\" pipe");
    ck_assert_double_eq(num("b", 0), 2);
    ck_assert_double_eq(num("b", 1), 4);
    ck_assert_double_eq(num("b", 2), 100);
}
END_TEST

/* In one column a blank line is a row whose cell is missing; in several it is none, and is told. */
START_TEST(blank_lines)
{
    ck_assert_int_eq(csv("a\n\n1\r\n\r\n2\n\n"), ASX_OK);
    ck_assert_uint_eq(frame->rows, 5);
    ck_assert_double_nan(num("a", 0));
    ck_assert_double_eq(num("a", 1), 1);
    ck_assert_double_nan(num("a", 2));
    ck_assert_double_eq(num("a", 3), 2);
    ck_assert_double_nan(num("a", 4));
    ck_assert_str_eq(event_names, "");
    ck_assert_int_eq(csv("word\nx y\n\nz y\n"), ASX_OK);
    ck_assert_uint_eq(frame->rows, 3);
    ck_assert_ptr_null(cell("word", 1));
    ck_assert_int_eq(read_with((struct data_options){.header = DATA_HEADER_NO}, "t.csv", "\n1\n\n2\n", 6), ASX_OK);
    ck_assert_uint_eq(frame->rows, 4);
    ck_assert_double_eq(num("c1", 3), 2);
    ck_assert_int_eq(csv("\n\na\n\n\n"), ASX_OK); /* above a header they are nothing */
    ck_assert_uint_eq(frame->rows, 2);
    ck_assert_uint_eq(facts.blank_lines, 0);
    ck_assert_int_eq(csv("a,b\n1,2\n\n\n3,4\n\n"), ASX_OK);
    ck_assert_uint_eq(frame->rows, 2);
    ck_assert_uint_eq(facts.blank_lines, 2);
    ck_assert_str_eq(event_names, "data.blank_lines");
    event_names[0] = 0;
    ck_assert_int_eq(csv("a,b\n1,2\n3,4\n\n\n"), ASX_OK);
    ck_assert_str_eq(event_names, "");
    ck_assert_int_eq(read_with((struct data_options){0}, "t.svm", "1 1:2\n\n# note\n0 2:1\n", 20), ASX_OK);
    ck_assert_uint_eq(facts.blank_lines, 1);
}
END_TEST

START_TEST(delimiters)
{
    ck_assert_int_eq(csv("a;b\n1,5;2\n3,5;4\n"), ASX_OK);
    ck_assert_int_eq(facts.delimiter, ';');
    ck_assert_int_eq(csv("a;b;c\n1,5;p;2,5\n3,5;q;1,5\n1,5;q;2,5\n1,0;p;2,5\n1,5;p;2,5\n3,5;q;1,5\n1,5;q;2,5\n1,0;p;2,5\n"
                         "1,5;p;2,5\n3,5;q;1,5\n1,5;q;2,5\n"),
                     ASX_OK);
    ck_assert_int_eq(facts.delimiter, ';');
    ck_assert_str_eq(frame->column[2].name, "c");
    ck_assert_int_eq(csv("a\tb\n1\t2, three\n3\t4, five\n"), ASX_OK);
    ck_assert_int_eq(facts.delimiter, '\t');
    ck_assert_int_eq(csv("a|b\n1|2\n"), ASX_OK);
    ck_assert_int_eq(facts.delimiter, '|');
    ck_assert_int_eq(csv("a\n1\n2\n"), ASX_OK);
    ck_assert_uint_eq(frame->columns, 1);
    ck_assert_int_eq(read_with((struct data_options){.delimiter = ':'}, "t.csv", "a:b\n1:2\n", 8), ASX_OK);
    ck_assert_uint_eq(frame->columns, 2);
    ck_assert_int_eq(read_with((struct data_options){0}, "t.tsv", "a,x\tb\n1\t2\n", 10), ASX_OK);
    ck_assert_str_eq(frame->column[0].name, "a,x");
}
END_TEST

START_TEST(headers)
{
    ck_assert_int_eq(csv("1,2\n3,4\n"), ASX_OK);
    ck_assert(!facts.header);
    ck_assert_uint_eq(frame->rows, 2);
    ck_assert_str_eq(frame->column[1].name, "c2");
    ck_assert_int_eq(csv("p,x,n\np,y,n\ne,x,n\n"), ASX_OK); /* words only, and they come again below */
    ck_assert(!facts.header);
    ck_assert_int_eq(csv("cap,odor\nx,n\ny,m\n"), ASX_OK);
    ck_assert(facts.header);
    ck_assert_int_eq(csv(",a\n1,2\n"), ASX_OK);
    ck_assert_str_eq(frame->column[0].name, "c1");
    ck_assert_int_eq(read_with((struct data_options){.header = DATA_HEADER_YES}, "t.csv", "1,2\n3,4\n", 8), ASX_OK);
    ck_assert_str_eq(frame->column[0].name, "1");
    ck_assert_int_eq(read_with((struct data_options){.header = DATA_HEADER_NO}, "t.csv", "a,b\n3,4\n", 8), ASX_OK);
    ck_assert_uint_eq(frame->rows, 2);
    ck_assert_int_eq(csv("when,x\n2020-01-01,1\n2020-01-02,2\n"), ASX_OK);
    ck_assert_int_eq(type_of("when"), ASX_DATETIME);
}
END_TEST

START_TEST(missing_words)
{
    ck_assert_int_eq(csv("x,w\n1,a\nNA,None\nN/A,b\nNaN,c\nnan,d\nNULL,e\nnull,f\n?,g\n,h\n-nan,i\n"), ASX_OK);
    for (size_t i = 1; i < 10; i++)
        ck_assert_double_nan(num("x", i));
    ck_assert_str_eq(cell("w", 1), "None");
    const char *text = "x\n1\nunknown\n-\n2\n";
    ck_assert_int_eq(csv(text), ASX_OK);
    ck_assert_int_eq(type_of("x"), ASX_CATEGORICAL);
    ck_assert_int_eq(
        read_with((struct data_options){.missing = (const char *[]){"unknown", "-", NULL}}, "t.csv", text, strlen(text)), ASX_OK);
    ck_assert_int_eq(type_of("x"), ASX_NUMERIC);
    ck_assert_double_nan(num("x", 2));
}
END_TEST

START_TEST(inference)
{
    ck_assert_int_eq(csv("zip,flag,code,us,eu,iso,big\n01234,yes,7,01/31/2020,31/01/2020,2020-01-31T10:00:00Z,1e20\n"
                         "99999,No,8,02/01/2020,01/02/2020,2020-02-01,-1.25e-3\n"),
                     ASX_OK);
    ck_assert_int_eq(type_of("zip"), ASX_CATEGORICAL);
    ck_assert_str_eq(cell("zip", 0), "01234");
    ck_assert_int_eq(type_of("flag"), ASX_BOOLEAN);
    ck_assert_int_eq(type_of("code"), ASX_NUMERIC);
    ck_assert_int_eq(type_of("us"), ASX_DATETIME);
    ck_assert_double_eq(num("us", 1), num("eu", 1));
    ck_assert(frame_day_first(frame, frame_find(frame, "eu")) && !frame_day_first(frame, frame_find(frame, "us")));
    ck_assert_double_eq(num("iso", 0), num("us", 0) + 36000);
    ck_assert_double_eq(num("big", 1), -1.25e-3);
    char text[40000] = "t,k\n";
    for (int i = 0; i < 200; i++)
        sprintf(text + strlen(text), "this is sentence number %d of many,word %d\n", i, i % 7);
    ck_assert_int_eq(csv(text), ASX_OK);
    ck_assert_int_eq(type_of("t"), ASX_TEXT);
    ck_assert_int_eq(type_of("k"), ASX_CATEGORICAL);
    ck_assert_uint_eq(frame->column[1].levels, 7);
}
END_TEST

START_TEST(overrides)
{
    const char *text = "a,b,c,d\n1,1,x y,03/04/2015\n0,2,z,05/06/2015\n1,,z,\n";
    struct data_type types[] = {{"a", ASX_BOOLEAN, 0, COMMA_NONE},
                                {"b", ASX_CATEGORICAL, 0, COMMA_NONE},
                                {"c", ASX_TEXT, 0, COMMA_NONE},
                                {"d", ASX_DATETIME, 2, COMMA_NONE}};
    ck_assert_int_eq(read_with((struct data_options){.types = types, .n_types = 4}, "t.csv", text, strlen(text)), ASX_OK);
    ck_assert_int_eq(type_of("a"), ASX_BOOLEAN);
    ck_assert_int_eq(type_of("b"), ASX_CATEGORICAL);
    ck_assert_int_eq(type_of("c"), ASX_TEXT);
    ck_assert_str_eq(cell("d", 0), "2015-04-03");
    struct data_type number[] = {{"c", ASX_NUMERIC, 0, COMMA_NONE}};
    ck_assert_int_eq(read_with((struct data_options){.types = number, .n_types = 1}, "t.csv", text, strlen(text)), ASX_E_DATA);
    ck_assert_int_eq(err.line, 2);
    ck_assert_int_eq(err.column, 5);
    ck_assert_ptr_nonnull(strstr(err.text, "'x y'"));
    struct data_type boolean[] = {{"d", ASX_BOOLEAN, 0, COMMA_NONE}, {"c", ASX_BOOLEAN, 0, COMMA_NONE}};
    ck_assert_int_eq(read_with((struct data_options){.types = boolean, .n_types = 2}, "t.csv", text, strlen(text)), ASX_OK);
    struct data_type date[] = {{"c", ASX_DATETIME, 0, COMMA_NONE}};
    ck_assert_int_eq(read_with((struct data_options){.types = date, .n_types = 1}, "t.csv", text, strlen(text)), ASX_E_DATA);
    struct data_type absent[] = {{"bb", ASX_NUMERIC, 0, COMMA_NONE}};
    ck_assert_int_eq(read_with((struct data_options){.types = absent, .n_types = 1}, "t.csv", text, strlen(text)), ASX_E_INVAL);
    ck_assert_int_eq(read_with((struct data_options){.types = absent, .n_types = 1, .lenient = true}, "t.csv", text, strlen(text)),
                     ASX_OK);
    ck_assert_int_eq(read_with((struct data_options){.keep = (const char *[]){"b", "a", NULL}}, "t.csv", text, strlen(text)),
                     ASX_OK);
    ck_assert_uint_eq(frame->columns, 2);
    ck_assert_str_eq(frame->column[0].name, "a");
    ck_assert_int_eq(read_with((struct data_options){.ignore = (const char *[]){"b", NULL}}, "t.csv", text, strlen(text)), ASX_OK);
    ck_assert_uint_eq(frame->columns, 3);
}
END_TEST

struct bad {
    const char *text;
    size_t size; /* 0: strlen */
    asx_st st;
    int line;
    const char *says;
};

START_TEST(bad_csv)
{
    static const struct bad bad[] = {
        {"", 0, ASX_E_DATA, 0, "empty"},
        {"\n\n\n", 0, ASX_E_DATA, 0, "blank lines"},
        {"a,b\n", 0, ASX_E_DATA, 2, "no data row"},
        {"a,b\n1,2\n3\n", 0, ASX_E_DATA, 3, "has 1 cells where the table has 2"},
        {"a,b\n1,2\n3,4,5\n", 0, ASX_E_DATA, 3, "has 3 cells"},
        {"a,b\n\"x\ny\",2\n3\n", 0, ASX_E_DATA, 4, "has 1 cells"},
        {"a,b\n1,\"open\n2,3\n", 0, ASX_E_DATA, 2, "never closed"},
        {"a,b\n1,\"x\"y\n", 0, ASX_E_DATA, 2, "closing quote"},
        {"a,b,a\n1,2,3\n", 0, ASX_E_DATA, 1, "'a' is used twice"},
        {"a,b\n1,1e999\n", 0, ASX_E_DATA, 2, "infinite"},
        {"a,b\n1,2\n1,Inf\n", 0, ASX_E_DATA, 3, "infinite"},
        {"a,b\n1,2\n1,-infinity\n", 0, ASX_E_DATA, 3, "infinite"},
        {"a,b\n1,2\0\n", 9, ASX_E_DATA, 2, "NUL"},
        {"\xFF\xFE"
         "a\0",
         4, ASX_E_UNSUPPORTED, 1, "UTF-16"},
        {"\x1F\x8B\x08\x00....", 8, ASX_E_UNSUPPORTED, 0, "compressed"},
        {"PK\3\4........", 0, ASX_E_UNSUPPORTED, 0, "spreadsheet"},
        {"PAR1........", 0, ASX_E_UNSUPPORTED, 0, "Parquet"},
        {"a,b\r1,2\r", 0, ASX_E_UNSUPPORTED, 1, "CR alone"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        asx_st st = read_with((struct data_options){0}, "t.csv", bad[i].text, bad[i].size ? bad[i].size : strlen(bad[i].text));
        ck_assert_msg(st == bad[i].st, "case %zu: %d %s", i, st, err.text);
        ck_assert_msg(strstr(err.text, bad[i].says) != NULL, "case %zu: %s", i, err.text);
        ck_assert_msg(err.line == bad[i].line, "case %zu: line %d %s", i, err.line, err.text);
        ck_assert_str_eq(err.file, "t.csv");
        ck_assert_ptr_null(frame);
    }
    ck_assert_int_eq(csv("a,b\n1,Inf\nx,Inf\n2,word\n"), ASX_OK); /* a word among words */
    ck_assert_str_eq(cell("b", 0), "Inf");
    ck_assert_int_eq(read_with((struct data_options){0}, "t.xyz", "a\n1\n", 4), ASX_E_UNSUPPORTED);
}
END_TEST

START_TEST(bad_files)
{
    char folder[] = "/tmp/assay-read-XXXXXX", path[64];
    ck_assert_ptr_nonnull(mkdtemp(folder));
    struct data_options o = {0};
    struct asx_frame *f = NULL;
    struct data_prescan scan;
    ck_assert_int_eq(data_read(&o, folder, mem, NULL, &f, &err), ASX_E_IO);
    ck_assert_ptr_nonnull(strstr(err.text, "folder"));
    memset(&err, 0, sizeof err);
    snprintf(path, sizeof path, "%s/none.csv", folder);
    ck_assert_int_eq(data_read(&o, path, mem, NULL, &f, &err), ASX_E_IO);
    memset(&err, 0, sizeof err);
    ck_assert_int_eq(data_prescan(path, &scan, &err), ASX_E_IO);
    rmdir(folder);
}
END_TEST

START_TEST(second_pass)
{
    size_t rows = 60000;
    char *text = malloc(rows * 24 + 100), *p = text + sprintf(text, "n,late,zip\n");
    for (size_t i = 0; i < rows; i++)
        p += i == 55000 ? sprintf(p, "%zu,word,%05zu\n", i, i % 100000) : sprintf(p, "%zu,%zu.50,%05zu\n", i, i % 10, i % 100000);
    ck_assert_int_eq(read_with((struct data_options){0}, "t.csv", text, (size_t)(p - text)), ASX_OK);
    ck_assert_int_eq(facts.passes, 2);
    ck_assert_int_eq(type_of("late"), ASX_CATEGORICAL);
    ck_assert_str_eq(cell("late", 3), "3.50");
    ck_assert_str_eq(cell("late", 55000), "word");
    ck_assert_str_eq(cell("zip", 7), "00007");
    ck_assert_double_eq(num("n", rows - 1), (double)rows - 1);
    ck_assert_ptr_nonnull(strstr(event_names, "data.stray_word"));
    free(text);
}
END_TEST

/* A table of numbers, words and quoted line breaks, larger than a window. */
static char *mixed(size_t rows, size_t *size)
{
    char *text = malloc(rows * 90 + 100), *p = text + sprintf(text, "id,x,y,w,q,d\n");
    struct rng rng = rng_stream(3, 1, 2, 3);
    for (size_t i = 0; i < rows; i++) {
        double x = rng_normal(&rng), y = rng_normal(&rng);
        p += sprintf(p, "%zu,%.17g,%.4f,level %d,", i, x, y, (int)rng_below(&rng, 50));
        p += rng_below(&rng, 4) ? sprintf(p, "plain") : sprintf(p, "\"a \"\"b\"\"\nline %d, more\"", (int)rng_below(&rng, 9));
        p += sprintf(p, ",2020-%02d-%02d\n", 1 + (int)(i % 12), 1 + (int)(i % 28));
    }
    *size = (size_t)(p - text);
    return text;
}

START_TEST(threads_agree)
{
    size_t size, rows = 80000;
    char *text = mixed(rows, &size);
    struct pool *pool = pool_create(3);
    ck_assert_int_eq(read_with((struct data_options){0}, "t.csv", text, size), ASX_OK);
    struct asx_key alone = frame->key;
    ck_assert_uint_eq(frame->rows, rows);
    ck_assert_int_eq(read_with((struct data_options){.par = data_par_pool(pool)}, "t.csv", text, size), ASX_OK);
    ck_assert(key_equal(frame->key, alone));
    struct rng rng = rng_stream(3, 1, 2, 3);
    for (size_t i = 0; i < rows; i++) {
        double x = rng_normal(&rng), y = rng_normal(&rng);
        ck_assert_double_eq(num("x", i), x);
        ck_assert_double_eq_tol(num("y", i), y, 0.5e-4);
        rng_below(&rng, 50);
        if (rng_below(&rng, 4) == 0) {
            rng_below(&rng, 9);
            ck_assert_int_eq(strncmp(cell("q", i), "a \"b\"\nline ", 11), 0);
        }
    }
    struct data_options small = {.byte_budget = 2000000, .par = data_par_pool(pool)};
    ck_assert_int_eq(read_with(small, "t.csv", text, size), ASX_OK);
    struct asx_key sampled = frame->key;
    ck_assert_uint_eq(facts.rows_seen, rows);
    ck_assert_uint_lt(frame->rows, rows);
    ck_assert_uint_gt(frame->rows, rows / 20);
    ck_assert_uint_le(frame_bytes(frame), 2000000);
    ck_assert_ptr_nonnull(strstr(event_names, "data.sampled"));
    small.par = (struct data_par){0};
    ck_assert_int_eq(read_with(small, "t.csv", text, size), ASX_OK);
    ck_assert(key_equal(frame->key, sampled));
    for (size_t i = 1; i < frame->rows; i++) /* file order is kept */
        ck_assert_double_gt(num("id", i), num("id", i - 1));
    ck_assert_int_eq(read_with((struct data_options){.max_rows = 500}, "t.csv", text, size), ASX_OK);
    ck_assert_uint_le(frame->rows, 500);
    ck_assert_uint_ge(frame->rows, 300);
    pool_destroy(pool);
    free(text);
}
END_TEST

static bool stop_at_once(void *arg)
{
    (void)arg;
    return true;
}

START_TEST(stops)
{
    ck_assert_int_eq(read_with((struct data_options){.stop = stop_at_once}, "t.csv", "a\n1\n", 4), ASX_STOPPED);
    ck_assert_ptr_null(frame);
}
END_TEST

START_TEST(limited_memory)
{
    size_t size, rows = 60000;
    char *text = mixed(rows, &size);
    struct mem *small = mem_create(mem, 12 << 20);
    struct asx_frame *f = NULL;
    struct data_options o = {.facts = &facts};
    asx_st st = data_read_text(&o, "t.csv", text, size, small, NULL, &f, &err);
    ck_assert_msg(st == ASX_OK || st == ASX_E_NOMEM, "%d %s", st, err.text);
    ck_assert_uint_le(mem_peak(small), 12 << 20);
    frame_put(f);
    mem_destroy(small);
    free(text);
}
END_TEST

START_TEST(out_of_memory)
{
    const char *text = "a,b,c,d\n1,\"x \"\"y\"\"\",2020-01-01,some words of text\n2,z,2020-01-02,\n",
               *arff = "@relation r\n@attribute a numeric\n"
                       "@attribute b {x, y}\n@data\n1,x\n?,y\n",
               *svm = "1 1:2 3:4\n0 2:1\n";
    const char *name[] = {"t.csv", "t.arff", "t.svm"}, *body[] = {text, arff, svm};
    for (int k = 0; k < 3; k++) {
        asx_st last = ASX_E_NOMEM;
        int failures = 0;
        for (long n = 1; n < 160; n++) { /* a failure to shrink a block is no failure, so some of these succeed */
            mem_fault_after(n);
            asx_st st = read_with((struct data_options){0}, name[k], body[k], strlen(body[k]));
            mem_fault_after(0);
            frame_put(frame);
            frame = NULL;
            ck_assert_uint_eq(mem_used(mem), 0);
            ck_assert_msg(st == ASX_OK || st == ASX_E_NOMEM, "%s allocation %ld: %d %s", name[k], n, st, err.text);
            failures += st != ASX_OK;
            last = st;
        }
        ck_assert_int_eq(last, ASX_OK);
        ck_assert_int_gt(failures, 5);
    }
}
END_TEST

START_TEST(wide)
{
    size_t columns = 100000;
    char *text = malloc(columns * 12), *p = text;
    for (size_t j = 0; j < columns; j++)
        p += sprintf(p, "%sv%zu", j ? "," : "", j);
    for (int i = 0; i < 2; i++) {
        *p++ = '\n';
        for (size_t j = 0; j < columns; j++)
            p += sprintf(p, "%s%d", j ? "," : "", (int)(j % 3) + i);
    }
    ck_assert_int_eq(read_with((struct data_options){0}, "t.csv", text, (size_t)(p - text)), ASX_OK);
    ck_assert_uint_eq(frame->columns, columns);
    ck_assert_double_eq(asx_column_number(&frame->column[99999], 1), 99999 % 3 + 1);
    free(text);
}
END_TEST

START_TEST(encodings)
{
    ck_assert_int_eq(csv("n\xE4me,b\n\xFC,x\n\xC3\xBC,y\n"), ASX_OK); /* Latin-1 and UTF-8 of the same letter */
    ck_assert_str_eq(frame->column[0].name, "n\xC3\xA4me");
    ck_assert_uint_eq(frame->column[0].levels, 1);
    ck_assert_str_eq(cell("n\xC3\xA4me", 0), "\xC3\xBC");
}
END_TEST

START_TEST(arff)
{
    const char *text = "% comment\n@RELATION 'my data'\n@attribute 'a b' REAL\n@attribute c {x, 'y z', NA}\n@attribute s string\n"
                       "@attribute d date yyyy-MM-dd\n@attribute e integer\n\n@DATA\n1.5, x, 'it\\'s', 2020-01-02, 3\n"
                       "?, 'y z', \"q\", ?, 4\n% more\n2,NA,?,'2020-01-03',?\n";
    ck_assert_int_eq(read_with((struct data_options){0}, "t.arff", text, strlen(text)), ASX_OK);
    ck_assert_uint_eq(frame->rows, 3);
    ck_assert_str_eq(frame->column[0].name, "a b");
    ck_assert_double_eq(num("a b", 0), 1.5);
    ck_assert_double_nan(num("a b", 1));
    ck_assert_str_eq(cell("c", 1), "y z");
    ck_assert_str_eq(cell("c", 2), "NA"); /* declared, so no missing word */
    ck_assert_str_eq(cell("s", 0), "it's");
    ck_assert_int_eq(type_of("d"), ASX_DATETIME);
    ck_assert_double_nan(num("e", 2));
    static const struct bad bad[] = {
        {"@relation r\n@attribute a numeric\n@data\n{0 1}\n", 0, ASX_E_UNSUPPORTED, 4, "sparse form"},
        {"@relation r\n@attribute a numeric\n@data\nx\n", 0, ASX_E_DATA, 4, "'x'"},
        {"@relation r\n@attribute a {x,y}\n@data\nz\n", 0, ASX_E_DATA, 4, "none of the values"},
        {"@relation r\n@attribute a numeric\n@data\n1,2\n", 0, ASX_E_DATA, 4, "2 cells"},
        {"@relation r\n@attribute a numeric\n@attribute a numeric\n@data\n1,2\n", 0, ASX_E_DATA, 3, "used twice"},
        {"@relation r\n@attribute a {x,y\n@data\nx\n", 0, ASX_E_DATA, 2, "'}'"},
        {"@relation r\n@attribute a blob\n@data\nx\n", 0, ASX_E_DATA, 2, "'blob'"},
        {"@relation r\n@data\n1\n", 0, ASX_E_DATA, 2, "before any @attribute"},
        {"@relation r\n@attribute a numeric\n", 0, ASX_E_DATA, 0, "@data"},
        {"@relation r\n@attribute a numeric\n@data\n", 0, ASX_E_DATA, 0, "no data row"},
        {"a,b\n1,2\n", 0, ASX_E_DATA, 1, "ARFF"},
        {"@relation r\n@attribute a numeric\n@data\n1e999\n", 0, ASX_E_DATA, 4, "infinite"},
        {"@relation r\n@attribute a string\n@data\n'open\n", 0, ASX_E_DATA, 4, "never closed"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        asx_st st = read_with((struct data_options){0}, "t.arff", bad[i].text, strlen(bad[i].text));
        ck_assert_msg(st == bad[i].st && err.line == bad[i].line && strstr(err.text, bad[i].says), "case %zu: %d line %d %s", i, st,
                      err.line, err.text);
    }
}
END_TEST

START_TEST(libsvm)
{
    const char *text = "# header comment\n1 1:0.5 3:-2 # tail\n0\n-1.5 qid:4 2:1e1 4:0\n";
    ck_assert_int_eq(read_with((struct data_options){0}, "t.libsvm", text, strlen(text)), ASX_OK);
    ck_assert_uint_eq(frame->rows, 3);
    ck_assert_str_eq(frame->column[0].name, "target");
    ck_assert_double_eq(num("target", 2), -1.5);
    const struct asx_csr *s = frame->sparse;
    ck_assert_uint_eq(s->cols, 4);
    ck_assert_int_eq(s->indptr[1], 2);
    ck_assert_int_eq(s->indptr[2], 2);
    ck_assert_int_eq(s->indptr[3], 3);
    ck_assert_int_eq(s->indices[1], 2);
    ck_assert_float_eq(s->values[1], -2);
    ck_assert_float_eq(s->values[2], 10);
    ck_assert_ptr_nonnull(strstr(event_names, "data.qid"));
    ck_assert_int_eq(read_with((struct data_options){0}, "t.svm", "1 0:1 2:3\n", 10), ASX_OK);
    ck_assert_uint_eq(frame->sparse->cols, 3);
    ck_assert_int_eq(frame->sparse->indices[0], 0);
    static const struct bad bad[] = {
        {"1 2:1 1:1\n", 0, ASX_E_DATA, 1, "ascend"},
        {"1 2:1 2:1\n", 0, ASX_E_DATA, 1, "twice"},
        {"x 2:1\n", 0, ASX_E_DATA, 1, "its target"},
        {"1 2:x\n", 0, ASX_E_DATA, 1, "no number"},
        {"1 2\n", 0, ASX_E_DATA, 1, "index:value"},
        {"1 1:1\n1,2 3:1\n", 0, ASX_E_DATA, 2, "several targets"},
        {"1 1:inf\n", 0, ASX_E_DATA, 1, "no number"},
        {"1 1:1e999\n", 0, ASX_E_DATA, 1, "infinite"},
        {"1 -1:1\n", 0, ASX_E_DATA, 1, "index:value"},
        {"1 99999999999:1\n", 0, ASX_E_DATA, 1, "above 100000000"},
        {"1 100000001:1\n", 0, ASX_E_DATA, 1, "above 100000000"},
        {"", 0, ASX_E_DATA, 0, "no data row"},
        {"# nothing\n", 0, ASX_E_DATA, 0, "no data row"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        asx_st st = read_with((struct data_options){0}, "t.svm", bad[i].text, strlen(bad[i].text));
        ck_assert_msg(st == bad[i].st && err.line == bad[i].line && strstr(err.text, bad[i].says), "case %zu: %d line %d %s", i, st,
                      err.line, err.text);
    }
    char *many = malloc(400000), *p = many;
    for (int i = 0; i < 20000; i++)
        p += sprintf(p, "%d %d:1 %d:2\n", i % 2, 1 + i % 50, 60 + i % 9);
    ck_assert_int_eq(read_with((struct data_options){.byte_budget = 100000}, "t.svm", many, (size_t)(p - many)), ASX_OK);
    ck_assert_uint_le(frame_bytes(frame), 110000);
    ck_assert_uint_gt(frame->rows, 1000);
    for (size_t i = 0; i < frame->rows; i++)
        ck_assert_int_eq(frame->sparse->indptr[i + 1] - frame->sparse->indptr[i], 2);
    free(many);
}
END_TEST

START_TEST(prescan)
{
    char path[] = "/tmp/assay-scan-XXXXXX.csv";
    int fd = mkstemps(path, 4);
    ck_assert_int_ge(fd, 0);
    FILE *f = fdopen(fd, "w");
    fprintf(f, "a,b,c\n");
    for (int i = 0; i < 40000; i++)
        fprintf(f, "%d,%d,w%d\n", 10000 + i, 7, i % 9);
    fclose(f);
    struct data_prescan scan;
    ck_assert_int_eq(data_prescan(path, &scan, &err), ASX_OK);
    ck_assert_double_eq_tol(scan.rows, 40000, 400);
    ck_assert_double_eq(scan.columns, 3);
    ck_assert_double_eq_tol(scan.numeric, 2.0 / 3, 1e-9);
    ck_assert_double_gt(scan.frame_bytes, 40000 * 8);
    f = fopen(path, "w"); /* wider than what is looked at */
    for (int i = 0; i < 40000; i++)
        fprintf(f, "%sv%05d", i ? "," : "", i);
    for (int i = 0; i < 40000; i++)
        fprintf(f, "%s1.2345", i ? "," : "\n");
    fclose(f);
    ck_assert_int_eq(data_prescan(path, &scan, &err), ASX_OK);
    ck_assert_double_eq_tol(scan.cells, 80000, 4000);
    unlink(path);
    ck_assert_int_eq(data_prescan("-", &scan, &err), ASX_OK);
    ck_assert_double_eq(scan.rows, 0);
}
END_TEST

/* Damaged files: an error with a text or a frame, never worse, and nothing is left behind. */
START_TEST(mutations)
{
    static const char *const seed[] = {
        "a,b,c\n1,x,2.5\n-3,\"y\"\"z\",\n4,\"q\nr\",1e5\n2020-01-01,NA,nan\n", "a;b\r\n\"1\";2\r\n3;4\r\n",
        "@relation r\n@attribute a numeric\n@attribute b {x,'y z'}\n@attribute s string\n@attribute d date\n"
        "@data\n1,x,'q',2020-01-01\n?,'y z',?,?\n",
        "1 1:2 3:4 # c\n0 qid:3 2:1\n", "a\tb\n01\tyes\n02\tno\n"};
    static const char *const name[] = {"t.csv", "t.csv", "t.arff", "t.svm", "t.tsv"};
    static const char alphabet[] = "\"\n\r,;\t|'%{}@ 0123456789.eE+-:#?NAnaxyz\\\xE4\xC3\xA4";
    size_t good = 0;
    for (uint64_t i = 0; i < 4000; i++) {
        struct rng rng = rng_stream(7, i, 0, 0);
        size_t k = rng_below(&rng, 5), n = strlen(seed[k]);
        char *text = malloc(n + 16);
        memcpy(text, seed[k], n);
        for (uint64_t q = rng_below(&rng, 8); q > 0; q--) {
            size_t at = rng_below(&rng, n + 1);
            char c = alphabet[rng_below(&rng, sizeof alphabet - 1)];
            switch (rng_below(&rng, 4)) {
            case 0: text[at < n ? at : 0] = c; break;
            case 1:
                memmove(text + at + 1, text + at, n - at);
                text[at] = c;
                n++;
                break;
            case 2:
                if (at < n)
                    memmove(text + at, text + at + 1, --n - at);
                break;
            default: n = at ? at : n; break;
            }
        }
        char *exact = malloc(n ? n : 1); /* so that the sanitizer sees every byte read beyond it */
        memcpy(exact, text, n);
        struct data_options o = {.byte_budget = i % 4 ? 0 : 200, .max_rows = i % 5 ? 0 : 2, .header = (enum data_header)(i % 3)};
        asx_st st = read_with(o, name[k], exact, n);
        ck_assert_msg(st == ASX_OK || err.text[0], "case %zu: status %d without a text", (size_t)i, st);
        good += st == ASX_OK;
        frame_put(frame);
        frame = NULL;
        ck_assert_uint_eq(mem_used(mem), 0);
        free(exact);
        free(text);
    }
    ck_assert_uint_gt(good, 800);
}
END_TEST

Suite *suite_data_read(void);
Suite *suite_data_read(void)
{
    Suite *s = suite_create("data_read");
    TCase *t = tcase_create("read");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, plain);
    tcase_add_test(t, rfc4180);
    tcase_add_test(t, blank_lines);
    tcase_add_test(t, delimiters);
    tcase_add_test(t, headers);
    tcase_add_test(t, missing_words);
    tcase_add_test(t, inference);
    tcase_add_test(t, overrides);
    tcase_add_test(t, bad_csv);
    tcase_add_test(t, bad_files);
    tcase_add_test(t, second_pass);
    tcase_add_test(t, threads_agree);
    tcase_add_test(t, stops);
    tcase_add_test(t, limited_memory);
    tcase_add_test(t, out_of_memory);
    tcase_add_test(t, wide);
    tcase_add_test(t, encodings);
    tcase_add_test(t, arff);
    tcase_add_test(t, libsvm);
    tcase_add_test(t, prescan);
    tcase_add_test(t, mutations);
    suite_add_tcase(s, t);
    return s;
}
