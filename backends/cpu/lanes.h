/* Vectors of CIRC_LANES floats in GCC's vector extension, and the transform on them: what all
 * kernels are made of. Part of the template kernels.c, which sets CIRC_LANES. */
#ifndef CIRC_LANES_H
#define CIRC_LANES_H

#include "backends/core/fft.h"

#include <stdbool.h>
#include <stdint.h>
#if defined(__AVX__)
#include <immintrin.h>
#endif

#ifndef CIRC_LANES
#define CIRC_LANES 1
#endif

#if CIRC_LANES > 1
typedef float vec __attribute__((vector_size(4 * CIRC_LANES)));
typedef float vec_any __attribute__((vector_size(4 * CIRC_LANES), aligned(4), may_alias));
typedef int32_t mask __attribute__((vector_size(4 * CIRC_LANES)));
#else
typedef float vec;
typedef float vec_any;
#endif

#define INLINE static inline __attribute__((always_inline))

INLINE vec load(const float *p)
{
    return *(const vec_any *)p;
}

INLINE void store(float *p, vec v)
{
    *(vec_any *)p = v;
}

INLINE vec zero(void)
{
    return (vec){0};
}

INLINE vec set1(float x)
{
    return x - zero(); /* 0 + x would be an addition, for the sake of -0 */
}

/* v, in a register from here on: without it gcc reads memory anew for every use in a sum of
 * products. */
INLINE vec held(vec v)
{
#if CIRC_LANES > 1 && defined(__x86_64__)
    __asm__("" : "+v"(v));
#elif CIRC_LANES > 1 && defined(__aarch64__)
    __asm__("" : "+w"(v));
#endif
    return v;
}

/* v with its first lane from another. */
INLINE vec with_first(vec v, vec other)
{
#if CIRC_LANES > 1
    v[0] = other[0];
#else
    v = other;
#endif
    return v;
}

/* a > b ? a : b, and so b where either is NaN. */
INLINE vec vmax(vec a, vec b)
{
#if CIRC_LANES == 16 && defined(__AVX512F__)
    return (vec)_mm512_max_ps((__m512)a, (__m512)b);
#elif CIRC_LANES == 8 && defined(__AVX__)
    return (vec)_mm256_max_ps((__m256)a, (__m256)b);
#elif CIRC_LANES > 1
    mask greater = a > b;
    return (vec)(((mask)a & greater) | ((mask)b & ~greater));
#else
    return a > b ? a : b;
#endif
}

/* The first `count` lanes, count <= CIRC_LANES. */
INLINE void store_first(float *p, vec v, int count)
{
#if CIRC_LANES == 16 && defined(__AVX512F__)
    _mm512_mask_storeu_ps(p, (__mmask16)((1u << count) - 1), (__m512)v);
#else
    float out[CIRC_LANES];
    store(out, v);
    for (int l = 0; l < count; l++)
        p[l] = out[l];
#endif
}

#define CIRC_FFT_V       vec
#define CIRC_FFT_S       float
#define CIRC_FFT_NAME(x) lanes_##x
#include "backends/core/fft_passes.h"

/* One finished channel: bias, activation, and only the columns that exist. */
INLINE void finish(float *y, vec value, float bias, bool relu, int columns)
{
    value = value + bias;
    if (relu)
        value = vmax(zero(), value);
    if (columns >= CIRC_LANES)
        store(y, value);
    else
        store_first(y, value, columns);
}

#if CIRC_LANES > 1
/* Lane indices that swap the off-diagonal halves of two rows `distance` apart. */
INLINE void swap_halves(vec *low, vec *high, int distance)
{
    mask to_low, to_high;
    for (int l = 0; l < CIRC_LANES; l++) {
        to_low[l] = l & distance ? CIRC_LANES + l - distance : l;
        to_high[l] = l & distance ? CIRC_LANES + l : l + distance;
    }
    vec a = *low, b = *high;
    *low = __builtin_shuffle(a, b, to_low);
    *high = __builtin_shuffle(a, b, to_high);
}
#endif

/* Transposes a square of CIRC_LANES vectors in registers, halving blocks. */
INLINE void transpose(vec *rows)
{
#if CIRC_LANES > 1
#pragma GCC unroll 4
    for (int distance = CIRC_LANES / 2; distance; distance /= 2) {
#pragma GCC unroll 16
        for (int i = 0; i < CIRC_LANES; i++)
            if (!(i & distance))
                swap_halves(&rows[i], &rows[i + distance], distance);
    }
#else
    (void)rows;
#endif
}

#endif
