/* Strict reading of IDX headers. It opens no file and copies no data. */
#include "workloads/idx.h"

#define MAGIC_LABELS 0x801u
#define MAGIC_IMAGES 0x803u
#define COUNT_MAX    (1 << 24) /* no set of this format is near it; keeps products in 64 bits */
#define SIDE_MAX     4096

static uint32_t big_endian(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* Checks the magic number and reads rank dimensions. */
static enum circ_status read_header(const uint8_t *bytes, size_t size, const char *source,
                                    uint32_t magic, uint32_t *dims, struct circ_error *err)
{
    uint32_t rank = magic & 0xff;
    if (size < 4 + 4 * (size_t)rank)
        return circ_status_fail(err, CIRC_USAGE,
                                "%s: %zu bytes are too few for an IDX header of %u: the file is "
                                "truncated",
                                source, size, 4 + 4 * rank);
    uint32_t found = big_endian(bytes);
    if (found != magic)
        return circ_status_fail(
            err, CIRC_USAGE,
            "%s: magic number 0x%08x where 0x%08x (IDX %s of unsigned bytes) is "
            "expected",
            source, found, magic, magic == MAGIC_IMAGES ? "images" : "labels");
    for (uint32_t i = 0; i < rank; i++) {
        uint32_t limit = i ? SIDE_MAX : COUNT_MAX;
        dims[i] = big_endian(bytes + 4 + 4 * i);
        if (!dims[i] || dims[i] > limit)
            return circ_status_fail(err, CIRC_USAGE, "%s: dimension %u is %u: 1 to %u is expected",
                                    source, i, dims[i], limit);
    }
    return CIRC_OK;
}

static enum circ_status check_size(size_t size, uint64_t expected, const char *source,
                                   struct circ_error *err)
{
    if (size == expected)
        return CIRC_OK;
    return circ_status_fail(
        err, CIRC_USAGE, "%s: %zu bytes where the dimensions ask for %llu: the file is %s", source,
        size, (unsigned long long)expected, size < expected ? "truncated" : "too long");
}

enum circ_status circ_idx_images(const uint8_t *bytes, size_t size, const char *source,
                                 struct circ_idx *images, struct circ_error *err)
{
    uint32_t dims[3];
    enum circ_status status = read_header(bytes, size, source, MAGIC_IMAGES, dims, err);
    if (!status)
        status = check_size(size, 16 + (uint64_t)dims[0] * dims[1] * dims[2], source, err);
    if (status)
        return status;
    *images = (struct circ_idx){(int)dims[0], (int)dims[1], (int)dims[2], bytes + 16};
    return CIRC_OK;
}

enum circ_status circ_idx_labels(const uint8_t *bytes, size_t size, const char *source, int classes,
                                 struct circ_idx *labels, struct circ_error *err)
{
    uint32_t count = 0;
    enum circ_status status = read_header(bytes, size, source, MAGIC_LABELS, &count, err);
    if (!status)
        status = check_size(size, 8 + (uint64_t)count, source, err);
    if (status)
        return status;
    for (uint32_t i = 0; i < count; i++)
        if (bytes[8 + i] >= classes)
            return circ_status_fail(err, CIRC_USAGE, "%s: label %u is %d: 0 to %d is expected",
                                    source, i, bytes[8 + i], classes - 1);
    *labels = (struct circ_idx){(int)count, 1, 1, bytes + 8};
    return CIRC_OK;
}
