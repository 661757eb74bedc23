/* Networks in words: what each layer makes of them. How they come to be is in fixed_calibrate.c. */
#include "backends/core/fixed.h"

#include "backends/core/fixed_calibrate.h"
#include "backends/core/geometry.h"
#include "backends/core/reference.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum circ_status circ_fixed_supports(const struct circ_network *network, struct circ_error *err)
{
    for (int i = 0; i < network->layer_count; i++) {
        const struct circ_layer *layer = &network->layers[i];
        int k = layer->block;
        if (layer->op == CIRC_OP_LRN)
            return circ_status_fail(err, CIRC_UNSUP,
                                    "fixed point does not offer lrn, and layer %d is one", i + 1);
        if (layer->op == CIRC_OP_SOFTMAX && i < network->layer_count - 1)
            return circ_status_fail(
                err, CIRC_UNSUP,
                "fixed point offers a softmax at the end alone, and layer %d is not the last",
                i + 1);
        if (!circ_network_has_weights(layer))
            continue;
        if (layer->structure == CIRC_PRUNED)
            return circ_status_fail(
                err, CIRC_UNSUP,
                "fixed point is for circulant and dense weights, not for pruned ones");
        if (k > CIRC_FIXED_MAX_BLOCK || k & (k - 1))
            return circ_status_fail(err, CIRC_UNSUP,
                                    "fixed point has blocks of a power of two up to %d, not %d",
                                    CIRC_FIXED_MAX_BLOCK, k);
    }
    return CIRC_OK;
}

enum circ_status circ_fixed_create(struct circ_fixed **out, const struct circ_model *model,
                                   int bits, const float *frames, int count, struct circ_error *err)
{
    const struct circ_network *net = model->network;
    *out = NULL;
    enum circ_status status = circ_fixed_supports(net, err);
    if (status)
        return status;
    struct circ_fixed *fixed = calloc(1, sizeof *fixed);
    if (!fixed)
        return circ_status_fail(err, CIRC_MEMORY, "%s: no memory for its words", net->name);
    fixed->network = net;
    fixed->bits = bits;
    for (int i = 0; i < net->layer_count && !status; i++)
        if (circ_network_has_weights(&net->layers[i]))
            status = circ_fixed_fft_create(&fixed->plans[i], net->layers[i].block, bits, err);
    if (!status)
        status = circ_fixed_calibrate_run(fixed, model, frames, count, err);
    if (status)
        circ_fixed_free(fixed);
    else
        *out = fixed;
    return status;
}

void circ_fixed_free(struct circ_fixed *fixed)
{
    if (!fixed)
        return;
    for (int i = 0; i < CIRC_MAX_LAYERS; i++) {
        circ_fixed_fft_free(fixed->plans[i]);
        free(fixed->layers[i].weights);
        free(fixed->layers[i].bias);
    }
    free(fixed);
}

int64_t circ_fixed_footprint(const struct circ_network *network)
{
    return circ_fixed_calibrate_footprint(network) + 2 * circ_network_counts(network).weight_count +
           (int64_t)sizeof(struct circ_fixed);
}

int32_t circ_fixed_word(double value, int fraction, int bits)
{
    double most = (double)(((int64_t)1 << (bits - 1)) - 1);
    double word = floor(ldexp(value, fraction) + 0.5);
    if (isnan(word))
        return 0;
    return (int32_t)(word > most ? most : word < -most - 1 ? -most - 1 : word);
}

int32_t circ_fixed_reciprocal(int pixels, int *shift)
{
    int l = 0;
    while ((int64_t)2 << l <= pixels)
        l++;
    *shift = 15 + l;
    return (int32_t)((((int64_t)2 << *shift) + pixels) / (2 * (int64_t)pixels));
}

int circ_fixed_layers(const struct circ_network *network)
{
    int count = network->layer_count;
    return count && network->layers[count - 1].op == CIRC_OP_SOFTMAX ? count - 1 : count;
}

int circ_fixed_fraction(const struct circ_fixed *fixed, int layer)
{
    for (; layer >= 0; layer--)
        if (circ_network_has_weights(&fixed->network->layers[layer]))
            return fixed->layers[layer].out_fraction;
    return fixed->in_fraction;
}

