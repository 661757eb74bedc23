/* The best P and D of a pipeline for a network on a device: CirCNN's design optimisation (Ding et
 * al., MICRO 2017), which weighs the same two against resources and power. All powers of two of P
 * and all D are tried, since there are few: no gradient, no order of search that could miss one.
 *
 * A pair fits when the device has its multipliers, its buffers fit on chip, and its power stays in
 * the budget. Of those that fit the fastest wins; of equally fast ones, within a thousandth, that
 * with the least energy, then with the fewest multipliers. */
#ifndef CIRC_MODEL_SEARCH_H
#define CIRC_MODEL_SEARCH_H

#include "backends/model/estimate.h"

struct circ_search_result {
    int parallel, depth;
    struct circ_estimate estimate;
    int tried, fitted;
    /* Why not twice the P, and why not one more D: a sentence's part each. */
    char parallel_limit[96], depth_limit[96];
};

/* UNSUP with what the device lacks when no pair fits. */
CIRC_MUST_USE enum circ_status circ_search_best(const struct circ_estimate_case *about,
                                                struct circ_search_result *result,
                                                struct circ_error *err);

/* The estimate of one pair, the user's. UNSUP names what does not fit. */
CIRC_MUST_USE enum circ_status circ_search_one(const struct circ_estimate_case *about, int parallel,
                                               int depth, struct circ_search_result *result,
                                               struct circ_error *err);

#endif
