/* The roof of a point: the time that nothing on this machine can beat, from what the point must
 * compute and move and from the ceilings that were measured (the roofline model; Williams, Waterman
 * and Patterson, CACM 2009). It measures nothing and reads no database. */
#ifndef CIRC_ROOF_H
#define CIRC_ROOF_H

#include "backends/core/ceiling.h"
#include "backends/core/network.h"
#include "harness/host.h"

/* A measured time below its roof by more than this is no noise: 1 / 1.03. */
#define CIRC_ROOF_EXCESS 1.03

struct circ_roof {
    int64_t flop;      /* per frame, as flop_roof of struct circ_counts */
    int64_t bytes;     /* per batch: weights, inputs and outputs of the layers with weights, once;
                          of a training step weights in and out, and gradients too */
    double time_ns;    /* per batch; NaN where a ceiling is missing */
    const char *bound; /* the term with the largest share of it: "flop", "L1", "L2", "L3", "dram",
                          "memory" (the caches are unknown); "" with NaN */
};

/* What the point is and what it runs on. */
struct circ_roof_case {
    const struct circ_network *network; /* with its structure and blocks */
    int batch, threads;
    bool train; /* a training step, not inference */
    bool cold;  /* weights come from beyond every cache */
    const struct circ_caches *caches;
    const struct circ_ceiling *ceilings; /* of the ISA row and thread count, reads by rising size */
    int count;
};

/* The roof of a network is the sum over its FC and CONV layers of
 *     max(flop x batch / fma_f32, bytes / read at a working set of what they lie in)
 * with flop and bytes those of the pass: a training step reads and writes the weights in place, and
 * moves gradients of input and output beside the two. Cold weights take no less than their bytes /
 * read at the largest working set: their activations are as warm as ever. Layers without weights
 * add nothing: they could be part of their neighbours. */
struct circ_roof circ_roof_of(const struct circ_roof_case *point);

/* Gigabytes a second at a working set of so many bytes of all threads: linear over the logarithm of
 * the size between two that were measured, the nearest one beyond them. NaN without reads. */
double circ_roof_bandwidth(const struct circ_ceiling *ceilings, int count, int64_t bytes);

/* The level that holds the working set: by a thread's share for L1 and L2, which are private, and
 * by the whole for L3, which is shared. */
const char *circ_roof_level(const struct circ_caches *caches, int64_t bytes, int threads);

/* Whether a time is so far below its roof that the roof, or the row, must be wrong. False for NaN.
 */
bool circ_roof_is_broken(double roof_time_ns, double time_ns);

#endif