/* circ_fixed_fft_round, counted. */
static int32_t fit(int64_t value, int shift, int bits, int64_t *saturated)
{
    int32_t word = circ_fixed_fft_round(value, shift, bits);
    int64_t most = ((int64_t)1 << (bits - 1)) - 1;
    if (word == most || word == -most - 1) /* one wider tells whether it had to */
        *saturated += circ_fixed_fft_round(value, shift, bits + 1) != word;
    return word;
}

/* sum[k] += w[q][k] o x[q][k]. */
static void multiply_add(int k, int q, const int16_t *w, const int32_t *x, int64_t *sum)
{
    if (k == 1) {
        int64_t one = 0;
        for (int j = 0; j < q; j++)
            one += w[j] * (int64_t)x[j];
        sum[0] += one;
        return;
    }
    for (int j = 0; j < q; j++, w += k, x += k) {
        sum[0] += w[0] * (int64_t)x[0];
        sum[1] += w[1] * (int64_t)x[1];
        for (int f = 2; f < k; f += 2) {
            int64_t wr = w[f], wi = w[f + 1], xr = x[f], xi = x[f + 1];
            sum[f] += wr * xr - wi * xi;
            sum[f + 1] += wr * xi + wi * xr;
        }
    }
}

/* Blocks of one group's pixels -> [pixel][q][k] spectra. */
static int64_t transform(const struct circ_geometry *g, const struct circ_fixed_fft *plan,
                         const int *shift, const int32_t *x, int32_t *spectra)
{
    int64_t saturated = 0;
    for (int pixel = 0; pixel < g->in_pixels; pixel++)
        for (int j = 0; j < g->q; j++) {
            int32_t *block = spectra + ((int64_t)pixel * g->q + j) * g->k;
            for (int c = 0; c < g->k; c++) {
                int channel = j * g->k + c;
                block[c] = channel < g->n ? x[(int64_t)channel * g->in_pixels + pixel] : 0;
            }
            saturated += circ_fixed_fft_forward(plan, block, shift, block);
        }
    return saturated;
}

static enum circ_status weighted(const struct circ_fixed *fixed, int index, const int32_t *x,
                                 int32_t *y, int64_t *saturated, struct circ_error *err)
{
    const struct circ_layer *layer = &fixed->network->layers[index];
    const struct circ_fixed_layer *own = &fixed->layers[index];
    const struct circ_fixed_fft *plan = fixed->plans[index];
    struct circ_geometry g = circ_geometry_of(layer);
    size_t row = (size_t)g.q * (size_t)g.k;
    int32_t *spectra = malloc((size_t)g.in_pixels * row * sizeof *spectra);
    int *unders = circ_geometry_unders(layer);
    int64_t sum[CIRC_FIXED_MAX_BLOCK];
    int32_t block[CIRC_FIXED_MAX_BLOCK];
    enum circ_status status = CIRC_OK;
    if (!spectra || !unders)
        status = circ_status_fail(err, CIRC_MEMORY, "%s: no memory for the spectra of layer %d",
                                  fixed->network->name, index + 1);
    for (int group = 0; group < g.groups && !status; group++) {
        *saturated +=
            transform(&g, plan, own->forward, x + (int64_t)group * g.n * g.in_pixels, spectra);
        for (int64_t at = 0; at < (int64_t)g.p * g.out_pixels; at++) {
            int i = (int)(at / g.out_pixels), pixel = (int)(at % g.out_pixels);
            memset(sum, 0, (size_t)g.k * sizeof *sum);
            for (int tap = 0; tap < g.taps; tap++) {
                int under = unders[(int64_t)pixel * g.taps + tap];
                size_t w = ((size_t)group * (size_t)g.taps + (size_t)tap) * (size_t)g.p + (size_t)i;
                if (under >= 0)
                    multiply_add(g.k, g.q, own->weights + w * row, spectra + (size_t)under * row,
                                 sum);
            }
            for (int c = 0; c < g.k; c++)
                block[c] = fit(sum[c], own->product, fixed->bits, saturated);
            *saturated += circ_fixed_fft_inverse(plan, block, own->inverse, block);
            for (int r = 0; r < g.k && i * g.k + r < g.m; r++) {
                int64_t channel = (int64_t)group * g.m + i * g.k + r;
                int64_t value = block[r] + (own->bias ? (int64_t)own->bias[channel] : 0);
                y[channel * g.out_pixels + pixel] = fit(value, own->last, fixed->bits, saturated);
            }
        }
    }
    free(unders);
    free(spectra);
    return status;
}

