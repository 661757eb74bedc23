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
 * strided CONV copies its band first (but see below), the columns of each residue modulo the stride
 * next to each other, and its runs are rows. Where rows are narrow, a copy of a slot for each tap
 * of a row leaves nothing between them (unfolds).
 *
 * What lies where is planned in columns_plan.c, weights are packed by columns_pack.c, planes filled
 * by columns_planes.c. A DENSE layer is the case k = 1: blocks of one, which are their own spectra,
 * are copied and not transformed, have one plane, and their products are finished where they are
 * made; a stride is taken from them by making the residues of the pixels channels. */
#include "backends/cpu/columns_planes.h"

#include <stdlib.h>

/* Winograd's elements of one slot of a chunk, from x to the scratch. */
static void split_rows(const struct circ_columns *c, const struct circ_columns_part *part,
                       int first, int slot, int columns, struct circ_spectra x, float *elements)
{
    size_t plane = (size_t)c->g.q * c->e_block;
    struct circ_winograd rows = {
        .x = x,
        .e = {elements, elements + plane, elements + 2 * plane, 0, c->e_block},
        .element = c->element,
        .blocks = c->g.q,
        .columns = columns + (c->taps - 1) * c->base.place.batch};
    rows.x.re += (size_t)slot * c->x_slot;
    rows.x.im = c->ones ? NULL : rows.x.im + (size_t)slot * c->x_slot;
    for (int r = 0; r < CIRC_WINOGRAD_ELEMENTS; r++) {
        int row = (first - part->row_first + r) / c->phases;
        rows.row[r] = part->phase[r % c->phases].start + (size_t)row * (size_t)c->plane_row +
                      (size_t)part->column_first;
    }
    c->base.place.kernels->winograd_in(&rows);
}

/* One slot of so many rows of a chunk, its planes' blocks one after the other as x has them. */
static struct circ_spectra unfold_rows(const struct circ_columns *c, const float *x, int slot,
                                       int rows, float *unfolded)
{
    size_t plane = (size_t)c->g.q * c->u_block;
    c->base.place.kernels->unfold(&(struct circ_unfold){.x = x + (size_t)slot * c->x_slot,
                                                        .y = unfolded,
                                                        .x_block = c->x_pitch,
                                                        .x_row = (size_t)c->plane_row,
                                                        .step = (size_t)c->base.place.batch,
                                                        .y_block = c->u_block,
                                                        .y_shift = c->shift,
                                                        .blocks = c->x_planes * c->g.q,
                                                        .shifts = c->layer.taps_w,
                                                        .rows = circ_columns_plan_rows(c, rows),
                                                        .columns = c->out_row});
    return (struct circ_spectra){.re = unfolded,
                                 .im = c->x_planes > 1 ? unfolded + plane : NULL,
                                 .sum = c->x_planes > 2 ? unfolded + 2 * plane : NULL,
                                 .block_stride = c->u_block};
}

/* A tile's products of one slot, by elements, into y; of blocks of one each row of tiles into its
 * output rows, up to `rows` of them. */
static void multiply_elements(const struct circ_columns *c, struct circ_product product,
                              size_t element_weights, int rows, float *elements)
{
    const struct circ_kernels *kernels = c->base.place.kernels;
    size_t plane = (size_t)c->g.q * c->e_block, height = (size_t)c->height * c->e_block;
    float *products = elements + CIRC_WINOGRAD_ELEMENTS * c->element;
    struct circ_winograd out = {.x = product.y,
                                .e = {products, products + height, NULL, 0, c->e_block},
                                .element = 2 * height,
                                .blocks = product.rows,
                                .rows = c->phases,
                                .columns = product.columns,
                                .relu = product.relu,
                                .bias = product.bias};
    for (int r = 0; r < c->phases; r++)
        out.row[r] = (size_t)r * (c->finished ? (size_t)c->out_row : c->y_phase);
    product.finished = false;
    for (int e = 0; e < CIRC_WINOGRAD_ELEMENTS; e++) {
        float *x = elements + (size_t)e * c->element;
        product.x = (struct circ_spectra){x, x + plane, x + 2 * plane, 0, c->e_block};
        product.y = out.e;
        product.y.re += (size_t)e * out.element;
        product.y.im += (size_t)e * out.element;
        kernels->product(&product);
        product.w += element_weights;
    }
    if (!c->finished) {
        out.x.re += (size_t)product.slot_first * c->y_slot;
        out.x.im += (size_t)product.slot_first * c->y_slot;
        kernels->winograd_out(&out);
        return;
    }
    out.columns -= (rows - 1) / c->phases * c->plane_row;
    for (out.kept = rows; out.kept > 0; out.kept -= c->phases) {
        kernels->winograd_out(&out);
        out.e.re += c->plane_row;
        out.x.re += c->phases * c->out_row;
    }
}

