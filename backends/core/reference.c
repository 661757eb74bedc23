/* The plain float form of every layer: one transform at a time, no lanes, no threads. */
#include "backends/core/reference.h"

#include "backends/core/geometry.h"
#include "backends/core/spectrum.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct circ_reference {
    const struct circ_network *network;
    struct circ_weights
        weights[CIRC_MAX_LAYERS]; /* owned; CIRCULANT: packed spectra of the blocks */
    struct circ_fft_plan *plans[CIRC_MAX_LAYERS];
    float *a, *b;   /* activations of one frame */
    float *spectra; /* of one layer's input */
    float *block;   /* accumulated spectrum, then scratch */
};

static void circulant_forward(const struct circ_layer *layer, const struct circ_weights *weights,
                              const struct circ_fft_plan *plan, const float *x, float *y,
                              float *spectra, float *block)
{
    struct circ_geometry g = circ_geometry_of(layer);
    circ_spectrum_of_pixels(plan, g.groups, g.n, g.in_pixels, x, spectra, block);
    for (int group = 0; group < g.groups; group++) {
        for (int i = 0; i < g.p; i++) {
            for (int pixel = 0; pixel < g.out_pixels; pixel++) {
                memset(block, 0, (size_t)g.k * sizeof *block);
                for (int tap = 0; tap < g.taps; tap++) {
                    int under = circ_geometry_under(layer, pixel, tap);
                    if (under < 0)
                        continue;
                    for (int j = 0; j < g.q; j++) {
                        int64_t w = (((int64_t)group * g.taps + tap) * g.p + i) * g.q + j;
                        int64_t s = ((int64_t)group * g.q + j) * g.in_pixels + under;
                        circ_spectrum_multiply_add(g.k, weights->values + w * g.k,
                                                   spectra + s * g.k, false, block);
                    }
                }
                circ_fft_inverse_f32(plan, block, block, block + g.k);
                for (int r = 0; r < g.k && i * g.k + r < g.m; r++) {
                    int64_t channel = (int64_t)group * g.m + i * g.k + r;
                    y[channel * g.out_pixels + pixel] =
                        block[r] + (weights->bias ? weights->bias[channel] : 0);
                }
            }
        }
    }
}

static void dense_forward(const struct circ_layer *layer, const struct circ_weights *weights,
                          const float *x, float *y)
{
    struct circ_geometry g = circ_geometry_of(layer);
    for (int channel = 0; channel < g.groups * g.m; channel++) {
        const float *w = weights->values + (int64_t)channel * g.n * g.taps;
        const float *xg = x + (int64_t)(channel / g.m) * g.n * g.in_pixels;
        for (int pixel = 0; pixel < g.out_pixels; pixel++) {
            float sum = weights->bias ? weights->bias[channel] : 0;
            for (int tap = 0; tap < g.taps; tap++) {
                int under = circ_geometry_under(layer, pixel, tap);
                for (int c = 0; under >= 0 && c < g.n; c++)
                    sum += w[(int64_t)c * g.taps + tap] * xg[(int64_t)c * g.in_pixels + under];
            }
            y[(int64_t)channel * g.out_pixels + pixel] = sum;
        }
    }
}

static void pruned_forward(const struct circ_layer *layer, const struct circ_weights *weights,
                           const float *x, float *y)
{
    struct circ_geometry g = circ_geometry_of(layer);
    for (int channel = 0; channel < layer->out.c; channel++) {
        const float *xg = x + (int64_t)(channel / g.m) * g.n * g.in_pixels;
        for (int pixel = 0; pixel < g.out_pixels; pixel++) {
            float sum = weights->bias ? weights->bias[channel] : 0;
            for (int32_t i = weights->row_start[channel]; i < weights->row_start[channel + 1];
                 i++) {
                int32_t col = weights->columns[i];
                int under = circ_geometry_under(layer, pixel, col % g.taps);
                if (under >= 0)
                    sum += weights->values[i] * xg[(int64_t)(col / g.taps) * g.in_pixels + under];
            }
            y[(int64_t)channel * g.out_pixels + pixel] = sum;
        }
    }
}

