/* Products and weights in the spectral domain. One layout of the weights serves all three products:
 * see learning.h for how each reads it. */
#include "backends/cpu/bins.h"

#include "backends/cpu/step.h"

#include <stdlib.h>
#include <string.h>

#define CHUNK_BYTES (512 << 10) /* of spectra that stay in a small second-level cache */
#define BINS_EACH   8           /* bins that a thread must have for itself lest they be uneven */

static const size_t whole[1] = {0}; /* the offset of the only part */

static size_t round_up(size_t value, size_t unit)
{
    return (value + unit - 1) / unit * unit;
}

static size_t blocks_of(const struct circ_bins *s)
{
    return (size_t)s->g.groups * (size_t)s->g.taps * (size_t)s->g.p * (size_t)s->g.q;
}

enum circ_status circ_bins_create(struct circ_bins *s, struct circ_error *err)
{
    const struct circ_geometry *g = &s->g;
    size_t lanes = (size_t)s->lanes, slots = (size_t)s->transform->slots;
    s->y_row = (int)round_up((size_t)s->out_row, lanes);
    s->y.block = s->single ? 1 : (size_t)s->out_rows * (size_t)s->y_row;
    s->x.slot = circ_step_stride((size_t)g->groups * (size_t)g->q * s->x.block + lanes);
    s->y.slot = circ_step_stride((size_t)g->groups * (size_t)g->p * s->y.block + lanes);
    s->x.im = slots * s->x.slot;
    s->y.im = slots * s->y.slot;
    s->dx = s->x;
    s->w_im = s->conv ? (size_t)g->q : round_up((size_t)g->q, 16);
    s->w_row = s->conv ? 2 * s->w_im : circ_step_stride(2 * s->w_im);
    s->w_tap = (size_t)g->p * s->w_row;
    s->w_slot = (size_t)g->taps * s->w_tap;
    s->turned_row = circ_step_stride(s->w_im);
    s->scratch_floats = s->conv || s->single ? 0 : 2 * (size_t)s->batch * s->turned_row;
    s->by_rows = s->threads > 1 && g->groups * s->transform->slots < BINS_EACH * s->threads;
    size_t line =
        2 * sizeof(float) *
        ((size_t)g->p * (size_t)s->y_row + (size_t)g->q * (size_t)s->stride * (size_t)s->plane_row);
    size_t lines = CHUNK_BYTES / line;
    s->chunk = lines < 1 ? 1 : lines < (size_t)s->out_rows ? (int)lines : s->out_rows;
    s->x.re = circ_step_floats(2 * s->x.im);
    s->y.re = circ_step_floats(2 * s->y.im);
    s->dx.re = circ_step_floats(2 * s->dx.im);
    s->weights = circ_step_floats((size_t)g->groups * slots * s->w_slot);
    return s->x.re && s->y.re && s->dx.re && s->weights
               ? CIRC_OK
               : circ_status_fail(err, CIRC_MEMORY,
                                  "no memory for the spectra of a layer of block %d and batch %d: "
                                  "lower the batch",
                                  g->k, s->batch);
}

void circ_bins_free(struct circ_bins *s)
{
    free(s->weights);
    free(s->tap);
    free(s->x.re);
    free(s->y.re);
    free(s->dx.re);
}

/* Where slot 0 of a block lies whose number in canonical order is b. */
static float *block_at(const struct circ_bins *s, size_t b)
{
    const struct circ_geometry *g = &s->g;
    size_t taps = (size_t)g->taps, pq = (size_t)g->p * (size_t)g->q, at = b % (pq * taps);
    /* canonical order: DENSE [group][i][j][tap], CIRCULANT [group][tap][i][j] */
    size_t tap = s->dense ? at % taps : at / pq, ij = s->dense ? at / taps : at % pq;
    return s->weights + b / (pq * taps) * (size_t)s->transform->slots * s->w_slot + tap * s->w_tap +
           ij / (size_t)g->q * s->w_row + ij % (size_t)g->q;
}

