/* Block-circulant layers that learn: weights are spectra and stay spectra.
 *
 *     forward   x^ = DFT x, kept;  y = IDFT(w^ x^)
 *     backward  dy^ = DFT dy;      dx = IDFT(conj(w^)' dy^);      w^ -= rate dy^ conj(x^)'
 *
 * The DFT is linear, so the update needs no transform: four families of transforms a step, and the
 * weights' and their gradients' none. In each bin the three products are matrix products (see
 * learning.h) on one layout of w^. Threads share bins, so that what the update writes is what the
 * same thread reads; where bins are few they share rows.
 *
 * A CONV layer holds the spectra of its whole padded input plane, with the columns of each residue
 * modulo the stride next to each other: the pixels under a tap are then contiguous, in the forward
 * product, in the scattering of input gradients, and in the sums over pixels of the update.
 *
 * A DENSE layer is the case k = 1. */
#include "backends/cpu/learner.h"

#include "backends/core/geometry.h"
#include "backends/cpu/isa.h"

#include <stdlib.h>
#include <string.h>

/* Spectra of one side of the layer: element (slot, block, column) as in kernels.h, blocks of all
 * groups one after the other. */
struct side {
    float *re; /* owned; im follows im floats later */
    size_t im, slot, block;
};

struct circulant {
    struct circ_learner base;
    struct circ_transform *transform;
    struct circ_geometry g;
    const struct circ_learning *learning;
    bool conv;
    float *weights;                    /* owned: [group][slot][tap][i]{re[w_im], im[w_im]} by j */
    size_t w_im, w_row, w_tap, w_slot; /* floats between those */
    struct side x, y, dx;              /* dy takes y's place */
    size_t *tap;                       /* owned: where each tap begins within the input plane */
    int plane_row, plane_rows;         /* of the input plane */
    int residue_pixels;                /* pixels of one residue in a row of it */
    int out_row, y_row;                /* columns of an output row, and with padding */
    int out_rows, stride;
    size_t transform_floats; /* of scratch, before the rest of it */
    size_t turned_row;       /* FC: of x^ with blocks in lanes */
    bool by_rows;            /* threads share rows of each bin, not bins */
};

static size_t round_up(size_t value, size_t unit)
{
    return (value + unit - 1) / unit * unit;
}

static void plan(struct circulant *s)
{
    const struct circ_layer *layer = s->base.layer;
    const struct circ_geometry *g = &s->g;
    size_t batch = (size_t)s->base.place.batch, lanes = (size_t)s->base.place.kernels->lanes;
    size_t slots = (size_t)s->transform->slots;
    bool conv = s->conv;
    s->stride = conv ? layer->stride : 1;
    s->residue_pixels = conv ? (layer->in.w + 2 * layer->pad + s->stride - 1) / s->stride : 1;
    s->plane_row = s->residue_pixels * s->stride * (int)batch;
    s->plane_rows = conv ? layer->in.h + 2 * layer->pad : 1;
    s->out_rows = conv ? layer->out.h : 1;
    s->out_row = (conv ? layer->out.w : 1) * (int)batch;
    s->y_row = (int)round_up((size_t)s->out_row, lanes);

    size_t plane = (size_t)s->plane_rows * (size_t)s->plane_row;
    s->x.block = conv ? circ_step_stride(plane + lanes) : round_up(plane, lanes);
    s->x.slot = circ_step_stride((size_t)g->groups * (size_t)g->q * s->x.block);
    s->x.im = slots * s->x.slot;
    s->dx = s->x;
    s->y.block = (size_t)s->out_rows * (size_t)s->y_row;
    s->y.slot = circ_step_stride((size_t)g->groups * (size_t)g->p * s->y.block);
    s->y.im = slots * s->y.slot;

    s->w_im = conv ? (size_t)g->q : round_up((size_t)g->q, 16);
    s->w_row = 2 * s->w_im;
    s->w_tap = (size_t)g->p * s->w_row;
    s->w_slot = (size_t)g->taps * s->w_tap;
    for (int t = 0; t < g->taps; t++) {
        int dy = conv ? t / layer->taps_w : 0, dx = conv ? t % layer->taps_w : 0;
        s->tap[t] =
            (size_t)dy * (size_t)s->plane_row +
            ((size_t)(dx % s->stride) * (size_t)s->residue_pixels + (size_t)(dx / s->stride)) *
                batch;
    }
    s->transform_floats = round_up(circ_transform_scratch(s->transform) * lanes, 16);
    s->turned_row = s->w_im;
    size_t planes = (size_t)g->k * (s->x.block > s->y.block ? s->x.block : s->y.block);
    size_t rest = conv ? planes : 2 * batch * s->turned_row;
    s->base.scratch_floats = s->transform_floats + rest;

    int threads = s->base.place.threads, units = g->groups * s->transform->slots;
    s->by_rows = threads > 1 && units < 8 * threads;
}

