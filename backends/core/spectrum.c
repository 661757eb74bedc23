/* Products and transforms of packed spectra, one at a time. */
#include "backends/core/spectrum.h"

#include <stdint.h>

void circ_spectrum_multiply_add(int k, const float *w, const float *x, bool conjugate, float *y)
{
    float sign = conjugate ? -1.0f : 1.0f;
    y[0] += w[0] * x[0];
    if (k % 2 == 0)
        y[1] += w[1] * x[1];
    for (int i = 2 - k % 2; i < k; i += 2) {
        y[i] += w[i] * x[i] - sign * w[i + 1] * x[i + 1];
        y[i + 1] += sign * w[i] * x[i + 1] + w[i + 1] * x[i];
    }
}

void circ_spectrum_of_pixels(const struct circ_fft_plan *plan, int groups, int channels, int pixels,
                             const float *x, float *spectra, float *scratch)
{
    int k = plan->k, blocks = (channels + k - 1) / k;
    for (int64_t b = 0; b < (int64_t)groups * blocks; b++) {
        int first = (int)(b % blocks) * k;
        const float *rows = x + (b / blocks * channels + first) * pixels;
        for (int pixel = 0; pixel < pixels; pixel++) {
            for (int r = 0; r < k; r++)
                scratch[r] = first + r < channels ? rows[(int64_t)r * pixels + pixel] : 0;
            circ_fft_forward_f32(plan, scratch, spectra + (b * pixels + pixel) * k, scratch + k);
        }
    }
}

void circ_spectrum_to_pixels(const struct circ_fft_plan *plan, int groups, int channels, int pixels,
                             const float *spectra, float *x, float *scratch)
{
    int k = plan->k, blocks = (channels + k - 1) / k;
    for (int64_t b = 0; b < (int64_t)groups * blocks; b++) {
        int first = (int)(b % blocks) * k;
        float *rows = x + (b / blocks * channels + first) * pixels;
        for (int pixel = 0; pixel < pixels; pixel++) {
            circ_fft_inverse_f32(plan, spectra + (b * pixels + pixel) * k, scratch, scratch + k);
            for (int r = 0; r < k && first + r < channels; r++)
                rows[(int64_t)r * pixels + pixel] = scratch[r];
        }
    }
}