/* One block in double, and the transform's scratch. */
static double *block_create(const struct circ_bins *s, struct circ_error *err)
{
    double *block = malloc(((size_t)s->g.k + circ_fft_scratch(s->transform->plan)) * sizeof *block);
    if (!block)
        (void)circ_status_fail(err, CIRC_MEMORY, "no memory for a transform of %d", s->g.k);
    return block;
}

enum circ_status circ_bins_pack(struct circ_bins *s, const float *values, struct circ_error *err)
{
    size_t k = (size_t)s->g.k, odd = k % 2;
    double *block = block_create(s, err);
    if (!block)
        return CIRC_MEMORY;
    for (size_t b = 0; b < blocks_of(s); b++) {
        float *to = block_at(s, b);
        for (size_t r = 0; r < k; r++)
            block[r] = values[b * k + r];
        circ_fft_forward_f64(s->transform->plan, block, block, block + k);
        for (size_t f = 0; f < (size_t)s->transform->slots; f++, to += s->w_slot) {
            to[0] = (float)block[f ? 2 * f - odd : 0];
            to[s->w_im] = f ? (float)block[2 * f - odd + 1] : odd ? 0 : (float)block[1];
        }
    }
    free(block);
    return CIRC_OK;
}

enum circ_status circ_bins_unpack(const struct circ_bins *s, float *values, struct circ_error *err)
{
    size_t k = (size_t)s->g.k, odd = k % 2;
    double *block = block_create(s, err);
    if (!block)
        return CIRC_MEMORY;
    for (size_t b = 0; b < blocks_of(s); b++) {
        const float *from = block_at(s, b);
        for (size_t f = 0; f < (size_t)s->transform->slots; f++, from += s->w_slot) {
            block[f ? 2 * f - odd : 0] = (double)from[0];
            if (f || !odd)
                block[f ? 2 * f - odd + 1 : 1] = (double)from[s->w_im];
        }
        circ_fft_inverse_f64(s->transform->plan, block, block, block + k);
        for (size_t r = 0; r < k; r++)
            values[b * k + r] = (float)block[r];
    }
    free(block);
    return CIRC_OK;
}

/* A bin of one group, and what a thread makes of a product there: rows, and output rows. */
struct bin {
    int group, slot, row_first, row_last, line_first, line_last;
};

static float *bin_weights(const struct circ_bins *s, const struct bin *bin)
{
    return s->weights +
           ((size_t)bin->group * (size_t)s->transform->slots + (size_t)bin->slot) * s->w_slot;
}

static float *bin_side(const struct circ_side *side, const struct bin *bin, int blocks)
{
    return side->re + (size_t)bin->slot * side->slot +
           (size_t)bin->group * (size_t)blocks * side->block;
}

/* Floats from one output row to the next of the output's spectra, and of the input's under them. */
static size_t y_line(const struct circ_bins *s)
{
    return (size_t)s->y_row;
}

static size_t x_line(const struct circ_bins *s)
{
    return (size_t)s->stride * (size_t)s->plane_row;
}

static enum circ_learning_mode mode_of(const struct bin *bin, enum circ_learning_mode mode)
{
    return bin->slot ? mode : CIRC_LEARNING_PARTS;
}

/* One column: a sum along block columns for each block row. */
static void forward_single(const struct circ_bins *s, const struct bin *bin, float *scratch,
                           float rate)
{
    (void)scratch;
    (void)rate;
    size_t first = (size_t)bin->row_first;
    s->kernels->dot(&(struct circ_learning_dot){.mode = mode_of(bin, CIRC_LEARNING_PLAIN),
                                                .a = bin_weights(s, bin) + first * s->w_row,
                                                .a_im = s->w_im,
                                                .a_row = s->w_row,
                                                .x = bin_side(&s->x, bin, s->g.q),
                                                .x_im = s->x.im,
                                                .y = bin_side(&s->y, bin, s->g.p) + first,
                                                .y_im = s->y.im,
                                                .y_row = 1,
                                                .rows = bin->row_last - bin->row_first,
                                                .columns = 1,
                                                .lines = 1,
                                                .length = s->g.q});
}

