/* Block-circulant FC layers for small batches: each sample is a stream through the spectra of the
 * weights, at the bandwidth of the memory that holds them. Lanes are block rows, or slots where
 * block rows are few.
 *
 * Every thread transforms the whole input for itself (cheaper than waiting) and takes its share of
 * block rows through product and inverse, in scratch of its own. A DENSE layer is the case k = 1.
 */
#include "backends/cpu/step.h"

#include "backends/core/geometry.h"
#include "backends/cpu/cost.h"
#include "backends/cpu/pair.h"

#include <stdlib.h>
#include <string.h>

struct stream {
    struct circ_step base;
    struct circ_transform *transform;
    struct circ_geometry g;
    bool over_slots;
    int vectors; /* of block rows, or of slots */
    int tile;    /* block rows, or vectors of them, whose weights lie side by side */
    /* in scratch, after the transforms' own: x and y of a sample, spectra of both */
    size_t x_at, y_at, xs_at, ys_at;
};

static int vectors_of(int count, int lanes)
{
    return (count + lanes - 1) / lanes;
}

static struct circ_cost_layer cost_of(const struct circ_layer *layer, struct circ_place place)
{
    struct circ_geometry g = circ_geometry_of(layer);
    bool pairs = layer->precision == CIRC_BF16;
    return (struct circ_cost_layer){g.k, g.p, g.q, place.batch, place.kernels->lanes, pairs};
}

bool circ_stream_pays(const struct circ_layer *layer, struct circ_place place)
{
    if (layer->op != CIRC_OP_FC)
        return false;
    struct circ_cost_layer cost = cost_of(layer, place);
    return circ_cost_stream(cost) < circ_cost_columns(cost);
}

static bool in_pairs(const struct stream *s)
{
    return s->base.layer->precision == CIRC_BF16;
}

/* Words of memory that re and im of a weight take. */
static size_t parts_of(const struct stream *s)
{
    return in_pairs(s) ? 1 : 2;
}

/* Block rows, or vectors of them: what tiles consist of. */
static int rows_of(const struct stream *s)
{
    return s->over_slots ? s->g.p : s->vectors;
}

static size_t weight_at(const struct stream *s, int slot, int i, int j, size_t *imaginary)
{
    size_t lanes = (size_t)s->base.place.kernels->lanes, q = (size_t)s->g.q;
    size_t parts = parts_of(s);
    int vector = (s->over_slots ? slot : i) / (int)lanes; /* of slots, or of rows */
    int row = s->over_slots ? i : vector, first = row / s->tile * s->tile;
    int left = rows_of(s) - first;
    size_t width = (size_t)(left < s->tile ? left : s->tile), at;
    *imaginary = lanes;
    if (s->over_slots)
        at = ((size_t)first * (size_t)s->vectors + (size_t)vector * width) * q;
    else
        at = ((size_t)slot * (size_t)s->vectors + (size_t)first) * q;
    at += (size_t)j * width + (size_t)(row - first);
    return at * parts * lanes + (size_t)(s->over_slots ? slot : i) % lanes;
}

/* Tiles are shared out whole: the widest of which nobody has more than he must. */
static int tile_of(int rows, int threads, int most)
{
    int tile = most;
    while (tile > 1) {
        int tiles = vectors_of(rows, tile), widest = vectors_of(tiles, threads) * tile;
        if (widest <= vectors_of(rows, threads) + rows / threads / 8)
            break;
        tile /= 2;
    }
    return tile;
}