static void pool_forward(const struct circ_layer *layer, const float *x, float *y)
{
    struct circ_shape in = layer->in, out = layer->out;
    int64_t pixels = (int64_t)out.h * out.w;
    for (int64_t i = 0; i < out.c * pixels; i++) {
        int oy = (int)(i % pixels) / out.w, ox = (int)(i % pixels) % out.w, count = 0;
        float best = -INFINITY, sum = 0;
        for (int t = 0; t < layer->taps_h * layer->taps_w; t++) {
            int iy = oy * layer->stride - layer->pad + t / layer->taps_w;
            int ix = ox * layer->stride - layer->pad + t % layer->taps_w;
            if (iy < 0 || iy >= in.h || ix < 0 || ix >= in.w)
                continue;
            float value = x[(i / pixels * in.h + iy) * in.w + ix];
            best = value > best ? value : best;
            sum += value;
            count++;
        }
        y[i] = layer->op == CIRC_OP_POOL_MAX ? best : sum / (float)count;
    }
}

static void lrn_forward(const struct circ_layer *layer, const float *x, float *y)
{
    int64_t pixels = (int64_t)layer->in.h * layer->in.w;
    int half = layer->lrn_size / 2;
    for (int64_t i = 0; i < layer->in.c * pixels; i++) {
        int c = (int)(i / pixels);
        float sum = 0;
        for (int d = c - half; d <= c + half; d++)
            if (d >= 0 && d < layer->in.c)
                sum += x[d * pixels + i % pixels] * x[d * pixels + i % pixels];
        float base = layer->lrn_bias + layer->lrn_alpha / (float)layer->lrn_size * sum;
        y[i] = x[i] / powf(base, layer->lrn_beta);
    }
}

void circ_reference_softmax(int64_t count, const float *x, float *y)
{
    float top = x[0];
    double sum = 0; /* a million terms would lose 7e-5 of a float */
    for (int64_t i = 1; i < count; i++)
        top = x[i] > top ? x[i] : top;
    for (int64_t i = 0; i < count; i++)
        sum += y[i] = expf(x[i] - top);
    for (int64_t i = 0; i < count; i++)
        y[i] = (float)(y[i] / sum);
}

void circ_reference_layer(struct circ_reference *reference, int index, const float *x, float *y)
{
    const struct circ_layer *layer = &reference->network->layers[index];
    const struct circ_weights *weights = &reference->weights[index];
    int64_t count = circ_network_elements(layer->in);
    switch (layer->op) {
    case CIRC_OP_FC:
    case CIRC_OP_CONV:
        if (layer->structure == CIRC_CIRCULANT)
            circulant_forward(layer, weights, reference->plans[index], x, y, reference->spectra,
                              reference->block);
        else if (layer->structure == CIRC_PRUNED)
            pruned_forward(layer, weights, x, y);
        else
            dense_forward(layer, weights, x, y);
        break;
    case CIRC_OP_POOL_MAX:
    case CIRC_OP_POOL_AVG:
        pool_forward(layer, x, y);
        break;
    case CIRC_OP_RELU:
        for (int64_t i = 0; i < count; i++)
            y[i] = x[i] < 0 ? 0 : x[i]; /* NaN stays: an activation hides no fault */
        break;
    case CIRC_OP_LRN:
        lrn_forward(layer, x, y);
        break;
    case CIRC_OP_FLATTEN:
        memcpy(y, x, (size_t)count * sizeof *y);
        break;
    case CIRC_OP_SOFTMAX:
        circ_reference_softmax(count, x, y);
        break;
    }
}

/* Numbers of spectra that a circulant layer's input has. */
static size_t spectra_size(const struct circ_layer *layer)
{
    struct circ_geometry g = circ_geometry_of(layer);
    return (size_t)g.groups * (size_t)g.q * (size_t)g.in_pixels * (size_t)g.k;
}

static void *copy(const void *source, size_t bytes)
{
    void *block = source ? malloc(bytes ? bytes : 1) : NULL;
    return block ? memcpy(block, source, bytes) : NULL;
}

/* Turns a circulant layer's vectors into packed spectra, in place. */
static enum circ_status transform(struct circ_reference *reference, int index,
                                  struct circ_error *err)
{
    const struct circ_fft_plan *plan = reference->plans[index];
    struct circ_weights *weights = &reference->weights[index];
    float *scratch = malloc(circ_fft_scratch(plan) * sizeof *scratch);
    if (!scratch)
        return circ_status_fail(err, CIRC_MEMORY, "no memory for a transform of %d", plan->k);
    for (size_t i = 0; i < weights->count; i += (size_t)plan->k)
        circ_fft_forward_f32(plan, weights->values + i, weights->values + i, scratch);
    free(scratch);
    return CIRC_OK;
}