static void forward_columns(const struct circ_bins *s, const struct bin *bin, float *scratch,
                            float rate)
{
    (void)scratch;
    (void)rate;
    size_t first = (size_t)bin->row_first, line = (size_t)bin->line_first;
    s->kernels->product(&(struct circ_learning_product){
        .mode = mode_of(bin, CIRC_LEARNING_PLAIN),
        .a = bin_weights(s, bin) + first * s->w_row,
        .a_im = s->w_im,
        .a_part = s->w_tap,
        .a_row = s->w_row,
        .a_term = 1,
        .x = bin_side(&s->x, bin, s->g.q) + line * x_line(s),
        .x_im = s->x.im,
        .x_part = s->tap,
        .x_term = s->x.block,
        .x_group = x_line(s),
        .y = bin_side(&s->y, bin, s->g.p) + first * s->y.block + line * y_line(s),
        .y_im = s->y.im,
        .y_row = s->y.block,
        .y_group = y_line(s),
        .rows = bin->row_last - bin->row_first,
        .terms = s->g.q,
        .parts = s->g.taps,
        .groups = bin->line_last - bin->line_first,
        .columns = s->out_row});
}

/* One column: rows are block columns, in lanes. */
static void input_single(const struct circ_bins *s, const struct bin *bin, float *scratch,
                         float rate)
{
    (void)scratch;
    (void)rate;
    size_t first = (size_t)bin->row_first;
    s->kernels->product(
        &(struct circ_learning_product){.mode = mode_of(bin, CIRC_LEARNING_CONJUGATE_X),
                                        .a = bin_side(&s->y, bin, s->g.p),
                                        .a_im = s->y.im,
                                        .a_term = 1,
                                        .x = bin_weights(s, bin) + first,
                                        .x_im = s->w_im,
                                        .x_part = whole,
                                        .x_term = s->w_row,
                                        .y = bin_side(&s->dx, bin, s->g.q) + first,
                                        .y_im = s->dx.im,
                                        .rows = 1,
                                        .terms = s->g.p,
                                        .parts = 1,
                                        .groups = 1,
                                        .columns = bin->row_last - bin->row_first});
}

/* Rows are block columns. Each tap of a CONV layer adds what it passes back to the pixels that it
 * covers. */
static void input_columns(const struct circ_bins *s, const struct bin *bin, float *scratch,
                          float rate)
{
    (void)scratch;
    (void)rate;
    size_t first = (size_t)bin->row_first, line = (size_t)bin->line_first;
    float *to = bin_side(&s->dx, bin, s->g.q) + first * s->dx.block;
    struct circ_learning_product product = {.mode = mode_of(bin, CIRC_LEARNING_CONJUGATE_A),
                                            .a_im = s->w_im,
                                            .a_row = 1,
                                            .a_term = s->w_row,
                                            .x = bin_side(&s->y, bin, s->g.p) + line * y_line(s),
                                            .x_im = s->y.im,
                                            .x_part = whole,
                                            .x_term = s->y.block,
                                            .x_group = y_line(s),
                                            .y_im = s->dx.im,
                                            .y_row = s->dx.block,
                                            .y_group = x_line(s),
                                            .rows = bin->row_last - bin->row_first,
                                            .terms = s->g.p,
                                            .parts = 1,
                                            .groups = bin->line_last - bin->line_first,
                                            .columns = s->out_row,
                                            .adds = s->conv,
                                            .scale = 1};
    size_t floats = (size_t)product.rows * s->dx.block;
    if (s->conv && bin->line_first == 0) {
        memset(to, 0, floats * sizeof *to);
        memset(to + s->dx.im, 0, floats * sizeof *to);
    }
    for (int t = 0; t < s->g.taps; t++) {
        product.a = bin_weights(s, bin) + (size_t)t * s->w_tap + first;
        product.y = to + s->tap[t] + line * x_line(s);
        s->kernels->product(&product);
    }
}

/* FC: rows of W, block columns in lanes. Many samples' spectra are turned for that, those of a
 * single one lie so. */