static enum circ_status pack_weights(struct stream *s, const struct circ_weights *weights,
                                     struct circ_error *err)
{
    size_t lanes = (size_t)s->base.place.kernels->lanes, k = (size_t)s->g.k;
    size_t outer = s->over_slots ? (size_t)s->g.p : (size_t)s->transform->slots;
    double *block = malloc((k + circ_fft_scratch(s->transform->plan)) * sizeof *block);
    s->base.weight_floats = outer * (size_t)s->vectors * lanes * parts_of(s) * (size_t)s->g.q;
    s->base.weights = circ_step_floats(s->base.weight_floats);
    if (!block || !s->base.weights) {
        free(block);
        return circ_status_fail(err, CIRC_MEMORY, "no memory for the spectra of %zu weights",
                                weights->count);
    }
    int odd = s->g.k % 2;
    bool pairs = in_pairs(s);
    for (size_t b = 0; b < weights->count / k; b++) {
        for (size_t r = 0; r < k; r++)
            block[r] = weights->values[b * k + r];
        circ_fft_forward_f64(s->transform->plan, block, block, block + k);
        for (int f = 0; f < s->transform->slots; f++) {
            size_t imaginary, at = weight_at(s, f, (int)(b / (size_t)s->g.q),
                                             (int)(b % (size_t)s->g.q), &imaginary);
            double re = block[f ? 2 * f - odd : 0];
            double im = f ? block[2 * f - odd + 1] : odd ? 0 : block[1];
            s->base.weights[at] = pairs ? circ_pair_of(re, im) : (float)re;
            if (!pairs)
                s->base.weights[at + imaginary] = (float)im;
        }
    }
    free(block);
    return CIRC_OK;
}

/* Spectra of `blocks` blocks in scratch: slots innermost, or blocks innermost with whole vectors.
 */
static struct circ_spectra spectra_at(const struct stream *s, float *scratch, size_t at, int blocks)
{
    size_t lanes = (size_t)s->base.place.kernels->lanes, slots = (size_t)s->transform->slots;
    size_t padded = circ_step_stride((size_t)vectors_of(blocks, (int)lanes) * lanes);
    struct circ_spectra spectra = {.re = scratch + at};
    if (s->over_slots) {
        spectra.slot_stride = 1;
        spectra.block_stride = (size_t)s->vectors * lanes;
        spectra.im = spectra.re + (size_t)blocks * spectra.block_stride;
    } else {
        spectra.slot_stride = padded;
        spectra.block_stride = 1;
        spectra.im = spectra.re + slots * padded;
    }
    return spectra;
}

static size_t spectra_floats(const struct stream *s, int blocks)
{
    size_t lanes = (size_t)s->base.place.kernels->lanes, slots = (size_t)s->transform->slots;
    size_t padded = circ_step_stride((size_t)vectors_of(blocks, (int)lanes) * lanes);
    return 2 * (s->over_slots ? (size_t)blocks * (size_t)s->vectors * lanes : slots * padded);
}

static void run_sample(const struct stream *s, const float *x, float *y, int first, int last,
                       float *scratch)
{
    const struct circ_kernels *kernels = s->base.place.kernels;
    struct circ_spectra xs = spectra_at(s, scratch, s->xs_at, s->g.q);
    struct circ_spectra ys = spectra_at(s, scratch, s->ys_at, s->g.p);
    kernels->forward_blocks(&(struct circ_forward){.transform = s->transform,
                                                   .x = x,
                                                   .channel_stride = 1,
                                                   .channels = s->g.n,
                                                   .blocks = s->g.q,
                                                   .rows = 1,
                                                   .columns = 1,
                                                   .spectra = xs},
                            scratch);
    int block_first = first, block_last = last;
    if (s->over_slots) {
        kernels->stream_slots(&(struct circ_stream_slots){.w = s->base.weights,
                                                          .pairs = in_pairs(s),
                                                          .x = xs,
                                                          .y = ys,
                                                          .slots = s->transform->slots,
                                                          .q = s->g.q,
                                                          .tile = s->tile,
                                                          .row_first = first,
                                                          .row_last = last});
    } else {
        kernels->stream_rows(&(struct circ_stream_rows){.w = s->base.weights,
                                                        .pairs = in_pairs(s),
                                                        .x = xs,
                                                        .y = ys,
                                                        .slots = s->transform->slots,
                                                        .q = s->g.q,
                                                        .vectors = s->vectors,
                                                        .tile = s->tile,
                                                        .vector_first = first,
                                                        .vector_last = last});
        block_first = first * kernels->lanes;
        block_last = last * kernels->lanes < s->g.p ? last * kernels->lanes : s->g.p;
    }
    ys.re += (size_t)block_first * ys.block_stride;
    ys.im += (size_t)block_first * ys.block_stride;
    kernels->inverse_blocks(&(struct circ_inverse){.transform = s->transform,
                                                   .spectra = ys,
                                                   .y = y,
                                                   .channel_stride = 1,
                                                   .channels = s->g.m,
                                                   .rows = 1,
                                                   .columns = 1,
                                                   .block_first = block_first,
                                                   .block_last = block_last,
                                                   .bias = s->base.bias,
                                                   .relu = s->base.relu},
                            scratch);
}

