/* Reads small text files under the sysfs root. It knows no file by name. */
#include "harness/meters/sysfs.h"
#include "harness/meters/clock.h"
#include "harness/meters/meter.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A writer that empties a file and fills it again needs microseconds; one that is put aside by the
 * scheduler in between is not waited for. */
#define TRIES   5
#define WAIT_NS 300000

bool circ_sysfs_path(char path[CIRC_SYSFS_PATH], const char *format, ...)
{
    int used = snprintf(path, CIRC_SYSFS_PATH, "%s/", circ_meters_sysfs_root());
    if (used < 0 || used >= CIRC_SYSFS_PATH)
        return false;
    va_list args;
    va_start(args, format);
    int more = vsnprintf(path + used, (size_t)(CIRC_SYSFS_PATH - used), format, args);
    va_end(args);
    return more >= 0 && more < CIRC_SYSFS_PATH - used;
}

int circ_sysfs_text(const char *path, char *text, size_t size)
{
    text[0] = '\0';
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    ssize_t got = read(fd, text, size - 1);
    int code = got < 0 ? errno : 0;
    close(fd);
    text[got > 0 ? got : 0] = '\0';
    text[strcspn(text, "\n")] = '\0';
    return code;
}

bool circ_sysfs_parse(const char *text, uint64_t *value)
{
    if (!isdigit((unsigned char)text[0]))
        return false; /* strtoull would take "-1" and " 1" */
    char *end;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    if (errno)
        return false;
    while (isspace((unsigned char)*end))
        end++;
    *value = number;
    return *end == '\0';
}

int circ_sysfs_number(const char *path, uint64_t *value)
{
    char text[64];
    int code = circ_sysfs_text(path, text, sizeof text);
    if (code)
        return code;
    return circ_sysfs_parse(text, value) ? 0 : EINVAL;
}

int circ_sysfs_counter_at(int fd, uint64_t *value)
{
    char text[64];
    ssize_t got = pread(fd, text, sizeof text - 1, 0);
    if (got < 0)
        return errno;
    text[got] = '\0';
    if (!strchr(text, '\n'))
        return EAGAIN;
    return circ_sysfs_parse(text, value) ? 0 : EINVAL;
}

int circ_sysfs_counter(const char *path, uint64_t *value)
{
    int tries = circ_meters_replayed() ? TRIES : 1, code = EAGAIN;
    for (int i = 0; i < tries && code == EAGAIN; i++) {
        if (i > 0)
            circ_clock_sleep_ns(WAIT_NS);
        int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (fd < 0)
            return errno;
        code = circ_sysfs_counter_at(fd, value);
        close(fd);
    }
    return code;
}
