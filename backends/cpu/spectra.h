/* Transforms with lanes over columns, and back: what blocks.h is for blocks. Part of the template
 * kernels.c.
 *
 * Whole vectors of whole blocks are transformed where they lie. A vector that spans rows of x, or a
 * block of which not all channels exist, goes through a copy. */
#ifndef CIRC_SPECTRA_H
#define CIRC_SPECTRA_H

#include "backends/cpu/kernels.h"
#include "backends/cpu/lanes.h"
#include "backends/cpu/lengths.h"
#include "backends/cpu/pointwise.h"

#include <math.h>
#include <string.h>

static const float no_bias[1];

/* Columns from one row of x to the next, among the spectra. */
static size_t pitch_of(const struct circ_forward *a)
{
    return a->spectra_row ? a->spectra_row : (size_t)a->columns;
}

/* Part of one row of x in a vector of spectra columns. */
struct piece {
    int64_t from; /* of the row, where lane 0 would be */
    mask lanes;
    int first, width; /* the same lanes */
};

/* The pieces of the vector from `at` on; returns how many. Between them are zeros. */
static int pieces_of(const struct circ_forward *a, size_t at, struct piece pieces[CIRC_LANES])
{
    size_t pitch = pitch_of(a), row = at / pitch, column = at % pitch;
    int count = 0;
    for (int lane = 0; lane < CIRC_LANES && row < (size_t)a->rows; row++, column = 0) {
        size_t left = column < (size_t)a->columns ? (size_t)a->columns - column : 0;
        int width = left < (size_t)(CIRC_LANES - lane) ? (int)left : CIRC_LANES - lane;
        if (width)
            pieces[count++] = (struct piece){(int64_t)(row * a->row_stride + column) - lane,
                                             lanes_from(lane, width), lane, width};
        lane += (int)(pitch - column);
    }
    return count;
}

INLINE vec joined(const float *x, int count, const struct piece *pieces)
{
    vec row = zero();
    for (int i = 0; i < count; i++)
        row = either(row, only(load(x + pieces[i].from), pieces[i].lanes));
    return row;
}

/* `valid` rows of a block from their pieces. */
INLINE void join_pieces(const struct circ_forward *a, const float *x, int valid, int count,
                        const struct piece *pieces, float *copy)
{
    for (int r = 0; r < valid; r++, x += a->channel_stride, copy += CIRC_LANES)
        store(copy, joined(x, count, pieces));
}

/* The same, without a look at what lies before x. */
static void join_start(const struct circ_forward *a, const float *x, int valid, int count,
                       const struct piece *pieces, float *copy)
{
    memset(copy, 0, (size_t)(valid * CIRC_LANES) * sizeof *copy);
    for (int r = 0; r < valid; r++, x += a->channel_stride)
        for (int i = 0; i < count; i++)
            for (int l = pieces[i].first; l < pieces[i].first + pieces[i].width; l++)
                copy[r * CIRC_LANES + l] = x[pieces[i].from + l];
}

/* One vector of spectra columns of the blocks from `block` on, of which not all is whole rows. */
static void forward_pieces(const struct circ_forward *a, int block, size_t at, float *scratch)
{
    const struct circ_transform *t = a->transform;
    const struct circ_spectra *s = &a->spectra;
    float *copy = scratch + 4 * t->n * CIRC_LANES;
    struct piece pieces[CIRC_LANES];
    int k = t->k, count = pieces_of(a, at, pieces);
    bool before = false;
    for (int i = 0; i < count; i++)
        before = before || pieces[i].from < 0;
    for (; block < a->blocks; block++) {
        const float *x = a->x + (size_t)block * (size_t)k * a->channel_stride;
        size_t to = (size_t)block * s->block_stride + at;
        int left = a->channels - block * k, valid = left < 0 ? 0 : left < k ? left : k;
        if (before)
            join_start(a, x, valid, count, pieces, copy);
        else if (CIRC_LANES > 1 && count == 2)
            join_pieces(a, x, valid, 2, pieces, copy);
        else
            join_pieces(a, x, valid, count, pieces, copy);
        for (int r = valid; r < k; r++)
            store(copy + r * CIRC_LANES, zero());
        gathered_to_slots(
            t, copy,
            (struct slots){s->re + to, s->im + to, s->sum ? s->sum + to : NULL, s->slot_stride},
            (vec *)scratch);
    }
}

