/* Networks and layers: shapes, validation, and the counts that every rate in the project rests on.
 *
 * A network is a chain of layers over one input of shape C x H x W (channels first). A single layer
 * is a network of one. A network is built dense by circ_network_begin and circ_network_append,
 * which infer and validate shapes; circ_network_compress then chooses how its compressible layers
 * store their weights. All are plain values: copy them freely, nothing to free.
 *
 * Block-circulant weights (Ding et al., MICRO 2017, arXiv 1708.08917): an m x n matrix is cut into
 * p x q blocks of k x k, p = ceil(m/k), q = ceil(n/k), zero-padded at the edges. A CONV layer has
 * one such matrix of P x C at each of its r x s taps, and each group has its own. */
#ifndef CIRC_CORE_NETWORK_H
#define CIRC_CORE_NETWORK_H

#include "backends/core/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CIRC_MAX_LAYERS 96      /* VGG16 has 40 lines; room for deeper chains */
#define CIRC_MAX_DIM    1048576 /* largest channel count or image side: products stay in int64 */

enum circ_op {
    CIRC_OP_FC,
    CIRC_OP_CONV,
    CIRC_OP_POOL_MAX,
    CIRC_OP_POOL_AVG,
    CIRC_OP_RELU,
    CIRC_OP_LRN,
    CIRC_OP_FLATTEN,
    CIRC_OP_SOFTMAX
};

enum circ_structure { CIRC_DENSE, CIRC_CIRCULANT, CIRC_PRUNED };

/* What a number of stored weights is rounded to. CIRC_BF16: the upper 16 bits of a float32, 8 of
 * them significant; arithmetic is in f32. CIRC_Q16, Q12, Q8: words of so many bits, arithmetic
 * among them (fixed.h). */
enum circ_precision { CIRC_F32, CIRC_BF16, CIRC_Q16, CIRC_Q12, CIRC_Q8 };

struct circ_shape {
    int c, h, w; /* channels, height, width; a vector of n is {n, 1, 1} */
};

struct circ_layer {
    enum circ_op op;
    struct circ_shape in, out; /* inferred by circ_network_append */
    int taps_h, taps_w;        /* CONV and POOL: window height (r) and width (s) */
    int stride, pad;   /* CONV and POOL: both directions; zero padding (ignored by max and avg) */
    int groups;        /* CONV: channel groups, each with weights of its own; else 1 */
    bool bias;         /* FC and CONV: adds one value per output channel */
    bool compressible; /* FC and CONV: circ_network_compress may change its structure */
    /* LRN across channels (Krizhevsky et al., NIPS 2012, section 3.3):
     * y = x / (lrn_bias + lrn_alpha / lrn_size * sum of squares over lrn_size channels)^lrn_beta */
    int lrn_size;
    float lrn_alpha, lrn_beta, lrn_bias;
    /* set by circ_network_compress; FC and CONV only */
    enum circ_structure structure;
    int block; /* k: CIRCULANT, and PRUNED with the parameter count of that k; 1 for DENSE */
    enum circ_precision precision; /* set by circ_network_set_precision; else F32 */
};

struct circ_network {
    char name[96];
    struct circ_shape input;
    int layer_count;
    struct circ_layer layers[CIRC_MAX_LAYERS];
};

/* What one input sample ("frame") costs, and what the weights weigh. */
struct circ_counts {
    /* 2 m n per FC layer; times taps and output pixels for CONV; 0 for layers without weights. The
     * same for every structure: the dense-equivalent work. */
    int64_t flop_dense;
    /* What the structure's algorithm performs. DENSE: flop_dense. PRUNED: 2 per nonzero (and output
     * pixel). CIRCULANT: 2.5 k log2 k for each real transform of length k (q per input pixel, p per
     * output pixel), 8 per complex and 2 per real multiply-accumulate of the bins. */
    int64_t flop_executed;
    /* The fewest that are known: as flop_executed with 6 per complex multiply-accumulate, for three
     * real products suffice. A CONV of r = 2 to 5 taps in a column takes 6 / (r (7 - r)) of its
     * products and what Winograd's elements take, where that is less; a DENSE one with a stride as
     * one without it over the residues of its pixels, and a 3x3 one of stride 1 a quarter. */
    int64_t flop_roof;
    int64_t weight_count;       /* stored numbers without bias: m n, p q k, or the nonzeros */
    int64_t weight_count_dense; /* m n: what the dense layer would store */
    /* 4 per number, 2 in BF16 and Q16, 1.5 in Q12, 1 in Q8: bits as the memory of a pipeline holds
     * them, packed; PRUNED 8 (value and column index; row starts not counted) */
    int64_t weight_bytes;
};

