/* Labelled images: optdigits embedded, MNIST and CIFAR-10 from a folder. */
#ifndef CIRC_DATASET_H
#define CIRC_DATASET_H

#include "backends/core/network.h"

enum circ_split { CIRC_TRAIN_SPLIT, CIRC_TEST_SPLIT };

struct circ_dataset {
    struct circ_shape shape;
    int count;
    int classes;
    float *images;   /* owned; [count][C][H][W], scaled to [0, 1] */
    uint8_t *labels; /* owned; [count] */
};

struct circ_dataset_info {
    const char *name, *description, *attribution;
    bool embedded;
    struct circ_shape shape;
    int classes;
    int white; /* the pixel value that becomes 1 */
};

/* The data sets known, embedded ones first. */
const struct circ_dataset_info *circ_dataset_list(int *count);

/* Reads a split. folder (NULL allowed for embedded ones) holds mnist/ and cifar10/. Files plain or
 * gzip. USAGE names unknown sets, and files that are truncated, too long, or have a wrong magic
 * number or an impossible size, with path and what was expected; ABSENT a missing file or folder
 * and where to put it. */
CIRC_MUST_USE enum circ_status circ_dataset_read(const char *name, enum circ_split split,
                                                 const char *folder, struct circ_dataset *set,
                                                 struct circ_error *err);
void circ_dataset_free(struct circ_dataset *set);

#endif
