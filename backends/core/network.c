/* Shape inference, validation and counts of layers and networks. It computes nothing. */
#include "backends/core/network.h"

#include "backends/core/winograd.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const op_names[] = {
    [CIRC_OP_FC] = "fc",
    [CIRC_OP_CONV] = "conv",
    [CIRC_OP_POOL_MAX] = "pool_max",
    [CIRC_OP_POOL_AVG] = "pool_avg",
    [CIRC_OP_RELU] = "relu",
    [CIRC_OP_LRN] = "lrn",
    [CIRC_OP_FLATTEN] = "flatten",
    [CIRC_OP_SOFTMAX] = "softmax",
};

static const char *const structure_names[] = {
    [CIRC_DENSE] = "dense", [CIRC_CIRCULANT] = "circulant", [CIRC_PRUNED] = "pruned"};

static const struct {
    const char *name;
    int bits; /* of a stored number */
    bool fixed;
} precisions[] = {[CIRC_F32] = {"f32", 32, false},
                  [CIRC_BF16] = {"bf16", 16, false},
                  [CIRC_Q16] = {"q16", 16, true},
                  [CIRC_Q12] = {"q12", 12, true},
                  [CIRC_Q8] = {"q8", 8, true}};

const char *circ_network_op_name(enum circ_op op)
{
    return op_names[op];
}

const char *circ_network_structure_name(enum circ_structure structure)
{
    return structure_names[structure];
}

const char *circ_network_precision_name(enum circ_precision precision)
{
    return precisions[precision].name;
}

enum circ_precision circ_network_precision_find(const char *name)
{
    for (size_t i = 0; i < sizeof precisions / sizeof *precisions; i++)
        if (!strcmp(name, precisions[i].name))
            return (enum circ_precision)i;
    return CIRC_F32;
}

int circ_network_precision_word(enum circ_precision precision)
{
    return precisions[precision].fixed ? precisions[precision].bits : 0;
}

bool circ_network_has_weights(const struct circ_layer *layer)
{
    return layer->op == CIRC_OP_FC || layer->op == CIRC_OP_CONV;
}

int64_t circ_network_elements(struct circ_shape shape)
{
    return (int64_t)shape.c * shape.h * shape.w;
}

static bool dimension_fits(int64_t value)
{
    return value >= 1 && value <= CIRC_MAX_DIM;
}

static bool shape_fits(struct circ_shape s)
{
    return dimension_fits(s.c) && dimension_fits(s.h) && dimension_fits(s.w) &&
           (int64_t)s.c * s.h <= INT32_MAX && circ_network_elements(s) <= INT32_MAX;
}

enum circ_status circ_network_begin(struct circ_network *net, const char *name,
                                    struct circ_shape input, struct circ_error *err)
{
    memset(net, 0, sizeof *net);
    strncpy(net->name, name, sizeof net->name - 1);
    net->input = input;
    if (!shape_fits(input))
        return circ_status_fail(err, CIRC_USAGE,
                                "input %dx%dx%d: every dimension must be in 1..%d and the whole "
                                "below 2^31 elements",
                                input.c, input.h, input.w, CIRC_MAX_DIM);
    return CIRC_OK;
}

static enum circ_status infer_window(struct circ_layer *layer, struct circ_error *err)
{
    const char *op = circ_network_op_name(layer->op);
    struct circ_shape in = layer->in;
    if (layer->taps_h < 1 || layer->taps_w < 1 || layer->stride < 1 || layer->pad < 0 ||
        layer->taps_h > CIRC_MAX_DIM || layer->taps_w > CIRC_MAX_DIM ||
        layer->pad >= layer->taps_h + layer->taps_w || layer->stride > CIRC_MAX_DIM)
        return circ_status_fail(
            err, CIRC_USAGE,
            "%s: window %dx%d with stride %d and padding %d is not valid: window "
            "and stride must be at least 1, padding smaller than the window",
            op, layer->taps_h, layer->taps_w, layer->stride, layer->pad);
    int64_t high = in.h + 2 * (int64_t)layer->pad, wide = in.w + 2 * (int64_t)layer->pad;
    if (high < layer->taps_h || wide < layer->taps_w)
        return circ_status_fail(err, CIRC_USAGE,
                                "%s: window %dx%d is larger than its padded input %lldx%lld", op,
                                layer->taps_h, layer->taps_w, (long long)high, (long long)wide);
    layer->out.h = (int)((high - layer->taps_h) / layer->stride + 1);
    layer->out.w = (int)((wide - layer->taps_w) / layer->stride + 1);
    return CIRC_OK;
}

