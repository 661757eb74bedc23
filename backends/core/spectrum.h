/* Products of packed spectra, and the transforms of a layer's pixels: what the reference's forward
 * and backward passes share. Packing as in fft.h. */
#ifndef CIRC_CORE_SPECTRUM_H
#define CIRC_CORE_SPECTRUM_H

#include "backends/core/fft.h"

#include <stdbool.h>

/* y += w o x, or y += w o conj(x): packed spectra of k numbers each. */
void circ_spectrum_multiply_add(int k, const float *w, const float *x, bool conjugate, float *y);

/* x [groups channels][pixels] -> spectra [group][block][pixel][k], channels cut into blocks of k
 * and padded with zeros. scratch has k + circ_fft_scratch numbers. */
void circ_spectrum_of_pixels(const struct circ_fft_plan *plan, int groups, int channels, int pixels,
                             const float *x, float *spectra, float *scratch);

/* The inverse of the above; spectra are left as they are. */
void circ_spectrum_to_pixels(const struct circ_fft_plan *plan, int groups, int channels, int pixels,
                             const float *spectra, float *x, float *scratch);

#endif
