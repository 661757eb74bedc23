/* The IDX format of MNIST (yann.lecun.com/exdb/mnist): a big-endian magic number 00 00 TYPE RANK,
 * one 32-bit size per dimension, then the data. Read here: unsigned bytes, images (rank 3) and
 * labels (rank 1). */
#ifndef CIRC_IDX_H
#define CIRC_IDX_H

#include "backends/core/status.h"

#include <stddef.h>
#include <stdint.h>

/* pixels [count][rows][columns] or labels [count] point into the bytes that were given. */
struct circ_idx {
    int count, rows, columns;
    const uint8_t *values;
};

/* Checks and opens bytes[size]; source names them in messages. USAGE for a wrong magic number, an
 * impossible dimension, and any size but the one that the dimensions say. */
CIRC_MUST_USE enum circ_status circ_idx_images(const uint8_t *bytes, size_t size,
                                               const char *source, struct circ_idx *images,
                                               struct circ_error *err);

/* As circ_idx_images; every label must be below classes. */
CIRC_MUST_USE enum circ_status circ_idx_labels(const uint8_t *bytes, size_t size,
                                               const char *source, int classes,
                                               struct circ_idx *labels, struct circ_error *err);

#endif
