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

#define WIDE 32 /* columns that a tile of the product takes at best */
#define STREAMED_BYTES                                                                             \
    (512 << 10)                /* weights beyond this come from beyond the second-level cache      \
                                */
#define BAND_BYTES (512 << 10) /* of input spectra: half of a small second-level cache */
#define PANEL      32          /* columns of an FC layer that go through all phases together */

struct columns {
    struct circ_step base;
    struct circ_transform *transform;
    struct circ_geometry g;
    size_t group_weights; /* floats of one group, each as the product kernel wants it */
    size_t *tap;          /* offset of each tap within the plane */
    bool copies;          /* the band is copied into a plane */
    int plane_row; /* columns of a row of the plane: width x batch, padded and split by residue */
    int residue_pixels; /* pixels of one residue in a row */
    int out_row;        /* valid columns of an output row */
    int column_band;    /* of which one band takes: all in a CONV layer */
    int band;           /* output rows of a band */
    int band_in;        /* input rows under it */
    int height;         /* most block rows of a tile */
    int tiles;          /* of block rows */
    /* strides of blocks of x, of its planes, of output rows, blocks and planes of y, of slots */
    size_t x_pitch, x_plane, y_row, y_block, y_plane, x_slot, y_slot;
    size_t plane_at, x_at, y_at; /* in scratch, after the transforms' own */
};

static size_t round_up(size_t value, size_t unit)
{
    return (value + unit - 1) / unit * unit;
}

static bool is_conv(const struct columns *c)
{
    return c->base.layer->op == CIRC_OP_CONV;
}

/* Block rows of a tile: as near to equal as can be. */
static void tile_rows(const struct columns *c, int tile, int *first, int *last)
{
    circ_step_share(c->g.p, c->tiles, tile, first, last);
}

static size_t tile_weights(const struct columns *c, int first_row)
{
    return 3 * (size_t)c->transform->slots * (size_t)c->g.taps * (size_t)c->g.q * (size_t)first_row;
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

    /* An FC layer whose weights stay in the second-level cache takes panels one by one, so that its
     * spectra do too; others read the weights half as often. */
    if (!is_conv(c) && c->base.place.panels % 2 == 0 && c->base.place.threads == 1 &&
        4 * tile_weights(c, c->g.p) > STREAMED_BYTES)
        c->base.panels = 2;
    c->column_band = c->out_row * c->base.panels;
    if (!is_conv(c) && c->column_band > WIDE)
        c->column_band = WIDE;
    if (!is_conv(c))
        c->plane_row = c->column_band;
    c->height = c->column_band > lanes ? c->base.place.kernels->rows_of_more
                                       : c->base.place.kernels->rows_of_one;
    c->tiles = (c->g.p + c->height - 1) / c->height;
    if (!is_conv(c) && c->tiles < c->base.place.threads) /* one for each, where they share them */
        c->tiles = c->g.p < c->base.place.threads ? c->g.p : c->base.place.threads;

    size_t row_bytes = (size_t)c->plane_row * (size_t)(c->g.q * c->g.k) * sizeof(float);
    int fit = (int)(BAND_BYTES / (row_bytes ? row_bytes : 1));
    int least = 2 * taps_h < rows ? 2 * taps_h : rows; /* the halo is recomputed for each band */
    c->band = (fit - taps_h) / stride + 1;
    c->band = c->band < least ? least : c->band > rows ? rows : c->band;
    c->band_in = (c->band - 1) * stride + taps_h;
    /* an FC layer's planes are read from end to end, a CONV layer's by row and tap */
    c->x_pitch = is_conv(c) ? circ_step_stride((size_t)c->band_in * (size_t)c->plane_row)
                            : round_up((size_t)c->plane_row, (size_t)lanes);
    c->x_plane = (size_t)c->g.q * c->x_pitch;
    c->x_slot = circ_step_stride(3 * c->x_plane);
    c->y_row = round_up((size_t)c->column_band, 2 * (size_t)lanes);
    c->y_block = (size_t)c->band * c->y_row;
    c->y_plane = (size_t)c->height * c->y_block;
    c->y_slot = circ_step_stride(2 * c->y_plane);
    for (int t = 0; t < c->g.taps; t++) {
        int dy = is_conv(c) ? t / layer->taps_w : 0, dx = is_conv(c) ? t % layer->taps_w : 0;
        c->tap[t] = (size_t)dy * (size_t)c->plane_row +
                    ((size_t)(dx % stride) * (size_t)c->residue_pixels + (size_t)(dx / stride)) *
                        (size_t)batch;
    }
}

static void plan_scratch(struct columns *c)
{
    size_t lanes = (size_t)c->base.place.kernels->lanes, slots = (size_t)c->transform->slots;
    size_t plane = c->copies ? (size_t)c->g.n * c->x_pitch : 0;
    c->plane_at = circ_transform_scratch(c->transform) * lanes;
    c->x_at = round_up(c->plane_at + plane + CIRC_SLACK, 16);
    c->y_at = round_up(c->x_at + slots * c->x_slot + CIRC_SLACK, 16);
    c->base.scratch_floats = c->y_at + slots * c->y_slot;
}

