/* Gradients of one layer. Nothing is kept between calls, so every spectrum is computed anew. */
#include "backends/core/gradient.h"

#include "backends/core/geometry.h"
#include "backends/core/spectrum.h"

#include <stdlib.h>
#include <string.h>

static void dense_gradient(const struct circ_layer *layer, const float *w, const float *x,
                           const float *dy, float *dw, float *dx)
{
    struct circ_geometry g = circ_geometry_of(layer);
    for (int channel = 0; channel < g.groups * g.m; channel++) {
        int first = channel / g.m * g.n;
        for (int pixel = 0; pixel < g.out_pixels; pixel++) {
            float slope = dy[(int64_t)channel * g.out_pixels + pixel];
            for (int tap = 0; tap < g.taps; tap++) {
                int under = circ_geometry_under(layer, pixel, tap);
                for (int c = 0; under >= 0 && c < g.n; c++) {
                    int64_t wi = ((int64_t)channel * g.n + c) * g.taps + tap;
                    int64_t xi = (int64_t)(first + c) * g.in_pixels + under;
                    dw[wi] += slope * x[xi];
                    if (dx)
                        dx[xi] += slope * w[wi];
                }
            }
        }
    }
}

/* Spectra of one layer: input, output gradient, weights, and the two sums. */
struct spectra {
    float *x, *dy, *w, *dw, *dx, *scratch;
};

static void accumulate(const struct circ_layer *layer, const struct circ_geometry *g,
                       const struct spectra *s)
{
    for (int64_t gi = 0; gi < (int64_t)g->groups * g->p; gi++) {
        int64_t group = gi / g->p, i = gi % g->p;
        for (int pixel = 0; pixel < g->out_pixels; pixel++) {
            const float *dy = s->dy + (gi * g->out_pixels + pixel) * g->k;
            for (int tap = 0; tap < g->taps; tap++) {
                int under = circ_geometry_under(layer, pixel, tap);
                for (int j = 0; under >= 0 && j < g->q; j++) {
                    int64_t w = (((group * g->taps + tap) * g->p + i) * g->q + j) * g->k;
                    int64_t x = ((group * g->q + j) * g->in_pixels + under) * g->k;
                    circ_spectrum_multiply_add(g->k, dy, s->x + x, true, s->dw + w);
                    circ_spectrum_multiply_add(g->k, dy, s->w + w, true, s->dx + x);
                }
            }
        }
    }
}

static enum circ_status circulant_gradient(const struct circ_layer *layer,
                                           const struct circ_weights *weights, const float *x,
                                           const float *dy, float *dw, float *dx,
                                           struct circ_error *err)
{
    struct circ_geometry g = circ_geometry_of(layer);
    size_t inputs = (size_t)g.groups * (size_t)g.q * (size_t)g.in_pixels * (size_t)g.k;
    size_t outputs = (size_t)g.groups * (size_t)g.p * (size_t)g.out_pixels * (size_t)g.k;
    struct circ_fft_plan *plan;
    enum circ_status status = circ_fft_create(&plan, g.k, err);
    if (status)
        return status;
    float *block =
        calloc(2 * inputs + outputs + 2 * weights->count + 5 * (size_t)g.k, sizeof *block);
    if (!block) {
        status = circ_status_fail(err, CIRC_MEMORY,
                                  "no memory for the gradients of a layer of block %d", g.k);
        goto done;
    }
    struct spectra s = {.x = block, .dx = block + inputs};
    s.dy = s.dx + inputs;
    s.w = s.dy + outputs;
    s.dw = s.w + weights->count;
    s.scratch = s.dw + weights->count;
    circ_spectrum_of_pixels(plan, g.groups, g.n, g.in_pixels, x, s.x, s.scratch);
    circ_spectrum_of_pixels(plan, g.groups, g.m, g.out_pixels, dy, s.dy, s.scratch);
    for (size_t i = 0; i < weights->count; i += (size_t)g.k)
        circ_fft_forward_f32(plan, weights->values + i, s.w + i, s.scratch);
    accumulate(layer, &g, &s);
    for (size_t i = 0; i < weights->count; i += (size_t)g.k) {
        circ_fft_inverse_f32(plan, s.dw + i, s.dw + i, s.scratch);
        for (int r = 0; r < g.k; r++)
            dw[i + (size_t)r] += s.dw[i + (size_t)r];
    }
    if (dx)
        circ_spectrum_to_pixels(plan, g.groups, g.n, g.in_pixels, s.dx, dx, s.scratch);
done:
    free(block);
    circ_fft_free(plan);
    return status;
}

enum circ_status circ_gradient_layer(const struct circ_layer *layer,
                                     const struct circ_weights *weights, const float *x,
                                     const float *dy, float *dw, float *db, float *dx,
                                     struct circ_error *err)
{
    if (layer->structure == CIRC_PRUNED)
        return circ_status_fail(err, CIRC_UNSUP, "gradients of pruned layers are not offered");
    struct circ_geometry g = circ_geometry_of(layer);
    for (int64_t i = 0; db && i < (int64_t)layer->out.c * g.out_pixels; i++)
        db[i / g.out_pixels] += dy[i];
    if (layer->structure == CIRC_CIRCULANT)
        return circulant_gradient(layer, weights, x, dy, dw, dx, err);
    if (dx)
        memset(dx, 0, (size_t)circ_network_elements(layer->in) * sizeof *dx);
    dense_gradient(layer, weights->values, x, dy, dw, dx);
    return CIRC_OK;
}
