/* Block-circulant layers with lanes over columns: samples of an FC layer, pixels of a CONV layer.
 *
 * Each thread takes a range of output rows (CONV), of columns (FC), or of block rows where there
 * are too few of those, and does forward transforms, products and inverse transforms of its range
 * in scratch of its own, so that no phase waits for another thread; CONV recomputes the halo of its
 * range. Within the range it works in bands of output rows whose spectra stay in the second-level
 * cache.
 *
 * A padded or strided CONV copies its band into a plane with a zero border, the columns of each
 * residue modulo the stride next to each other: then the pixels under a tap are contiguous whatever
 * the stride.
 *
 * A DENSE layer is the case k = 1. */
#include "backends/cpu/step.h"

#include "backends/core/geometry.h"

#include <stdlib.h>
#include <string.h>

#define BAND_BYTES (512 << 10) /* of input spectra: half of a small second-level cache */
#define STREAMED_BYTES                                                                             \
    (1 << 20) /* weights up to this stay in it, and may be read once for every band of columns */

struct columns {
    struct circ_step base;
    struct circ_fft_plan *plan;
    struct circ_geometry g;
    size_t group_weights; /* floats of one group, each as the product kernel wants it */
    size_t *tap;          /* offset of each tap within the plane */
    bool copies;          /* the band is copied into a plane */
    int plane_row; /* columns of a row of the plane: width x batch, padded and split by residue */
    int residue_pixels;                    /* pixels of one residue in a row */
    int out_row;                           /* valid columns of an output row */
    int column_band;                       /* of which one band takes: all in a CONV layer */
    int band;                              /* output rows of a band */
    int band_in;                           /* input rows under it */
    size_t x_pitch, y_row, x_slot, y_slot; /* strides of blocks, of output rows and of slots */
    size_t plane_at, x_at, y_at;           /* in scratch, after the transforms' own */
};

static size_t round_up(size_t value, size_t unit)
{
    return (value + unit - 1) / unit * unit;
}

static bool is_conv(const struct columns *c)
{
    return c->base.layer->op == CIRC_OP_CONV;
}

static void plan_plane(struct columns *c)
{
    const struct circ_layer *layer = c->base.layer;
    int batch = c->base.place.batch, lanes = c->base.place.kernels->lanes;
    int stride = is_conv(c) ? layer->stride : 1, taps_h = is_conv(c) ? layer->taps_h : 1;
    int rows = is_conv(c) ? layer->out.h : 1;
    c->copies = is_conv(c) && (layer->pad || stride > 1);
    c->residue_pixels = is_conv(c) ? (layer->in.w + 2 * layer->pad + stride - 1) / stride : 1;
    c->plane_row = c->residue_pixels * stride * batch;
    c->out_row = (is_conv(c) ? layer->out.w : 1) * batch;

    c->column_band = c->out_row;
    if (!is_conv(c) && c->out_row > 2 * lanes &&
        4 * (int64_t)c->g.p * c->g.q * c->g.k <= STREAMED_BYTES)
        c->column_band = c->plane_row = 2 * lanes;

    size_t row_bytes = (size_t)c->plane_row * (size_t)(c->g.q * c->g.k) * sizeof(float);
    int fit = (int)(BAND_BYTES / (row_bytes ? row_bytes : 1));
    int least = 2 * taps_h < rows ? 2 * taps_h : rows; /* the halo is recomputed for each band */
    c->band = (fit - taps_h) / stride + 1;
    c->band = c->band < least ? least : c->band > rows ? rows : c->band;
    c->band_in = (c->band - 1) * stride + taps_h;
    c->x_pitch = circ_step_stride((size_t)c->band_in * (size_t)c->plane_row);
    c->x_slot = circ_step_stride((size_t)c->g.q * c->x_pitch);
    c->y_row = round_up((size_t)c->column_band, 2 * (size_t)lanes);
    c->y_slot = circ_step_stride((size_t)c->g.p * (size_t)c->band * c->y_row);
    for (int t = 0; t < c->g.taps; t++) {
        int dy = is_conv(c) ? t / layer->taps_w : 0, dx = is_conv(c) ? t % layer->taps_w : 0;
        c->tap[t] = (size_t)dy * (size_t)c->plane_row +
                    ((size_t)(dx % stride) * (size_t)c->residue_pixels + (size_t)(dx / stride)) *
                        (size_t)batch;
    }
}

static void plan_scratch(struct columns *c)
{
    size_t lanes = (size_t)c->base.place.kernels->lanes, slots = (size_t)c->plan->slots;
    size_t plane = c->copies ? (size_t)c->g.n * c->x_pitch : 0;
    size_t x = slots * c->x_slot, y = slots * c->y_slot;
    c->plane_at = circ_fft_scratch(c->plan) * lanes;
    c->x_at = round_up(c->plane_at + plane + CIRC_SLACK, 16);
    c->y_at = round_up(c->x_at + 2 * x + CIRC_SLACK, 16);
    c->base.scratch_floats = c->y_at + 2 * y;
}

/* One block's spectrum, in double, to its places: slot major, then tiles of block rows, then taps,
 * block columns, rows of the tile. */
