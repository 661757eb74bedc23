/* Block-circulant layers with lanes over columns: samples of an FC layer, pixels of a CONV layer.
 *
 * Each thread takes a range of output rows (CONV), of columns (FC), or of block rows where there
 * are too few of those, and does forward transforms, products and inverse transforms of its range
 * in scratch of its own, so that no phase waits for another thread; CONV recomputes the halo of its
 * range. Within the range it works in bands of output rows whose input spectra stay in the
 * second-level cache, and in chunks of a band whose output spectra do beside them.
 *
 * The spectra of a CONV's band are a plane with zeros between its rows, as many as the padding:
 * then the pixels under a tap are contiguous from row to row, and a chunk is one run of columns. A
 * strided CONV copies its band first, the columns of each residue modulo the stride next to each
 * other, and its runs are rows.
 *
 * A DENSE layer is the case k = 1. */
#include "backends/cpu/step.h"

#include "backends/core/geometry.h"
#include "backends/cpu/pair.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WIDE 32 /* columns that a tile of the product takes at best */
#define STREAMED_BYTES                                                                             \
    (512 << 10)                 /* weights beyond this come from beyond the second-level cache     \
                                 */
#define CHUNK_BYTES (256 << 10) /* of output spectra of a tile */
#define FEW_READS                                                                                  \
    8 /* of x by the product, for which a third plane and a nearer cache do not pay                \
       */

