/* Whole files in memory, plain or gzip. */
#ifndef CIRC_BYTES_H
#define CIRC_BYTES_H

#include "backends/core/status.h"

#include <stddef.h>

/* data has size bytes and a NUL behind them, so that text can be read as a string. */
struct circ_bytes {
    unsigned char *data; /* owned */
    size_t size;
};

/* Reads the regular file at path, of at most limit bytes. ABSENT with errno if it cannot be opened,
 * USAGE if it is not a regular file or larger, IO if reading fails. The caller frees bytes. */
CIRC_MUST_USE enum circ_status circ_bytes_read(const char *path, size_t limit,
                                               struct circ_bytes *bytes, struct circ_error *err);

/* Decompresses a gzip file held in memory (RFC 1952) to at most limit bytes; data that does not
 * begin as gzip is copied. source names it in messages. USAGE for anything broken, cut or left
 * over. The caller frees bytes. */
CIRC_MUST_USE enum circ_status circ_bytes_inflate(const void *data, size_t size, size_t limit,
                                                  const char *source, struct circ_bytes *bytes,
                                                  struct circ_error *err);

/* Harmless on zeroed or freed bytes. */
void circ_bytes_free(struct circ_bytes *bytes);

#endif
