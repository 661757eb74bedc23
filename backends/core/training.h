/* One step of training by definition, in double, and the judgement of one that a backend took.
 *
 * A step, on a batch of B inputs x with targets t:
 *     forward    y, with the weights as they are
 *     loss       L = 1/(2 B) sum over batch and outputs of (y - t)^2, so dL/dy = (y - t) / B
 *     backward   dL/dx of every layer, that of the network's input among them
 *     update     w <- w - rate dL/dw, and the same for biases; every layer has a rate of its own
 *
 * The weights that a circulant layer learns are its defining vectors: dL/dw_ij sums the k entries
 * of each wrapped diagonal. Entries that meet only padding have the gradient 0. */
#ifndef CIRC_CORE_TRAINING_H
#define CIRC_CORE_TRAINING_H

#include "backends/core/expected.h"
#include "backends/core/weights.h"

struct circ_training {
    int batch, distinct;
    struct circ_expected y, dx; /* [distinct][outputs] and [distinct][inputs] */
    struct circ_expected weights[CIRC_MAX_LAYERS], bias[CIRC_MAX_LAYERS]; /* dL/dw, canonical */
    float rate[CIRC_MAX_LAYERS]; /* what the verified step is to take: see circ_training_solve */
};

/* Frames of a batch that may differ so that the oracle's whole step costs about budget
 * multiplications: frame b repeats frame b % distinct. At least 2 frames where the batch has them
 * and that costs at most eight budgets, else at least 1; an odd number where frames repeat, so that
 * a vector of samples never holds one pattern twice in the same places. */
int circ_training_distinct(const struct circ_network *net, int batch, double budget);

/* The step of input [batch][C][H][W] and target [batch][outputs], of which the first `distinct`
 * frames are read. Rates are chosen so that a step moves each layer's weights by 1/64 of their RMS:
 * enough to show every gradient above the rounding of the weights, and too little to overshoot.
 * UNSUP for PRUNED layers; MEMORY. Free with circ_training_free, also after a failure. */
CIRC_MUST_USE enum circ_status circ_training_solve(struct circ_training *training,
                                                   const struct circ_model *model,
                                                   const float *input, const float *target,
                                                   int batch, int distinct, struct circ_error *err);
void circ_training_free(struct circ_training *training); /* a zeroed one allowed */

/* Compares a step from the weights `before` to `after` with rates training->rate: outputs
 * y [batch][outputs], input gradients dx [batch][inputs], and the gradients that the weights' and
 * biases' differences stand for, held to their own bounds and to the rounding of the weights. The
 * verdict is that of the worst array; it counts all of them. */
struct circ_verdict circ_training_judge(const struct circ_training *training,
                                        const struct circ_model *before, const float *y,
                                        const float *dx, const struct circ_model *after);

#endif
