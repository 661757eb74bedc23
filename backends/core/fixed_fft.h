/* Real transforms in words of few bits, as a pipeline of butterflies on an FPGA does them: the
 * definition, bit for bit, of what the kernels of backends/fpga compute.
 *
 * Convention and slots as in fft.h; k is a power of two, and n = k/2. Forward: z[i] = x[2i] + i
 * x[2i+1], log2 n stages of radix 2 in place by decimation in frequency (Gentleman and Sande, AFIPS
 * 29, 1966), which leave bin f at the bit reversal of f, and one stage that untangles the two
 * halves. Inverse: the transposed network (Cooley and Tukey, Math. Comp. 19, 1965).
 *
 * Words have `bits` bits, two's complement. Every stage shifts its results right by an amount of
 * its own, which whoever calls chooses so that they fit (fixed.h), rounds once and saturates:
 *     round(v, s) = clamp(floor((v + 2^(s-1)) / 2^s)), half up; s <= 0: clamp(v 2^-s)
 *     stage of span m, j < m, w = exp(-2 pi i j / (2m)) in words of bits - 2 fraction bits (t):
 *         forward   a' = round(a + b, s)                b' = round((a - b) w, s + t)
 *         inverse   a' = round(a 2^t + conj(w) b, s + t)  b' = round(a 2^t - conj(w) b, s + t)
 *     untangle, 0 < f <= n/2, w = exp(-2 pi i f / k), e = Z[f] + conj Z[n-f], o = -i (Z[f] - conj
 *     Z[n-f]):  X[f] = round(e 2^t + w o, s + t + 1)   X[n-f] = round(conj(e 2^t - w o), s + t + 1)
 *               slot 0 = {round(re + im, s), round(re - im, s)} of Z[0]
 *     tangle,   e = X[f] + conj X[n-f], o = conj(w) (X[f] - conj X[n-f]):
 *               Z[f] = round(e 2^t + i o, s + t + 1)   Z[n-f] = round(conj(e) 2^t + i conj(o), s +
 * t + 1) Z[0] = {round(a + b, s + 1), round(a - b, s + 1)} of slot 0 = {a, b} The inverse does not
 * divide by n: whoever reads its words counts that as fraction bits. */
#ifndef CIRC_CORE_FIXED_FFT_H
#define CIRC_CORE_FIXED_FFT_H

#include "backends/core/status.h"

#include <stdint.h>

#define CIRC_FIXED_MAX_BLOCK  4096
#define CIRC_FIXED_MAX_STAGES 12 /* log2 of the largest n, and the untangling */

/* Read-only after creation: any number of threads may use one. */
struct circ_fixed_fft {
    int k, n;
    int stages; /* in each direction: log2 n, and 1; 0 for k = 1, whose transform is x itself */
    int bits;
    int32_t *roots; /* owned: [n + 1] pairs (re, im) of exp(-2 pi i e / k), e = 0 .. n */
};

/* Transforms of k words of 2 to 16 bits. UNSUP for a k that is no power of two up to the largest;
 * MEMORY. The caller frees it. */
CIRC_MUST_USE enum circ_status circ_fixed_fft_create(struct circ_fixed_fft **plan, int k, int bits,
                                                     struct circ_error *err);
void circ_fixed_fft_free(struct circ_fixed_fft *plan); /* NULL allowed */

/* round(value, shift) of the definition, to words of so many bits; |shift| < 48. */
int32_t circ_fixed_fft_round(int64_t value, int shift, int bits);

/* x[k] -> slots[k] = {re, im} of slot 0, of slot 1, ... and back; shift [stages] in the order in
 * which the stages run. In place allowed. Both return how many words saturated on the way. */
int64_t circ_fixed_fft_forward(const struct circ_fixed_fft *plan, const int32_t *x,
                               const int *shift, int32_t *slots);
int64_t circ_fixed_fft_inverse(const struct circ_fixed_fft *plan, const int32_t *slots,
                               const int *shift, int32_t *x);

/* The same networks in double, with exact roots, without shifts: what the words stand for. peak
 * [stages] is raised to the largest magnitude of a component after each stage. */
void circ_fixed_fft_forward_f64(const struct circ_fixed_fft *plan, const double *x, double *slots,
                                double *peak);
void circ_fixed_fft_inverse_f64(const struct circ_fixed_fft *plan, const double *slots, double *x,
                                double *peak);

#endif