static void update_fc(const struct circ_bins *s, const struct bin *bin, float *scratch, float rate)
{
    size_t first = (size_t)bin->row_first, plane = (size_t)s->batch * s->turned_row, im = s->x.im;
    const float *x = bin_side(&s->x, bin, s->g.q);
    if (!s->single) {
        s->kernels->turn(x, s->x.block, s->g.q, s->batch, scratch, s->turned_row);
        s->kernels->turn(x + im, s->x.block, s->g.q, s->batch, scratch + plane, s->turned_row);
        x = scratch;
        im = plane;
    }
    s->kernels->product(
        &(struct circ_learning_product){.mode = mode_of(bin, CIRC_LEARNING_CONJUGATE_X),
                                        .a = bin_side(&s->y, bin, s->g.p) + first * s->y.block,
                                        .a_im = s->y.im,
                                        .a_row = s->y.block,
                                        .a_term = 1,
                                        .x = x,
                                        .x_im = im,
                                        .x_part = whole,
                                        .x_term = s->turned_row,
                                        .y = bin_weights(s, bin) + first * s->w_row,
                                        .y_im = s->w_im,
                                        .y_row = s->w_row,
                                        .rows = bin->row_last - bin->row_first,
                                        .terms = s->batch,
                                        .parts = 1,
                                        .groups = 1,
                                        .columns = s->g.q,
                                        .adds = true,
                                        .scale = -rate});
}

/* CONV: sums along the pixels. */
static void update_conv(const struct circ_bins *s, const struct bin *bin, float *scratch,
                        float rate)
{
    (void)scratch;
    size_t first = (size_t)bin->row_first, line = (size_t)bin->line_first;
    for (int t = 0; t < s->g.taps; t++)
        s->kernels->dot(&(struct circ_learning_dot){
            .mode = mode_of(bin, CIRC_LEARNING_CONJUGATE_X),
            .a = bin_side(&s->y, bin, s->g.p) + first * s->y.block + line * y_line(s),
            .a_im = s->y.im,
            .a_row = s->y.block,
            .a_line = y_line(s),
            .x = bin_side(&s->x, bin, s->g.q) + s->tap[t] + line * x_line(s),
            .x_im = s->x.im,
            .x_column = s->x.block,
            .x_line = x_line(s),
            .y = bin_weights(s, bin) + (size_t)t * s->w_tap + first * s->w_row,
            .y_im = s->w_im,
            .y_row = s->w_row,
            .y_column = 1,
            .rows = bin->row_last - bin->row_first,
            .columns = s->g.q,
            .lines = bin->line_last - bin->line_first,
            .length = s->out_row,
            .adds = true,
            .scale = -rate});
}

/* Visits the thread's bins, or its rows of all bins, in units of `height` rows; chunks of output
 * rows within each. */
static void visit(const struct circ_bins *s, int rows, int height, int thread,
                  void (*product)(const struct circ_bins *s, const struct bin *bin, float *scratch,
                                  float rate),
                  float *scratch, float rate)
{
    int units = s->g.groups * s->transform->slots;
    int first = 0, last = units, low = 0, high = rows;
    if (s->by_rows) {
        circ_step_share((rows + height - 1) / height, s->threads, thread, &low, &high);
        low *= height;
        high = high * height < rows ? high * height : rows;
    } else {
        circ_step_share(units, s->threads, thread, &first, &last);
    }
    for (int unit = first; unit < last && low < high; unit++) {
        for (int line = 0; line < s->out_rows; line += s->chunk) {
            int end = line + s->chunk < s->out_rows ? line + s->chunk : s->out_rows;
            struct bin bin = {.group = unit / s->transform->slots,
                              .slot = unit % s->transform->slots,
                              .row_first = low,
                              .row_last = high,
                              .line_first = line,
                              .line_last = end};
            product(s, &bin, scratch, rate);
        }
    }
}

void circ_bins_forward(const struct circ_bins *s, int thread)
{
    visit(s, s->g.p, s->kernels->rows_per_tile, thread,
          s->single ? forward_single : forward_columns, NULL, 0);
}

void circ_bins_input(const struct circ_bins *s, int thread)
{
    visit(s, s->g.q, s->single ? s->lanes : s->kernels->rows_per_tile, thread,
          s->single ? input_single : input_columns, NULL, 0);
}

void circ_bins_update(const struct circ_bins *s, float rate, float *scratch, int thread)
{
    visit(s, s->g.p, s->kernels->rows_per_tile, thread, s->conv ? update_conv : update_fc, scratch,
          rate);
}
