/* From a run in double to words. The peaks choose the scales; the powers say what the rounding
 * amounts to. */
#include "backends/core/fixed_calibrate.h"

#include "backends/core/geometry.h"
#include "backends/core/oracle.h"
#include "backends/core/random.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Of the seeded frames: a stream of their own, so that what is judged was not calibrated on. */
#define SEED 0xf17edu

/* Multiplications in double that the seeded frames may cost together: well under a second. */
#define BUDGET 0x1p28

/* What is left of a sum's word after the last shift: smaller terms are noise beside it. */
#define KEPT 4

/* Shifts stay within these: a word shifted further left or right says nothing more. */
#define SHIFT_LEAST (-8)
#define SHIFT_MOST  40

/* One kind of number over all frames. */
struct seen {
    double peak, power;
    int64_t count;
};

static void see(struct seen *seen, const double *values, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        double magnitude = fabs(values[i]);
        seen->peak = magnitude > seen->peak ? magnitude : seen->peak;
        seen->power += values[i] * values[i];
    }
    seen->count += count;
}

static double rms(const struct seen *seen)
{
    return seen->count ? sqrt(seen->power / (double)seen->count) : 0;
}

/* A layer with weights in double. */
struct scales {
    struct seen input, spectrum, weight, product, output; /* x, X, W, Y and y of fixed.h */
    double forward[CIRC_FIXED_MAX_STAGES], inverse[CIRC_FIXED_MAX_STAGES];
};

/* The number at (row, column) of a group's matrix at a tap where the block is 1. */
static double dense_entry(const struct circ_layer *layer, const struct circ_geometry *g,
                          const float *values, int group, int tap, int row, int column)
{
    int64_t m = (int64_t)group * g->m + row, t = (int64_t)group * g->taps + tap;
    return layer->structure == CIRC_DENSE ? values[(m * g->n + column) * g->taps + tap]
                                          : values[(t * g->m + row) * g->n + column];
}

/* Spectra [taps][q][k] of one block row of a group. */
static void row_spectra(const struct circ_layer *layer, const struct circ_fixed_fft *plan,
                        const float *values, int group, int i, double *spectra)
{
    struct circ_geometry g = circ_geometry_of(layer);
    double block[CIRC_FIXED_MAX_BLOCK], unread[CIRC_FIXED_MAX_STAGES] = {0};
    for (int tap = 0; tap < g.taps; tap++)
        for (int j = 0; j < g.q; j++, spectra += g.k) {
            if (g.k == 1) {
                spectra[0] = dense_entry(layer, &g, values, group, tap, i, j);
                continue;
            }
            int64_t at = (((int64_t)group * g.taps + tap) * g.p + i) * g.q + j;
            for (int c = 0; c < g.k; c++)
                block[c] = values[at * g.k + c];
            circ_fixed_fft_forward_f64(plan, block, spectra, unread);
        }
}

static void multiply_add(int k, int q, const double *w, const double *x, double *sum)
{
    if (k == 1) { /* partial sums: not one chain of additions */
        double part[8] = {0};
        for (int j = 0; j + 8 <= q; j += 8)
            for (int l = 0; l < 8; l++)
                part[l] += w[j + l] * x[j + l];
        for (int j = q - q % 8; j < q; j++)
            part[0] += w[j] * x[j];
        for (int l = 0; l < 8; l++)
            sum[0] += part[l];
        return;
    }
    for (int j = 0; j < q; j++, w += k, x += k) {
        sum[0] += w[0] * x[0];
        sum[1] += w[1] * x[1];
        for (int f = 2; f < k; f += 2) {
            sum[f] += w[f] * x[f] - w[f + 1] * x[f + 1];
            sum[f + 1] += w[f] * x[f + 1] + w[f + 1] * x[f];
        }
    }
}