/* Calls visit with each block of the weights: its number in canonical order, and where slot 0 of
 * its spectrum lies. */
static float *block_at(const struct circulant *s, size_t b)
{
    const struct circ_geometry *g = &s->g;
    size_t taps = (size_t)g->taps, pq = (size_t)g->p * (size_t)g->q, at = b % (pq * taps);
    /* canonical order: DENSE [group][i][j][tap], CIRCULANT [group][tap][i][j] */
    bool dense = s->base.layer->structure == CIRC_DENSE;
    size_t tap = dense ? at % taps : at / pq, ij = dense ? at / taps : at % pq;
    return s->weights + b / (pq * taps) * (size_t)s->transform->slots * s->w_slot + tap * s->w_tap +
           ij / (size_t)g->q * s->w_row + ij % (size_t)g->q;
}

static enum circ_status pack(struct circulant *s, const struct circ_weights *given,
                             struct circ_error *err)
{
    const struct circ_fft_plan *fft = s->transform->plan;
    size_t k = (size_t)s->g.k, odd = k % 2;
    double *block = malloc((k + circ_fft_scratch(fft)) * sizeof *block);
    s->weights = circ_step_floats((size_t)s->g.groups * (size_t)s->transform->slots * s->w_slot);
    for (size_t b = 0; block && s->weights && b < given->count / k; b++) {
        float *to = block_at(s, b);
        for (size_t r = 0; r < k; r++)
            block[r] = given->values[b * k + r];
        circ_fft_forward_f64(fft, block, block, block + k);
        for (size_t f = 0; f < (size_t)s->transform->slots; f++, to += s->w_slot) {
            to[0] = (float)block[f ? 2 * f - odd : 0];
            to[s->w_im] = f ? (float)block[2 * f - odd + 1] : odd ? 0 : (float)block[1];
        }
    }
    bool enough = block && s->weights;
    free(block);
    return enough ? CIRC_OK
                  : circ_status_fail(err, CIRC_MEMORY, "no memory for the spectra of %zu weights",
                                     given->count);
}

static enum circ_status weights(const struct circ_learner *learner, float *values,
                                struct circ_error *err)
{
    const struct circulant *s = (const struct circulant *)learner;
    const struct circ_fft_plan *fft = s->transform->plan;
    size_t k = (size_t)s->g.k, odd = k % 2;
    size_t blocks = (size_t)s->g.groups * (size_t)s->g.taps * (size_t)s->g.p * (size_t)s->g.q;
    double *block = malloc((k + circ_fft_scratch(fft)) * sizeof *block);
    if (!block)
        return circ_status_fail(err, CIRC_MEMORY, "no memory for a transform of %d", s->g.k);
    for (size_t b = 0; b < blocks; b++) {
        const float *from = block_at(s, b);
        for (size_t f = 0; f < (size_t)s->transform->slots; f++, from += s->w_slot) {
            block[f ? 2 * f - odd : 0] = (double)from[0];
            if (f || !odd)
                block[f ? 2 * f - odd + 1 : 1] = (double)from[s->w_im];
        }
        circ_fft_inverse_f64(fft, block, block, block + k);
        for (size_t r = 0; r < k; r++)
            values[b * k + r] = (float)block[r];
    }
    free(block);
    return CIRC_OK;
}