static void run(const struct circ_step *step, const float *x, float *y, float *scratch, int thread)
{
    const struct stream *s = (const struct stream *)step;
    int first, last, batch = step->place.batch, lanes = step->place.kernels->lanes;
    int rows = rows_of(s);
    circ_step_share(vectors_of(rows, s->tile), step->place.threads, thread, &first, &last);
    if (first == last)
        return;
    first *= s->tile;
    last = last * s->tile < rows ? last * s->tile : rows;
    if (batch == 1) {
        run_sample(s, x, y, first, last, scratch);
        return;
    }
    int64_t row_first = (int64_t)first * s->g.k * (s->over_slots ? 1 : lanes);
    int64_t row_last = (int64_t)last * s->g.k * (s->over_slots ? 1 : lanes);
    row_last = row_last < s->g.m ? row_last : s->g.m;
    for (int b = 0; b < batch; b++) {
        float *sample = scratch + s->x_at, *result = scratch + s->y_at;
        for (int c = 0; c < s->g.n; c++)
            sample[c] = x[(size_t)c * (size_t)batch + (size_t)b];
        run_sample(s, sample, result, first, last, scratch);
        for (int64_t r = row_first; r < row_last; r++)
            y[r * batch + b] = result[r];
    }
}

static void release(struct circ_step *step)
{
    struct stream *s = (struct stream *)step;
    circ_transform_free(s->transform);
}

static void plan_scratch(struct stream *s)
{
    size_t samples = s->base.place.batch > 1 ? (size_t)s->g.n + (size_t)s->g.m + 32 : 0;
    s->x_at = (circ_transform_scratch(s->transform) * (size_t)s->base.place.kernels->lanes + 15) /
              16 * 16;
    s->y_at = s->x_at + (samples ? ((size_t)s->g.n + 15) / 16 * 16 : 0);
    s->xs_at = (s->x_at + samples + 15) / 16 * 16;
    s->ys_at = s->xs_at + (spectra_floats(s, s->g.q) + CIRC_SLACK + 15) / 16 * 16;
    s->base.scratch_floats = s->ys_at + spectra_floats(s, s->g.p);
}

enum circ_status circ_stream_create(struct circ_step **step, const struct circ_layer *layer,
                                    const struct circ_weights *weights, struct circ_place place,
                                    bool relu, struct circ_error *err)
{
    struct stream *s = calloc(1, sizeof *s);
    if (!s)
        return circ_status_fail(err, CIRC_MEMORY, "no memory for a layer");
    enum circ_status status = circ_step_begin(&s->base, layer, weights, place, relu, err);
    s->base.run = run;
    s->base.release = release;
    s->g = circ_geometry_of(layer);
    if (!status)
        status = circ_transform_create(&s->transform, s->g.k, place.kernels->lanes, err);
    if (!status) {
        int lanes = place.kernels->lanes, slots = s->transform->slots;
        struct circ_cost_layer cost = cost_of(layer, place);
        s->over_slots = circ_cost_stream_slots(cost) < circ_cost_stream_rows(cost);
        s->vectors = vectors_of(s->over_slots ? slots : s->g.p, lanes);
        s->tile = tile_of(rows_of(s), place.threads, place.kernels->stream_vectors);
        plan_scratch(s);
        status = pack_weights(s, weights, err);
    }
    if (status)
        circ_step_free(&s->base);
    else
        *step = &s->base;
    return status;
}