/* Spectra of the block rows from .. to - 1 of a chunk into its output rows. */
static void invert_chunk(const struct circ_columns *c, float *y,
                         const struct circ_columns_part *part, int first, int last, int group,
                         int from, int to, struct circ_spectra ys, float *scratch)
{
    size_t batch = (size_t)c->base.place.batch, out_channel = (size_t)c->g.out_pixels * batch;
    struct circ_inverse inverse = {.transform = c->transform,
                                   .channel_stride = out_channel,
                                   .row_stride = (size_t)(c->phases * c->out_row),
                                   .spectra_row = c->y_row,
                                   .channels = c->g.m,
                                   .columns = part->column_last - part->column_first,
                                   .block_first = from,
                                   .block_last = to,
                                   .bias = c->base.bias ? c->base.bias + group * c->g.m : NULL,
                                   .relu = c->base.relu};
    y += (size_t)group * (size_t)c->g.m * out_channel + (size_t)part->column_first;
    for (int panel = 0; panel < c->base.panels; panel++) {
        size_t at = (size_t)panel * batch;
        for (int phase = 0; phase < c->phases && first + phase < last; phase++) {
            inverse.rows = (last - first - phase + c->phases - 1) / c->phases;
            inverse.y = y + at * (size_t)c->g.m * (size_t)c->g.out_pixels +
                        (size_t)(first + phase) * (size_t)c->out_row;
            if (c->unfolds) {
                inverse.columns = inverse.rows * c->out_row;
                inverse.rows = 1;
            }
            inverse.spectra = circ_columns_at(ys, at + (size_t)phase * c->y_phase);
            c->base.place.kernels->inverse(&inverse, scratch);
        }
    }
}

/* Where the products of the part's output rows from `first` on go: the spectra of a chunk, or
 * finished, in y. */
static struct circ_spectra products_at(const struct circ_columns *c, float *y,
                                       const struct circ_columns_part *part, int first, int group,
                                       float *scratch)
{
    size_t out_channel = (size_t)c->g.out_pixels * (size_t)c->base.place.batch;
    if (c->finished)
        return (struct circ_spectra){.re = y + (size_t)(group * c->g.m) * out_channel +
                                           (size_t)first * (size_t)c->out_row +
                                           (size_t)part->column_first,
                                     .block_stride = out_channel};
    float *re = scratch + c->y_at;
    return (struct circ_spectra){re, re + c->y_plane, NULL, c->y_slot, c->y_block};
}

/* Output rows first .. last - 1 of the part, of whose band the spectra are xs. */
static void run_chunk(const struct circ_columns *c, float *y, const struct circ_columns_part *part,
                      int first, int last, int group, struct circ_spectra xs, float *scratch)
{
    int columns = part->column_last - part->column_first;
    int rows = (last - first + c->phases - 1) / c->phases;
    struct circ_spectra ys = products_at(c, y, part, first, group, scratch);
    const float *bias = c->base.bias ? c->base.bias + group * c->g.m : NULL;
    float *own = scratch + c->product_at;
    struct circ_product product = {.planes = c->pairs ? own : NULL,
                                   .taps = c->taps,
                                   .q = c->g.q,
                                   .odd = c->g.k % 2,
                                   .ones = c->ones,
                                   .finished = c->finished,
                                   .relu = c->base.relu,
                                   .tap = c->tap,
                                   .terms = c->terms,
                                   .out_rows = c->across ? 1 : rows,
                                   .columns = c->unfolds  ? rows * columns
                                              : c->across ? (rows - 1) * c->plane_row + columns
                                                          : columns * c->base.panels,
                                   .x_row = (size_t)c->layer.stride * (size_t)c->plane_row,
                                   .y_row = c->finished ? (size_t)c->out_row : c->y_row};
    struct circ_spectra from_row = circ_columns_at(
        xs, part->phase[0].start + (size_t)(first - part->row_first) * product.x_row);
    product.x = from_row;
    for (int from = part->tile_first, to; from < part->tile_last; from = to) {
        to = c->slots_together ? from + 1 : part->tile_last;
        int row_first = c->finished ? 0 : circ_columns_plan_tile(c, from).first;
        int row_last = circ_columns_plan_tile(c, to - 1).last;
        for (int f = 0; f < c->transform->slots; f = product.slot_last) {
            product.slot_first = f;
            product.slot_last = c->slots_together ? c->transform->slots : f + 1;
            bool due =
                !c->ones || from == part->tile_first; /* else it was made for a tile before */
            if (c->elements && due)
                split_rows(c, part, first, f, product.columns, xs, own);
            if (c->unfolds && due)
                product.x = unfold_rows(c, from_row.re, f, rows, own);
            for (int number = from; number < to; number++) {
                struct circ_columns_tile tile = circ_columns_plan_tile(c, number);
                product.rows = tile.last - tile.first;
                product.w = c->base.weights + (size_t)group * c->group_weights + tile.weights;
                product.w_slot = tile.slot;
                product.y = circ_columns_at(ys, (size_t)(tile.first - row_first) * ys.block_stride);
                product.bias = bias ? bias + tile.first : NULL;
                if (c->elements)
                    multiply_elements(c, product, tile.element, last - first, own);
                else
                    c->base.place.kernels->product(&product);
            }
        }
        if (!c->finished)
            invert_chunk(c, y, part, first, last, group, row_first, row_last, ys, scratch);
    }
}

