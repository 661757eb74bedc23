/* Reads whole files and inflates gzip in memory. It knows nothing of what the bytes mean.
 *
 * Files are inflated here rather than by gzread so that embedded data takes the same way, and
 * because gzread silently ignores bytes behind the last gzip member. */
#include "workloads/bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

void circ_bytes_free(struct circ_bytes *bytes)
{
    free(bytes->data);
    *bytes = (struct circ_bytes){NULL, 0};
}

/* Makes room for capacity bytes and the NUL. */
static bool resize(struct circ_bytes *bytes, size_t capacity)
{
    unsigned char *data = realloc(bytes->data, capacity + 1);
    if (data)
        bytes->data = data;
    return data != NULL;
}

static enum circ_status open_regular(const char *path, size_t limit, int *file, struct stat *facts,
                                     struct circ_error *err)
{
    *file = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC); /* a FIFO must not block */
    if (*file < 0)
        return circ_status_fail_native(err, CIRC_ABSENT, errno, "%s: %s", path, strerror(errno));
    if (fstat(*file, facts))
        return circ_status_fail_native(err, CIRC_IO, errno, "%s: %s", path, strerror(errno));
    if (!S_ISREG(facts->st_mode))
        return circ_status_fail(err, CIRC_USAGE, "%s: is %s where a file is expected", path,
                                S_ISDIR(facts->st_mode) ? "a folder" : "a device or pipe");
    if ((uintmax_t)facts->st_size > limit)
        return circ_status_fail(err, CIRC_USAGE, "%s: %jd bytes where at most %zu are accepted",
                                path, (intmax_t)facts->st_size, limit);
    return CIRC_OK;
}

enum circ_status circ_bytes_read(const char *path, size_t limit, struct circ_bytes *bytes,
                                 struct circ_error *err)
{
    struct stat facts;
    int file;
    *bytes = (struct circ_bytes){NULL, 0};
    enum circ_status status = open_regular(path, limit, &file, &facts, err);
    if (status)
        goto done;
    size_t expected = (size_t)facts.st_size;
    if (!resize(bytes, expected)) {
        status = circ_status_fail(err, CIRC_MEMORY, "%s: no memory for %zu bytes", path, expected);
        goto done;
    }
    while (bytes->size < expected) {
        ssize_t got = read(file, bytes->data + bytes->size, expected - bytes->size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            status = circ_status_fail_native(err, CIRC_IO, got ? errno : 0, "%s: %s", path,
                                             got ? strerror(errno) : "became shorter while read");
            goto done;
        }
        bytes->size += (size_t)got;
    }
    bytes->data[bytes->size] = '\0';
done:
    if (file >= 0)
        close(file);
    if (status)
        circ_bytes_free(bytes);
    return status;
}

/* Runs the stream until its input is used up, member after member. */
static enum circ_status inflate_members(z_stream *stream, size_t limit, const char *source,
                                        struct circ_bytes *bytes, struct circ_error *err)
{
    size_t capacity = 0;
    for (;;) {
        if (bytes->size == capacity) {
            capacity = capacity ? capacity * 2 : 65536;
            capacity = capacity > limit ? limit + 1 : capacity;
            if (!resize(bytes, capacity))
                return circ_status_fail(err, CIRC_MEMORY, "%s: no memory to inflate it", source);
        }
        stream->next_out = bytes->data + bytes->size;
        stream->avail_out = (uInt)(capacity - bytes->size);
        int code = inflate(stream, Z_NO_FLUSH);
        bytes->size = capacity - stream->avail_out;
        if (code == Z_MEM_ERROR)
            return circ_status_fail(err, CIRC_MEMORY, "%s: no memory to inflate it", source);
        if (bytes->size > limit)
            return circ_status_fail(err, CIRC_USAGE,
                                    "%s: inflates to more than the %zu bytes that are accepted",
                                    source, limit);
        if (code == Z_STREAM_END && !stream->avail_in)
            return CIRC_OK;
        if (code == Z_STREAM_END)
            code = inflateReset(stream);
        if (code == Z_BUF_ERROR || (code == Z_OK && !stream->avail_in && stream->avail_out))
            return circ_status_fail_native(
                err, CIRC_USAGE, code, "%s: the gzip data ends too early: the file is truncated",
                source);
        if (code != Z_OK)
            return circ_status_fail_native(err, CIRC_USAGE, code,
                                           "%s: the gzip data is corrupt (%s)", source,
                                           stream->msg ? stream->msg : zError(code));
    }
}

enum circ_status circ_bytes_inflate(const void *data, size_t size, size_t limit, const char *source,
                                    struct circ_bytes *bytes, struct circ_error *err)
{
    *bytes = (struct circ_bytes){NULL, 0};
    const unsigned char *head = data;
    bool gzip = size >= 2 && head[0] == 0x1f && head[1] == 0x8b;
    if (!gzip && size > limit)
        return circ_status_fail(err, CIRC_USAGE, "%s: %zu bytes where at most %zu are accepted",
                                source, size, limit);
    if (!gzip) {
        if (!resize(bytes, size))
            return circ_status_fail(err, CIRC_MEMORY, "%s: no memory for %zu bytes", source, size);
        if (size)
            memcpy(bytes->data, data, size);
        bytes->size = size;
        bytes->data[size] = '\0';
        return CIRC_OK;
    }
    z_stream stream = {.next_in = (z_const Bytef *)data, .avail_in = (uInt)size};
    int code = inflateInit2(&stream, MAX_WBITS + 16); /* 16: gzip header and checksum required */
    if (code != Z_OK)
        return circ_status_fail_native(err, CIRC_MEMORY, code, "%s: zlib does not start (%s)",
                                       source, zError(code));
    enum circ_status status = inflate_members(&stream, limit, source, bytes, err);
    inflateEnd(&stream);
    if (status)
        circ_bytes_free(bytes);
    else
        bytes->data[bytes->size] = '\0';
    return status;
}
