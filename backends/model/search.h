/* The best P, D and M of a pipeline for a network on a device: CirCNN's design optimisation (Ding
 * et al., MICRO 2017), which weighs the first two against resources and power, with the multipliers
 * of the products beside them. All powers of two of P and M and all D are tried, since they are
 * some hundreds: no gradient, no order of search that could miss one. A network without blocks has
 * nothing for P and D to do: both are 1.
 *
 * A pipeline fits when the device has its multipliers, its buffers fit on chip, and its power stays
 * in the budget. Of those that fit the fastest wins; of equally fast ones, within a thousandth,
 * that with the least energy, then with the fewest multipliers. */
#ifndef CIRC_MODEL_SEARCH_H
#define CIRC_MODEL_SEARCH_H

#include "backends/model/estimate.h"

/* Why not twice the P, not one more D, not twice the M. */
enum circ_search_limit {
    CIRC_SEARCH_PARALLEL,
    CIRC_SEARCH_DEPTH,
    CIRC_SEARCH_MULTIPLY,
    CIRC_SEARCH_LIMITS
};

struct circ_search_result {
    struct circ_pipeline pipeline; /* P, D, M; bits are the case's */
    struct circ_estimate estimate;
    int tried, fitted;
    char limits[CIRC_SEARCH_LIMITS][64]; /* a sentence's part each */
};

/* UNSUP with what the device lacks when nothing fits. */
CIRC_MUST_USE enum circ_status circ_search_best(const struct circ_estimate_case *about,
                                                struct circ_search_result *result,
                                                struct circ_error *err);

/* The estimate of one pipeline, the user's. UNSUP names what does not fit. */
CIRC_MUST_USE enum circ_status circ_search_one(const struct circ_estimate_case *about,
                                               const struct circ_pipeline *pipeline,
                                               struct circ_search_result *result,
                                               struct circ_error *err);

#endif
