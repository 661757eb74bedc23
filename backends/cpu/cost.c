/* The cost functions: see cost.h. */
#include "backends/cpu/cost.h"

#include "backends/core/fft.h"
#include "backends/core/winograd.h"

#include <math.h>

/* Bytes a cycle that a core reads, with products to do meanwhile. */
#define NEAR_BYTES 33.0 /* from the second-level cache */
#define FAR_BYTES  8.5  /* from beyond it */
#define NEAR       (3 << 19)

/* A transform in lanes over blocks, its way in and out included, per k log2 k; one of a block
 * alone, per k log2 k and lane; one in lanes over columns, per row of the block. */
#define TRANSFORM_BLOCKS  3.0
#define TRANSFORM_SINGLE  3.4
#define TRANSFORM_COLUMNS 14.0
#define LONG_COLUMNS      512 /* rows of a block that the nearest cache holds; longer: twice that */
#define FEW_BLOCKS        1.3 /* more where slots must be turned into lanes and back */

/* Multiply-adds a cycle, of the two that there are. */
#define PRODUCT_ONE  1.3 /* a vector of columns at a time */
#define PRODUCT_MORE 1.8

/* Three real products make a complex one, two are made in a cycle. */
#define COMPLEX_PRODUCT 1.5

/* Six elements of a vector of columns of two planes: from the rows of x, and to the rows of y. */
#define ELEMENTS_IN  55.0
#define ELEMENTS_OUT 33.0

#define UNFOLD 1.6 /* a vector of a plane copied */
#define FINISH 2.0 /* a vector of blocks of one written */

#define SAMPLE_COPY 2.0 /* cycles a value to take a sample out of a batch, and to put it back */
#define FORK_JOIN   1500.0

static double vectors_of(int count, int lanes)
{
    return (double)((count + lanes - 1) / lanes);
}

static double larger(double a, double b)
{
    return a > b ? a : b;
}

static double read_cycles(double floats)
{
    return 4 * floats / (4 * floats > NEAR ? FAR_BYTES : NEAR_BYTES);
}

static double log_length(int k)
{
    return k > 1 ? k * log2(k) : 1;
}

static double samples(struct circ_cost_layer l, double each)
{
    double copies = l.batch > 1 ? SAMPLE_COPY * (double)(l.p + l.q) * l.k : 0;
    return l.batch * (each + copies);
}

double circ_cost_stream_rows(struct circ_cost_layer l)
{
    double slots = circ_fft_slots(l.k), rows = vectors_of(l.p, l.lanes);
    double words = (l.pairs ? 1 : 2) * slots * rows * l.lanes * l.q;
    double products = larger(2 * slots * rows * l.q, read_cycles(words));
    double transforms = (rows + vectors_of(l.q, l.lanes)) * TRANSFORM_BLOCKS * log_length(l.k);
    return samples(l, products + transforms);
}

double circ_cost_stream_slots(struct circ_cost_layer l)
{
    double slots = vectors_of(circ_fft_slots(l.k), l.lanes);
    double words = (l.pairs ? 1 : 2) * slots * l.lanes * (double)l.p * l.q;
    double products = larger(2 * slots * l.p * l.q, read_cycles(words));
    bool single = l.lanes > 1 && l.k % (2 * l.lanes * l.lanes) == 0;
    double each = single ? (l.p + l.q) * TRANSFORM_SINGLE / l.lanes
                         : (vectors_of(l.p, l.lanes) + vectors_of(l.q, l.lanes)) *
                               TRANSFORM_BLOCKS * FEW_BLOCKS;
    return samples(l, products + each * log_length(l.k));
}

double circ_cost_stream(struct circ_cost_layer l)
{
    double rows = circ_cost_stream_rows(l), slots = circ_cost_stream_slots(l);
    return rows < slots ? rows : slots;
}

double circ_cost_columns(struct circ_cost_layer l)
{
    double vectors = vectors_of(l.batch, l.lanes), pairs = ceil(vectors / 2);
    double terms = 3.0 * circ_fft_slots(l.k) * l.p * l.q;
    double products = terms * vectors / (vectors > 1 ? PRODUCT_MORE : PRODUCT_ONE);
    double row = l.k > LONG_COLUMNS ? 2 * TRANSFORM_COLUMNS : TRANSFORM_COLUMNS;
    double transforms = (double)(l.p + l.q) * l.k * vectors * row;
    double words = l.pairs ? terms / 3 : terms; /* a word for three planes */
    return larger(products, pairs * read_cycles(words)) + transforms;
}

static double product_of(struct circ_cost_rows l)
{
    return l.ones ? COMPLEX_PRODUCT / 3 : COMPLEX_PRODUCT;
}

/* A slot's share of what makes so many vectors of rows of its products. */
static double rows_from(struct circ_cost_rows l, double vectors)
{
    return (l.ones ? FINISH : 2 * TRANSFORM_COLUMNS) * vectors * l.p;
}

static double taps_over(struct circ_cost_rows l, double vectors)
{
    return product_of(l) * vectors * l.taps_h * l.taps_w * l.p * l.q;
}

double circ_cost_taps(struct circ_cost_rows l)
{
    return taps_over(l, l.vectors) + rows_from(l, l.row_vectors);
}

double circ_cost_unfolded(struct circ_cost_rows l)
{
    double copies = UNFOLD * (l.ones ? 1 : 3) * l.q * l.copies;
    return taps_over(l, l.run_vectors) + rows_from(l, l.run_vectors) + copies;
}

double circ_cost_elements(struct circ_cost_rows l)
{
    double products = product_of(l) * CIRC_WINOGRAD_ELEMENTS * l.taps_w * l.p * l.q;
    double moves = (ELEMENTS_IN * l.q + ELEMENTS_OUT * l.p) / (l.ones ? 2 : 1);
    return l.element_vectors * (products + moves) + rows_from(l, l.row_vectors);
}

int circ_cost_threads(const struct circ_network *net, int batch, int lanes, int threads)
{
    double cycles = (double)circ_network_counts(net).flop_executed * batch / (2 * lanes);
    return cycles * (threads - 1) / threads > net->layer_count * FORK_JOIN ? threads : 1;
}
