/* Real discrete Fourier transforms of any length, one plan for every precision and lane count.
 *
 * Convention: X[f] = sum_r x[r] exp(-2 pi i f r / k), unscaled forward; the inverse divides by k.
 *
 * Packed spectrum, exactly k numbers for k reals:
 *   k even: { Re X[0], Re X[k/2], Re X[1], Im X[1], ..., Re X[k/2-1], Im X[k/2-1] }
 *   k odd:  { Re X[0], Re X[1], Im X[1], ..., Re X[(k-1)/2], Im X[(k-1)/2] }
 *
 * Slots, the form in which vector kernels hold a spectrum: circ_fft_slots(k) = floor(k/2) + k % 2
 * pairs (re, im). Slot 0 of an even k carries DC in re and the Nyquist bin in im, both real; slot 0
 * of an odd k has im = 0; slot f > 0 is bin f.
 *
 * Algorithm: an even k is one complex transform of k/2 of the even/odd pairs and an untangling
 * pass; an odd k is a complex transform of k. Complex transforms are Stockham autosort passes of
 * radix 4, 2, 3, 5, 7 and a direct pass for any other prime (fft_passes.h), so every k is exact and
 * a large prime is slow. */
#ifndef CIRC_CORE_FFT_H
#define CIRC_CORE_FFT_H

#include "backends/core/status.h"

#include <stddef.h>

#define CIRC_FFT_MAX_PASSES 24 /* 3^13 and 2^20 both fit below CIRC_MAX_DIM */

/* Read-only after creation: any number of threads may use one plan. */
struct circ_fft_plan {
    int k;     /* real length */
    int n;     /* complex length: k/2 for even k, k for odd k */
    int slots; /* pairs in a spectrum */
    int passes;
    int radix[CIRC_FFT_MAX_PASSES];
    double *twiddle;        /* owned: pass twiddles then untangling twiddles, (cos, sin) pairs */
    float *twiddle_f;       /* owned: the same, rounded */
    size_t twiddle_count;   /* pairs */
    size_t untangle_offset; /* pair index of exp(-2 pi i f / k), f = 0 .. n/2 */
    size_t root_offset;     /* pair index of exp(-2 pi i j / n), j = 0 .. n-1, for direct passes */
};

/* Plans transforms of k >= 1 reals. The caller owns *plan and frees it with circ_fft_free. */
CIRC_MUST_USE enum circ_status circ_fft_create(struct circ_fft_plan **plan, int k,
                                               struct circ_error *err);
void circ_fft_free(struct circ_fft_plan *plan);

int circ_fft_slots(int k);

/* Numbers of scratch that the functions below need: 4 n. */
size_t circ_fft_scratch(const struct circ_fft_plan *plan);

/* x[k] -> packed[k] and back. In place allowed. scratch has circ_fft_scratch numbers. */
void circ_fft_forward_f32(const struct circ_fft_plan *plan, const float *x, float *packed,
                          float *scratch);
void circ_fft_inverse_f32(const struct circ_fft_plan *plan, const float *packed, float *x,
                          float *scratch);
void circ_fft_forward_f64(const struct circ_fft_plan *plan, const double *x, double *packed,
                          double *scratch);
void circ_fft_inverse_f64(const struct circ_fft_plan *plan, const double *packed, double *x,
                          double *scratch);

#endif