/* Copies one layer's weights; circulant ones become packed spectra. */
static enum circ_status take_weights(struct circ_reference *reference, int index,
                                     const struct circ_weights *from, struct circ_error *err)
{
    const struct circ_layer *layer = &reference->network->layers[index];
    struct circ_weights *to = &reference->weights[index];
    to->count = from->count;
    to->values = copy(from->values, from->count * sizeof *from->values);
    to->bias = copy(from->bias, (size_t)layer->out.c * sizeof *from->bias);
    to->columns = copy(from->columns, from->count * sizeof *from->columns);
    to->row_start = copy(from->row_start, ((size_t)layer->out.c + 1) * sizeof *from->row_start);
    if ((from->values && !to->values) || (from->bias && !to->bias) ||
        (from->columns && !to->columns) || (from->row_start && !to->row_start))
        return circ_status_fail(err, CIRC_MEMORY, "%s: no memory for the weights of layer %d",
                                reference->network->name, index + 1);
    if (layer->structure != CIRC_CIRCULANT)
        return CIRC_OK;
    enum circ_status status = circ_fft_create(&reference->plans[index], layer->block, err);
    return status ? status : transform(reference, index, err);
}

enum circ_status circ_reference_refresh(struct circ_reference *reference,
                                        const struct circ_model *model, struct circ_error *err)
{
    enum circ_status status = CIRC_OK;
    for (int i = 0; i < reference->network->layer_count && !status; i++) {
        const struct circ_layer *layer = &reference->network->layers[i];
        const struct circ_weights *from = &model->layers[i];
        struct circ_weights *to = &reference->weights[i];
        if (!from->values)
            continue;
        memcpy(to->values, from->values, from->count * sizeof *to->values);
        if (from->bias)
            memcpy(to->bias, from->bias, (size_t)layer->out.c * sizeof *to->bias);
        if (layer->structure == CIRC_CIRCULANT)
            status = transform(reference, i, err);
    }
    return status;
}

enum circ_status circ_reference_create(struct circ_reference **out, const struct circ_model *model,
                                       struct circ_error *err)
{
    const struct circ_network *net = model->network;
    *out = NULL;
    struct circ_reference *reference = calloc(1, sizeof *reference);
    if (!reference)
        return circ_status_fail(err, CIRC_MEMORY, "%s: no memory for the reference", net->name);
    reference->network = net;
    size_t widest = (size_t)circ_network_elements(net->input), spectra = 1, block = 1;
    enum circ_status status = CIRC_OK;
    for (int i = 0; i < net->layer_count && !status; i++) {
        const struct circ_layer *layer = &net->layers[i];
        size_t count = (size_t)circ_network_elements(layer->out);
        widest = count > widest ? count : widest;
        if (circ_network_has_weights(layer))
            status = take_weights(reference, i, &model->layers[i], err);
        if (layer->structure == CIRC_CIRCULANT) {
            size_t need = spectra_size(layer), length = 5 * (size_t)layer->block;
            spectra = need > spectra ? need : spectra;
            block = length > block ? length : block;
        }
    }
    reference->a = malloc(widest * sizeof(float));
    reference->b = malloc(widest * sizeof(float));
    reference->spectra = malloc(spectra * sizeof(float));
    reference->block = malloc(block * sizeof(float));
    if (!status && !(reference->a && reference->b && reference->spectra && reference->block))
        status = circ_status_fail(err, CIRC_MEMORY, "%s: no memory for the reference's activations",
                                  net->name);
    if (status)
        circ_reference_free(reference);
    else
        *out = reference;
    return status;
}

void circ_reference_free(struct circ_reference *reference)
{
    if (!reference)
        return;
    for (int i = 0; i < CIRC_MAX_LAYERS; i++) {
        circ_fft_free(reference->plans[i]);
        free(reference->weights[i].values);
        free(reference->weights[i].bias);
        free(reference->weights[i].columns);
        free(reference->weights[i].row_start);
    }
    free(reference->a);
    free(reference->b);
    free(reference->spectra);
    free(reference->block);
    free(reference);
}

void circ_reference_forward(struct circ_reference *reference, const float *input, int batch,
                            float *output)
{
    const struct circ_network *net = reference->network;
    size_t inputs = (size_t)circ_network_elements(net->input);
    size_t outputs = (size_t)circ_network_elements(circ_network_output(net));
    for (int f = 0; f < batch; f++) {
        float *x = reference->a, *y = reference->b;
        memcpy(x, input + (size_t)f * inputs, inputs * sizeof *x);
        for (int i = 0; i < net->layer_count; i++) {
            circ_reference_layer(reference, i, x, y);
            float *t = x;
            x = y;
            y = t;
        }
        memcpy(output + (size_t)f * outputs, x, outputs * sizeof *x);
    }
}
