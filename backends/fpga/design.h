/* A pipeline for one network: the sizes that its kernels are compiled for, and their source, which
 * is one text for the emulator and for any board. */
#ifndef CIRC_DESIGN_H
#define CIRC_DESIGN_H

#include "backends/core/fixed.h"
#include "backends/core/pipeline.h"

/* Weights of a layer that has no more words than this stay on chip: 512 KiB, a third of the memory
 * of the paper's Cyclone V 5CEA9. */
#define CIRC_DESIGN_ONCHIP 262144

/* Words between two kernels of a board: what a burst of memory needs to pass without a stall. */
#define CIRC_DESIGN_CHANNEL 512

struct circ_design {
    struct circ_pipeline pipeline; /* P, D, M, bits, and the limit of weights on chip */
    int block, stages;             /* of the largest transform */
    /* words on chip, largest over the layers: weights, spectra of the input, lines of a pooling */
    int64_t weights, spectra, lines;
    int64_t tokens; /* most through a channel, one layer and frame */
    struct circ_pipeline_step steps[CIRC_MAX_LAYERS];
    int step_count;
};

/* For a network, and the P, D, M and bits (16, 12, 8) of asked; 0 for P or D stands for what is
 * small and fast to emulate: 1, for M for the usual one. UNSUP as circ_fixed_supports and
 * circ_pipeline_plan, for a P or D that the network's largest block has no use for, an M that
 * circ_pipeline_read would not take, and for more on chip than any FPGA has. */
CIRC_MUST_USE enum circ_status circ_design_make(struct circ_design *design,
                                                const struct circ_network *network,
                                                const struct circ_pipeline *asked,
                                                struct circ_error *err);

/* The largest P that is taken: circ_pipeline_most_parallel, or of a network without blocks, where P
 * is the width of tokens and no more, 16. */
int circ_design_most_parallel(const struct circ_network *network);

/* Tokens that a channel carries for a step and one frame, at most. */
int64_t circ_design_tokens(const struct circ_design *design, const struct circ_layer *layer);

/* The kernels' source, which the caller frees; *length without the terminator. MEMORY. */
CIRC_MUST_USE enum circ_status circ_design_source(const struct circ_design *design, char **source,
                                                  size_t *length, struct circ_error *err);

#endif