static enum circ_status infer_conv(struct circ_layer *layer, struct circ_error *err)
{
    if (!dimension_fits(layer->out.c))
        return circ_status_fail(err, CIRC_USAGE, "conv: %d output channels: must be in 1..%d",
                                layer->out.c, CIRC_MAX_DIM);
    if (layer->groups < 1 || layer->in.c % layer->groups || layer->out.c % layer->groups)
        return circ_status_fail(err, CIRC_USAGE,
                                "conv: %d groups must divide its %d input and %d output channels",
                                layer->groups, layer->in.c, layer->out.c);
    return infer_window(layer, err);
}

static enum circ_status infer_shape(struct circ_layer *layer, struct circ_error *err)
{
    struct circ_shape in = layer->in;
    switch (layer->op) {
    case CIRC_OP_FC:
        if (!dimension_fits(layer->out.c))
            return circ_status_fail(err, CIRC_USAGE, "fc: %d outputs: must be in 1..%d",
                                    layer->out.c, CIRC_MAX_DIM);
        layer->out.h = layer->out.w = 1;
        return CIRC_OK;
    case CIRC_OP_CONV:
        return infer_conv(layer, err);
    case CIRC_OP_POOL_MAX:
    case CIRC_OP_POOL_AVG:
        layer->out.c = in.c;
        if (layer->pad >= layer->taps_h || layer->pad >= layer->taps_w)
            return circ_status_fail(
                err, CIRC_USAGE, "%s: padding %d must be smaller than the window %dx%d",
                circ_network_op_name(layer->op), layer->pad, layer->taps_h, layer->taps_w);
        return infer_window(layer, err);
    case CIRC_OP_LRN:
        if (layer->lrn_size < 1 || layer->lrn_size % 2 == 0 || !(layer->lrn_bias > 0))
            return circ_status_fail(err, CIRC_USAGE,
                                    "lrn: size %d must be odd and at least 1, bias above 0",
                                    layer->lrn_size);
        layer->out = in;
        return CIRC_OK;
    case CIRC_OP_FLATTEN:
        layer->out = (struct circ_shape){in.c * in.h * in.w, 1, 1};
        return CIRC_OK;
    case CIRC_OP_RELU:
    case CIRC_OP_SOFTMAX:
        layer->out = in;
        return CIRC_OK;
    }
    return circ_status_fail(err, CIRC_INTERNAL, "layer operation %d is not known", (int)layer->op);
}

enum circ_status circ_network_append(struct circ_network *net, const struct circ_layer *layer,
                                     struct circ_error *err)
{
    if (net->layer_count == CIRC_MAX_LAYERS)
        return circ_status_fail(err, CIRC_USAGE, "more than %d layers", CIRC_MAX_LAYERS);
    struct circ_layer next = *layer;
    next.in = circ_network_output(net);
    next.stride = next.stride ? next.stride : 1;
    next.groups = next.groups ? next.groups : 1;
    next.structure = CIRC_DENSE;
    next.block = 1;
    next.precision = CIRC_F32;
    enum circ_status status = infer_shape(&next, err);
    if (status)
        return status;
    if (circ_network_elements(next.out) > INT32_MAX)
        return circ_status_fail(err, CIRC_USAGE, "%s: output %dx%dx%d has 2^31 elements or more",
                                circ_network_op_name(next.op), next.out.c, next.out.h, next.out.w);
    /* with blocks of k the padded matrix may hold k times as many: the counts stay far inside int64
     */
    double weights = 0;
    if (circ_network_has_weights(&next)) {
        int m, n;
        circ_network_matrix(&next, &m, &n);
        weights = (double)m * n * (double)circ_network_matrices(&next);
    }
    if (weights > 0x1p40)
        return circ_status_fail(err, CIRC_USAGE, "%s: %.3g weights: at most 2^40 are counted",
                                circ_network_op_name(next.op), weights);
    net->layers[net->layer_count++] = next;
    return CIRC_OK;
}