struct columns {
    struct circ_step base;
    struct circ_transform *transform;
    struct circ_geometry g;
    size_t group_weights; /* floats of one group, each as the product kernel wants it */
    size_t *tap;          /* offset of each tap within the plane */
    bool copies;          /* the band is copied into a plane */
    int lead, margin;     /* columns of zeros before the first row of the plane, and after each */
    int plane_row;        /* columns from a row of the plane to the next */
    int residue_pixels;   /* pixels of one residue in a row of a copied plane */
    int out_row;          /* valid columns of an output row */
    int column_band;      /* of which one band takes: all in a CONV layer */
    int band, chunk;      /* output rows of a band and of a chunk */
    int band_in;          /* input rows under a band */
    int x_planes;         /* re, im, and their sum where the product reads it often enough */
    int height;           /* most block rows of a tile */
    int tiles;            /* of block rows */
    int tiles_together;   /* whose spectra y holds: slot by slot all of them, so that a slot of x is
                             read from a cache nearer than all are; or one tile, all slots */
    /* strides of blocks of x, of its planes, of output rows, blocks and planes of y, of slots */
    size_t x_pitch, x_plane, y_row, y_block, y_plane, x_slot, y_slot;
    /* in scratch, after the transforms' own; planes of one slot's weights, where those are pairs */
    size_t plane_at, x_at, y_at, widened_at;
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

static bool in_pairs(const struct columns *c)
{
    return c->base.layer->precision == CIRC_BF16;
}

/* Words of memory that a slot of a block takes: three planes, or a pair. */
static size_t parts_of(const struct columns *c)
{
    return in_pairs(c) ? 1 : 3;
}

/* Weights of one slot and so many block rows. */
static size_t slot_weights(const struct columns *c, int rows)
{
    return parts_of(c) * (size_t)c->g.taps * (size_t)c->g.q * (size_t)rows;
}

/* Where a tile's weights begin, and how far its slots are apart: in the order in which they are
 * read. */
static size_t tile_at(const struct columns *c, int first_row)
{
    return slot_weights(c, first_row) * (size_t)(c->tiles_together > 1 ? 1 : c->transform->slots);
}

static size_t tile_slot(const struct columns *c, int rows)
{
    return slot_weights(c, c->tiles_together > 1 ? c->g.p : rows);
}

/* Bytes that may be counted on to stay in the second-level cache while others pass through. */
static size_t kept_bytes(void)
{
    long cache = sysconf(_SC_LEVEL2_CACHE_SIZE);
    return cache > 0 ? (size_t)cache / 2 : 512 << 10;
}

/* Columns at a time, of an FC layer those of two panels where that pays, and tiles. */
static void plan_tiles(struct columns *c)
{
    const struct circ_place *place = &c->base.place;
    const struct circ_layer *layer = c->base.layer;
    /* An FC layer whose weights stay in the second-level cache takes panels one by one, so that its
     * spectra do too; others read the weights half as often. */
    if (!is_conv(c) && place->panels % 2 == 0 && place->threads == 1 &&
        4 * slot_weights(c, c->g.p) * (size_t)c->transform->slots > STREAMED_BYTES)
        c->base.panels = 2;
    c->out_row = layer->out.w * place->batch;
    c->column_band = c->out_row * c->base.panels;
    if (!is_conv(c) && c->column_band > WIDE)
        c->column_band = WIDE;

    c->height = c->column_band > place->kernels->lanes ? place->kernels->rows_of_more
                                                       : place->kernels->rows_of_one;
    c->tiles = (c->g.p + c->height - 1) / c->height;
    if (!is_conv(c) && c->tiles < place->threads) /* one for each, where they share them */
        c->tiles = c->g.p < place->threads ? c->g.p : place->threads;
    c->height = (c->g.p + c->tiles - 1) / c->tiles;
    c->x_planes = c->tiles * c->g.taps > FEW_READS ? 3 : 2;
    c->tiles_together = 1;
}

/* An FC layer: one row of columns. */
static void plan_columns(struct columns *c)
{
    c->plane_row = c->column_band;
    c->band = c->chunk = c->band_in = 1;
    size_t plane = (size_t)(c->g.q * c->g.k / 2) * (size_t)c->column_band * sizeof(float);
    if (3 * plane > kept_bytes())
        c->x_planes = 2;
    if (2 * plane > kept_bytes() && c->tiles > FEW_READS)
        c->tiles_together = c->tiles;
}

/* A CONV layer: its plane, bands and chunks. */
static void plan_plane(struct columns *c)
{
    const struct circ_layer *layer = c->base.layer;
    int batch = c->base.place.batch, stride = layer->stride, rows = layer->out.h;
    c->copies = stride > 1;
    c->residue_pixels = (layer->in.w + 2 * layer->pad + stride - 1) / stride;
    int wider = layer->out.w > layer->in.w ? layer->out.w - layer->in.w : 0;
    c->lead = c->copies ? 0 : layer->pad * batch;
    c->margin = c->copies ? 0 : (layer->pad > wider ? layer->pad : wider) * batch;
    c->plane_row = c->copies ? c->residue_pixels * stride * batch : layer->in.w * batch + c->margin;

    size_t row_bytes = 2 * (size_t)c->x_planes * (size_t)c->plane_row * (size_t)(c->g.q * c->g.k);
    int least = 2 * layer->taps_h < rows ? 2 * layer->taps_h : rows; /* halos are recomputed */
    int most = ((int)(kept_bytes() / row_bytes) - layer->taps_h) / stride + 1;
    int bands = (rows + (most > least ? most : least) - 1) / (most > least ? most : least);
    c->band = (rows + bands - 1) / bands;
    c->band_in = (c->band - 1) * stride + layer->taps_h;
    for (int t = 0; t < c->g.taps; t++) {
        int dy = t / layer->taps_w, dx = t % layer->taps_w;
        c->tap[t] = (size_t)dy * (size_t)c->plane_row +
                    ((size_t)(dx % stride) * (size_t)c->residue_pixels + (size_t)(dx / stride)) *
                        (size_t)batch;
    }
}

static void plan_strides(struct columns *c)
{
    size_t lanes = (size_t)c->base.place.kernels->lanes;
    c->y_row =
        c->copies || !is_conv(c) ? round_up((size_t)c->column_band, lanes) : (size_t)c->plane_row;
    size_t row_bytes = (size_t)c->height * (size_t)c->g.k * c->y_row * sizeof(float);
    int chunks = (int)((size_t)c->band * row_bytes / CHUNK_BYTES) + 1;
    c->chunk = (c->band + chunks - 1) / chunks;

    /* an FC layer's planes are read from end to end, a CONV layer's by row and tap */
    size_t columns = (size_t)c->band_in * (size_t)c->plane_row + (size_t)c->lead;
    c->x_pitch = is_conv(c) ? circ_step_stride(columns + 3 * lanes) : round_up(columns, lanes);
    c->x_plane = (size_t)c->g.q * c->x_pitch;
    c->x_slot = circ_step_stride((size_t)c->x_planes * c->x_plane);
    c->y_block = (size_t)c->chunk * c->y_row;
    if (is_conv(c))
        c->y_block = circ_step_stride(c->y_block + lanes);
    c->y_plane = (size_t)(c->tiles_together > 1 ? c->g.p : c->height) * c->y_block;
    c->y_slot = circ_step_stride(2 * c->y_plane);
}

static void plan_scratch(struct columns *c)
{
    size_t lanes = (size_t)c->base.place.kernels->lanes, slots = (size_t)c->transform->slots;
    size_t plane = c->copies ? (size_t)c->g.n * c->x_pitch : 0;
    c->plane_at = circ_transform_scratch(c->transform) * lanes;
    c->x_at = round_up(c->plane_at + plane + CIRC_SLACK, 16);
    c->y_at = round_up(c->x_at + slots * c->x_slot + CIRC_SLACK, 16);
    c->widened_at = round_up(c->y_at + slots * c->y_slot, 16);
    c->base.scratch_floats = c->widened_at;
    if (in_pairs(c))
        c->base.scratch_floats += 3 * (size_t)c->g.taps * (size_t)c->g.q * (size_t)c->height;
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
    float *to = group + tile_at(c, first) + ((size_t)tap * (size_t)c->g.q + (size_t)j) * rows +
                (size_t)(i - first);
    size_t slot = tile_slot(c, (int)rows);
    if (in_pairs(c)) {
        to[0] = circ_pair_of(packed[0], odd ? 0 : packed[1]);
        for (int f = 1; f < c->transform->slots; f++)
            to[(size_t)f * slot] = circ_pair_of(packed[2 * f - odd], packed[2 * f - odd + 1]);
        return;
    }
    to[plane] = (float)packed[0]; /* slot 0 has two real bins and no third plane */
    to[2 * plane] = odd ? 0 : (float)packed[1];
    for (int f = 1; f < c->transform->slots; f++) {
        double re = packed[2 * f - odd], im = packed[2 * f - odd + 1];
        to += slot;
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
    c->group_weights = slot_weights(c, g->p) * (size_t)c->transform->slots;
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
            int iy = first_row + row;
            memset(to, 0, (size_t)c->plane_row * sizeof *to);
            if (iy < 0 || iy >= layer->in.h)
                continue;
            const float *line = from + (int64_t)iy * layer->in.w * batch;
            for (int ix = 0; ix < layer->in.w; ix++) {
                int at = ix + layer->pad;
                memcpy(to + (at % stride * c->residue_pixels + at / stride) * batch,
                       line + ix * batch, (size_t)batch * sizeof *to);
            }
        }
    }
}