static void pool(const struct circ_layer *layer, int bits, const int32_t *x, int32_t *y)
{
    struct circ_shape in = layer->in, out = layer->out;
    int64_t pixels = (int64_t)out.h * out.w;
    for (int64_t i = 0; i < out.c * pixels; i++) {
        int oy = (int)(i % pixels) / out.w, ox = (int)(i % pixels) % out.w, count = 0, shift;
        int32_t best = INT32_MIN;
        int64_t sum = 0;
        for (int t = 0; t < layer->taps_h * layer->taps_w; t++) {
            int iy = oy * layer->stride - layer->pad + t / layer->taps_w;
            int ix = ox * layer->stride - layer->pad + t % layer->taps_w;
            if (iy < 0 || iy >= in.h || ix < 0 || ix >= in.w)
                continue;
            int32_t value = x[(i / pixels * in.h + iy) * in.w + ix];
            best = value > best ? value : best;
            sum += value;
            count++;
        }
        int32_t reciprocal = circ_fixed_reciprocal(count, &shift);
        y[i] = layer->op == CIRC_OP_POOL_MAX ? best
                                             : circ_fixed_fft_round(sum * reciprocal, shift, bits);
    }
}

enum circ_status circ_fixed_run(const struct circ_fixed *fixed, int index, const int32_t *x,
                                int32_t *y, int64_t *saturated, struct circ_error *err)
{
    const struct circ_layer *layer = &fixed->network->layers[index];
    int64_t count = circ_network_elements(layer->in), unread = 0;
    switch (layer->op) {
    case CIRC_OP_FC:
    case CIRC_OP_CONV:
        return weighted(fixed, index, x, y, saturated ? saturated : &unread, err);
    case CIRC_OP_POOL_MAX:
    case CIRC_OP_POOL_AVG:
        pool(layer, fixed->bits, x, y);
        return CIRC_OK;
    case CIRC_OP_RELU:
        for (int64_t i = 0; i < count; i++)
            y[i] = x[i] < 0 ? 0 : x[i];
        return CIRC_OK;
    case CIRC_OP_FLATTEN:
        memcpy(y, x, (size_t)count * sizeof *y);
        return CIRC_OK;
    case CIRC_OP_LRN:
    case CIRC_OP_SOFTMAX:
        break;
    }
    return circ_status_fail(err, CIRC_INTERNAL, "%s: layer %d has no form in words",
                            fixed->network->name, index + 1);
}

void circ_fixed_output(const struct circ_fixed *fixed, const int32_t *words, float *output)
{
    const struct circ_network *net = fixed->network;
    int last = circ_fixed_layers(net) - 1, fraction = circ_fixed_fraction(fixed, last);
    int64_t count = circ_network_elements(circ_network_output(net));
    for (int64_t i = 0; i < count; i++)
        output[i] = (float)ldexp(words[i], -fraction);
    if (last < net->layer_count - 1)
        circ_reference_softmax(count, output, output);
}

enum circ_status circ_fixed_forward(const struct circ_fixed *fixed, const float *input, int batch,
                                    float *output, int64_t *saturated, struct circ_error *err)
{
    const struct circ_network *net = fixed->network;
    int64_t inputs = circ_network_elements(net->input), widest = inputs;
    int64_t outputs = circ_network_elements(circ_network_output(net));
    for (int i = 0; i < net->layer_count; i++) {
        int64_t count = circ_network_elements(net->layers[i].out);
        widest = count > widest ? count : widest;
    }
    int32_t *memory = malloc(2 * (size_t)widest * sizeof *memory);
    if (!memory)
        return circ_status_fail(err, CIRC_MEMORY, "%s: no memory for a frame in words", net->name);
    enum circ_status status = CIRC_OK;
    for (int frame = 0; frame < batch && !status; frame++) {
        int32_t *x = memory, *y = memory + widest;
        for (int64_t i = 0; i < inputs; i++)
            x[i] = circ_fixed_word(input[frame * inputs + i], fixed->in_fraction, fixed->bits);
        for (int i = 0; i < circ_fixed_layers(net) && !status; i++) {
            status = circ_fixed_run(fixed, i, x, y, saturated ? saturated + i : NULL, err);
            int32_t *t = x;
            x = y;
            y = t;
        }
        if (!status)
            circ_fixed_output(fixed, x, output + frame * outputs);
    }
    free(memory);
    return status;
}
