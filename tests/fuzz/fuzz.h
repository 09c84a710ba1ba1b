/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file fuzz.h
 * Fuzz targets: functions that eat any bytes. The driver feeds them the corpus and mutations of it.
 */
#ifndef ASSAY_TESTS_FUZZ_FUZZ_H
#define ASSAY_TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

struct fuzz_seeds; /**< the driver's growing list of inputs */
void fuzz_add(struct fuzz_seeds *, const void *, size_t);

struct fuzz_target {
    const char *name;   /**< folder of the corpus, too */
    const char *corpus; /**< another target's folder; NULL: its own */
    /** Must neither crash, leak nor read out of bounds, whatever the bytes; `data` lies in a block of exactly `size`. */
    void (*run)(const uint8_t *data, size_t size);
    void (*seeds)(struct fuzz_seeds *); /**< inputs that can't lie in a file; NULL: none */
    const char *words;                  /**< words worth inserting, separated by blanks */
    int slow;                           /**< rounds are divided by this; 0 = 1 */
    int binary;                         /**< three rounds in four change bytes only, so that the form stays */
};

extern const struct fuzz_target fuzz_yaml, fuzz_json, fuzz_codec, fuzz_spec, fuzz_csv, fuzz_arff, fuzz_libsvm, fuzz_model,
    fuzz_machine;

#endif