/* What one thread does: output rows, columns, and tiles of block rows. */
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

/* Zeros into `count` columns of each block and slot. */
static void clear_columns(const struct columns *c, struct circ_spectra xs, size_t at, size_t count)
{
    for (int f = 0; count && f < c->transform->slots; f++) {
        float *block =
            xs.re + (size_t)f * c->x_slot + at; /* the planes' blocks follow each other */
        for (int j = 0; j < c->x_planes * c->g.q; j++, block += c->x_pitch)
            for (size_t i = 0; i < count; i++)
                block[i] = 0;
    }
}

/* Spectra of the input rows first .. first + rows - 1 of a CONV that is not strided, the first ones
 * and the last ones perhaps in the padding; x is the group's. */
static void transform_rows(const struct columns *c, const float *x, int first, int rows,
                           struct circ_spectra xs, float *scratch)
{
    const struct circ_layer *layer = c->base.layer;
    size_t batch = (size_t)c->base.place.batch, line = (size_t)layer->in.w * batch;
    int above = first >= 0 ? 0 : -first < rows ? -first : rows;
    int below = first + rows - layer->in.h;
    below = below < 0 ? 0 : below < rows - above ? below : rows - above;
    int inside = rows - above - below;
    size_t row = (size_t)c->plane_row, lead = (size_t)c->lead, margin = (size_t)c->margin;
    size_t at = (size_t)above * row + lead;
    struct circ_forward forward = {.transform = c->transform,
                                   .x = x + (int64_t)(first + above) * (int64_t)line,
                                   .channel_stride = (size_t)layer->in.h * line,
                                   .row_stride = line,
                                   .spectra_row = row,
                                   .channels = c->g.n,
                                   .blocks = c->g.q,
                                   .rows = inside,
                                   .columns = (int)line,
                                   .spectra = at_column(xs, at)};
    if (!margin) { /* then they are one run */
        forward.columns *= inside;
        forward.rows = 1;
    }
    clear_columns(c, xs, 0, at);
    c->base.place.kernels->forward(&forward, scratch);
    if (inside)
        at += (size_t)inside * row - margin;
    clear_columns(c, xs, at, (size_t)below * row + margin);
}

