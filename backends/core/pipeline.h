/* The pipeline of an FPGA or ASIC as a thing to count: what each of its stages does for one layer
 * and one frame. backends/fpga counts the same while it runs, backends/model turns the counts into
 * cycles and joules.
 *
 * A step is a layer with weights and what follows it: load -> transform -> multiply -> inverse ->
 * store. load reads every input pixel once, also one that a stride leaves under no tap, and pads
 * its channels to whole blocks. multiply holds the spectra of the layer's input of one frame, and
 * goes through [group][block row][output pixel][tap][block column]: weights that do not stay on
 * chip are read once a frame, a block row at a time. A tap in the padding is no work. store drops
 * the padded rows, adds the bias, applies ReLU and pooling and writes channels first. A block of 1
 * (dense) takes the same way with transforms that hand words on.
 *
 * parallel (P): butterflies side by side in each stage of a transform; a token of a channel has 2P
 * words. depth (D): stages of a transform in flight; one of s stages takes ceil(s / D) trips.
 * multiply (M): complex multiply-accumulates side by side in the stage of that name. None changes a
 * count. CirCNN (Ding et al., MICRO 2017) names the first two. The third is apart from them, since
 * one block's transform has use for about n/2 = k/4 butterflies, while products are as many as the
 * layer has: were M tied to P, small blocks would leave most of a large device idle. */
#ifndef CIRC_CORE_PIPELINE_H
#define CIRC_CORE_PIPELINE_H

#include "backends/core/network.h"

enum circ_pipeline_stage {
    CIRC_PIPELINE_LOAD,
    CIRC_PIPELINE_TRANSFORM,
    CIRC_PIPELINE_MULTIPLY,
    CIRC_PIPELINE_INVERSE,
    CIRC_PIPELINE_STORE,
    CIRC_PIPELINE_STAGES
};

#define CIRC_PIPELINE_MOST_MULTIPLY 1024 /* M: what a compiler still unrolls into one array */

struct circ_pipeline {
    int parallel, depth, multiply;
    int bits;             /* of a word: 16, 12, 8 */
    int64_t onchip_words; /* weights of a layer that has no more words than this stay on chip */
};

/* A layer with weights, and what its store does. Layers by their index in the network. */
struct circ_pipeline_step {
    int layer;
    int last; /* layer whose output the store writes: layer itself, or the last one merged */
    int pool; /* POOL_MAX or POOL_AVG, or -1 */
    bool relu_before, relu_after; /* of the pooling; without one, relu_before */
};

/* Of one step and one frame. */
struct circ_pipeline_counts {
    /* Forward, inverse; radix 2, complex. A transform of k = 2n words takes log2(n) n/2, and
     * untangling or tangling n/2 + 1 (whole division): one for each pair of slots f and n - f, slot
     * 0 and slot n/2 being partners of themselves. None for k = 1. */
    int64_t butterflies[2];
    int64_t multiplies; /* complex multiply-accumulates, slot 0 counts as one; k = 1: real ones */
    /* Through the channels after load, transform, multiply, inverse; padding of edge blocks counts.
     */
    int64_t words[CIRC_PIPELINE_STAGES - 1];
    int64_t resident_words; /* of weights that stay on chip, read once before the first frame */
    int64_t streamed_words; /* of weights read from memory for this frame; 0 if they stay */
    int64_t read_words, written_words; /* of activations, from and to memory: no padding */
};

/* "load", "transform", ...; never NULL. */
const char *circ_pipeline_stage_name(enum circ_pipeline_stage stage);

/* The steps of a network, in order, into steps[CIRC_MAX_LAYERS]; *count of them. A softmax at the
 * end is in no step: the host does it. UNSUP for a network with a layer that has no place in them:
 * anything but a flattening before the first weights, two poolings after one layer, LRN, a softmax
 * elsewhere. */
CIRC_MUST_USE enum circ_status circ_pipeline_plan(const struct circ_network *network,
                                                  struct circ_pipeline_step *steps, int *count,
                                                  struct circ_error *err);

/* The largest P that is of use: k/2 of the largest block, so that a token is a block. Of those k/2
 * butterflies a stage employs k/4, and k/4 + 1 in the one that untangles: with P = k/4 it takes two
 * cycles for that pair, as load and store do for two tokens. 0 for a network without a block beyond
 * 1, whose transforms have no butterflies. The largest D: the stages of its transform, at least 1.
 * A layer with smaller blocks uses what fits of both. M is of use up to CIRC_PIPELINE_MOST_MULTIPLY
 * in any network. */
int circ_pipeline_most_parallel(const struct circ_network *network);
int circ_pipeline_most_depth(const struct circ_network *network);

/* M of who names P alone: the 2P numbers that a stage of P butterflies holds, if M may be so many.
 */
int circ_pipeline_usual_multiply(int parallel);

/* "p4 d2 m16", the tuning of rows; without m, M is the usual one. read: false for any other text, a
 * P or M that is no power of two, an M above the most; it does not look at what fits, and sets
 * nothing but the three. */
bool circ_pipeline_read(const char *text, struct circ_pipeline *pipeline);
void circ_pipeline_write(char *text, size_t size, const struct circ_pipeline *pipeline);

/* Words of a layer's weights as spectra, groups x taps x p x q x k: what on-chip memory must hold.
 */
int64_t circ_pipeline_weight_words(const struct circ_layer *layer);

/* Words of the spectra of a layer's input, one frame: the other thing multiply holds. */
int64_t circ_pipeline_spectra_words(const struct circ_layer *layer);

/* Of a step of a network whose blocks are powers of two and whose weights are not PRUNED. */
struct circ_pipeline_counts circ_pipeline_count(const struct circ_network *network,
                                                const struct circ_pipeline_step *step,
                                                const struct circ_pipeline *pipeline);

#endif
