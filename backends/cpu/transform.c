/* Plans of the vector kernels' transforms: see transform.h. */
#include "backends/cpu/transform.h"

#include <math.h>
#include <stdlib.h>

/* Splits n into passes, forward order. The last pass untangles pairs of its butterflies, twice as
 * many values as any other holds: it is a small one, but an 8 at the end of nothing else or of two
 * more, as measured. Returns false when n has another factor. */
static bool split(int n, int radix[CIRC_TRANSFORM_MAX_PASSES], int *passes)
{
    static const int odd[] = {5, 3};
    int twos = 0, count = 0;
    for (int rest = n; rest % 2 == 0; rest /= 2)
        twos++;
    int last = twos == 4 || twos % 3 == 2   ? 2 /* log2 of the last radix */
               : twos == 6 || twos % 3 == 1 ? 1
               : twos                       ? 3
                                            : 0;
    int left = twos - last;
    for (; left >= 3 && left != 4; left -= 3)
        radix[count++] = 8;
    for (; left >= 2; left -= 2)
        radix[count++] = 4;
    for (; left; left--)
        radix[count++] = 2;
    n >>= twos;
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
        for (; n % odd[i] == 0; n /= odd[i])
            radix[count++] = odd[i];
    if (last)
        radix[count++] = 1 << last;
    if (!count)
        radix[count++] = 1;
    *passes = count;
    return n == 1;
}

static float *put_root(float *pair, double scale, double numerator, double denominator)
{
    const double two_pi = 6.283185307179586476925286766559;
    pair[0] = (float)(scale * cos(two_pi * numerator / denominator));
    pair[1] = (float)(scale * -sin(two_pi * numerator / denominator));
    return pair + 2;
}

static int radix_of(const struct circ_transform *t, bool reverse, int pass)
{
    return t->radix[reverse ? t->passes - 1 - pass : pass];
}

/* Twiddles of the passes in forward or reverse order; returns the end. */
static float *put_passes(const struct circ_transform *t, bool reverse, float *w)
{
    int length = t->n;
    for (int pass = 0; pass < t->passes; pass++) {
        int radix = radix_of(t, reverse, pass), m = length / radix;
        for (int p = 0; p < m; p++)
            for (int j = 1; j < radix; j++)
                w = put_root(w, 1, (double)((long long)j * p % length), length);
        length = m;
    }
    return w;
}

/* Output j of a pass in place lies j m further on, and is a bin s j higher. Where the last pass
 * finds the values of each butterfly; returns the end. */
static int *put_order(const struct circ_transform *t, bool reverse, int *order)
{
    int count = t->n / radix_of(t, reverse, t->passes - 1);
    for (int q = 0; q < count; q++) {
        int rest = q, length = t->n, at = 0;
        for (int pass = 0; pass < t->passes - 1; pass++) {
            int radix = radix_of(t, reverse, pass);
            length /= radix;
            at += rest % radix * length;
            rest /= radix;
        }
        order[q] = at;
    }
    return order + count;
}

static enum circ_status plan_single(struct circ_transform *t, int lanes, struct circ_error *err)
{
    int m = t->n / lanes;
    enum circ_status status = circ_fft_create(&t->inner, 2 * m, err);
    if (status)
        return status;
    t->across = malloc(4 * (size_t)t->n * sizeof *t->across);
    if (!t->across)
        return circ_status_fail(err, CIRC_MEMORY, "no memory for the twiddles of length %d", t->k);
    t->halves = t->across + 2 * t->n;
    for (int f = 0; f < m; f++) {
        for (int l = 0; l < lanes; l++) {
            float pair[2];
            put_root(pair, 1, (double)((long long)l * f), t->n);
            t->across[2 * f * lanes + l] = pair[0];
            t->across[(2 * f + 1) * lanes + l] = pair[1];
        }
    }
    for (int f = 0; f < t->n; f++) {
        t->halves[f] = t->untangle[2 * f];
        t->halves[t->n + f] = t->untangle[2 * f + 1];
    }
    return CIRC_OK;
}

enum circ_status circ_transform_create(struct circ_transform **out, int k, int lanes,
                                       struct circ_error *err)
{
    *out = NULL;
    struct circ_transform *t = calloc(1, sizeof *t);
    if (!t)
        return circ_status_fail(err, CIRC_MEMORY, "no memory for a transform of length %d", k);
    enum circ_status status = circ_fft_create(&t->plan, k, err);
    if (status) {
        circ_transform_free(t);
        return status;
    }
    t->k = k;
    t->n = t->plan->n;
    t->slots = t->plan->slots;
    t->scale = 1.0f / (float)k;
    t->fused = k % 2 == 0 && split(t->n, t->radix, &t->passes);
    if (t->fused) {
        size_t pairs = 3 * (size_t)t->n; /* the passes of either order have n - 1 */
        t->forward = malloc(2 * pairs * sizeof *t->forward);
        t->forward_order = malloc(2 * (size_t)t->n * sizeof *t->forward_order);
        if (!t->forward || !t->forward_order) {
            circ_transform_free(t);
            return circ_status_fail(err, CIRC_MEMORY, "no memory for the twiddles of length %d", k);
        }
        t->inverse = put_passes(t, false, t->forward);
        t->untangle = put_passes(t, true, t->inverse);
        t->inverse_order = put_order(t, false, t->forward_order);
        put_order(t, true, t->inverse_order);
        float *w = t->untangle;
        for (int f = 0; f < t->n; f++)
            w = put_root(w, 0.5, f, k);
    }
    if (t->fused && lanes > 1 && t->n % (lanes * lanes) == 0)
        status = plan_single(t, lanes, err);
    if (status)
        circ_transform_free(t);
    else
        *out = t;
    return status;
}

void circ_transform_free(struct circ_transform *transform)
{
    if (!transform)
        return;
    circ_fft_free(transform->plan);
    circ_fft_free(transform->inner);
    free(transform->across);
    free(transform->forward);
    free(transform->forward_order);
    free(transform);
}

size_t circ_transform_scratch(const struct circ_transform *transform)
{
    /* two buffers of complex values for the passes, the rows of a block and its slots */
    return 4 * (size_t)transform->n + (size_t)transform->k + 2 * (size_t)transform->slots;
}