enum circ_status circ_network_compress(struct circ_network *net, enum circ_structure structure,
                                       int block, int block_conv, struct circ_error *err)
{
    if (structure != CIRC_DENSE && !(dimension_fits(block) && dimension_fits(block_conv)))
        return circ_status_fail(err, CIRC_USAGE, "block %d/%d: both sizes must be in 1..%d", block,
                                block_conv, CIRC_MAX_DIM);
    for (int i = 0; i < net->layer_count; i++) {
        struct circ_layer *layer = &net->layers[i];
        bool compressed = circ_network_has_weights(layer) && layer->compressible;
        layer->structure = compressed ? structure : CIRC_DENSE;
        layer->block = layer->structure == CIRC_DENSE ? 1
                       : layer->op == CIRC_OP_CONV    ? block_conv
                                                      : block;
        layer->precision = CIRC_F32;
    }
    return CIRC_OK;
}

void circ_network_set_precision(struct circ_network *net, enum circ_precision precision)
{
    bool fixed = precisions[precision].fixed;
    for (int i = 0; i < net->layer_count; i++) {
        struct circ_layer *layer = &net->layers[i];
        if (layer->structure == CIRC_CIRCULANT ||
            (fixed && layer->structure == CIRC_DENSE && circ_network_has_weights(layer)))
            layer->precision = precision;
    }
}

static uint64_t mix(uint64_t hash, double value)
{
    unsigned char bytes[sizeof value];
    memcpy(bytes, &value, sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++)
        hash = (hash ^ bytes[i]) * 0x100000001b3u;
    return hash;
}

void circ_network_digest(const struct circ_network *net, char digest[CIRC_DIGEST_SIZE])
{
    uint64_t hash = 0xcbf29ce484222325u;
    const struct circ_shape *in = &net->input;
    const double input[] = {in->c, in->h, in->w};
    for (size_t i = 0; i < sizeof input / sizeof *input; i++)
        hash = mix(hash, input[i]);
    for (int l = 0; l < net->layer_count; l++) {
        const struct circ_layer *layer = &net->layers[l];
        const double fields[] = {
            layer->op,        layer->out.c,    layer->taps_h,  layer->taps_w,       layer->stride,
            layer->pad,       layer->groups,   layer->bias,    layer->compressible, layer->lrn_size,
            layer->lrn_alpha, layer->lrn_beta, layer->lrn_bias};
        for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
            hash = mix(hash, fields[i]);
    }
    snprintf(digest, CIRC_DIGEST_SIZE, "%016" PRIx64, hash);
}

enum circ_structure circ_network_structure(const struct circ_network *net)
{
    for (int i = 0; i < net->layer_count; i++)
        if (circ_network_has_weights(&net->layers[i]) && net->layers[i].structure != CIRC_DENSE)
            return net->layers[i].structure;
    return CIRC_DENSE;
}

struct circ_shape circ_network_output(const struct circ_network *net)
{
    return net->layer_count ? net->layers[net->layer_count - 1].out : net->input;
}

void circ_network_matrix(const struct circ_layer *layer, int *m, int *n)
{
    *m = layer->out.c / (layer->op == CIRC_OP_CONV ? layer->groups : 1);
    *n = layer->op == CIRC_OP_CONV ? layer->in.c / layer->groups
                                   : (int)circ_network_elements(layer->in);
}

