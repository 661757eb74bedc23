/* Transforms with lanes over blocks, for a single column whose channels lie one after the other:
 * what kernels.c has for columns, for blocks. Part of that template.
 *
 * Memory has one block after the other and lanes want one row of all blocks: squares of CIRC_LANES
 * x CIRC_LANES are transposed in registers where all of one exists, and what is cut off at an edge
 * goes number by number. */
#ifndef CIRC_BLOCKS_H
#define CIRC_BLOCKS_H

#include "backends/cpu/kernels.h"
#include "backends/cpu/lengths.h"
#include "backends/cpu/single.h"

#include <math.h>
#include <string.h>

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

#if CIRC_LANES > 1
/* All blocks of a vector, k of them vectors in memory, k < CIRC_LANES. */
INLINE void gather_short(const float *x, int k, float *rows)
{
    vec v[8];
#pragma GCC unroll 8
    for (int i = 0; i < k; i++)
        v[i] = load(x + i * CIRC_LANES);
    unzip(v, k);
#pragma GCC unroll 8
    for (int i = 0; i < k; i++)
        store(rows + i * CIRC_LANES, v[i]);
}

INLINE void scatter_short(const float *rows, int k, vec least, const float *bias, float *y)
{
    vec v[8];
#pragma GCC unroll 8
    for (int i = 0; i < k; i++)
        v[i] = load(rows + i * CIRC_LANES);
    zip(v, k);
#pragma GCC unroll 8
    for (int i = 0; i < k; i++) {
        vec value = bias ? v[i] + load(bias + i * CIRC_LANES) : v[i];
        store(y + i * CIRC_LANES, vmax(least, value));
    }
}

#if CIRC_LANES > 8
#define FOR_SHORT(run) run(2) run(4) run(8)
#elif CIRC_LANES > 4
#define FOR_SHORT(run) run(2) run(4)
#else
#define FOR_SHORT(run) run(2)
#endif
#endif

/* Blocks first .. first + blocks - 1 of x into lanes: rows[r][lane]. */
static inline void gather_rows(const struct circ_forward *a, int first, int blocks, float *rows)
{
    int k = a->transform->k;
    bool whole = (int64_t)(first + blocks) * k <= a->channels;
    const float *x = a->x + (size_t)first * (size_t)k;
    if (k % CIRC_LANES == 0 && whole) {
        for (int r = 0; r < k; r += CIRC_LANES) {
            vec square[CIRC_LANES];
            load_square(x + r, (size_t)k, blocks, square);
            for (int i = 0; i < CIRC_LANES; i++)
                store(rows + (r + i) * CIRC_LANES, square[i]);
        }
        return;
    }
#if CIRC_LANES > 1
    switch (whole && blocks == CIRC_LANES ? k : 0) {
#define CASE(k)                                                                                    \
    case k:                                                                                        \
        gather_short(x, k, rows);                                                                  \
        return;
        FOR_SHORT(CASE)
#undef CASE
    }
#endif
    memset(rows, 0, (size_t)k * CIRC_LANES * sizeof *rows);
    for (int l = 0; l < blocks; l++, x += k) {
        int valid = a->channels - (first + l) * k < k ? a->channels - (first + l) * k : k;
        for (int r = 0; r < valid; r++)
            rows[r * CIRC_LANES + l] = x[r];
    }
}

/* One plane of slots to or from a place where lanes are not blocks: slots lie one after the other
 * there (slot_stride 1) with room for whole vectors, or neither does. */
