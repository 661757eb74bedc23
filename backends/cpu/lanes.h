/* Vectors of CIRC_LANES floats in GCC's vector extension, and the transform on them: what all
 * kernels are made of. Part of the template kernels.c, which sets CIRC_LANES. */
#ifndef CIRC_LANES_H
#define CIRC_LANES_H

#include "backends/core/fft.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
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
typedef int32_t mask;
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

/* w[i] in every lane. NEON's FMA takes a factor from a lane, so one load serves four: it may read
 * up to w[i + 3]. */
INLINE vec set1_at(const float *w, int i)
{
#if CIRC_LANES == 4 && defined(__aarch64__)
    return set1(load(w + (i & ~3))[i & 3]);
#else
    return set1(w[i]);
#endif
}

/* Lanes first .. first + count - 1. */
INLINE mask lanes_from(int first, int count)
{
#if CIRC_LANES > 1
    mask lane;
#pragma GCC unroll 16
    for (int l = 0; l < CIRC_LANES; l++)
        lane[l] = l;
    return (lane >= first) & (lane < first + count);
#else
    return first < count ? -1 : 0;
#endif
}

/* These lanes of v, zero in the others. */
INLINE vec only(vec v, mask lanes)
{
#if CIRC_LANES > 1
    return (vec)((mask)v & lanes);
#else
    return lanes ? v : 0;
#endif
}

/* Two vectors in one, each zero where the other is not. */
INLINE vec either(vec a, vec b)
{
#if CIRC_LANES > 1
    return (vec)((mask)a | (mask)b);
#else
    return a + b;
#endif
}

/* base[index[l]] in lane l. */
INLINE vec gather(const float *base, const int32_t *index)
{
#if CIRC_LANES == 16 && defined(__AVX512F__)
    return (vec)_mm512_i32gather_ps(_mm512_loadu_si512(index), base, 4);
#elif CIRC_LANES == 8 && defined(__AVX2__)
    return (vec)_mm256_i32gather_ps(base, _mm256_loadu_si256((const __m256i *)index), 4);
#elif CIRC_LANES > 1
    vec v;
    for (int l = 0; l < CIRC_LANES; l++)
        v[l] = base[index[l]];
    return v;
#else
    return base[*index];
#endif
}

