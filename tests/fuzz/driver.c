/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_tests ROUNDS [TARGET...]: every input of tests/fuzz/corpus/TARGET, then ROUNDS mutations of them, repeatable: round
 * n of a target is the same input on every machine. An input that crashes or takes over 20 s is left in
 * build/fuzz-TARGET.bin; give that file instead of a number of rounds to run it alone.
 */
#include "tests/fuzz/fuzz.h"

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct fuzz_target *const targets[] = {&fuzz_yaml, &fuzz_json,   &fuzz_codec,   &fuzz_spec,  &fuzz_csv,
                                                    &fuzz_arff, &fuzz_libsvm, &fuzz_machine, &fuzz_model, NULL};

enum { SEEDS = 256, MOST = 1 << 16 };

struct fuzz_seeds {
    uint8_t *data[SEEDS];
    size_t size[SEEDS], n;
};

void fuzz_add(struct fuzz_seeds *s, const void *data, size_t size)
{
    if (s->n == SEEDS)
        return;
    s->data[s->n] = malloc(size + 1);
    memcpy(s->data[s->n], data, size);
    s->size[s->n++] = size;
}

/* What is running, for the handlers below. */
static const uint8_t *now_data;
static size_t now_size;
static const char *now_name = "";

static void keep_input(void)
{
    char path[64];
    snprintf(path, sizeof path, "build/fuzz-%s.bin", now_name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (fd >= 0 && write(fd, now_data, now_size) == (ssize_t)now_size)
        fprintf(stderr, "input kept in %s\n", path);
}

void __asan_set_death_callback(void (*)(void)) __attribute__((weak));

static void too_long(int sig)
{
    (void)sig;
    fprintf(stderr, "an input of %s takes over 20 s\n", now_name);
    keep_input();
    _exit(1);
}

static void run(const struct fuzz_target *t, const uint8_t *data, size_t size)
{
    uint8_t *exact = malloc(size ? size : 1); /* its end is the sanitizer's border */
    if (size)
        memcpy(exact, data, size);
    now_data = exact;
    now_size = size;
    now_name = t->name;
    alarm(20);
    t->run(exact, size);
    alarm(0);
    free(exact);
}

/* ---- mutations ---------------------------------------------------------------- */

static size_t insert(uint8_t *buffer, size_t size, size_t at, const void *what, size_t n)
{
    if (size + n > MOST)
        return size;
    memmove(buffer + at + n, buffer + at, size - at);
    memcpy(buffer + at, what, n);
    return size + n;
}

static size_t insert_word(uint8_t *buffer, size_t size, size_t at, const char *words, struct rng *r)
{
    size_t n = 1, pick;
    for (const char *p = words; *p; p++)
        n += *p == ' ';
    pick = rng_below(r, n);
    while (pick--)
        words = strchr(words, ' ') + 1;
    return insert(buffer, size, at, words, strcspn(words, " "));
}

static size_t mutate_once(uint8_t *buffer, size_t size, const struct fuzz_target *t, const struct fuzz_seeds *s, bool bytes_only,
                          struct rng *r)
{
    size_t at = rng_below(r, size + 1), n = 1 + rng_below(r, rng_below(r, 4) ? 8 : 200);
    uint8_t block[256];
    switch (rng_below(r, bytes_only ? 2 : 8)) {
    case 0:
        if (at < size)
            buffer[at] ^= (uint8_t)(1u << rng_below(r, 8));
        return size;
    case 1:
        if (at < size)
            buffer[at] = (uint8_t)rng_u64(r);
        return size;
    case 2: /* cut */
        n = n < size - at ? n : size - at;
        memmove(buffer + at, buffer + at + n, size - at - n);
        return size - n;
    case 3: /* repeat */
        n = n < size - at ? n : size - at;
        memcpy(block, buffer + at, n);
        return insert(buffer, size, at, block, n);
    case 4: /* a run of one byte */ memset(block, (int)rng_below(r, 256), n); return insert(buffer, size, at, block, n);
    case 5: return t->words ? insert_word(buffer, size, at, t->words, r) : size;
    case 6: { /* a piece of another input */
        size_t k = rng_below(r, s->n), from = rng_below(r, s->size[k] + 1);
        n = n < s->size[k] - from ? n : s->size[k] - from;
        return insert(buffer, size, at, s->data[k] + from, n);
    }
    default: return rng_below(r, 4) ? size : at; /* cut the end off */
    }
}

static void mutations(const struct fuzz_target *t, const struct fuzz_seeds *s, long rounds)
{
    static uint8_t buffer[MOST];
    for (long i = 0; i < rounds; i++) {
        struct rng r = rng_stream(1, (uint64_t)i, (uint64_t)t->name[0], (uint64_t)t->name[1]);
        size_t k = rng_below(&r, s->n), size = s->size[k] < MOST ? s->size[k] : MOST;
        memcpy(buffer, s->data[k], size);
        bool bytes_only = t->binary && i % 4;
        for (size_t m = 1 + rng_below(&r, 6); m > 0; m--)
            size = mutate_once(buffer, size, t, s, bytes_only, &r);
        run(t, buffer, size);
    }
}

/* ---- corpus ---------------------------------------------------------------- */

static bool add_file(struct fuzz_seeds *s, const char *path)
{
    char *text;
    size_t size;
    if (file_read(path, 1 << 24, NULL, &text, &size, NULL) != ASX_OK)
        return false;
    fuzz_add(s, text, size);
    mem_free(text);
    return true;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static void add_folder(struct fuzz_seeds *s, const char *name)
{
    char path[512];
    struct dirent **list;
    snprintf(path, sizeof path, "tests/fuzz/corpus/%s", name);
    int n = scandir(path, &list, NULL, by_name);
    for (int i = 0; i < n; i++) {
        snprintf(path, sizeof path, "tests/fuzz/corpus/%s/%s", name, list[i]->d_name);
        if (list[i]->d_name[0] != '.')
            add_file(s, path);
        free(list[i]);
    }
    if (n >= 0)
        free(list);
}

static void fuzz(const struct fuzz_target *t, const char *what)
{
    char *end;
    long rounds = strtol(what, &end, 10);
    struct fuzz_seeds s = {.n = 0};
    if (*end) {
        rounds = 0;
        if (!add_file(&s, what))
            fprintf(stderr, "cannot read '%s'\n", what);
    } else {
        fuzz_add(&s, "", 0);
        add_folder(&s, t->corpus ? t->corpus : t->name);
        if (t->seeds)
            t->seeds(&s);
    }
    for (size_t i = 0; i < s.n; i++)
        run(t, s.data[i], s.size[i]);
    rounds /= t->slow ? t->slow : 1;
    mutations(t, &s, rounds);
    printf("%s: %zu inputs, %ld mutations\n", t->name, s.n, rounds);
    for (size_t i = 0; i < s.n; i++)
        free(s.data[i]);
}

static bool wanted(const char *name, int argc, char **argv)
{
    for (int i = 2; i < argc; i++)
        if (strcmp(argv[i], name) == 0)
            return true;
    return argc <= 2;
}

int main(int argc, char **argv)
{
    if (__asan_set_death_callback)
        __asan_set_death_callback(keep_input);
    signal(SIGALRM, too_long);
    for (int i = 0; targets[i]; i++)
        if (wanted(targets[i]->name, argc, argv))
            fuzz(targets[i], argc > 1 ? argv[1] : "2000");
    return 0;
}