static struct circ_spectra spectra_of(const struct side *side, size_t block, size_t column)
{
    float *re = side->re + block * side->block + column;
    return (struct circ_spectra){
        .re = re, .im = re + side->im, .slot_stride = side->slot, .block_stride = side->block};
}

/* One block's channels, of which there are `channels` rows of `columns` floats, into the planes of
 * the layer's input: zero border, residues of the stride apart. */
static void copy_in(const struct circulant *s, const float *x, int channels, float *plane)
{
    const struct circ_layer *layer = s->base.layer;
    int batch = s->base.place.batch, width = layer->in.w * batch;
    for (int c = 0; c < channels; c++) {
        for (int row = 0; row < s->plane_rows; row++) {
            float *to = plane + (size_t)c * s->x.block + (size_t)row * (size_t)s->plane_row;
            int iy = row - layer->pad;
            memset(to, 0, (size_t)s->plane_row * sizeof *to);
            if (iy < 0 || iy >= layer->in.h)
                continue;
            const float *line = x + ((size_t)c * (size_t)layer->in.h + (size_t)iy) * (size_t)width;
            if (s->stride == 1) {
                memcpy(to + layer->pad * batch, line, (size_t)width * sizeof *to);
                continue;
            }
            for (int ix = 0; ix < layer->in.w; ix++) {
                int at = ix + layer->pad;
                memcpy(to + (at % s->stride * s->residue_pixels + at / s->stride) * batch,
                       line + ix * batch, (size_t)batch * sizeof *to);
            }
        }
    }
}

/* The way back. */
static void copy_out(const struct circulant *s, const float *plane, int channels, float *x)
{
    const struct circ_layer *layer = s->base.layer;
    int batch = s->base.place.batch;
    for (int c = 0; c < channels; c++)
        for (int iy = 0; iy < layer->in.h; iy++)
            for (int ix = 0; ix < layer->in.w; ix++, x += batch) {
                int at = ix + layer->pad;
                memcpy(x,
                       plane + (size_t)c * s->x.block +
                           (size_t)(iy + layer->pad) * (size_t)s->plane_row +
                           (at % s->stride * s->residue_pixels + at / s->stride) * batch,
                       (size_t)batch * sizeof *x);
            }
}

/* What a thread transforms: blocks of all groups and columns. An FC layer's columns are shared as
 * long as they are as many vectors as threads. */
struct share {
    int block_first, block_last, column_first, column_last;
};

static struct share share_of(const struct circulant *s, int blocks, int thread)
{
    int batch = s->base.place.batch, lanes = s->base.place.kernels->lanes;
    int vectors = (batch + lanes - 1) / lanes, threads = s->base.place.threads;
    struct share share = {.block_last = blocks, .column_last = batch};
    if (s->conv || vectors < threads) {
        circ_step_share(blocks, threads, thread, &share.block_first, &share.block_last);
    } else {
        circ_step_share(vectors, threads, thread, &share.column_first, &share.column_last);
        share.column_first *= lanes;
        share.column_last = share.column_last * lanes < batch ? share.column_last * lanes : batch;
    }
    return share;
}

/* Channels of block `block` of side's `blocks` a group: the first, among all, and how many. */
static int channels_of(const struct circulant *s, int block, int blocks, int size, size_t *first)
{
    int within = block % blocks * s->g.k, left = size - within;
    *first = (size_t)(block / blocks) * (size_t)size + (size_t)within;
    return left < s->g.k ? left : s->g.k;
}

