/* Reads small text files under the sysfs root. It knows no file by name. */
#include "harness/meters/sysfs.h"
#include "harness/meters/meter.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
