/* Strict checking of CIFAR-10 records. It opens no file and copies no data. */
#include "workloads/cifar.h"

#include <limits.h>

enum circ_status circ_cifar_records(const uint8_t *bytes, size_t size, const char *source,
                                    int *count, struct circ_error *err)
{
    if (!size || size % CIRC_CIFAR_RECORD || size / CIRC_CIFAR_RECORD > INT_MAX)
        return circ_status_fail(
            err, CIRC_USAGE,
            "%s: %zu bytes are not a whole number of records of %d: the file is "
            "truncated, too long, or not CIFAR-10's binary version",
            source, size, CIRC_CIFAR_RECORD);
    *count = (int)(size / CIRC_CIFAR_RECORD);
    for (int i = 0; i < *count; i++) {
        int label = bytes[(size_t)i * CIRC_CIFAR_RECORD];
        if (label >= CIRC_CIFAR_CLASSES)
            return circ_status_fail(err, CIRC_USAGE,
                                    "%s: record %d has label %d: 0 to %d is expected", source, i,
                                    label, CIRC_CIFAR_CLASSES - 1);
    }
    return CIRC_OK;
}