/* One group's spectra [frames][pixel][q][k]. */
static void transform(const struct circ_layer *layer, const struct circ_fixed_fft *plan, int group,
                      int frames, const double *x, double *spectra, struct scales *scales)
{
    struct circ_geometry g = circ_geometry_of(layer);
    int64_t inputs = circ_network_elements(layer->in);
    for (int64_t at = 0; at < (int64_t)frames * g.in_pixels; at++) {
        const double *pixel =
            x + at / g.in_pixels * inputs + at % g.in_pixels + (int64_t)group * g.n * g.in_pixels;
        for (int j = 0; j < g.q; j++, spectra += g.k) {
            for (int c = 0; c < g.k; c++)
                spectra[c] = j * g.k + c < g.n ? pixel[(int64_t)(j * g.k + c) * g.in_pixels] : 0;
            see(&scales->input, spectra, g.k);
            circ_fixed_fft_forward_f64(plan, spectra, spectra, scales->forward);
            see(&scales->spectrum, spectra, g.k);
        }
    }
}

/* One block row of a group on all frames. */
static void run_row(const struct circ_layer *layer, const struct circ_fixed_fft *plan, int group,
                    int i, int frames, const int *unders, const double *w, const double *spectra,
                    const float *bias, double *y, struct scales *scales)
{
    struct circ_geometry g = circ_geometry_of(layer);
    int64_t outputs = circ_network_elements(layer->out), row = (int64_t)g.q * g.k;
    double block[CIRC_FIXED_MAX_BLOCK];
    for (int64_t at = 0; at < (int64_t)frames * g.out_pixels; at++) {
        int frame = (int)(at / g.out_pixels), pixel = (int)(at % g.out_pixels);
        memset(block, 0, (size_t)g.k * sizeof *block);
        for (int tap = 0; tap < g.taps; tap++) {
            int under = unders[(int64_t)pixel * g.taps + tap];
            if (under >= 0)
                multiply_add(g.k, g.q, w + tap * row,
                             spectra + ((int64_t)frame * g.in_pixels + under) * row, block);
        }
        see(&scales->product, block, g.k);
        circ_fixed_fft_inverse_f64(plan, block, block, scales->inverse);
        for (int r = 0; r < g.k && i * g.k + r < g.m; r++) {
            int64_t channel = (int64_t)group * g.m + i * g.k + r;
            double value = block[r] / (g.k > 1 ? plan->n : 1) + (bias ? (double)bias[channel] : 0);
            see(&scales->output, &value, 1);
            y[frame * outputs + channel * g.out_pixels + pixel] = value;
        }
    }
}

/* x [frames][in] -> y [frames][out] in double. */
static enum circ_status measure(const struct circ_layer *layer, const struct circ_weights *weights,
                                const struct circ_fixed_fft *plan, int frames, const double *x,
                                double *y, struct scales *scales, struct circ_error *err)
{
    struct circ_geometry g = circ_geometry_of(layer);
    size_t row = (size_t)g.q * (size_t)g.k;
    double *spectra = malloc((size_t)frames * (size_t)g.in_pixels * row * sizeof *spectra);
    double *w = malloc((size_t)g.taps * row * sizeof *w);
    int *unders = circ_geometry_unders(layer);
    enum circ_status status = CIRC_OK;
    if (!spectra || !w || !unders)
        status = circ_status_fail(err, CIRC_MEMORY, "no memory to calibrate on %d frames", frames);
    for (int group = 0; group < g.groups && !status; group++) {
        transform(layer, plan, group, frames, x, spectra, scales);
        for (int i = 0; i < g.p; i++) {
            row_spectra(layer, plan, weights->values, group, i, w);
            see(&scales->weight, w, (int64_t)g.taps * (int64_t)row);
            run_row(layer, plan, group, i, frames, unders, w, spectra, weights->bias, y, scales);
        }
    }
    free(unders);
    free(w);
    free(spectra);
    return status;
}