/* The sum of all lanes. */
INLINE float across(vec v)
{
#if CIRC_LANES == 16 && defined(__AVX512F__)
    return _mm512_reduce_add_ps((__m512)v); /* gcc builds the shuffles below in memory */
#elif CIRC_LANES > 1
#pragma GCC unroll 4
    for (int distance = CIRC_LANES / 2; distance; distance /= 2) {
        mask other;
#pragma GCC unroll 16
        for (int l = 0; l < CIRC_LANES; l++)
            other[l] = l ^ distance;
        v = v + __builtin_shuffle(v, other);
    }
    return v[0];
#else
    return v;
#endif
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

/* The lower half of each lane as the upper half of a float32: see pair.h. */
INLINE vec lower_half(vec pairs)
{
#if CIRC_LANES > 1
    return (vec)((mask)pairs << 16);
#else
    uint32_t bits;
    memcpy(&bits, &pairs, sizeof bits);
    bits <<= 16;
    memcpy(&pairs, &bits, sizeof bits);
    return pairs;
#endif
}

/* a > b ? a : b, and so b where either is NaN. */
INLINE vec vmax(vec a, vec b)
{
#if CIRC_LANES == 16 && defined(__AVX512F__)
    return (vec)_mm512_max_ps((__m512)a, (__m512)b);
#elif CIRC_LANES == 8 && defined(__AVX__)
    return (vec)_mm256_max_ps((__m256)a, (__m256)b);
#elif CIRC_LANES > 1 && defined(__ARM_FEATURE_SVE)
    float x[CIRC_LANES], y[CIRC_LANES]; /* gcc 12 ends with an internal error at the form below */
    store(x, a);
    store(y, b);
    for (int l = 0; l < CIRC_LANES; l++)
        y[l] = x[l] > y[l] ? x[l] : y[l];
    return load(y);
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
/* Where lane l of the low and of the high row comes from when their off-diagonal halves of `d`
 * lanes change places; the high row's lanes count from CIRC_LANES on. Literals, because a target
 * without a shuffle by variable indices, NEON's, would move lane by lane. */
#define LOW(l, d)          ((l) & (d) ? CIRC_LANES + (l) - (d) : (l))
#define HIGH(l, d)         ((l) & (d) ? CIRC_LANES + (l) : (l) + (d))
#define SAME(l, d)         (l)
#define LANES_4(of, l, d)  of(l, d), of(l + 1, d), of(l + 2, d), of(l + 3, d)
#define LANES_8(of, l, d)  LANES_4(of, l, d), LANES_4(of, l + 4, d)
#define LANES_16(of, l, d) LANES_8(of, l, d), LANES_8(of, l + 8, d)
#if CIRC_LANES == 4
#define LANES(of, d) LANES_4(of, 0, d)
#elif CIRC_LANES == 8
#define LANES(of, d) LANES_8(of, 0, d)
#else
#define LANES(of, d) LANES_16(of, 0, d)
#endif

#define SWAP(d)                                                                                    \
    if (distance == d) {                                                                           \
        *low = __builtin_shufflevector(a, b, LANES(LOW, d));                                       \
        *high = __builtin_shufflevector(a, b, LANES(HIGH, d));                                     \
    }

INLINE void swap_halves(vec *low, vec *high, int distance)
{
    vec a = *low, b = *high;
    SWAP(1)
    SWAP(2)
#if CIRC_LANES > 4
    SWAP(4)
#endif
#if CIRC_LANES > 8
    SWAP(8)
#endif
}
#undef SWAP
#endif

/* Half a vector from either place. */
INLINE vec halves(const float *low, const float *high)
{
#if CIRC_LANES > 1
    typedef float half __attribute__((vector_size(2 * CIRC_LANES)));
    half a, b;
    memcpy(&a, low, sizeof a);
    memcpy(&b, high, sizeof b);
    return __builtin_shufflevector(a, b, LANES(SAME, 0));
#else
    (void)high;
    return load(low);
#endif
}

#if CIRC_LANES > 1
/* Of 2 L values in a and b, those of even and of odd index; and back. */
INLINE void part(vec a, vec b, vec *even, vec *odd)
{
    mask order;
    for (int l = 0; l < CIRC_LANES; l++)
        order[l] = 2 * l;
    *even = __builtin_shuffle(a, b, order);
    *odd = __builtin_shuffle(a, b, order + 1);
}

INLINE void join(vec even, vec odd, vec *a, vec *b)
{
    mask order;
    for (int l = 0; l < CIRC_LANES; l++)
        order[l] = l % 2 * CIRC_LANES + l / 2;
    *a = __builtin_shuffle(even, odd, order);
    *b = __builtin_shuffle(even, odd, order + CIRC_LANES / 2);
}

/* v holds `ways` vectors of values one after the other: those of each residue modulo ways into a
 * vector of their own; and back. ways: a power of two up to 8. */
INLINE void unzip(vec *v, int ways)
{
    vec to[8];
#pragma GCC unroll 3
    for (int turn = 1; turn < ways; turn *= 2) {
#pragma GCC unroll 4
        for (int i = 0; i < ways / 2; i++)
            part(v[2 * i], v[2 * i + 1], &to[i], &to[i + ways / 2]);
#pragma GCC unroll 8
        for (int i = 0; i < ways; i++)
            v[i] = to[i];
    }
}

INLINE void zip(vec *v, int ways)
{
    vec to[8];
#pragma GCC unroll 3
    for (int turn = 1; turn < ways; turn *= 2) {
#pragma GCC unroll 4
        for (int i = 0; i < ways / 2; i++)
            join(v[i], v[i + ways / 2], &to[2 * i], &to[2 * i + 1]);
#pragma GCC unroll 8
        for (int i = 0; i < ways; i++)
            v[i] = to[i];
    }
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
