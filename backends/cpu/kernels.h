/* The contract of the vector kernels: one table of functions for each ISA row, all built from
 * kernels.c.
 *
 * Words. A column is one independent right-hand side: a sample of an FC layer, a pixel of a sample
 * of a CONV layer. Activations lie [channel][row][column]: columns innermost, batch inside pixels,
 * so that lanes are columns. A slot is a pair (re, im) of a spectrum (core/fft.h): slot 0 of an
 * even k carries two real bins and is multiplied part by part, of an odd k one real bin.
 *
 * A pair is a slot of weights in 32 bits, re and im of 16 bits each: see pair.h. Where a kernel
 * takes pairs, w points to them, and they become floats in registers.
 *
 * All pointers are to float32, no alignment needed, never aliasing unless a comment says so.
 * Kernels may read (never use, never write) up to 2 x lanes floats past the end of a row of x, so
 * buffers carry that slack. Kernels allocate nothing, keep no state and run on any number of
 * threads at once. */
#ifndef CIRC_KERNELS_H
#define CIRC_KERNELS_H

#include "backends/core/network.h"
#include "backends/core/winograd.h"
#include "backends/cpu/transform.h"

#include <stdbool.h>
#include <stdint.h>

#define CIRC_MAX_LANES 16
#define CIRC_SLACK     (2 * CIRC_MAX_LANES) /* floats that every buffer carries past its end */

/* Spectra in planes: element (slot, block, column) at [slot * slot_stride + block * block_stride +
 * column] of re and im, and of sum = re + im, which the product over columns reads too. */
struct circ_spectra {
    float *re, *im, *sum; /* sum: NULL where it is made when it is needed, or not needed */
    size_t slot_stride, block_stride;
};

/* Forward transforms: spectra(f, j, c) = DFT of x[j k + r][c] over r, for blocks j < blocks and
 * columns c < columns; channels from `channels` on count as zero. x(channel, column) at x[channel *
 * channel_stride + column]. So for every row: x's start row_stride apart, the spectra's columns
 * spectra_row, and between them and past the last are zeros. Whole vectors are written. A
 * spectra_row of 0 is one row of which the last vector takes what it finds past the columns. */
struct circ_forward {
    const struct circ_transform *transform;
    const float *x;
    size_t channel_stride, row_stride, spectra_row;
    int channels, blocks, rows, columns;
    struct circ_spectra spectra;
};

/* Inverse transforms into y[channel * channel_stride + row * row_stride + column] = value +
 * bias[channel], with max(., 0) when relu; channels and columns beyond the given are not written.
 * Spectra columns of row r start at r * spectra_row. Blocks block_first .. block_last - 1, of which
 * the spectra's block 0 is the first. */
struct circ_inverse {
    const struct circ_transform *transform;
    struct circ_spectra spectra;
    float *y;
    size_t channel_stride, row_stride, spectra_row;
    int channels, rows, columns;
    int block_first, block_last;
    const float *bias; /* or NULL */
    bool relu;
};

/* The product over columns, for each slot f and block row i of one tile:
 *     y(f, i, o + c) = sum over taps t, j < terms[t] of w(f, t, i, j) x(f, j, tap[t] + o' + c)
 * for output rows o < out_rows at o * y_row of y and o' = o * x_row of x, c < columns rounded up to
 * whole vectors. Column strides of x and y are 1; y.sum is not used.
 *
 * Three real products make a complex one (Gauss): with s = xr + xi,
 *     re = wr s - (wr + wi) xi,   im = wr s + (wi - wr) xr,
 * so that each is a real matrix product over planes of x, and w holds for each slot
 *     [3 planes: wr, -(wr + wi), wi - wr][tap][j][row of the tile];
 * slot 0 has a plane that is not read, then wr and wi of its two real bins. Or w holds for each
 * slot [tap][j][row of the tile] pairs, from which its planes are made when it is due.
 *
 * Of blocks of one (ones) w has one plane and only the terms that there are, and y is written
 * finished where `finished` says so: plus bias[i], no less than 0 if relu, and only the columns
 * that there are. */
struct circ_product {
    const float *w;           /* of this tile and of slot 0 */
    size_t w_slot;            /* from a slot of w to the next */
    float *planes;            /* w holds pairs: room for the planes of one slot. Else NULL */
    struct circ_spectra x, y; /* from slot 0 on; y's block 0 is the tile's first */
    int slot_first, slot_last;
    int taps, q, rows;
    bool odd;  /* k is odd: slot 0 has one bin, and no im of it is written */
    bool ones; /* k is 1: w has one plane, its one bin */
    bool finished, relu;
    const float *bias; /* of the tile's rows, or NULL */
    const size_t *tap; /* [taps] */
    const int *terms;  /* [taps] block columns of a tap: all q, of blocks of one perhaps fewer */
    int out_rows, columns;
    size_t x_row, y_row;
};

/* Rows of one slot and the six elements that stand for them (winograd.h), columns one by one: from
 * six rows of x to e, and from e to the first `rows` rows of x. Row r lies row[r] after where x
 * begins, element i of e i * element; whole vectors are written. e.sum is written on the
 * way in, x.sum is not used. Where x.im is NULL there is neither im nor sum; then rows are
 * finished, as a product of ones is, and those from `kept` on not written. */
