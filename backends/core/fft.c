/* FFT plans, and the scalar float and double instances of the transform in fft_passes.h. */
#include "backends/core/fft.h"

#include <math.h>
#include <stdlib.h>

#define CIRC_FFT_V       float
#define CIRC_FFT_S       float
#define CIRC_FFT_NAME(x) f32_##x
#include "backends/core/fft_passes.h"
#undef CIRC_FFT_V
#undef CIRC_FFT_S
#undef CIRC_FFT_NAME

#define CIRC_FFT_V       double
#define CIRC_FFT_S       double
#define CIRC_FFT_NAME(x) f64_##x
#include "backends/core/fft_passes.h"

/* Radices from large to small stride: 4 before 2 saves multiplications, odd factors last. */
static int factor(int n, int radix[CIRC_FFT_MAX_PASSES])
{
    static const int first[] = {4, 2, 3, 5, 7};
    int passes = 0;
    for (size_t i = 0; i < sizeof first / sizeof *first; i++)
        for (; n % first[i] == 0; n /= first[i])
            radix[passes++] = first[i];
    for (int prime = 11; n > 1; prime += 2) {
        if ((long long)prime * prime > n)
            prime = n;
        for (; n % prime == 0; n /= prime)
            radix[passes++] = prime;
    }
    return passes;
}

static void put_root(double *pair, double numerator, double denominator)
{
    const double two_pi = 6.283185307179586476925286766559;
    pair[0] = cos(two_pi * numerator / denominator);
    pair[1] = -sin(two_pi * numerator / denominator);
}

static void fill_twiddles(struct circ_fft_plan *plan)
{
    double *w = plan->twiddle;
    int length = plan->n;
    for (int pass = 0; pass < plan->passes; pass++) {
        int radix = plan->radix[pass], m = length / radix;
        for (int p = 0; p < m; p++)
            for (int j = 1; j < radix; j++, w += 2)
                put_root(w, (double)((long long)j * p % length), length);
        length = m;
    }
    for (int f = 0; f <= plan->n / 2; f++, w += 2)
        put_root(w, f, plan->k);
    for (int j = 0; j < plan->n; j++, w += 2)
        put_root(w, j, plan->n);
    for (size_t i = 0; i < 2 * plan->twiddle_count; i++)
        plan->twiddle_f[i] = (float)plan->twiddle[i];
}

enum circ_status circ_fft_create(struct circ_fft_plan **out, int k, struct circ_error *err)
{
    *out = NULL;
    if (k < 1)
        return circ_status_fail(err, CIRC_USAGE, "transform length %d: must be at least 1", k);
    struct circ_fft_plan *plan = calloc(1, sizeof *plan);
    if (!plan)
        return circ_status_fail(err, CIRC_MEMORY, "no memory for a transform plan of length %d", k);
    plan->k = k;
    plan->n = k % 2 ? k : k / 2;
    plan->slots = circ_fft_slots(k);
    plan->passes = factor(plan->n, plan->radix);
    int length = plan->n;
    for (int pass = 0; pass < plan->passes; pass++) {
        length /= plan->radix[pass];
        plan->untangle_offset += (size_t)length * (size_t)(plan->radix[pass] - 1);
    }
    plan->root_offset = plan->untangle_offset + (size_t)plan->n / 2 + 1;
    plan->twiddle_count = plan->root_offset + (size_t)plan->n;
    plan->twiddle = malloc(2 * plan->twiddle_count * sizeof *plan->twiddle);
    plan->twiddle_f = malloc(2 * plan->twiddle_count * sizeof *plan->twiddle_f);
    if (!plan->twiddle || !plan->twiddle_f) {
        circ_fft_free(plan);
        return circ_status_fail(err, CIRC_MEMORY, "no memory for the twiddles of length %d", k);
    }
    fill_twiddles(plan);
    *out = plan;
    return CIRC_OK;
}

void circ_fft_free(struct circ_fft_plan *plan)
{
    if (!plan)
        return;
    free(plan->twiddle);
    free(plan->twiddle_f);
    free(plan);
}

int circ_fft_slots(int k)
{
    return k / 2 + k % 2;
}

size_t circ_fft_scratch(const struct circ_fft_plan *plan)
{
    return 4 * (size_t)plan->n;
}

/* The scalar entry points differ in type alone: load into split form, transform, pack. */
#define DEFINE_SCALAR(type, suffix, table)                                                         \
    void circ_fft_forward_##suffix(const struct circ_fft_plan *plan, const type *x, type *packed,  \
                                   type *scratch)                                                  \
    {                                                                                              \
        int k = plan->k, n = plan->n, odd = k % 2;                                                 \
        type *re = scratch, *im = re + n;                                                          \
        for (int r = 0; r < n; r++) {                                                              \
            re[r] = odd ? x[r] : x[2 * r];                                                         \
            im[r] = odd ? 0 : x[2 * r + 1];                                                        \
        }                                                                                          \
        suffix##_forward(plan, plan->table, re, im, im + n, im + 2 * n);                           \
        packed[0] = re[0];                                                                         \
        if (!odd)                                                                                  \
            packed[1] = im[0];                                                                     \
        for (int f = 1; f < plan->slots; f++) {                                                    \
            packed[2 * f - odd] = re[f];                                                           \
            packed[2 * f - odd + 1] = im[f];                                                       \
        }                                                                                          \
    }                                                                                              \
    void circ_fft_inverse_##suffix(const struct circ_fft_plan *plan, const type *packed, type *x,  \
                                   type *scratch)                                                  \
    {                                                                                              \
        int k = plan->k, n = plan->n, odd = k % 2;                                                 \
        type *re = scratch, *im = re + n;                                                          \
        re[0] = packed[0];                                                                         \
        im[0] = odd ? 0 : packed[1];                                                               \
        for (int f = 1; f < plan->slots; f++) {                                                    \
            re[f] = packed[2 * f - odd];                                                           \
            im[f] = packed[2 * f - odd + 1];                                                       \
        }                                                                                          \
        suffix##_inverse(plan, plan->table, re, im, im + n, im + 2 * n);                           \
        for (int r = 0; r < n; r++) {                                                              \
            x[odd ? r : 2 * r] = re[r];                                                            \
            if (!odd)                                                                              \
                x[2 * r + 1] = im[r];                                                              \
        }                                                                                          \
    }

DEFINE_SCALAR(float, f32, twiddle_f)
DEFINE_SCALAR(double, f64, twiddle)