static void transform_input(struct circulant *s, const float *x, float *scratch, int thread)
{
    const struct circ_geometry *g = &s->g;
    size_t batch = (size_t)s->base.place.batch, plane = (size_t)g->in_pixels * batch;
    struct share share = share_of(s, g->groups * g->q, thread);
    struct circ_forward forward = {.transform = s->transform, .blocks = 1};
    if (!s->conv) {
        size_t first = (size_t)share.block_first * (size_t)g->k;
        forward.x = x + first * batch + share.column_first;
        forward.channel_stride = batch;
        forward.channels = g->n - (int)first;
        forward.blocks = share.block_last - share.block_first;
        forward.columns = share.column_last - share.column_first;
        forward.spectra = spectra_of(&s->x, (size_t)share.block_first, (size_t)share.column_first);
        s->base.place.kernels->forward(&forward, scratch);
        return;
    }
    for (int b = share.block_first; b < share.block_last; b++) {
        size_t first;
        forward.channels = channels_of(s, b, g->q, g->n, &first);
        forward.x = x + first * plane;
        forward.channel_stride = plane;
        if (s->base.layer->pad || s->stride > 1) {
            copy_in(s, forward.x, forward.channels, scratch + s->transform_floats);
            forward.x = scratch + s->transform_floats;
            forward.channel_stride = s->x.block;
        }
        forward.columns = s->plane_rows * s->plane_row;
        forward.spectra = spectra_of(&s->x, (size_t)b, 0);
        s->base.place.kernels->forward(&forward, scratch);
    }
}

/* Rows of output gradients are padded with zeros to whole vectors: the sums of the update run over
 * them, and so does the scattering. */
static void transform_slope(struct circulant *s, const float *dy, float *scratch, int thread)
{
    const struct circ_geometry *g = &s->g;
    size_t batch = (size_t)s->base.place.batch, plane = (size_t)g->out_pixels * batch;
    struct share share = share_of(s, g->groups * g->p, thread);
    struct circ_forward forward = {.transform = s->transform, .blocks = 1};
    if (!s->conv) {
        size_t first = (size_t)share.block_first * (size_t)g->k;
        forward.x = dy + first * batch + share.column_first;
        forward.channel_stride = batch;
        forward.channels = g->m - (int)first;
        forward.blocks = share.block_last - share.block_first;
        forward.columns = share.column_last - share.column_first;
        forward.spectra = spectra_of(&s->y, (size_t)share.block_first, (size_t)share.column_first);
        s->base.place.kernels->forward(&forward, scratch);
        return;
    }
    for (int b = share.block_first; b < share.block_last; b++) {
        size_t first;
        forward.channels = channels_of(s, b, g->p, g->m, &first);
        forward.x = dy + first * plane;
        forward.channel_stride = plane;
        if (s->out_row < s->y_row) {
            float *to = scratch + s->transform_floats;
            size_t valid = (size_t)s->out_row * sizeof *to, whole = (size_t)s->y_row * sizeof *to;
            for (int r = 0; r < forward.channels * s->out_rows; r++) {
                float *row = to + (size_t)r * (size_t)s->y_row;
                memcpy(row, forward.x + (size_t)r * (size_t)s->out_row, valid);
                memset((char *)row + valid, 0, whole - valid);
            }
            forward.x = to;
            forward.channel_stride = s->y.block;
        }
        forward.columns = s->out_rows * s->y_row;
        forward.spectra = spectra_of(&s->y, (size_t)b, 0);
        s->base.place.kernels->forward(&forward, scratch);
    }
}

static void invert_output(struct circulant *s, float *y, float *scratch, int thread)
{
    const struct circ_geometry *g = &s->g;
    size_t plane = (size_t)g->out_pixels * (size_t)s->base.place.batch;
    struct share share = share_of(s, g->groups * g->p, thread);
    for (int group = 0; group < g->groups; group++) {
        int first = share.block_first - group * g->p, last = share.block_last - group * g->p;
        first = first > 0 ? first : 0;
        last = last < g->p ? last : g->p;
        if (first >= last)
            continue;
        struct circ_inverse inverse = {
            .transform = s->transform,
            .spectra =
                spectra_of(&s->y, (size_t)(group * g->p + first), (size_t)share.column_first),
            .y = y + (size_t)group * (size_t)g->m * plane + share.column_first,
            .channel_stride = plane,
            .row_stride = (size_t)s->out_row,
            .spectra_row = (size_t)s->y_row,
            .channels = g->m,
            .rows = s->out_rows,
            .columns = s->conv ? s->out_row : share.column_last - share.column_first,
            .block_first = first,
            .block_last = last,
            .bias = s->base.bias ? s->base.bias + group * g->m : NULL};
        s->base.place.kernels->inverse(&inverse, scratch);
    }
}