/* Most fraction bits with which peak, with its margin, fits a word; `otherwise` for a peak of 0. */
static int fraction_of(double peak, int otherwise, int bits)
{
    double most = (double)(((int64_t)1 << (bits - 1)) - 1);
    if (peak <= 0)
        return otherwise;
    int fraction = bits - 1 - ilogb(peak * CIRC_FIXED_MARGIN);
    while (ldexp(peak * CIRC_FIXED_MARGIN, fraction) > most)
        fraction--;
    return fraction;
}

/* The shift that takes *fraction to what peak wants; *fraction becomes what the shift leaves. */
static int shift_to(double peak, int *fraction, int bits)
{
    int shift = *fraction - fraction_of(peak, *fraction, bits);
    shift = shift < SHIFT_LEAST ? SHIFT_LEAST : shift > SHIFT_MOST ? SHIFT_MOST : shift;
    *fraction -= shift;
    return shift;
}

/* Rounding to a word beside numbers of that size, as a power: uniform over a unit in the last
 * place. */
static double rounding(int fraction, double size)
{
    double unit = ldexp(1, -fraction);
    return size > 0 ? unit * unit / 12 / (size * size) : 0;
}

/* Scales, and the noise that comes with them. Transforms double the power a stage, untangling and
 * tangling keep it (Parseval). Roots of t fraction bits add 2^-2t / 6 where they multiply. Half up
 * leans upward by 2^-(shift+1) units where a root is 1: an inverse transform gathers that in words
 * 0 and 1 of a block, amplitude 2 a stage where the signal grows by sqrt(2). Returns the fraction
 * of W. */
static int choose(struct circ_fixed_layer *own, const struct circ_layer *layer,
                  const struct circ_fixed_fft *plan, const struct scales *seen, int bits)
{
    struct circ_geometry g = circ_geometry_of(layer);
    double lean = 0;
    int stages = plan->stages, levels = stages ? stages - 1 : 0, fraction = own->in_fraction;
    double noise = stages ? 2 * stages * ldexp(1, -2 * (bits - 2)) / 6 : 0;
    for (int i = 0; i < stages; i++) {
        own->forward[i] = shift_to(seen->forward[i], &fraction, bits);
        double size = rms(&seen->spectrum) * (i < levels ? pow(2, (i + 1 - levels) / 2.0) : 1);
        noise += rounding(fraction, size);
    }
    /* terms that stay below the last word's bits need no more of their own than KEPT */
    double least = ldexp(seen->output.peak * (stages ? plan->n : 1), KEPT - bits);
    int product = fraction_of(fmax(seen->product.peak, least), 0, bits);
    int weight = fraction_of(seen->weight.peak, product - fraction, bits);
    if (fraction + weight - product > SHIFT_MOST)
        weight = product + SHIFT_MOST - fraction;
    noise += rounding(weight, rms(&seen->weight));
    fraction += weight;
    own->product = shift_to(fmax(seen->product.peak, least), &fraction, bits);
    noise += rounding(fraction, rms(&seen->product));
    for (int i = 0; i < stages; i++) {
        own->inverse[i] = shift_to(fmax(seen->inverse[i], least), &fraction, bits);
        double size = rms(&seen->product) * pow(2, i / 2.0);
        noise += rounding(fraction, size);
        if (i > 0 && own->inverse[i] > 0 && size > 0)
            lean += ldexp(1, -fraction - own->inverse[i] - 1) / size * pow(2, (levels - i) / 2.0);
    }
    noise += lean * lean * fmin(1, 2.0 * g.p / g.m);
    fraction += levels;
    own->last = shift_to(seen->output.peak, &fraction, bits);
    own->out_fraction = fraction;
    own->rms = rms(&seen->output);
    own->noise = noise + rounding(fraction, own->rms);
    return weight;
}

