/* Transforms with lanes over blocks, for a single column whose channels lie one after the other:
 * what kernels.c has for columns, for blocks. Part of that template.
 *
 * Memory has one block after the other and lanes want one row of all blocks: squares of CIRC_LANES
 * x CIRC_LANES are transposed in registers where all of one exists, and what is cut off at an edge
 * goes number by number. */
#ifndef CIRC_BLOCKS_H
#define CIRC_BLOCKS_H

#include "backends/cpu/kernels.h"
#include "backends/cpu/lanes.h"

#include <string.h>

/* Row r of a block lies in re or im: see core/fft_passes.h. */
INLINE float *row_of(float *re, float *im, int odd, int r)
{
    return (odd || r % 2 == 0 ? re : im) + (odd ? r : r / 2) * CIRC_LANES;
}

/* rows[i] = lane l of from[l][i], for l < count; the lanes beyond repeat the last: finite and
 * unused. */
INLINE void load_square(const float *from, size_t stride, int count, vec *rows)
{
#pragma GCC unroll 16
    for (int l = 0; l < CIRC_LANES; l++)
        rows[l] = load(from + (size_t)(l < count ? l : count - 1) * stride);
    transpose(rows);
}

/* to[l][i] = lane l of rows[i], for l < count. */
INLINE void store_square(vec *rows, float *to, size_t stride, int count)
{
    transpose(rows);
#pragma GCC unroll 16
    for (int l = 0; l < CIRC_LANES; l++)
        if (l < count)
            store(to + (size_t)l * stride, rows[l]);
}

/* Blocks first .. first + blocks - 1 of x into lanes. */
static inline void gather_rows(const struct circ_forward *a, int first, int blocks, float *re,
                               float *im)
{
    int k = a->plan->k, n = a->plan->n, odd = k % 2;
    bool whole = k % CIRC_LANES == 0 && (int64_t)(first + blocks) * k <= a->channels;
    if (odd || !whole)
        memset(re, 0, 2 * (size_t)n * CIRC_LANES * sizeof *re); /* im follows re */
    for (int r = 0; whole && r < k; r += CIRC_LANES) {
        vec rows[CIRC_LANES];
        load_square(a->x + (size_t)first * (size_t)k + r, (size_t)k, blocks, rows);
        for (int i = 0; i < CIRC_LANES; i++)
            store(row_of(re, im, odd, r + i), rows[i]);
    }
    for (int l = 0; !whole && l < blocks; l++) {
        const float *x = a->x + (size_t)(first + l) * (size_t)k;
        int valid = a->channels - (first + l) * k < k ? a->channels - (first + l) * k : k;
        for (int r = 0; r < valid; r++)
            row_of(re, im, odd, r)[l] = x[r];
    }
}

/* One plane of slots to or from its place: lanes are blocks there too (block_stride 1, room for
 * whole vectors), or slots
 * lie one after the other (slot_stride 1) with room for whole vectors, or neither. */
static inline void scatter_plane(const struct circ_spectra *s, float *plane, int first, int blocks,
                                 int slots, const float *lanes)
{
    if (s->block_stride == 1) {
        for (int f = 0; f < slots; f++)
            store(plane + (size_t)f * s->slot_stride + first, load(lanes + f * CIRC_LANES));
        return;
    }
    if (s->slot_stride == 1 && slots % CIRC_LANES == 0) {
        for (int f = 0; f < slots; f += CIRC_LANES) {
            vec rows[CIRC_LANES];
            for (int i = 0; i < CIRC_LANES; i++)
                rows[i] = load(lanes + (f + i) * CIRC_LANES);
            store_square(rows, plane + (size_t)first * s->block_stride + f, s->block_stride,
                         blocks);
        }
        return;
    }
    for (int f = 0; f < slots; f++)
        for (int l = 0; l < blocks; l++)
            plane[(size_t)f * s->slot_stride + (size_t)(first + l) * s->block_stride] =
                lanes[f * CIRC_LANES + l];
}

