/* The words and their doubles run through one text each way, so that they are one network. */
#include "backends/core/fixed_fft.h"

#include <math.h>
#include <stdlib.h>

#define PI 3.14159265358979323846

/* circ_fixed_fft_round, which adds to *over when it saturates. */
static inline int32_t fit(int64_t value, int shift, int bits, int64_t *over)
{
    int64_t most = ((int64_t)1 << (bits - 1)) - 1;
    if (shift > 0)
        value = (value + ((int64_t)1 << (shift - 1))) >> shift;
    else
        value *= (int64_t)1 << -shift;
    *over += value > most || value < -most - 1;
    return (int32_t)(value > most ? most : value < -most - 1 ? -most - 1 : value);
}

int32_t circ_fixed_fft_round(int64_t value, int shift, int bits)
{
    int64_t over = 0;
    return fit(value, shift, bits, &over);
}

enum circ_status circ_fixed_fft_create(struct circ_fixed_fft **out, int k, int bits,
                                       struct circ_error *err)
{
    *out = NULL;
    if (k < 1 || k > CIRC_FIXED_MAX_BLOCK || k & (k - 1))
        return circ_status_fail(err, CIRC_UNSUP,
                                "fixed point has blocks of a power of two up to %d, not %d",
                                CIRC_FIXED_MAX_BLOCK, k);
    struct circ_fixed_fft *plan = calloc(1, sizeof *plan);
    int32_t *roots = calloc((size_t)k + 2, sizeof *roots);
    if (!plan || !roots) {
        free(plan);
        free(roots);
        return circ_status_fail(err, CIRC_MEMORY, "no memory for a transform of %d words", k);
    }
    *plan = (struct circ_fixed_fft){.k = k, .n = k / 2, .bits = bits, .roots = roots};
    for (int n = k / 2; n > 0; n /= 2)
        plan->stages++;
    double one = (double)((int64_t)1 << (bits - 2));
    for (int e = 0; e <= plan->n; e++) {
        roots[2 * e] = (int32_t)floor(cos(2 * PI * e / k) * one + 0.5);
        roots[2 * e + 1] = (int32_t)floor(-sin(2 * PI * e / k) * one + 0.5);
    }
    *out = plan;
    return CIRC_OK;
}

void circ_fixed_fft_free(struct circ_fixed_fft *plan)
{
    if (plan)
        free(plan->roots);
    free(plan);
}

static int reversed(int f, int n)
{
    int r = 0;
    for (; n > 1; n /= 2, f /= 2)
        r = 2 * r + f % 2;
    return r;
}

/* Words: products have `fraction` bits more, and one rounding ends a stage. */
#define NAME(f) f##_words
#define WORD    int32_t
#define WIDE    int64_t
#define STATE   const int *shift, int64_t *over
#define ROOTS                                                                                      \
    const int32_t *roots = plan->roots;                                                            \
    const int t = plan->bits - 2
#define ROOT(e)             const WIDE wr = roots[2 * (e)], wi = roots[2 * (e) + 1]
#define UP(v)               ((v) * ((WIDE)1 << t))
#define SUM(v, s, half)     fit(v, shift[s] + (half), plan->bits, over)
#define PRODUCT(v, s, half) fit(v, shift[s] + t + (half), plan->bits, over)
#include "backends/core/fixed_fft_stages.h"

static inline double seen(double v, double *peak)
{
    if (fabs(v) > *peak)
        *peak = fabs(v);
    return v;
}

#define NAME(f)             f##_doubles
#define WORD                double
#define WIDE                double
#define STATE               double *peak
#define ROOTS               (void)0
#define ROOT(e)             const WIDE wr = cos(2 * PI * (e) / plan->k), wi = -sin(2 * PI * (e) / plan->k)
#define UP(v)               (v)
#define SUM(v, s, half)     seen((half) ? (v) / 2 : (v), &peak[s])
#define PRODUCT(v, s, half) SUM(v, s, half)
#include "backends/core/fixed_fft_stages.h"

int64_t circ_fixed_fft_forward(const struct circ_fixed_fft *plan, const int32_t *x,
                               const int *shift, int32_t *slots)
{
    int64_t over = 0;
    forward_words(plan, x, shift, &over, slots);
    return over;
}

int64_t circ_fixed_fft_inverse(const struct circ_fixed_fft *plan, const int32_t *slots,
                               const int *shift, int32_t *x)
{
    int64_t over = 0;
    inverse_words(plan, slots, shift, &over, x);
    return over;
}

void circ_fixed_fft_forward_f64(const struct circ_fixed_fft *plan, const double *x, double *slots,
                                double *peak)
{
    forward_doubles(plan, x, peak, slots);
}

void circ_fixed_fft_inverse_f64(const struct circ_fixed_fft *plan, const double *slots, double *x,
                                double *peak)
{
    inverse_doubles(plan, slots, peak, x);
}
