/* SPDX-License-Identifier: Apache-2.0 */
#include "data/scan.h"

size_t scan_count(const char *p, size_t n, char byte)
{
    size_t count = 0;
    while (n) {
        size_t step = n < 255 * 16 ? n : 255 * 16;
        unsigned part = 0;
        for (size_t i = 0; i < step; i++)
            part += p[i] == byte;
        count += part;
        p += step;
        n -= step;
    }
    return count;
}