/* One block's spectrum, in double, to its places in a tile: see circ_product. */
static void scatter(const struct columns *c, const double *packed, int tap, int i, int j,
                    float *group)
{
    int first, last, odd = c->g.k % 2, tile = 0;
    do
        tile_rows(c, tile++, &first, &last);
    while (i >= last);
    size_t rows = (size_t)(last - first), plane = (size_t)c->g.taps * (size_t)c->g.q * rows;
    float *to = group + tile_weights(c, first) + ((size_t)tap * (size_t)c->g.q + (size_t)j) * rows +
                (size_t)(i - first);
    to[0] = (float)packed[0];
    to[plane] = odd ? 0 : (float)packed[1];
    for (int f = 1; f < c->transform->slots; f++) {
        double re = packed[2 * f - odd], im = packed[2 * f - odd + 1];
        to += 3 * plane;
        to[0] = (float)re;
        to[plane] = (float)-(re + im);
        to[2 * plane] = (float)(im - re);
    }
}

static enum circ_status pack_weights(struct columns *c, const struct circ_weights *weights,
                                     struct circ_error *err)
{
    const struct circ_geometry *g = &c->g;
    size_t k = (size_t)g->k;
    double *block = malloc((k + circ_fft_scratch(c->transform->plan)) * sizeof *block);
    c->group_weights = tile_weights(c, g->p);
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
        circ_fft_forward_f64(c->transform->plan, block, block, block + k);
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
    int tile_first, tile_last;
};

static struct circ_spectra at_column(struct circ_spectra spectra, size_t column)
{
    spectra.re += column;
    spectra.im += column;
    spectra.sum = spectra.sum ? spectra.sum + column : NULL;
    return spectra;
}

/* A band of one panel; of an FC layer, of as many panels as it takes together. */
static void run_band(const struct columns *c, const float *x, float *y, const struct part *part,
                     int group, float *scratch)
{
    const struct circ_kernels *kernels = c->base.place.kernels;
    const struct circ_layer *layer = c->base.layer;
    size_t batch = (size_t)c->base.place.batch, in_pixels = (size_t)c->g.in_pixels;
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
    struct circ_spectra ys = {
        .re = scratch + c->y_at, .slot_stride = c->y_slot, .block_stride = c->y_block};
    xs.im = xs.re + c->x_plane;
    xs.sum = xs.im + c->x_plane;
    ys.im = ys.re + c->y_plane;
    struct circ_forward forward = {.transform = c->transform,
                                   .channel_stride = c->copies ? c->x_pitch : in_pixels * batch,
                                   .channels = c->g.n,
                                   .blocks = c->g.q,
                                   .columns = is_conv(c) ? in_rows * c->plane_row : columns};
    for (int panel = 0; panel < c->base.panels; panel++) {
        size_t at = (size_t)panel * batch;
        forward.x = source + at * (size_t)c->g.n * in_pixels;
        forward.spectra = at_column(xs, at);
        kernels->forward(&forward, scratch);
    }
    size_t out_channel = (size_t)c->g.out_pixels * batch;
    float *target = y + (size_t)group * (size_t)c->g.m * out_channel +
                    (size_t)part->row_first * (size_t)c->out_row + part->column_first;
    for (int tile = part->tile_first; tile < part->tile_last; tile++) {
        int first, last;
        tile_rows(c, tile, &first, &last);
        kernels->product(&(struct circ_product){
            .w = c->base.weights + (size_t)group * c->group_weights + tile_weights(c, first),
            .x = xs,
            .y = ys,
            .slots = c->transform->slots,
            .taps = c->g.taps,
            .q = c->g.q,
            .rows = last - first,
            .odd = c->g.k % 2,
            .tap = c->tap,
            .out_rows = rows,
            .columns = columns * c->base.panels,
            .x_row = (size_t)stride * (size_t)c->plane_row,
            .y_row = c->y_row});
        struct circ_inverse inverse = {.transform = c->transform,
                                       .channel_stride = out_channel,
                                       .row_stride = (size_t)c->out_row,
                                       .spectra_row = c->y_row,
                                       .channels = c->g.m,
                                       .rows = rows,
                                       .columns = columns,
                                       .block_first = first,
                                       .block_last = last,
                                       .bias = c->base.bias ? c->base.bias + group * c->g.m : NULL,
                                       .relu = c->base.relu};
        for (int panel = 0; panel < c->base.panels; panel++) {
            size_t at = (size_t)panel * batch;
            inverse.y = target + at * (size_t)c->g.m * (size_t)c->g.out_pixels;
            inverse.spectra = at_column(ys, at);
            kernels->inverse(&inverse, scratch);
        }
    }
}

static void run(const struct circ_step *step, const float *x, float *y, float *scratch, int thread)
{
    const struct columns *c = (const struct columns *)step;
    int threads = step->place.threads, lanes = step->place.kernels->lanes;
    int rows = is_conv(c) ? step->layer->out.h : 1;
    int vectors = (c->out_row + lanes - 1) / lanes;
    struct part whole = {.row_last = rows, .column_last = c->out_row, .tile_last = c->tiles};
    if (rows >= threads) {
        circ_step_share(rows, threads, thread, &whole.row_first, &whole.row_last);
    } else if (rows == 1 && !is_conv(c) && vectors >= threads) {
        circ_step_share(vectors, threads, thread, &whole.column_first, &whole.column_last);
        whole.column_first *= lanes;
        whole.column_last *= lanes;
        if (whole.column_last > c->out_row)
            whole.column_last = c->out_row;
    } else {
        circ_step_share(c->tiles, threads, thread, &whole.tile_first, &whole.tile_last);
    }
    if (whole.tile_first == whole.tile_last)
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
    circ_transform_free(c->transform);
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
        status = circ_transform_create(&c->transform, c->g.k, place.kernels->lanes, err);
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
