/* Weights in their canonical, spatial form: what a model file holds, what a dump writes, and what
 * every backend transforms into its own layout in `prepare`.
 *
 * Layout by structure, all float32, one struct per layer (layers without weights have all zero):
 *   DENSE      FC [m][n]; CONV [P][C/groups][r][s] (as OIHW)
 *   CIRCULANT  first columns of the blocks: FC [p][q][k]; CONV [r][s][p][q][k], groups outermost
 *              [groups][r][s][p][q][k] where there is more than one. Entries of edge blocks that
 * meet only padding are ordinary numbers and are multiplied by zero inputs or dropped outputs.
 *   PRUNED     compressed rows of the dense matrix: FC m rows of n, CONV P rows of (C/groups) r s
 *   bias       [m] or [P]; NULL when the layer has none */
#ifndef CIRC_CORE_WEIGHTS_H
#define CIRC_CORE_WEIGHTS_H

#include "backends/core/network.h"

struct circ_weights {
    float *values;      /* owned */
    size_t count;       /* numbers in values */
    int32_t *columns;   /* owned; PRUNED: column of each value, rising within a row */
    int32_t *row_start; /* owned; PRUNED: [rows + 1] */
    float *bias;        /* owned, or NULL */
};

/* A network with its weights. The network is borrowed and must outlive the model. */
struct circ_model {
    const struct circ_network *network;
    struct circ_weights layers[CIRC_MAX_LAYERS];
};

/* Allocates zeroed weights for every layer of the network with the structure it has; PRUNED rows
 * are laid out with nonzeros spread evenly (row_start is set, columns are zero). MEMORY on failure,
 * with the model freed. */
CIRC_MUST_USE enum circ_status circ_weights_create(struct circ_model *model,
                                                   const struct circ_network *network,
                                                   struct circ_error *err);

/* Frees the arrays of a model; harmless on a zeroed or freed one. */
void circ_weights_free(struct circ_model *model);

/* Seeded weights: uniform with variance 1 / fan-in (He et al. 2015 without the gain; fan-in in
 * dense terms), small uniform bias, PRUNED columns drawn uniformly without repetition within each
 * row. The model must come from circ_weights_create. */
void circ_weights_random(struct circ_model *model, uint64_t seed);

/* The dense matrix that a layer's weights stand for, in DENSE layout, into dense[]; its size is
 * circ_network_layer_counts(layer).weight_count_dense. */
void circ_weights_expand(const struct circ_layer *layer, const struct circ_weights *weights,
                         float *dense);

/* Nearest block-circulant weights to a dense layer in the Frobenius norm: the MEAN over each
 * wrapped diagonal of each block, over the entries that exist where a block is cut by the edge.
 * layer says CIRCULANT and the block; dense is in DENSE layout; out has the layer's weight_count
 * numbers. */
void circ_weights_project(const struct circ_layer *layer, const float *dense, float *out);

/* Turns first-row defining vectors (Hugging Face PEFT's C3A, some papers) into first columns, in
 * place: w[(k - i) mod k] for w[i], which conjugates the spectrum. blocks vectors of k numbers. */
void circ_weights_import_first_row(float *vectors, size_t blocks, int k);

#endif
