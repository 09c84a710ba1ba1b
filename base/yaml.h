/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file yaml.h
 * YAML read into a tree that remembers places. Scalars stay text: whoever reads a key
 * decides its type (`target: no` is the column "no").
 * Refused with line and column: duplicate keys, aliases and anchors, more than one
 * document, depth over 64, more than 16 MiB, bytes that are not UTF-8.
 */
#ifndef ASSAY_BASE_YAML_H
#define ASSAY_BASE_YAML_H

#include <assay/ext/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mem;

enum yaml_kind { YAML_SCALAR, YAML_LIST, YAML_MAP };

struct yaml_node {
    enum yaml_kind kind;
    int line, column;       /**< 1-based */
    char *text;             /**< scalar */
    bool quoted;            /**< scalar was quoted */
    size_t n;               /**< items or pairs */
    struct yaml_node *item; /**< list items, or map values */
    struct yaml_node *key;  /**< map keys, scalars */
};

/** `file` is used in errors only (NULL: none). Empty text gives an empty map. */
asx_st yaml_parse(const char *text, size_t size, const char *file, struct mem *, struct yaml_node **, struct asx_err *);
asx_st yaml_read(const char *path, struct mem *, struct yaml_node **, struct asx_err *);
void yaml_free(struct yaml_node *);
const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key); /**< NULL: absent */
bool yaml_is_null(const struct yaml_node *);                                    /**< absent, empty, ~ or null, unquoted */
bool yaml_as_number(const struct yaml_node *, double *);
bool yaml_as_bool(const struct yaml_node *, bool *); /**< true false yes no on off, any case */

#endif