void circ_network_blocks(const struct circ_layer *layer, int *p, int *q)
{
    int m, n;
    circ_network_matrix(layer, &m, &n);
    *p = (m - 1) / layer->block + 1;
    *q = (n - 1) / layer->block + 1;
}

int64_t circ_network_matrices(const struct circ_layer *layer)
{
    return layer->op == CIRC_OP_CONV ? (int64_t)layer->groups * layer->taps_h * layer->taps_w : 1;
}

/* Work of the bins of one block product: real bins (0, and k/2 of an even k) cost 2. */
static int64_t block_flop(int k, int per_complex)
{
    int complex_bins = (k - 1) / 2;
    int real_bins = k - 2 * complex_bins;
    return (int64_t)complex_bins * per_complex + real_bins * 2;
}

static int64_t stored_bytes(int64_t count, enum circ_precision precision)
{
    return (count * precisions[precision].bits + 7) / 8;
}

/* 2.5 k log2 k for each block of an input pixel and of an output pixel. */
static int64_t layer_transform_flop(const struct circ_layer *layer)
{
    int p, q, k = layer->block;
    bool conv = layer->op == CIRC_OP_CONV;
    circ_network_blocks(layer, &p, &q);
    double pixels_in = conv ? (double)layer->in.h * layer->in.w : 1;
    double pixels_out = conv ? (double)layer->out.h * layer->out.w : 1;
    double transforms = (conv ? layer->groups : 1) * (q * pixels_in + p * pixels_out);
    return llround(2.5 * k * log2(k) * transforms);
}

/* A CONV of p x q blocks, of so many flop and of so many numbers each. */
struct filter {
    int taps_h;
    int64_t p, q, terms, block; /* terms: block columns of all taps of a row */
    int numbers;
};

/* flop of an output pixel by Winograd's elements over rows (winograd.h), what makes the elements
 * and the rows of them included; not finite where there are none for so many taps. */
static double row_flop(const struct filter *f)
{
    int rows = circ_winograd_rows(f->taps_h);
    double p = (double)f->p, q = (double)f->q;
    double products = (double)CIRC_WINOGRAD_ELEMENTS * p * (double)f->terms * (double)f->block;
    double moves = (double)f->numbers * (19.0 * q + (5.0 + 2 * rows) * p);
    return rows ? (products + moves) / rows : INFINITY;
}

/* The share of a filter's taps in one direction that meet the picture. */
static double taps_inside(int out, int stride, int pad, int taps, int in)
{
    double inside = 0;
    for (int o = 0; o < out; o++) {
        int64_t low = (int64_t)o * stride - pad, high = low + taps;
        low = low > 0 ? low : 0;
        high = high < in ? high : in;
        inside += high > low ? (double)(high - low) : 0;
    }
    return inside / ((double)out * taps);
}

/* The fewest flop that a dense CONV is known to take: by definition, of taps that meet the picture;
 * by elements over rows, which a strided one has over the residues of its pixels; or by F(4x4,
 * 3x3), 36 products where the sum has 144 (Lavin and Gray, "Fast algorithms for convolutional
 * neural networks", CVPR 2016). */
static int64_t least_dense_flop(const struct circ_layer *layer, int64_t matrices, int m, int n,
                                int64_t pixels)
{
    int s = layer->stride, taps_h = layer->taps_h, taps_w = layer->taps_w;
    double sum = 2.0 * (double)matrices * m * n;
    double least = sum * taps_inside(layer->out.h, s, layer->pad, taps_h, layer->in.h) *
                   taps_inside(layer->out.w, s, layer->pad, taps_w, layer->in.w);
    struct filter split = {.taps_h = (taps_h + s - 1) / s,
                           .p = m,
                           .q = (int64_t)n * s * s,
                           .terms = (int64_t)n * s * taps_w,
                           .block = 2,
                           .numbers = 1};
    double rows = s <= taps_h && s <= taps_w ? row_flop(&split) * layer->groups : INFINITY;
    if (s == 1 && taps_h == 3 && taps_w == 3 && sum / 4 < rows)
        rows = sum / 4;
    return llround((rows < least ? rows : least) * (double)pixels);
}