static enum circ_status quantise(struct circ_fixed_layer *own, const struct circ_layer *layer,
                                 const struct circ_weights *weights,
                                 const struct circ_fixed_fft *plan, int fraction, int bits,
                                 struct circ_error *err)
{
    struct circ_geometry g = circ_geometry_of(layer);
    int64_t row = (int64_t)g.q * g.k;
    size_t rows = (size_t)g.groups * (size_t)g.taps * (size_t)g.p;
    double *w = malloc((size_t)g.taps * (size_t)row * sizeof *w);
    own->weights = malloc(rows * (size_t)row * sizeof *own->weights);
    if (weights->bias)
        own->bias = malloc((size_t)layer->out.c * sizeof *own->bias);
    if (!w || !own->weights || (weights->bias && !own->bias)) {
        free(w);
        return circ_status_fail(err, CIRC_MEMORY, "no memory for the words of %zu weights",
                                rows * (size_t)row);
    }
    for (int at = 0; at < g.groups * g.p; at++) {
        int group = at / g.p, i = at % g.p;
        row_spectra(layer, plan, weights->values, group, i, w);
        for (int tap = 0; tap < g.taps; tap++)
            for (int64_t e = 0; e < row; e++)
                own->weights[(((int64_t)group * g.taps + tap) * g.p + i) * row + e] =
                    (int16_t)circ_fixed_word(w[tap * row + e], fraction, bits);
    }
    for (int c = 0; weights->bias && c < layer->out.c; c++)
        own->bias[c] = circ_fixed_word(weights->bias[c], own->out_fraction + own->last, 31);
    free(w);
    return CIRC_OK;
}

static double sqnr(const double *want, const int32_t *words, int64_t count, int fraction)
{
    double signal = 0, noise = 0;
    for (int64_t i = 0; i < count; i++) {
        double error = ldexp(words[i], -fraction) - want[i];
        signal += want[i] * want[i];
        noise += error * error;
    }
    return noise > 0 ? 10 * log10(signal / noise) : INFINITY;
}

/* Two layers' activations of all frames, in double and in words. */
struct activations {
    double *x, *y;
    int32_t *words_x, *words_y;
};

/* One layer on all frames; x and words_x become what it hands on. */
static enum circ_status pass_layer(struct circ_fixed *fixed, const struct circ_model *model,
                                   int index, int frames, struct activations *a,
                                   struct circ_error *err)
{
    const struct circ_layer *layer = &fixed->network->layers[index];
    struct circ_fixed_layer *own = &fixed->layers[index];
    int64_t in = circ_network_elements(layer->in), out = circ_network_elements(layer->out);
    enum circ_status status = CIRC_OK;
    if (circ_network_has_weights(layer)) {
        const struct circ_fixed_fft *plan = fixed->plans[index];
        struct scales seen = {0};
        status = measure(layer, &model->layers[index], plan, frames, a->x, a->y, &seen, err);
        if (!status && !isfinite(seen.output.power + seen.weight.power))
            status = circ_status_fail(err, CIRC_UNSUP,
                                      "%s: layer %d has numbers that are not finite: there is no "
                                      "scale for them",
                                      fixed->network->name, index + 1);
        own->in_fraction = circ_fixed_fraction(fixed, index - 1);
        if (!status)
            status = quantise(own, layer, &model->layers[index], plan,
                              choose(own, layer, plan, &seen, fixed->bits), fixed->bits, err);
    } else {
        for (int f = 0; f < frames && !status; f++)
            status =
                circ_oracle_layer(layer, &model->layers[index], a->x + f * in, a->y + f * out, err);
        struct seen seen = {0};
        see(&seen, a->y, status ? 0 : frames * out);
        own->rms = rms(&seen);
        if (layer->op == CIRC_OP_POOL_AVG) /* the reciprocal is off by 2^-15 of itself at most */
            own->noise = rounding(circ_fixed_fraction(fixed, index), own->rms) + 0x1p-30;
    }
    for (int f = 0; f < frames && !status; f++)
        status = circ_fixed_run(fixed, index, a->words_x + f * in, a->words_y + f * out, NULL, err);
    if (!status && circ_network_has_weights(layer))
        own->sqnr_db = sqnr(a->y, a->words_y, frames * out, own->out_fraction);
    *a = (struct activations){a->y, a->x, a->words_y, a->words_x};
    return status;
}

