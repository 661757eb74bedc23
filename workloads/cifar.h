/* The binary format of CIFAR-10 (Krizhevsky 2009): records of one label byte and 3 x 32 x 32 pixel
 * bytes, channels first, without a header. */
#ifndef CIRC_CIFAR_H
#define CIRC_CIFAR_H

#include "backends/core/status.h"

#include <stddef.h>
#include <stdint.h>

#define CIRC_CIFAR_PIXELS  3072
#define CIRC_CIFAR_RECORD  (1 + CIRC_CIFAR_PIXELS)
#define CIRC_CIFAR_CLASSES 10

/* Counts the records in bytes[size]; source names them in messages. USAGE for an empty file, one
 * that is not whole records, and a label above 9. Record i starts at bytes + i * CIRC_CIFAR_RECORD.
 */
CIRC_MUST_USE enum circ_status circ_cifar_records(const uint8_t *bytes, size_t size,
                                                  const char *source, int *count,
                                                  struct circ_error *err);

#endif