static void invert_slope(struct circulant *s, float *dx, float *scratch, int thread)
{
    const struct circ_geometry *g = &s->g;
    const struct circ_layer *layer = s->base.layer;
    size_t batch = (size_t)s->base.place.batch, plane = (size_t)g->in_pixels * batch;
    struct share share = share_of(s, g->groups * g->q, thread);
    size_t border = s->conv ? (size_t)layer->pad * ((size_t)s->plane_row + batch) : 0;
    for (int b = share.block_first; b < share.block_last; b++) {
        size_t first;
        int channels = channels_of(s, b, g->q, g->n, &first);
        struct circ_inverse inverse = {
            .transform = s->transform,
            .spectra = spectra_of(&s->dx, (size_t)b, border + (size_t)share.column_first),
            .y = dx + first * plane + share.column_first,
            .channel_stride = plane,
            .row_stride = s->conv ? (size_t)layer->in.w * batch : 0,
            .spectra_row = (size_t)s->plane_row,
            .channels = channels,
            .rows = s->conv ? layer->in.h : 1,
            .columns = s->conv ? layer->in.w * (int)batch : share.column_last - share.column_first,
            .block_last = 1};
        if (s->stride > 1) { /* residues come together again in a copy */
            inverse.spectra = spectra_of(&s->dx, (size_t)b, 0);
            inverse.y = scratch + s->transform_floats;
            inverse.channel_stride = s->x.block;
            inverse.rows = 1;
            inverse.columns = s->plane_rows * s->plane_row;
        }
        s->base.place.kernels->inverse(&inverse, scratch);
        if (s->stride > 1)
            copy_out(s, scratch + s->transform_floats, channels, dx + first * plane);
    }
}

/* A bin of one group, and the rows of its products that a thread makes. */
struct bin {
    int group, slot, row_first, row_last;
};

static float *bin_weights(const struct circulant *s, const struct bin *bin)
{
    return s->weights +
           ((size_t)bin->group * (size_t)s->transform->slots + (size_t)bin->slot) * s->w_slot;
}

static float *bin_side(const struct side *side, const struct bin *bin, int blocks)
{
    return side->re + (size_t)bin->slot * side->slot +
           (size_t)bin->group * (size_t)blocks * side->block;
}

static enum circ_learning_mode mode_of(const struct bin *bin, enum circ_learning_mode mode)
{
    return bin->slot ? mode : CIRC_LEARNING_PARTS;
}

static void forward_product(const struct circulant *s, const struct bin *bin)
{
    size_t first = (size_t)bin->row_first;
    s->learning->product(
        &(struct circ_learning_product){.mode = mode_of(bin, CIRC_LEARNING_PLAIN),
                                        .a = bin_weights(s, bin) + first * s->w_row,
                                        .a_im = s->w_im,
                                        .a_part = s->w_tap,
                                        .a_row = s->w_row,
                                        .a_term = 1,
                                        .x = bin_side(&s->x, bin, s->g.q),
                                        .x_im = s->x.im,
                                        .x_part = s->tap,
                                        .x_term = s->x.block,
                                        .x_group = (size_t)s->stride * (size_t)s->plane_row,
                                        .y = bin_side(&s->y, bin, s->g.p) + first * s->y.block,
                                        .y_im = s->y.im,
                                        .y_row = s->y.block,
                                        .y_group = (size_t)s->y_row,
                                        .rows = bin->row_last - bin->row_first,
                                        .terms = s->g.q,
                                        .parts = s->g.taps,
                                        .groups = s->out_rows,
                                        .columns = s->out_row});
}

/* Block columns row_first .. row_last - 1 of the input's gradient. Each tap of a CONV layer adds
 * what it passes back to the pixels that it covers. */
