/* SPDX-License-Identifier: Apache-2.0 */
/* Loops of jansson that look like syntax, for the analyser, which does not read its headers. */
#define json_array_foreach(a, i, v) for (i = 0; i < json_array_size(a) && (v = json_array_get(a, i)); i++)
#define json_object_foreach(o, k, v) for (k = json_key(o); k && (v = json_object_get(o, k)); k = json_next(o, k))