static inline void gather_plane(const struct circ_spectra *s, const float *plane, int first,
                                int blocks, int slots, float *lanes)
{
    if (s->block_stride == 1) {
        for (int f = 0; f < slots; f++)
            store(lanes + f * CIRC_LANES, load(plane + (size_t)f * s->slot_stride + first));
        return;
    }
    if (s->slot_stride == 1 && slots % CIRC_LANES == 0) {
        for (int f = 0; f < slots; f += CIRC_LANES) {
            vec rows[CIRC_LANES];
            load_square(plane + (size_t)first * s->block_stride + f, s->block_stride, blocks, rows);
            for (int i = 0; i < CIRC_LANES; i++)
                store(lanes + (f + i) * CIRC_LANES, rows[i]);
        }
        return;
    }
    for (int f = 0; f < slots; f++)
        for (int l = 0; l < CIRC_LANES;
             l++) /* lanes without a block repeat the first: finite, unused */
            lanes[f * CIRC_LANES + l] =
                plane[(size_t)f * s->slot_stride +
                      (size_t)(first + (l < blocks ? l : 0)) * s->block_stride];
}

/* Lanes into the channels of y, with bias and ReLU. */
static inline void scatter_rows(const struct circ_inverse *a, int first, int blocks, float *re,
                                float *im)
{
    int k = a->plan->k, odd = k % 2;
    bool whole = k % CIRC_LANES == 0 && (int64_t)(first + blocks) * k <= a->channels;
    for (int r = 0; whole && r < k; r += CIRC_LANES) {
        vec rows[CIRC_LANES];
        for (int i = 0; i < CIRC_LANES; i++)
            rows[i] = load(row_of(re, im, odd, r + i));
        transpose(rows);
        for (int l = 0; l < blocks; l++) {
            size_t channel = (size_t)(first + l) * (size_t)k + (size_t)r;
            vec value = a->bias ? rows[l] + load(a->bias + channel) : rows[l];
            store(a->y + channel, a->relu ? vmax(value, zero()) : value);
        }
    }
    for (int l = 0; !whole && l < blocks; l++) {
        for (int r = 0; r < k && (first + l) * k + r < a->channels; r++) {
            int channel = (first + l) * k + r;
            float value = row_of(re, im, odd, r)[l] + (a->bias ? a->bias[channel] : 0);
            a->y[channel] = a->relu && value < 0 ? 0 : value;
        }
    }
}

static inline void forward_blocks(const struct circ_forward *a, float *scratch)
{
    const struct circ_fft_plan *plan = a->plan;
    float *re = scratch, *im = re + plan->n * CIRC_LANES;
    vec *vr = (vec *)re, *vi = (vec *)im;
    for (int j = 0; j < a->blocks; j += CIRC_LANES) {
        int blocks = a->blocks - j < CIRC_LANES ? a->blocks - j : CIRC_LANES;
        gather_rows(a, j, blocks, re, im);
        lanes_forward(plan, plan->twiddle_f, vr, vi, vi + plan->n, vi + 2 * plan->n);
        scatter_plane(&a->spectra, a->spectra.re, j, blocks, plan->slots, re);
        scatter_plane(&a->spectra, a->spectra.im, j, blocks, plan->slots, im);
    }
}

static inline void inverse_blocks(const struct circ_inverse *a, float *scratch)
{
    const struct circ_fft_plan *plan = a->plan;
    float *re = scratch, *im = re + plan->n * CIRC_LANES;
    vec *vr = (vec *)re, *vi = (vec *)im;
    for (int i = a->block_first; i < a->block_last; i += CIRC_LANES) {
        int blocks = a->block_last - i < CIRC_LANES ? a->block_last - i : CIRC_LANES;
        gather_plane(&a->spectra, a->spectra.re, i, blocks, plan->slots, re);
        gather_plane(&a->spectra, a->spectra.im, i, blocks, plan->slots, im);
        lanes_inverse(plan, plan->twiddle_f, vr, vi, vi + plan->n, vi + 2 * plan->n);
        scatter_rows(a, i, blocks, re, im);
    }
}

#endif