/* Elements of a shape. */
int64_t circ_network_elements(struct circ_shape shape);

/* "fc", "conv", "pool_max", ...; never NULL. */
const char *circ_network_op_name(enum circ_op op);

/* "dense", "circulant", "pruned"; never NULL. */
const char *circ_network_structure_name(enum circ_structure structure);

/* "f32", "bf16", "q16", "q12", "q8"; never NULL. */
const char *circ_network_precision_name(enum circ_precision precision);

/* By name; CIRC_F32 for a name that is none of those. */
enum circ_precision circ_network_precision_find(const char *name);

/* Bits of a word of fixed point: 16, 12, 8; 0 for what is floating. */
int circ_network_precision_word(enum circ_precision precision);

/* True for FC and CONV, the layers that have weights. */
bool circ_network_has_weights(const struct circ_layer *layer);

/* Starts an empty network; name is cut at its buffer. USAGE for a non-positive or too large input.
 */
CIRC_MUST_USE enum circ_status circ_network_begin(struct circ_network *net, const char *name,
                                                  struct circ_shape input, struct circ_error *err);

/* Appends layer after the network's last one: sets layer.in, infers layer.out, starts it as DENSE.
 * The caller sets op and, where the op reads them, out.c (FC: m, CONV: P), taps_*, stride, pad,
 * groups, bias, compressible, lrn_*. stride 0 and groups 0 stand for 1. An FC layer takes any input
 * shape as the vector of its elements, channels first. Pool output rounds down, as in Caffe's and
 * PyTorch's default. USAGE names what does not fit. */
CIRC_MUST_USE enum circ_status circ_network_append(struct circ_network *net,
                                                   const struct circ_layer *layer,
                                                   struct circ_error *err);

/* Gives every compressible layer the structure: FC with block, CONV with block_conv (both >= 1;
 * both ignored and stored as 1 for DENSE). Layers not compressible become DENSE. USAGE for a block
 * < 1 or > CIRC_MAX_DIM. */
CIRC_MUST_USE enum circ_status circ_network_compress(struct circ_network *net,
                                                     enum circ_structure structure, int block,
                                                     int block_conv, struct circ_error *err);

/* How the CIRCULANT layers store their spectra, and in fixed point the DENSE ones their weights;
 * all others, and all after circ_network_compress, stay F32. */
void circ_network_set_precision(struct circ_network *net, enum circ_precision precision);

/* Digest of the input shape and of every layer, structure and storage apart: equal for equal
 * networks whatever their names. 16 hexadecimal digits and a terminator (FNV-1a, 64 bits; Fowler,
 * Noll and Vo). */
#define CIRC_DIGEST_SIZE 17
void circ_network_digest(const struct circ_network *net, char digest[CIRC_DIGEST_SIZE]);

/* The structure of its compressed layers; DENSE when there are none. */
enum circ_structure circ_network_structure(const struct circ_network *net);

/* The shape of the last layer's output (the input for an empty network). */
struct circ_shape circ_network_output(const struct circ_network *net);

/* Rows m and columns n of a layer's weight matrix, for one group and one tap: FC m x n, CONV
 * P/groups x C/groups. */
void circ_network_matrix(const struct circ_layer *layer, int *m, int *n);

/* Block rows p and block columns q of that matrix for layer->block. */
void circ_network_blocks(const struct circ_layer *layer, int *p, int *q);

/* Number of such matrices in the layer: groups x taps_h x taps_w for CONV, 1 for FC. */
int64_t circ_network_matrices(const struct circ_layer *layer);

/* Counts of one layer, and of a network (the sum over its layers). */
struct circ_counts circ_network_layer_counts(const struct circ_layer *layer);
struct circ_counts circ_network_counts(const struct circ_network *net);

/* The same of one frame of a training step on a batch: forward, backward and update. flop_dense is
 * three products of the forward's. A circulant layer does three products of spectra and four
 * families of transforms: inputs and output gradients forward, outputs and input gradients inverse;
 * weights and their gradients stay spectra. The update's two a weight are shared by the batch. */
struct circ_counts circ_network_layer_training_counts(const struct circ_layer *layer, int batch);
struct circ_counts circ_network_training_counts(const struct circ_network *net, int batch);

#endif