static void input_product(const struct circulant *s, const struct bin *bin)
{
    static const size_t whole[1] = {0};
    size_t first = (size_t)bin->row_first;
    float *to = bin_side(&s->dx, bin, s->g.q) + first * s->dx.block;
    struct circ_learning_product product = {.mode = mode_of(bin, CIRC_LEARNING_CONJUGATE_A),
                                            .a_im = s->w_im,
                                            .a_row = 1,
                                            .a_term = s->w_row,
                                            .x = bin_side(&s->y, bin, s->g.p),
                                            .x_im = s->y.im,
                                            .x_part = whole,
                                            .x_term = s->y.block,
                                            .x_group = (size_t)s->y_row,
                                            .y_im = s->dx.im,
                                            .y_row = s->dx.block,
                                            .y_group = (size_t)s->stride * (size_t)s->plane_row,
                                            .rows = bin->row_last - bin->row_first,
                                            .terms = s->g.p,
                                            .parts = 1,
                                            .groups = s->out_rows,
                                            .columns = s->out_row,
                                            .adds = s->conv,
                                            .scale = 1};
    size_t floats = (size_t)product.rows * s->dx.block;
    if (s->conv) {
        memset(to, 0, floats * sizeof *to);
        memset(to + s->dx.im, 0, floats * sizeof *to);
    }
    for (int t = 0; t < s->g.taps; t++) {
        product.a = bin_weights(s, bin) + (size_t)t * s->w_tap + first;
        product.y = to + s->tap[t];
        s->learning->product(&product);
    }
}

/* FC: rows of W, vectors of block columns. scratch holds x^ with block columns in lanes. */
static void update_fc(const struct circulant *s, const struct bin *bin, float *scratch)
{
    static const size_t whole[1] = {0};
    int batch = s->base.place.batch, q = s->g.q;
    size_t plane = (size_t)batch * s->turned_row, first = (size_t)bin->row_first;
    const float *x = bin_side(&s->x, bin, q);
    float *turned = scratch + s->transform_floats;
    s->learning->turn(x, s->x.block, q, batch, turned, s->turned_row);
    s->learning->turn(x + s->x.im, s->x.block, q, batch, turned + plane, s->turned_row);
    s->learning->product(
        &(struct circ_learning_product){.mode = mode_of(bin, CIRC_LEARNING_CONJUGATE_X),
                                        .a = bin_side(&s->y, bin, s->g.p) + first * s->y.block,
                                        .a_im = s->y.im,
                                        .a_row = s->y.block,
                                        .a_term = 1,
                                        .x = turned,
                                        .x_im = plane,
                                        .x_part = whole,
                                        .x_term = s->turned_row,
                                        .y = bin_weights(s, bin) + first * s->w_row,
                                        .y_im = s->w_im,
                                        .y_row = s->w_row,
                                        .rows = bin->row_last - bin->row_first,
                                        .terms = batch,
                                        .parts = 1,
                                        .groups = 1,
                                        .columns = q,
                                        .adds = true,
                                        .scale = -s->base.rate});
}

/* CONV: sums along the pixels. */
static void update_conv(const struct circulant *s, const struct bin *bin)
{
    size_t first = (size_t)bin->row_first;
    for (int t = 0; t < s->g.taps; t++)
        s->learning->dot(&(struct circ_learning_dot){
            .mode = mode_of(bin, CIRC_LEARNING_CONJUGATE_X),
            .a = bin_side(&s->y, bin, s->g.p) + first * s->y.block,
            .a_im = s->y.im,
            .a_row = s->y.block,
            .a_line = (size_t)s->y_row,
            .x = bin_side(&s->x, bin, s->g.q) + s->tap[t],
            .x_im = s->x.im,
            .x_column = s->x.block,
            .x_line = (size_t)s->stride * (size_t)s->plane_row,
            .y = bin_weights(s, bin) + (size_t)t * s->w_tap + first * s->w_row,
            .y_im = s->w_im,
            .y_row = s->w_row,
            .y_column = 1,
            .rows = bin->row_last - bin->row_first,
            .columns = s->g.q,
            .lines = s->out_rows,
            .length = s->out_row,
            .scale = -s->base.rate});
}

/* The bins, or rows of bins, of a thread: visits each with the rows of a product of `rows`. */
enum product { FORWARD, INPUT, UPDATE };

