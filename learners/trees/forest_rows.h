/* SPDX-License-Identifier: Apache-2.0 */
/** @file forest_rows.h The inner loops of forests, by instruction-set level; all levels give the same integers. */
#ifndef ASSAY_LEARNERS_TREES_FOREST_ROWS_H
#define ASSAY_LEARNERS_TREES_FOREST_ROWS_H

#include <stddef.h>
#include <stdint.h>

/** Sums over classes of a cut: weight on the left; squares of all counts (given), of those on the left, on the right. */
struct forest_squares {
    uint64_t all, weight, left, right;
};

struct forest_rows {
    /** key[i] = code[row[i]]; the least and the greatest key. n > 0; key has room for 64 more. */
    void (*keys)(const uint8_t *code, const uint32_t *row, size_t n, uint8_t *key, int *least, int *most);
    /** The same range for keys that are there already. */
    void (*range)(const uint8_t *key, size_t n, int *least, int *most);
    /** left[c] = rows of class c with key <= cut. label has room for 64 more. */
    void (*left)(const uint8_t *key, const uint16_t *label, size_t n, int cut, int classes, uint32_t *left);
    /** The sums of that cut, all rows weighing 1; `count` [classes] of the n rows, `left` [classes] is scratch. */
    void (*squares)(const uint8_t *key, const uint16_t *label, size_t n, int cut, int classes, const uint32_t *count,
                    uint32_t *left, struct forest_squares *);
};

/** The best this processor can run. */
const struct forest_rows *forest_rows_best(void);
extern const struct forest_rows forest_rows_base, forest_rows_avx2, forest_rows_avx512;

#endif
