/* Fractions, shifts, words of weights and figures of quality of a network in fixed point, from a
 * run in double over calibration frames, layer by layer: all frames pass a layer in double, its
 * scales are chosen, then they pass it in words. */
#ifndef CIRC_CORE_FIXED_CALIBRATE_H
#define CIRC_CORE_FIXED_CALIBRATE_H

#include "backends/core/fixed.h"

/* Fills layers and in_fraction of fixed, whose network, bits and plans are set; frames as
 * circ_fixed_create has them. On failure what is there is fixed's to free. UNSUP where a number
 * that a scale is to be chosen for is not finite; MEMORY. */
CIRC_MUST_USE enum circ_status circ_fixed_calibrate_run(struct circ_fixed *fixed,
                                                        const struct circ_model *model,
                                                        const float *frames, int count,
                                                        struct circ_error *err);

/* Bytes that it takes meanwhile on seeded frames, at most; what it leaves in fixed not counted. */
int64_t circ_fixed_calibrate_footprint(const struct circ_network *network);

#endif