static inline void scatter_plane(const struct circ_spectra *s, float *plane, int first, int blocks,
                                 int slots, const float *lanes)
{
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

/* CIRC_LANES rows of so many blocks into channels k apart. */
INLINE void scatter_square(const float *rows, int blocks, vec least, const float *bias, float *y,
                           size_t k)
{
    vec square[CIRC_LANES];
    for (int i = 0; i < CIRC_LANES; i++)
        square[i] = load(rows + i * CIRC_LANES);
    transpose(square);
#pragma GCC unroll 16
    for (int l = 0; l < CIRC_LANES; l++) {
        if (l >= blocks)
            break;
        vec value = bias ? square[l] + load(bias + (size_t)l * k) : square[l];
        store(y + (size_t)l * k, vmax(least, value));
    }
}

/* Lanes into the channels of y, with bias and ReLU. */
static inline void scatter_rows(const struct circ_inverse *a, int first, int blocks,
                                const float *rows)
{
    int k = a->transform->k;
    bool whole = (int64_t)(first + blocks) * k <= a->channels, all = blocks == CIRC_LANES;
    size_t channel = (size_t)first * (size_t)k;
    const float *bias = a->bias ? a->bias + channel : NULL;
    float *y = a->y + channel;
    vec least = set1(a->relu ? 0 : -INFINITY);
    if (k % CIRC_LANES == 0 && whole) {
        for (int r = 0; r < k; r += CIRC_LANES, rows += CIRC_LANES * CIRC_LANES, y += CIRC_LANES) {
            if (all && bias)
                scatter_square(rows, CIRC_LANES, least, bias + r, y, (size_t)k);
            else
                scatter_square(rows, blocks, least, bias ? bias + r : NULL, y, (size_t)k);
        }
        return;
    }
#if CIRC_LANES > 1
    switch (whole && all ? k : 0) {
#define CASE(k)                                                                                    \
    case k:                                                                                        \
        scatter_short(rows, k, least, bias, y);                                                    \
        return;
        FOR_SHORT(CASE)
#undef CASE
    }
#endif
    for (int l = 0; l < blocks; l++) {
        for (int r = 0; r < k && (first + l) * k + r < a->channels; r++) {
            float value = rows[r * CIRC_LANES + l] + (bias ? bias[l * k + r] : 0);
            y[l * k + r] = a->relu && value < 0 ? 0 : value;
        }
    }
}

/* scratch: 4 n vectors of the transform, k rows, the slots where they go through lanes first. */
static inline void forward_blocks(const struct circ_forward *a, float *scratch)
{
    const struct circ_transform *t = a->transform;
    const struct circ_spectra *s = &a->spectra;
#if CIRC_LANES > 1
    if (t->inner && s->slot_stride == 1) {
        forward_singles(a, scratch);
        return;
    }
#endif
    float *rows = scratch + 4 * t->n * CIRC_LANES, *re = rows + t->k * CIRC_LANES;
    float *im = re + t->slots * CIRC_LANES;
    for (int j = 0; j < a->blocks; j += CIRC_LANES) {
        int blocks = a->blocks - j < CIRC_LANES ? a->blocks - j : CIRC_LANES;
        gather_rows(a, j, blocks, rows);
        if (s->block_stride == 1) {
            gathered_to_slots(t, rows, (struct slots){s->re + j, s->im + j, NULL, s->slot_stride},
                              (vec *)scratch);
            continue;
        }
        gathered_to_slots(t, rows, (struct slots){re, im, NULL, CIRC_LANES}, (vec *)scratch);
        scatter_plane(s, s->re, j, blocks, t->slots, re);
        scatter_plane(s, s->im, j, blocks, t->slots, im);
    }
}

static inline void inverse_blocks(const struct circ_inverse *a, float *scratch)
{
    const struct circ_transform *t = a->transform;
    const struct circ_spectra *s = &a->spectra;
#if CIRC_LANES > 1
    if (t->inner && s->slot_stride == 1) {
        inverse_singles(a, scratch);
        return;
    }
#endif
    float *rows = scratch + 4 * t->n * CIRC_LANES, *re = rows + t->k * CIRC_LANES;
    float *im = re + t->slots * CIRC_LANES;
    for (int i = a->block_first; i < a->block_last; i += CIRC_LANES) {
        int blocks = a->block_last - i < CIRC_LANES ? a->block_last - i : CIRC_LANES;
        int at = i - a->block_first;
        struct slots x = {s->re + at, s->im + at, NULL, s->slot_stride};
        if (s->block_stride != 1) {
            gather_plane(s, s->re, at, blocks, t->slots, re);
            gather_plane(s, s->im, at, blocks, t->slots, im);
            x = (struct slots){re, im, NULL, CIRC_LANES};
        }
        slots_to_gathered(t, x, rows, (vec *)scratch);
        scatter_rows(a, i, blocks, rows);
    }
}

#endif