static void visit_bins(const struct circulant *s, enum product which, float *scratch, int thread)
{
    int units = s->g.groups * s->transform->slots, threads = s->base.place.threads;
    int rows = which == INPUT ? s->g.q : s->g.p, height = s->learning->rows_per_tile;
    int first = 0, last = units, low = 0, high = rows;
    if (s->by_rows) {
        circ_step_share((rows + height - 1) / height, threads, thread, &low, &high);
        low *= height;
        high = high * height < rows ? high * height : rows;
    } else {
        circ_step_share(units, threads, thread, &first, &last);
    }
    for (int unit = first; unit < last && low < high; unit++) {
        struct bin bin = {unit / s->transform->slots, unit % s->transform->slots, low, high};
        if (which == FORWARD)
            forward_product(s, &bin);
        else if (which == INPUT)
            input_product(s, &bin);
        else if (s->conv)
            update_conv(s, &bin);
        else
            update_fc(s, &bin, scratch);
    }
}

static void forward(struct circ_learner *learner, int phase, const float *x, float *y,
                    float *scratch, int thread)
{
    struct circulant *s = (struct circulant *)learner;
    if (phase == 0)
        transform_input(s, x, scratch, thread);
    else if (phase == 1)
        visit_bins(s, FORWARD, scratch, thread);
    else
        invert_output(s, y, scratch, thread);
}

/* A thread that has bins of its own updates each bin's weights when it has read them; where threads
 * share rows all of them read before any writes. */
static void backward(struct circ_learner *learner, int phase, const struct circ_slopes *slopes,
                     float *scratch, int thread)
{
    struct circulant *s = (struct circulant *)learner;
    if (phase == 0) {
        circ_learner_update_bias(learner, slopes->dy, thread);
        transform_slope(s, slopes->dy, scratch, thread);
    } else if (phase == 1) {
        visit_bins(s, INPUT, scratch, thread);
        if (!s->by_rows)
            visit_bins(s, UPDATE, scratch, thread);
    } else {
        if (s->by_rows)
            visit_bins(s, UPDATE, scratch, thread);
        invert_slope(s, slopes->dx, scratch, thread);
    }
}

static void release(struct circ_learner *learner)
{
    struct circulant *s = (struct circulant *)learner;
    circ_transform_free(s->transform);
    free(s->weights);
    free(s->tap);
    free(s->x.re);
    free(s->y.re);
    free(s->dx.re);
}

enum circ_status circ_learn_circulant_create(struct circ_learner **learner,
                                             const struct circ_layer *layer,
                                             const struct circ_weights *given,
                                             struct circ_place place, struct circ_error *err)
{
    struct circulant *s = calloc(1, sizeof *s);
    if (!s)
        return circ_status_fail(err, CIRC_MEMORY, "no memory for a layer");
    s->base.release = release;
    s->base.weights = weights;
    s->base.forward = forward;
    s->base.backward = backward;
    enum circ_status status = circ_learner_begin(&s->base, layer, given, place, err);
    s->base.forward_phases = s->base.backward_phases = 3;
    s->learning = circ_isa_learning(place.kernels);
    s->conv = layer->op == CIRC_OP_CONV;
    s->g = circ_geometry_of(layer);
    s->tap = calloc((size_t)s->g.taps, sizeof *s->tap);
    if (!status && !s->tap)
        status = circ_status_fail(err, CIRC_MEMORY, "no memory for %d taps", s->g.taps);
    if (!status)
        status = circ_transform_create(&s->transform, s->g.k, err);
    if (!status) {
        plan(s);
        s->x.re = circ_step_floats(2 * s->x.im);
        s->y.re = circ_step_floats(2 * s->y.im);
        s->dx.re = circ_step_floats(2 * s->dx.im);
        if (!s->x.re || !s->y.re || !s->dx.re)
            status = circ_status_fail(err, CIRC_MEMORY,
                                      "no memory for the spectra of a layer of block %d and batch "
                                      "%d: lower the batch",
                                      s->g.k, place.batch);
    }
    if (!status)
        status = pack(s, given, err);
    if (status)
        circ_learner_free(&s->base);
    else
        *learner = &s->base;
    return status;
}