struct circ_counts circ_network_layer_counts(const struct circ_layer *layer)
{
    struct circ_counts counts = {0};
    if (!circ_network_has_weights(layer))
        return counts;
    int m, n, p, q, k = layer->block;
    circ_network_matrix(layer, &m, &n);
    circ_network_blocks(layer, &p, &q);
    int64_t matrices = circ_network_matrices(layer);
    bool conv = layer->op == CIRC_OP_CONV;
    int64_t pixels_out = conv ? (int64_t)layer->out.h * layer->out.w : 1;

    counts.weight_count_dense = matrices * m * n;
    counts.flop_dense = 2 * counts.weight_count_dense * pixels_out;
    counts.weight_count = counts.weight_count_dense;
    counts.weight_bytes = stored_bytes(counts.weight_count, layer->precision);
    counts.flop_executed = counts.flop_roof = counts.flop_dense;
    if (layer->structure == CIRC_DENSE) {
        if (conv)
            counts.flop_roof = least_dense_flop(layer, matrices, m, n, pixels_out);
        return counts;
    }

    int64_t circulant_count = matrices * p * q * k;
    if (layer->structure == CIRC_PRUNED) {
        if (circulant_count < counts.weight_count)
            counts.weight_count = circulant_count;
        counts.weight_bytes = 8 * counts.weight_count;
        counts.flop_executed = counts.flop_roof = 2 * counts.weight_count * pixels_out;
        return counts;
    }
    int64_t transform_flop = layer_transform_flop(layer);
    int64_t products = matrices * p * q * pixels_out;
    counts.weight_count = circulant_count;
    counts.weight_bytes = stored_bytes(circulant_count, layer->precision);
    counts.flop_executed = transform_flop + products * block_flop(k, 8);
    counts.flop_roof = transform_flop + products * block_flop(k, 6);
    if (conv && layer->stride == 1) {
        struct filter spectra = {layer->taps_h,    p, q, (int64_t)q * layer->taps_w,
                                 block_flop(k, 6), k};
        double rows = row_flop(&spectra) * (double)layer->groups * (double)pixels_out;
        if ((double)transform_flop + rows < (double)counts.flop_roof)
            counts.flop_roof = transform_flop + llround(rows);
    }
    if (conv && k == 1) /* a dense one by another name */
        counts.flop_roof = least_dense_flop(layer, matrices, m, n, pixels_out);
    return counts;
}

struct circ_counts circ_network_layer_training_counts(const struct circ_layer *layer, int batch)
{
    struct circ_counts counts = circ_network_layer_counts(layer);
    if (!circ_network_has_weights(layer))
        return counts;
    int64_t transforms = layer->structure == CIRC_CIRCULANT ? layer_transform_flop(layer) : 0;
    int64_t update = (2 * counts.weight_count + batch - 1) / batch;
    counts.flop_dense *= 3;
    counts.flop_executed = 3 * counts.flop_executed - transforms + update;
    counts.flop_roof = 3 * counts.flop_roof - transforms + update;
    return counts;
}

static void add_counts(struct circ_counts *sum, struct circ_counts one)
{
    sum->flop_dense += one.flop_dense;
    sum->flop_executed += one.flop_executed;
    sum->flop_roof += one.flop_roof;
    sum->weight_count += one.weight_count;
    sum->weight_count_dense += one.weight_count_dense;
    sum->weight_bytes += one.weight_bytes;
}

struct circ_counts circ_network_counts(const struct circ_network *net)
{
    struct circ_counts sum = {0};
    for (int i = 0; i < net->layer_count; i++)
        add_counts(&sum, circ_network_layer_counts(&net->layers[i]));
    return sum;
}

struct circ_counts circ_network_training_counts(const struct circ_network *net, int batch)
{
    struct circ_counts sum = {0};
    for (int i = 0; i < net->layer_count; i++)
        add_counts(&sum, circ_network_layer_training_counts(&net->layers[i], batch));
    return sum;
}