static void forward(const struct circ_forward *a, float *scratch)
{
    const struct circ_transform *t = a->transform;
    const struct circ_spectra *s = &a->spectra;
    int whole = a->channels / t->k;
    struct many many = {whole, 0, (size_t)t->k * a->channel_stride, s->block_stride};
    size_t pitch = pitch_of(a), end = (size_t)(a->rows - 1) * pitch + (size_t)a->columns;
    for (size_t at = 0; a->rows && at < end; at += (size_t)many.vectors * CIRC_LANES) {
        size_t row = at / pitch, column = at % pitch;
        size_t left = column < (size_t)a->columns ? (size_t)a->columns - column : 0;
        /* of a lone row also the last vector is taken from memory as it is */
        many.vectors = (int)(a->spectra_row ? left : left + CIRC_LANES - 1) / CIRC_LANES;
        many.blocks = many.vectors ? whole : 0;
        struct rows x = {(float *)a->x + row * a->row_stride + column, /* is read alone */
                         a->channel_stride};
        struct slots y = {s->re + at, s->im + at, s->sum ? s->sum + at : NULL, s->slot_stride};
        if (many.vectors)
            rows_to_slots(t, x, y, many, (vec *)scratch);
        else
            many.vectors = 1;
        for (int v = 0; many.blocks < a->blocks && v < many.vectors; v++)
            forward_pieces(a, many.blocks, at + (size_t)v * CIRC_LANES, scratch);
    }
}

/* Whole vectors of the residues, as many as there are. Returns the pixels that are done. */
#if CIRC_LANES > 1
INLINE int deal_vectors(const struct circ_deal *a, int ways)
{
    int at = 0;
    for (int to = 0; at + ways * CIRC_LANES <= a->pixels; at += ways * CIRC_LANES) {
        vec v[8];
#pragma GCC unroll 8
        for (int i = 0; i < ways; i++)
            v[i] = load(a->x + at + i * CIRC_LANES);
        unzip(v, ways);
#pragma GCC unroll 8
        for (int i = 0; i < ways; i++)
            store(a->y + (size_t)i * a->stride + to, v[i]);
        to += CIRC_LANES;
    }
    return at;
}
#else
#define deal_vectors(a, ways) 0
#endif

static void deal(const struct circ_deal *a)
{
    int done = a->width > 1   ? 0
               : a->ways == 2 ? deal_vectors(a, 2)
               : a->ways == 4 ? deal_vectors(a, 4)
                              : 0;
    size_t width = (size_t)a->width, step = (size_t)a->ways * width;
    for (int way = 0; way < a->ways; way++) {
        const float *x = a->x + ((size_t)done + (size_t)way) * width;
        float *y = a->y + (size_t)way * a->stride + (size_t)(done / a->ways) * width;
        if (a->ways == 1) {
            memcpy(y, x, (size_t)a->pixels * width * sizeof *y);
        } else if (width == CIRC_LANES) {
            for (int at = done + way; at < a->pixels; at += a->ways, x += step, y += width)
                store(y, load(x));
        } else {
            for (int at = done + way; at < a->pixels; at += a->ways, x += step, y += width)
                for (size_t c = 0; c < width; c++)
                    y[c] = x[c];
        }
    }
}

enum joining { WHOLE, HALVES, PIECES };

/* One vector of the joined rows of every block and shift. What a holds is taken out of memory
 * first, which the stores might change. */
INLINE void unfold_vector(const struct circ_unfold *a, enum joining how, int count,
                          const struct piece *pieces, float *y)
{
    const float *x = a->x;
    int64_t step = (int64_t)a->step, shift = (int64_t)a->y_shift, shifts = a->shifts;
    int64_t x_next = (int64_t)a->x_block - shifts * step;
    int64_t y_next = (int64_t)a->y_block - shifts * shift;
    int64_t low = pieces[0].from, high = how == HALVES ? pieces[1].from + CIRC_LANES / 2 : 0;
    for (int b = a->blocks; b; b--, x += x_next, y += y_next)
        for (int64_t i = 0; i < shifts; i++, x += step, y += shift)
            store(y, how == WHOLE    ? load(x + low)
                     : how == HALVES ? halves(x + low, x + high)
                                     : joined(x, count, pieces));
}