/* Columns before a band's plane that put its first row of pixels on a whole vector: then the
 * transforms, which write whole vectors, never write across two lines. */
static size_t band_start(const struct columns *c, const struct part *part)
{
    if (!is_conv(c) || c->copies)
        return 0;
    int pad = c->base.layer->pad, above = part->row_first < pad ? pad - part->row_first : 0;
    size_t lanes = (size_t)c->base.place.kernels->lanes;
    size_t first = (size_t)above * (size_t)c->plane_row + (size_t)c->lead;
    return round_up(first, lanes) - first;
}

/* Spectra of a band of one panel; of an FC layer, of as many panels as it takes together. */
static void transform_band(const struct columns *c, const float *x, const struct part *part,
                           int group, struct circ_spectra xs, float *scratch)
{
    const struct circ_layer *layer = c->base.layer;
    size_t batch = (size_t)c->base.place.batch, in_pixels = (size_t)c->g.in_pixels;
    int stride = layer->stride, in_first = part->row_first * stride - layer->pad;
    int in_rows = (part->row_last - part->row_first - 1) * stride + layer->taps_h;
    if (is_conv(c) && !c->copies) {
        transform_rows(c, x + (size_t)group * (size_t)c->g.n * in_pixels * batch, in_first, in_rows,
                       xs, scratch);
        return;
    }
    struct circ_forward forward = {
        .transform = c->transform, .channels = c->g.n, .blocks = c->g.q, .rows = 1};
    if (c->copies) {
        copy_plane(c, x, group, in_first, in_rows, scratch + c->plane_at);
        forward.x = scratch + c->plane_at;
        forward.channel_stride = c->x_pitch;
        forward.columns = in_rows * c->plane_row;
        forward.spectra = xs;
        c->base.place.kernels->forward(&forward, scratch);
        return;
    }
    forward.channel_stride = batch;
    forward.columns = part->column_last - part->column_first;
    for (int panel = 0; panel < c->base.panels; panel++) {
        size_t at = (size_t)panel * batch;
        forward.x = x + at * (size_t)c->g.n + part->column_first;
        forward.spectra = at_column(xs, at);
        c->base.place.kernels->forward(&forward, scratch);
    }
}

