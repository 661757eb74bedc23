/* Small text files under the sysfs root: paths and numbers. */
#ifndef CIRC_SYSFS_H
#define CIRC_SYSFS_H

#include "backends/core/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CIRC_SYSFS_PATH 512

/* circ_meters_sysfs_root(), a slash, and the formatted rest; false when it does not fit. */
CIRC_MUST_USE bool circ_sysfs_path(char path[CIRC_SYSFS_PATH], const char *format, ...)
    CIRC_PRINTF(2, 3);

/* The first line of a file, without its newline; "" and an errno when it cannot be read. */
int circ_sysfs_text(const char *path, char *text, size_t size);

/* A file that holds one unsigned decimal number: 0 or an errno (EINVAL: something else is in it).
 */
int circ_sysfs_number(const char *path, uint64_t *value);

/* A counter: one unsigned decimal number and its newline, so that a number cut short is none. 0 or
 * an errno (EINVAL as above; EAGAIN: empty or cut short). Under CIRCBENCH_SYSFS, where the file may
 * be rewritten at any moment, an empty or short one is tried again for about a millisecond. */
int circ_sysfs_counter(const char *path, uint64_t *value);

/* The same of what a descriptor of the kernel's own file gives from its start; tried once. */
int circ_sysfs_counter_at(int fd, uint64_t *value);

/* Text to number, by the same rule: digits, then at most white space. */
bool circ_sysfs_parse(const char *text, uint64_t *value);

#endif