static void run_band(const struct circ_columns *c, const float *x, float *y,
                     const struct circ_columns_part *part, int group, float *scratch)
{
    struct circ_spectra xs = {
        .re = scratch + c->x_at, .slot_stride = c->x_slot, .block_stride = c->x_pitch};
    xs.im = xs.re + c->x_plane;
    xs.sum = c->x_planes > 2 ? xs.im + c->x_plane : NULL;
    circ_columns_planes_fill(c, x, part, group, xs, scratch);
    for (int row = part->row_first; row < part->row_last; row += c->chunk) {
        int end = row + c->chunk < part->row_last ? row + c->chunk : part->row_last;
        struct circ_columns_part run = *part;
        for (int column = part->column_first; column < part->column_last; column += c->run) {
            run.column_first = column;
            run.column_last =
                column + c->run < part->column_last ? column + c->run : part->column_last;
            run_chunk(c, y, &run, row, end, group, xs, scratch);
        }
    }
}

static void run(const struct circ_step *step, const float *x, float *y, float *scratch, int thread)
{
    const struct circ_columns *c = (const struct circ_columns *)step;
    int threads = step->place.threads, lanes = step->place.kernels->lanes;
    int rows = c->conv ? step->layer->out.h : 1;
    int vectors = (c->out_row + lanes - 1) / lanes;
    struct circ_columns_part whole = {
        .row_last = rows, .column_last = c->out_row, .tile_last = c->tiles};
    if (rows >= threads) {
        circ_step_share((rows + c->phases - 1) / c->phases, threads, thread, &whole.row_first,
                        &whole.row_last);
        whole.row_first *= c->phases;
        whole.row_last = whole.row_last * c->phases < rows ? whole.row_last * c->phases : rows;
    } else if (rows == 1 && !c->conv && vectors >= threads) {
        circ_step_share(vectors, threads, thread, &whole.column_first, &whole.column_last);
        whole.column_first *= lanes;
        whole.column_last *= lanes;
        if (whole.column_last > c->out_row)
            whole.column_last = c->out_row;
    } else {
        circ_step_share(c->tiles, threads, thread, &whole.tile_first, &whole.tile_last);
    }
    if (whole.tile_first == whole.tile_last || whole.row_first >= whole.row_last)
        return;
    for (int group = 0; group < c->g.groups; group++) {
        for (int row = whole.row_first; row < whole.row_last; row += c->band) {
            struct circ_columns_part part = whole;
            part.row_first = row;
            part.row_last = row + c->band < whole.row_last ? row + c->band : whole.row_last;
            if (c->conv && !c->copies)
                circ_columns_plan_phases(c, part.row_first, part.row_last, part.phase);
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
    struct circ_columns *c = (struct circ_columns *)step;
    free(c->tap);
    free(c->terms);
    free(c->before);
    circ_transform_free(c->transform);
}

enum circ_status circ_columns_create(struct circ_step **step, const struct circ_layer *layer,
                                     const struct circ_weights *weights, struct circ_place place,
                                     bool relu, struct circ_error *err)
{
    struct circ_columns *c = calloc(1, sizeof *c);
    if (!c)
        return circ_status_fail(err, CIRC_MEMORY, "no memory for a layer");
    enum circ_status status = circ_step_begin(&c->base, layer, weights, place, relu, err);
    c->base.run = run;
    c->base.release = release;
    c->layer = *layer;
    c->split = 1;
    c->conv = layer->op == CIRC_OP_CONV;
    c->pairs = layer->precision == CIRC_BF16;
    /* of a stride that leaves pixels out, most residues would be channels without a weight */
    bool leaves_out = c->conv && (layer->stride > layer->taps_h || layer->stride > layer->taps_w);
    c->ones = circ_geometry_of(layer).k == 1 && !c->pairs && !leaves_out;
    c->finished = c->ones && c->conv;
    if (c->conv && c->ones && layer->stride > 1)
        circ_columns_pack_split(c);
    c->g = circ_geometry_of(&c->layer);
    c->tap = calloc((size_t)c->g.taps, sizeof *c->tap);
    c->terms = calloc((size_t)c->g.taps, sizeof *c->terms);
    c->before = calloc((size_t)c->g.taps + 1, sizeof *c->before);
    if (!status && (!c->tap || !c->terms || !c->before))
        status = circ_status_fail(err, CIRC_MEMORY, "no memory for %d taps", c->g.taps);
    if (!status)
        status = circ_transform_create(&c->transform, c->g.k, place.kernels->lanes, err);
    if (!status) {
        circ_columns_plan_layout(c);
        status = circ_columns_pack_weights(c, weights, err);
    }
    if (status)
        circ_step_free(&c->base);
    else
        *step = &c->base;
    return status;
}
