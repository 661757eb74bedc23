/* The oracle: every layer computed directly in double from the canonical weights, O(n^2), with no
 * transform and no library. It is what all else is judged by, so it is written to be read. */
#ifndef CIRC_CORE_ORACLE_H
#define CIRC_CORE_ORACLE_H

#include "backends/core/weights.h"

/* Which outputs of a batch are computed. frames and outputs are index lists, rising. output_count
 * 0 stands for all outputs of a frame. Owned by whoever made it. */
struct circ_selection {
    int frame_count;
    int *frames;
    int64_t output_count;
    int64_t *outputs;
};

/* Chooses, seeded, the frames (first and last among them) and, for a network of one layer, the
 * outputs to verify so that the oracle performs at most about budget multiplications, and at least
 * one frame of a deeper network. MEMORY on failure. Free with circ_oracle_selection_free. */
CIRC_MUST_USE enum circ_status circ_oracle_select(const struct circ_network *net, int batch,
                                                  double budget, uint64_t seed,
                                                  struct circ_selection *selection,
                                                  struct circ_error *err);
void circ_oracle_selection_free(struct circ_selection *selection);

/* Multiplications that one frame costs the oracle. */
double circ_oracle_cost(const struct circ_network *net);

/* One layer on one frame: x[in elements] -> y[out elements], channels first. */
CIRC_MUST_USE enum circ_status circ_oracle_layer(const struct circ_layer *layer,
                                                 const struct circ_weights *weights,
                                                 const double *x, double *y,
                                                 struct circ_error *err);

/* Mean square that the outputs of a layer with weights have on x when the terms of their sums do
 * not cancel: terms mean(w^2) mean(x^2). */
double circ_oracle_uncancelled(const struct circ_layer *layer, const struct circ_weights *weights,
                               const double *x);

/* Index of the last layer with weights if what follows only selects values, -1 otherwise. */
int circ_oracle_last_weighted(const struct circ_network *net);

/* The network on the selected frames of input [batch][C][H][W]. y receives, frame after frame, the
 * selected outputs (all of them when output_count is 0).
 *
 * *scale gets the RMS that outputs have when the terms of their sums do not cancel, sqrt(terms
 * mean(w^2) mean(x^2)) of the last layer with weights; 0 where layers after it do more than select
 * values. Rounding errors are of that size whatever cancels, so the judge measures them against it.
 */
CIRC_MUST_USE enum circ_status circ_oracle_network(const struct circ_model *model,
                                                   const float *input,
                                                   const struct circ_selection *selection,
                                                   double *y, double *scale,
                                                   struct circ_error *err);

#endif