static void scatter(const struct columns *c, const double *packed, int tap, int i, int j,
                    float *group)
{
    int height = c->base.place.kernels->rows_per_tile, odd = c->g.k % 2;
    int first = i / height * height;
    int rows = c->g.p - first < height ? c->g.p - first : height;
    size_t terms = 2 * (size_t)c->g.taps * (size_t)c->g.q;
    for (int f = 0; f < c->plan->slots; f++) {
        float *to =
            group + ((size_t)f * (size_t)c->g.p + (size_t)first) * terms +
            2 * (((size_t)tap * (size_t)c->g.q + (size_t)j) * (size_t)rows + (size_t)(i - first));
        to[0] = (float)packed[f ? 2 * f - odd : 0];
        to[1] = f ? (float)packed[2 * f - odd + 1] : odd ? 0 : (float)packed[1];
    }
}

static enum circ_status pack_weights(struct columns *c, const struct circ_weights *weights,
                                     struct circ_error *err)
{
    const struct circ_geometry *g = &c->g;
    size_t k = (size_t)g->k;
    double *block = malloc((k + circ_fft_scratch(c->plan)) * sizeof *block);
    c->group_weights = 2 * (size_t)c->plan->slots * (size_t)g->taps * (size_t)g->p * (size_t)g->q;
    c->base.weight_floats = c->group_weights * (size_t)g->groups;
    c->base.weights = circ_step_floats(c->base.weight_floats);
    if (!block || !c->base.weights) {
        free(block);
        return circ_status_fail(err, CIRC_MEMORY, "no memory for the spectra of %zu weights",
                                weights->count);
    }
    bool dense = c->base.layer->structure == CIRC_DENSE;
    for (size_t b = 0; b < weights->count / k; b++) {
        /* canonical order: DENSE [group][i][j][tap], CIRCULANT [group][tap][i][j] */
        size_t taps = (size_t)g->taps, pq = (size_t)g->p * (size_t)g->q, at = b % (pq * taps);
        size_t tap = dense ? at % taps : at / pq, ij = dense ? at / taps : at % pq;
        for (size_t r = 0; r < k; r++)
            block[r] = weights->values[b * k + r];
        circ_fft_forward_f64(c->plan, block, block, block + k);
        scatter(c, block, (int)tap, (int)(ij / (size_t)g->q), (int)(ij % (size_t)g->q),
                c->base.weights + b / (pq * taps) * c->group_weights);
    }
    free(block);
    return CIRC_OK;
}

/* Copies the input rows under a band into the plane: zero border, residues of the stride apart. */
static void copy_plane(const struct columns *c, const float *x, int group, int first_row, int rows,
                       float *plane)
{
    const struct circ_layer *layer = c->base.layer;
    int batch = c->base.place.batch, stride = layer->stride;
    for (int channel = 0; channel < c->g.n; channel++) {
        const float *from =
            x + ((int64_t)group * c->g.n + channel) * layer->in.h * layer->in.w * batch;
        for (int row = 0; row < rows; row++) {
            float *to = plane + (size_t)channel * c->x_pitch + (size_t)row * (size_t)c->plane_row;
            int iy = first_row + row - layer->pad;
            memset(to, 0, (size_t)c->plane_row * sizeof *to);
            if (iy < 0 || iy >= layer->in.h)
                continue;
            const float *line = from + (int64_t)iy * layer->in.w * batch;
            if (stride == 1) {
                memcpy(to + layer->pad * batch, line, (size_t)(layer->in.w * batch) * sizeof *to);
                continue;
            }
            for (int ix = 0; ix < layer->in.w; ix++) {
                int at = ix + layer->pad;
                memcpy(to + (at % stride * c->residue_pixels + at / stride) * batch,
                       line + ix * batch, (size_t)batch * sizeof *to);
            }
        }
    }
}

/* What one thread does of one band: output rows, columns, and block rows. */
struct part {
    int row_first, row_last;
    int column_first, column_last;
    int block_first, block_last;
};

