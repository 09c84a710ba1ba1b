/* SPDX-License-Identifier: Apache-2.0 */
/** @file clock.h Time: monotonic seconds, process facts, and text forms of durations and sizes. */
#ifndef ASSAY_BASE_CLOCK_H
#define ASSAY_BASE_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

double clock_now(void);                              /**< monotonic seconds */
double clock_thread_cpu(void);                       /**< CPU seconds of this thread */
double clock_process_start(void);                    /**< clock_now() at which this process started (from /proc/self/stat) */
int64_t clock_unix(void);                            /**< seconds since 1970 UTC */
const char *clock_iso(int64_t unix_s, char out[24]); /**< "2026-01-02T03:04:05Z" */
void clock_sleep(double seconds);

uint64_t clock_peak_rss(void); /**< bytes, from getrusage */
uint64_t clock_rss(void);      /**< bytes now, from /proc/self/statm */

/** "500ms 60s 5min 2h 50us", a bare number is seconds. False when malformed, negative or not finite. */
bool clock_parse_duration(const char *, double *seconds);
/** "512MiB 2GiB 10KiB 5MB", a bare number is bytes. */
bool clock_parse_size(const char *, uint64_t *bytes);
const char *clock_format_seconds(double s, char out[32]);   /**< "1.24 s", "35 ms", "2 min 05 s" */
const char *clock_format_bytes(double bytes, char out[32]); /**< "1.2 GiB" */

#endif
