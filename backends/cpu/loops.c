/* The template of the ceilings' loops: built once for each ISA row with the row's flags, CIRC_LANES
 * and CIRC_LOOPS. It measures nothing; probe.c calls it.
 *
 * The row `scalar` is what any machine of its family runs, and the compiler makes vectors of its
 * plain loops: its ceilings are those of the family's first vectors, 16 bytes. */
#include "backends/cpu/loops.h"

#ifdef CIRC_HALVES
#include <immintrin.h>
#endif

#define LANES (CIRC_LANES > 4 ? CIRC_LANES : 4)

/* Enough for the latency of four times two units, few enough for the registers. */
#if defined(__AVX512F__) || defined(__aarch64__)
#define ACCUMULATORS 24
#else
#define ACCUMULATORS 12
#endif

#define VECTORS 8 /* loads of one turn of a read, each with an accumulator of its own */

typedef float vec __attribute__((vector_size(4 * LANES)));
typedef float vec_any __attribute__((vector_size(4 * LANES), aligned(4), may_alias));

/* Vectors first: a read of a small working set must not be measured by its end. */
static inline __attribute__((always_inline)) float sum_of(const vec *v, int count)
{
    vec all = v[0];
    float sum = 0;
    for (int i = 1; i < count; i++)
        all += v[i];
    for (int l = 0; l < LANES; l++)
        sum += all[l];
    return sum;
}

/* Accumulators start apart, or the compiler would see that they are one. */
static void peak_f32(int64_t turns, float state[3])
{
    vec sums[ACCUMULATORS], factor = (vec){0} + state[0], summand = (vec){0} + state[1];
#pragma GCC unroll 24
    for (int i = 0; i < ACCUMULATORS; i++)
        sums[i] = (vec){0} + (float)(1 + i);
    for (int64_t t = 0; t < turns; t++) {
#pragma GCC unroll 24
        for (int i = 0; i < ACCUMULATORS; i++)
            sums[i] = sums[i] * factor + summand;
    }
    state[2] = sum_of(sums, ACCUMULATORS);
}

#ifdef CIRC_HALVES
__extension__ typedef _Float16 half;
typedef half halves __attribute__((vector_size(64)));

__attribute__((target("avx512fp16"))) static void peak_f16(int64_t turns, float state[3])
{
    halves sums[ACCUMULATORS], factor = (halves){0} + (half)state[0];
    halves summand = (halves){0} + (half)state[1];
#pragma GCC unroll 24
    for (int i = 0; i < ACCUMULATORS; i++)
        sums[i] = (halves){0} + (half)(1 + i);
    for (int64_t t = 0; t < turns; t++) {
#pragma GCC unroll 24
        for (int i = 0; i < ACCUMULATORS; i++)
            sums[i] = sums[i] * factor + summand;
    }
    state[2] = 0;
    for (int i = 0; i < ACCUMULATORS; i++)
        for (int l = 0; l < 32; l++)
            state[2] += (float)sums[i][l];
}

/* bfloat16 is the upper half of a float: each lane of a float vector is a pair of them. */
__attribute__((target("avx512bf16"))) static void peak_bf16(int64_t turns, float state[3])
{
    vec sums[ACCUMULATORS];
    __m512bh factor = (__m512bh)((vec){0} + state[0]), summand = (__m512bh)((vec){0} + state[1]);
#pragma GCC unroll 24
    for (int i = 0; i < ACCUMULATORS; i++)
        sums[i] = (vec){0} + (float)(1 + i);
    for (int64_t t = 0; t < turns; t++) {
#pragma GCC unroll 24
        for (int i = 0; i < ACCUMULATORS; i++)
            sums[i] = (vec)_mm512_dpbf16_ps((__m512)sums[i], factor, summand);
    }
    state[2] = sum_of(sums, ACCUMULATORS);
}
#endif

/* One read in `streams` equal parts side by side; inlined with constants. */
static inline __attribute__((always_inline)) float read_streams(const float *x, size_t floats,
                                                                int streams)
{
    const int each = VECTORS / streams;
    const size_t part = floats / (size_t)streams;
    vec sums[VECTORS] = {{0}};
    for (size_t at = 0; at < part; at += (size_t)(each * LANES)) {
#pragma GCC unroll 8
        for (int v = 0; v < VECTORS; v++)
            sums[v] +=
                *(const vec_any *)(x + (size_t)(v / each) * part + at + (size_t)(v % each * LANES));
    }
    return sum_of(sums, VECTORS);
}

static float read_2(const float *x, size_t floats)
{
    return read_streams(x, floats, 2);
}

static float read_4(const float *x, size_t floats)
{
    return read_streams(x, floats, 4);
}

static float read_8(const float *x, size_t floats)
{
    return read_streams(x, floats, 8);
}

const struct circ_loops CIRC_LOOPS = {
    .name = CIRC_TABLE_NAME,
#ifdef CIRC_HALVES
    .peak_count = 3,
#else
    .peak_count = 1,
#endif
    .peaks = {{"fma_f32", 2 * ACCUMULATORS *LANES, peak_f32},
#ifdef CIRC_HALVES
              {"fma_f16", 2 * ACCUMULATORS * 32, peak_f16},
              {"dot_bf16", 4 * ACCUMULATORS * 16, peak_bf16}
#endif
    },
    .read_floats = VECTORS * LANES,
    .reads = {read_2, read_4, read_8},
};