static void run_band(const struct columns *c, const float *x, float *y, const struct part *part,
                     int group, float *scratch)
{
    const struct circ_kernels *kernels = c->base.place.kernels;
    const struct circ_layer *layer = c->base.layer;
    size_t batch = (size_t)c->base.place.batch, in_pixels = (size_t)c->g.in_pixels;
    size_t slots = (size_t)c->plan->slots;
    int rows = part->row_last - part->row_first, stride = is_conv(c) ? layer->stride : 1;
    int in_first = part->row_first * stride;
    int in_rows = (rows - 1) * stride + (is_conv(c) ? layer->taps_h : 1);
    const float *source = x + (size_t)group * (size_t)c->g.n * in_pixels * batch +
                          (size_t)in_first * (size_t)c->plane_row + part->column_first;
    if (c->copies) {
        source = scratch + c->plane_at;
        copy_plane(c, x, group, in_first, in_rows, scratch + c->plane_at);
    }
    int columns = part->column_last - part->column_first;
    struct circ_spectra xs = {
        .re = scratch + c->x_at, .slot_stride = c->x_slot, .block_stride = c->x_pitch};
    struct circ_spectra ys = {.re = scratch + c->y_at, .block_stride = (size_t)c->band * c->y_row};
    ys.slot_stride = c->y_slot;
    xs.im = xs.re + slots * xs.slot_stride;
    ys.im = ys.re + slots * ys.slot_stride;
    kernels->forward(
        &(struct circ_forward){.plan = c->plan,
                               .x = source,
                               .channel_stride = c->copies ? c->x_pitch : in_pixels * batch,
                               .channels = c->g.n,
                               .blocks = c->g.q,
                               .columns = is_conv(c) ? in_rows * c->plane_row : columns,
                               .spectra = xs},
        scratch);
    kernels->product(&(struct circ_product){.w = c->base.weights + (size_t)group * c->group_weights,
                                            .x = xs,
                                            .y = ys,
                                            .slots = c->plan->slots,
                                            .taps = c->g.taps,
                                            .q = c->g.q,
                                            .row_first = part->block_first,
                                            .row_last = part->block_last,
                                            .p = c->g.p,
                                            .tap = c->tap,
                                            .out_rows = rows,
                                            .columns = columns,
                                            .x_row = (size_t)stride * (size_t)c->plane_row,
                                            .y_row = c->y_row});
    size_t out_channel = (size_t)c->g.out_pixels * batch;
    kernels->inverse(
        &(struct circ_inverse){.plan = c->plan,
                               .spectra = ys,
                               .y = y + (size_t)group * (size_t)c->g.m * out_channel +
                                    (size_t)part->row_first * (size_t)c->out_row +
                                    part->column_first,
                               .channel_stride = out_channel,
                               .row_stride = (size_t)c->out_row,
                               .spectra_row = c->y_row,
                               .channels = c->g.m,
                               .rows = rows,
                               .columns = columns,
                               .block_first = part->block_first,
                               .block_last = part->block_last,
                               .bias = c->base.bias ? c->base.bias + group * c->g.m : NULL,
                               .relu = c->base.relu},
        scratch);
}

static void run(const struct circ_step *step, const float *x, float *y, float *scratch, int thread)
{
    const struct columns *c = (const struct columns *)step;
    int threads = step->place.threads, lanes = step->place.kernels->lanes;
    int height = step->place.kernels->rows_per_tile;
    int rows = is_conv(c) ? step->layer->out.h : 1;
    int vectors = (c->out_row + lanes - 1) / lanes, tiles = (c->g.p + height - 1) / height;
    struct part whole = {.row_last = rows, .column_last = c->out_row, .block_last = c->g.p};
    if (rows >= threads) {
        circ_step_share(rows, threads, thread, &whole.row_first, &whole.row_last);
    } else if (rows == 1 && !is_conv(c) && vectors >= threads) {
        circ_step_share(vectors, threads, thread, &whole.column_first, &whole.column_last);
        whole.column_first *= lanes;
        whole.column_last *= lanes;
        if (whole.column_last > c->out_row)
            whole.column_last = c->out_row;
    } else {
        circ_step_share(tiles, threads, thread, &whole.block_first, &whole.block_last);
        whole.block_first *= height;
        whole.block_last *= height;
        if (whole.block_last > c->g.p)
            whole.block_last = c->g.p;
    }
    if (whole.block_first == whole.block_last)
        return;
    for (int group = 0; group < c->g.groups; group++) {
        for (int row = whole.row_first; row < whole.row_last; row += c->band) {
            struct part part = whole;
            part.row_first = row;
            part.row_last = row + c->band < whole.row_last ? row + c->band : whole.row_last;
            for (int column = whole.column_first; column < whole.column_last;
                 column += c->column_band) {
                int end = column + c->column_band;
                part.column_first = column;
                part.column_last = end < whole.column_last ? end : whole.column_last;
                run_band(c, x, y, &part, group, scratch);
            }
        }
    }
}

static void release(struct circ_step *step)
{
    struct columns *c = (struct columns *)step;
    free(c->tap);
    circ_fft_free(c->plan);
}

enum circ_status circ_columns_create(struct circ_step **step, const struct circ_layer *layer,
                                     const struct circ_weights *weights, struct circ_place place,
                                     bool relu, struct circ_error *err)
{
    struct columns *c = calloc(1, sizeof *c);
    if (!c)
        return circ_status_fail(err, CIRC_MEMORY, "no memory for a layer");
    enum circ_status status = circ_step_begin(&c->base, layer, weights, place, relu, err);
    c->base.run = run;
    c->base.release = release;
    c->g = circ_geometry_of(layer);
    c->tap = calloc((size_t)c->g.taps, sizeof *c->tap);
    if (!status && !c->tap)
        status = circ_status_fail(err, CIRC_MEMORY, "no memory for %d taps", c->g.taps);
    if (!status)
        status = circ_fft_create(&c->plan, c->g.k, err);
    if (!status) {
        plan_plane(c);
        plan_scratch(c);
        status = pack_weights(c, weights, err);
    }
    if (status)
        circ_step_free(&c->base);
    else
        *step = &c->base;
    return status;
}