/* As many of the most as the budget allows, but one. */
static int seeded_frames(const struct circ_network *net)
{
    double cost = (double)circ_network_counts(net).flop_executed / 2;
    return cost * CIRC_FIXED_FRAMES <= BUDGET ? CIRC_FIXED_FRAMES
           : cost * 2 <= BUDGET               ? (int)(BUDGET / cost)
                                              : 1;
}

/* Uniform in [-1, 1), as workloads feed them. */
static void fill(double *x, int64_t inputs, int frames)
{
    for (int f = 0; f < frames; f++) {
        struct circ_random random = circ_random_seed(SEED, (uint64_t)f);
        for (int64_t i = 0; i < inputs; i++) {
            float value;
            circ_random_fill(&random, &value, 1, 1);
            x[f * inputs + i] = value;
        }
    }
}

enum circ_status circ_fixed_calibrate_run(struct circ_fixed *fixed, const struct circ_model *model,
                                          const float *frames, int count, struct circ_error *err)
{
    const struct circ_network *net = fixed->network;
    int64_t inputs = circ_network_elements(net->input), widest = inputs;
    int used = frames ? count : seeded_frames(net);
    for (int i = 0; i < net->layer_count; i++) {
        int64_t out = circ_network_elements(net->layers[i].out);
        widest = out > widest ? out : widest;
    }
    size_t numbers = (size_t)used * (size_t)widest;
    double *doubles = malloc(2 * numbers * sizeof *doubles);
    int32_t *words = malloc(2 * numbers * sizeof *words);
    enum circ_status status = CIRC_OK;
    if (!doubles || !words)
        status = circ_status_fail(err, CIRC_MEMORY, "%s: no memory to calibrate on %d frames",
                                  net->name, used);
    struct activations a = {doubles, doubles + numbers, words, words + numbers};
    if (!status) {
        struct seen seen = {0};
        if (!frames)
            fill(a.x, inputs, used);
        for (int64_t i = 0; frames && i < used * inputs; i++)
            a.x[i] = frames[i];
        see(&seen, a.x, used * inputs);
        if (!isfinite(seen.power))
            status = circ_status_fail(err, CIRC_UNSUP,
                                      "%s: the frames to calibrate on have numbers that are not "
                                      "finite",
                                      net->name);
        fixed->in_fraction = isfinite(seen.power) ? fraction_of(seen.peak, 0, fixed->bits) : 0;
        fixed->noise = rounding(fixed->in_fraction, rms(&seen));
        for (int64_t i = 0; i < used * inputs; i++)
            a.words_x[i] = circ_fixed_word(a.x[i], fixed->in_fraction, fixed->bits);
    }
    for (int i = 0; i < circ_fixed_layers(net) && !status; i++)
        status = pass_layer(fixed, model, i, used, &a, err);
    free(words);
    free(doubles);
    return status;
}

int64_t circ_fixed_calibrate_footprint(const struct circ_network *net)
{
    int64_t widest = circ_network_elements(net->input), spectra = 0, frames = seeded_frames(net);
    for (int i = 0; i < net->layer_count; i++) {
        const struct circ_layer *layer = &net->layers[i];
        int64_t out = circ_network_elements(layer->out);
        widest = out > widest ? out : widest;
        if (!circ_network_has_weights(layer))
            continue;
        struct circ_geometry g = circ_geometry_of(layer);
        int64_t row = (int64_t)g.q * g.k, need = (frames * g.in_pixels + g.taps) * row;
        spectra = need > spectra ? need : spectra;
    }
    return (int64_t)sizeof(double) * spectra + 24 * frames * widest;
}