struct circ_winograd {
    struct circ_spectra x, e;
    size_t row[CIRC_WINOGRAD_ELEMENTS], element;
    int blocks, rows, columns;
    int kept;
    bool relu;
    const float *bias; /* of the blocks, or NULL */
};

/* The product for one column, lanes over block rows: y(f, i) = sum_j w(f, i, j) x(f, j).
 * w: [slot][tile][j][vector of the tile]{re[lanes], im[lanes]}, or {pair[lanes]}, so that a tile is
 * one run of memory. A tile is `tile` vectors of block rows, at most stream_vectors, the last what
 * is left of them. x slot stride any, block stride 1; y block stride 1 and room for whole vectors.
 * Vectors vector_first .. vector_last - 1, whole tiles. */
struct circ_stream_rows {
    const float *w;
    bool pairs;
    struct circ_spectra x, y;
    int slots, q, vectors, tile, vector_first, vector_last;
};

/* The product for one column, lanes over slots: for few block rows and long transforms.
 * w: [tile][vector of slots][j][row of the tile]{re[lanes], im[lanes]}, or {pair[lanes]}: a tile is
 * `tile` block rows, at most stream_vectors, the last what is left of them. Slot strides of x and y
 * are 1, their block strides multiples of lanes. Block rows row_first .. row_last - 1, whole tiles.
 */
struct circ_stream_slots {
    const float *w;
    bool pairs;
    struct circ_spectra x, y;
    int slots, q, tile, row_first, row_last;
};

/* Compressed rows times columns: y[r][c] = sum_e values[e] x[column[e]][c] + bias[r], rows first ..
 * last - 1, x and y of `columns` columns with row strides x_stride and y_stride; relu as above. One
 * column gathers. */
struct circ_sparse {
    const float *values, *x, *bias;
    const int32_t *index, *row_start;
    float *y;
    size_t x_stride, y_stride;
    int columns, row_first, row_last;
    bool relu;
};

/* Pixel i of a row, of `width` floats, to y[i % ways * stride + i / ways * width]. */
struct circ_deal {
    const float *x;
    float *y;
    size_t stride;
    int pixels, width, ways;
};

/* Rows of blocks once for each shift along them: column c of row r of block b, shifted by i, from
 * x[b * x_block + r * x_row + i * step + c] to y[b * y_block + i * y_shift + r * columns + c].
 * Whole vectors are written, of which what follows is written later, but after the last. */
struct circ_unfold {
    const float *x;
    float *y;
    size_t x_block, x_row, step, y_block, y_shift;
    int blocks, shifts, rows, columns;
};

struct circ_kernels {
    const char *name;
    int lanes;
    /* most block rows of a tile of the product, of one vector of columns and of more */
    int rows_of_one, rows_of_more;
    int stream_vectors; /* most row vectors, or rows, of a tile of the stream: 4 or 2 */
    /* scratch: circ_transform_scratch vectors of lanes floats, aligned to a vector */
    void (*forward)(const struct circ_forward *args, float *scratch);
    /* the same with x(channel, 0) contiguous: lanes over blocks, columns is 1; spectra with block
     * stride 1 have room for whole vectors of blocks */
    void (*forward_blocks)(const struct circ_forward *args, float *scratch);
    void (*inverse)(const struct circ_inverse *args, float *scratch);
    void (*inverse_blocks)(const struct circ_inverse *args, float *scratch);
    void (*product)(const struct circ_product *args);
    void (*deal)(const struct circ_deal *args);
    void (*unfold)(const struct circ_unfold *args);
    void (*winograd_in)(const struct circ_winograd *args);
    void (*winograd_out)(const struct circ_winograd *args);
    void (*stream_rows)(const struct circ_stream_rows *args);
    void (*stream_slots)(const struct circ_stream_slots *args);
    void (*sparse)(const struct circ_sparse *args);
    /* y[c] = max(y[c] + bias, 0) or y[c] + bias, in place */
    void (*bias_relu)(float *y, int64_t columns, float bias, bool relu);
    /* Output rows first .. last - 1 of one channel of a POOL layer: x [row][in.w][batch] from input
     * row x_first on, y [out.h][out.w][batch]. line: (in.w + 2 pad) batch + 2 lanes floats that it
     * may write. */
    void (*pool)(const struct circ_layer *layer, int batch, int first, int last, const float *x,
                 int x_first, float *y, float *line);
    /* `columns` columns of one channel of an LRN layer: x and y at that channel, the others of x
     * stride apart */
    void (*lrn)(const struct circ_layer *layer, int channel, int64_t stride, int64_t columns,
                const float *x, float *y);
};

extern const struct circ_kernels circ_kernels_scalar;
extern const struct circ_kernels circ_kernels_avx2;
extern const struct circ_kernels circ_kernels_avx512;
extern const struct circ_kernels circ_kernels_neon;
extern const struct circ_kernels circ_kernels_sve256;

#endif
