/* Cycles and joules of a pipeline on a device, from the counts of core/pipeline.h.
 *
 * A stage of a step takes, for each frame:
 *     load, store   a token a cycle, of 2P words of a block, or the block; k = 1: M words of one
 *                   pixel, since no transform narrows the channels (those of backends/fpga: 2P)
 *     transform,    for each block the longer of its tokens and of its ceil(stages / D) trips, each
 *     inverse       of max(1, k / 4P) cycles (a cycle more in the kernels, for the pair by which
 *                   untangling exceeds k / 4)
 *     multiply      M complex products a cycle; k = 1: 4M real ones, because a complex multiplier
 *                   is four real ones. All M work in every cycle but the last, for either: where a
 *                   block row has fewer products they take more rows or pixels. The kernels of
 *                   backends/fpga do not: their M go along one row and tap, and do M real ones.
 *     memory        bytes off chip / bandwidth: the sixth, which the others wait for
 * multiply needs the spectra of a whole frame, so load and transform (front) work on one frame
 * while the others (back) work on the one before: n frames take n x slowest + the faster of front
 * and back + the latency of the stages. Frames follow one another through a step; the steps follow
 * one another, as on a board where the host starts them.
 *
 * On chip are the spectra of the largest input, twice; two block rows of streamed weights; roots;
 * then, as long as there is room: activations between steps, and in order of layers the weights
 * that fit whole. What is on chip is loaded before the first frame. The input, the output and the
 * rest move on every frame.
 *
 * Energy = butterflies x (4 products + 6 sums) + complex products x (4 products + 2 sums + 2 in an
 * accumulator) (k = 1: one and one), bytes on chip and off chip, static power x time. A word counts
 * on chip once for each time that it is written or read: channels, spectra, weights, trips, roots.
 *
 * Streamed weights are read for every frame, as the counts have it: a design that keeps a block row
 * while all frames of a batch pass would read them once, so at larger batches what streams (dense
 * layers, above all) looks worse here than it must.
 *
 * Multipliers: four for each of the M products and of the 2PD butterflies of both transforms, as in
 * the kernels. Gauss' product of three would save circulant layers up to a quarter of them. M stops
 * at CIRC_PIPELINE_MOST_MULTIPLY on the largest devices, for either kind of layer.
 *
 * Left out: more than one pipeline side by side (a transform takes a block a cycle at most, so that
 * at small blocks transforms and store bind once M is large), the host, starting kernels, filling
 * the chip before the first frame, logic cells, routing and the clock that falls with them, banks
 * of memory that a wide P or M must split, stalls and refresh of memory off chip, temperature,
 * ReLU, bias and pooling (their energy; they hide behind store). Figures of energy on FPGAs are
 * assumptions (devices/). */
#ifndef CIRC_MODEL_ESTIMATE_H
#define CIRC_MODEL_ESTIMATE_H

#include "backends/core/pipeline.h"
#include "backends/model/figures.h"

enum { CIRC_ESTIMATE_MEMORY = CIRC_PIPELINE_STAGES, CIRC_ESTIMATE_TERMS };

/* What a network on a device is asked for. Borrowed. */
struct circ_estimate_case {
    const struct circ_network *network; /* that circ_pipeline_plan takes, blocks powers of two */
    const struct circ_figures *device;
    int bits, batch;
};

struct circ_estimate {
    /* what it needs; a limit that does not hold is the searcher's to judge */
    double multipliers, multipliers_there; /* real */
    double buffer_bits, onchip_bits;       /* without and with what stays because there is room */
    int resident_steps, step_count;        /* whose weights stay on chip */
    bool activations_stay;
    double power_w;
    /* of the batch; term: stages, and memory off chip */
    double time_ns, cycles, term_cycles[CIRC_ESTIMATE_TERMS];
    int bound;          /* the term that is the slowest for the longest time */
    double bound_share; /* of time_ns */
    /* of one frame */
    struct circ_pipeline_counts counts; /* sums over the steps, with what stays on chip */
    double arithmetic_uj, onchip_uj, memory_uj, static_uj, energy_uj;
    double memory_bytes;
};

/* "load", ..., "memory". */
const char *circ_estimate_term_name(int term);

/* For P, D and M as circ_pipeline_read takes them; bits are the case's. UNSUP as
 * circ_pipeline_plan.
 */
CIRC_MUST_USE enum circ_status circ_estimate_make(const struct circ_estimate_case *about,
                                                  const struct circ_pipeline *pipeline,
                                                  struct circ_estimate *estimate,
                                                  struct circ_error *err);

#endif
