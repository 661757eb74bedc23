/* Networks that tell digits apart: trained in seconds by the reference's own steps, with images
 * that they have not seen to try them on. */
#ifndef CIRC_DIGITS_FIXTURE_H
#define CIRC_DIGITS_FIXTURE_H

#include "backends/core/weights.h"

enum { DIGITS_FIXTURE_TESTS = 1000, DIGITS_FIXTURE_CLASSES = 10 };

struct digits_fixture {
    struct circ_network network; /* as the workload has it, compressed; must not move */
    struct circ_model model;     /* owned */
    float *seen;                 /* owned; [seen_count][inputs]: what it was trained on */
    int seen_count;
    float *tests; /* owned; [DIGITS_FIXTURE_TESTS][inputs], none of them among those */
    uint8_t labels[DIGITS_FIXTURE_TESTS];
};

/* Trains a workload of one square input channel with blocks of k on images scaled to its size: the
 * embedded digits, 797 of 1,797, or MNIST's first `images` from a folder. Seeded: the same each
 * time. What circ_dataset_read and circ_workload_find fail with; MEMORY. Free it in any case. */
CIRC_MUST_USE enum circ_status digits_fixture_make(struct digits_fixture *digits,
                                                   const char *workload, int k, const char *folder,
                                                   int images, int epochs, struct circ_error *err);
void digits_fixture_free(struct digits_fixture *digits);

/* The class of the largest output. */
int digits_fixture_class(const float *outputs);

#endif
