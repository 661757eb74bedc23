/* Plans of the transforms that the vector kernels run (passes.h): the order of the passes and their
 * twiddles, for one length.
 *
 * A length whose complex half n is a product of 2, 3 and 5 runs in passes that load, transform and
 * store in one go: the first pass reads the rows of the block where they lie, the last one writes
 * the slots where the product wants them, untangling on the way; the inverse is the mirror image.
 * Every other length runs through the plain passes of core/fft_passes.h between two copies. */
#ifndef CIRC_TRANSFORM_H
#define CIRC_TRANSFORM_H

#include "backends/core/fft.h"

#include <stdbool.h>

#define CIRC_TRANSFORM_MAX_PASSES 16

/* Read-only after creation: any number of threads may use one. */
struct circ_transform {
    struct circ_fft_plan *plan; /* owned: the plain passes, and weights in double */
    int k, n, slots;            /* as in the plan */
    bool fused;                 /* runs in fused passes */
    int passes;
    /* of the forward transform; the inverse has them in reverse order */
    int radix[CIRC_TRANSFORM_MAX_PASSES];
    float scale;     /* 1 / k */
    float *forward;  /* owned twiddles, (cos, sin) pairs: [pass][p < m][1 <= j < radix] w_L^(j p) */
    float *inverse;  /* the same for the reversed order; within `forward` */
    float *untangle; /* exp(-2 pi i f / k) / 2, f < n; within `forward` */
    int *forward_order; /* owned: where the last pass finds the values of butterfly q */
    int *inverse_order; /* the same for the reversed order; within `forward_order` */
    /* of one block at a time (single.h): NULL where n is no multiple of lanes^2 */
    struct circ_fft_plan *inner; /* owned: complex transform of n / lanes */
    float *across;               /* owned: [f < n / lanes][cos, sin][lane l] w_n^(l f) */
    float *halves;               /* `untangle` as [cos, sin][f < n]; within `across` */
};

/* Plans transforms of k >= 1 reals for vectors of so many lanes. The caller owns *transform. USAGE,
 * MEMORY. */
CIRC_MUST_USE enum circ_status circ_transform_create(struct circ_transform **transform, int k,
                                                     int lanes, struct circ_error *err);
void circ_transform_free(struct circ_transform *transform); /* NULL allowed */

/* Vectors of scratch that one transform needs. */
size_t circ_transform_scratch(const struct circ_transform *transform);

#endif