static void unfold(const struct circ_unfold *a)
{
    struct circ_forward rows = {.row_stride = a->x_row, .rows = a->rows, .columns = a->columns};
    struct piece pieces[CIRC_LANES];
    for (int at = 0; at < a->rows * a->columns; at += CIRC_LANES) {
        int count = pieces_of(&rows, (size_t)at, pieces);
        if (count == 1)
            unfold_vector(a, WHOLE, 1, pieces, a->y + at);
        else if (CIRC_LANES > 1 && count == 2 && pieces[1].first == CIRC_LANES / 2)
            unfold_vector(a, HALVES, 2, pieces, a->y + at);
        else
            unfold_vector(a, PIECES, count, pieces, a->y + at);
    }
}

/* Blocks of one: the spectrum is the value. */
static void inverse_ones(const struct circ_inverse *a)
{
    for (int i = a->block_first; i < a->block_last && i < a->channels; i++) {
        const float *from = a->spectra.re + (size_t)(i - a->block_first) * a->spectra.block_stride;
        float *to = a->y + (size_t)i * a->channel_stride, bias = a->bias ? a->bias[i] : 0;
        for (int row = 0; row < a->rows; row++, from += a->spectra_row, to += a->row_stride)
            for (int c = 0; c < a->columns; c += CIRC_LANES)
                finish(to + c, load(from + c), bias, a->relu, a->columns - c);
    }
}

/* One vector of columns of one block, of which not all rows or columns exist. */
static void inverse_edge(const struct circ_inverse *a, struct slots x, int i, float *y, int columns,
                         float *scratch)
{
    const struct circ_transform *t = a->transform;
    float *edge = scratch + 4 * t->n * CIRC_LANES;
    slots_to_gathered(t, x, edge, (vec *)scratch);
    for (int r = 0; r < t->k && i * t->k + r < a->channels; r++)
        finish(y + (size_t)r * a->channel_stride, load(edge + r * CIRC_LANES),
               a->bias ? a->bias[i * t->k + r] : 0, a->relu, columns);
}

static void inverse(const struct circ_inverse *a, float *scratch)
{
    const struct circ_transform *t = a->transform;
    const struct circ_spectra *s = &a->spectra;
    int k = t->k, whole = a->channels / k < a->block_last ? a->channels / k : a->block_last;
    int blocks = a->block_last - a->block_first, vectors = a->columns / CIRC_LANES;
    struct many many = {whole - a->block_first, vectors, (size_t)k * a->channel_stride,
                        s->block_stride};
    struct finish end = {no_bias, 0, a->relu ? 0 : -INFINITY};
    if (k == 1) {
        inverse_ones(a);
        return;
    }
    if (a->bias)
        end.bias = a->bias + a->block_first * k, end.bias_step = 1;
    for (int row = 0; row < a->rows; row++) {
        size_t at = (size_t)row * a->spectra_row;
        struct slots x = {s->re + at, s->im + at, NULL, s->slot_stride};
        float *y = a->y + (size_t)a->block_first * many.row_block + (size_t)row * a->row_stride;
        slots_to_rows(t, x, (struct rows){y, a->channel_stride}, end, many, (vec *)scratch);
        for (int b = 0; b < blocks; b++) { /* what is left: the last columns, the last block */
            for (int c = b < many.blocks ? vectors * CIRC_LANES : 0; c < a->columns;
                 c += CIRC_LANES) {
                size_t from = (size_t)b * s->block_stride + (size_t)c;
                inverse_edge(a, (struct slots){x.re + from, x.im + from, NULL, x.stride},
                             a->block_first + b, y + (size_t)b * many.row_block + c, a->columns - c,
                             scratch);
            }
        }
    }
}

#endif