/* Output rows first .. last - 1 of the part, whose spectra start at xs. */
static void run_chunk(const struct columns *c, float *y, const struct part *part, int first,
                      int last, int group, struct circ_spectra xs, float *scratch)
{
    const struct circ_kernels *kernels = c->base.place.kernels;
    size_t batch = (size_t)c->base.place.batch, out_channel = (size_t)c->g.out_pixels * batch;
    int columns = part->column_last - part->column_first, rows = last - first;
    bool runs = is_conv(c) && !c->copies; /* rows of the plane are one run of columns */
    struct circ_spectra ys = {
        .re = scratch + c->y_at, .slot_stride = c->y_slot, .block_stride = c->y_block};
    ys.im = ys.re + c->y_plane;
    struct circ_product product = {.planes = in_pairs(c) ? scratch + c->widened_at : NULL,
                                   .x = xs,
                                   .taps = c->g.taps,
                                   .q = c->g.q,
                                   .odd = c->g.k % 2,
                                   .tap = c->tap,
                                   .out_rows = runs ? 1 : rows,
                                   .columns = runs ? (rows - 1) * c->plane_row + columns
                                                   : columns * c->base.panels,
                                   .x_row = (size_t)c->base.layer->stride * (size_t)c->plane_row,
                                   .y_row = c->y_row};
    struct circ_inverse inverse = {.transform = c->transform,
                                   .spectra = ys,
                                   .channel_stride = out_channel,
                                   .row_stride = (size_t)c->out_row,
                                   .spectra_row = c->y_row,
                                   .channels = c->g.m,
                                   .rows = rows,
                                   .columns = columns,
                                   .bias = c->base.bias ? c->base.bias + group * c->g.m : NULL,
                                   .relu = c->base.relu};
    for (int from = part->tile_first; from < part->tile_last; from += c->tiles_together) {
        int to =
            from + c->tiles_together < part->tile_last ? from + c->tiles_together : part->tile_last;
        int first_row, last_row, none;
        tile_rows(c, from, &first_row, &none);
        for (int f = 0; f < c->transform->slots; f = product.slot_last) {
            product.slot_first = f;
            product.slot_last = c->tiles_together > 1 ? f + 1 : c->transform->slots;
            for (int tile = from; tile < to; tile++) {
                int tile_first;
                tile_rows(c, tile, &tile_first, &last_row);
                product.w =
                    c->base.weights + (size_t)group * c->group_weights + tile_at(c, tile_first);
                product.rows = last_row - tile_first;
                product.w_slot = tile_slot(c, product.rows);
                product.y = at_column(ys, (size_t)(tile_first - first_row) * c->y_block);
                kernels->product(&product);
            }
        }
        inverse.block_first = first_row;
        inverse.block_last = last_row;
        for (int panel = 0; panel < c->base.panels; panel++) {
            size_t at = (size_t)panel * batch;
            inverse.y = y + at * (size_t)c->g.m * (size_t)c->g.out_pixels +
                        (size_t)group * (size_t)c->g.m * out_channel +
                        (size_t)first * (size_t)c->out_row + part->column_first;
            inverse.spectra = at_column(ys, at);
            kernels->inverse(&inverse, scratch);
        }
    }
}

static void run_band(const struct columns *c, const float *x, float *y, const struct part *part,
                     int group, float *scratch)
{
    struct circ_spectra xs = {
        .re = scratch + c->x_at, .slot_stride = c->x_slot, .block_stride = c->x_pitch};
    xs.im = xs.re + c->x_plane;
    xs.sum = c->x_planes > 2 ? xs.im + c->x_plane : NULL;
    xs = at_column(xs, band_start(c, part));
    transform_band(c, x, part, group, xs, scratch);
    for (int row = part->row_first; row < part->row_last; row += c->chunk) {
        size_t in = (size_t)(row - part->row_first) * (size_t)c->base.layer->stride;
        run_chunk(c, y, part, row,
                  row + c->chunk < part->row_last ? row + c->chunk : part->row_last, group,
                  at_column(xs, in * (size_t)c->plane_row), scratch);
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
        plan_tiles(c);
        if (is_conv(c))
            plan_plane(c);
        else
            plan_columns(c);
        plan_strides(c);
        plan_scratch(c);
        status = pack_weights(c, weights, err);
    }
    if (status)
        circ_step_free(&c->base);
    else
        *step = &c->base;
    return status;
}
