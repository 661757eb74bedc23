/* Block-circulant layers that learn: weights are spectra and stay spectra.
 *
 *     forward   x^ = DFT x, kept;  y = IDFT(w^ x^)
 *     backward  dy^ = DFT dy;      dx = IDFT(conj(w^)' dy^);      w^ -= rate dy^ conj(x^)'
 *
 * The DFT is linear, so the update needs no transform: four families of transforms a step, and the
 * weights' and their gradients' none. The transforms are here, the products in bins.c.
 *
 * Threads share bins in the products, so that what the update writes is what the same thread reads,
 * and blocks or columns in the transforms. A CONV layer holds the spectra of its whole input plane.
 * A single sample of an FC layer has its blocks in lanes. A DENSE layer is the case k = 1. */
#include "backends/cpu/learner.h"

#include "backends/cpu/bins.h"
#include "backends/cpu/isa.h"

#include <stdlib.h>
#include <string.h>

struct circulant {
    struct circ_learner base;
    struct circ_transform *transform; /* owned */
    struct circ_bins bins;            /* owned */
    int plane_rows;                   /* of the input plane; see bins.h */
    int residue_pixels;               /* pixels of one residue in a row of it */
    size_t transform_floats;          /* of scratch, before the rest of it */
};

static size_t round_up(size_t value, size_t unit)
{
    return (value + unit - 1) / unit * unit;
}

/* The planes of input and output, and where the taps lie in them. */
static void plan(struct circulant *s)
{
    const struct circ_layer *layer = s->base.layer;
    struct circ_bins *b = &s->bins;
    bool conv = b->conv;
    b->stride = conv ? layer->stride : 1;
    s->residue_pixels = conv ? (layer->in.w + 2 * layer->pad + b->stride - 1) / b->stride : 1;
    s->plane_rows = conv ? layer->in.h + 2 * layer->pad : 1;
    b->plane_row = s->residue_pixels * b->stride * b->batch;
    b->out_rows = conv ? layer->out.h : 1;
    b->out_row = (conv ? layer->out.w : 1) * b->batch;
    size_t plane = (size_t)s->plane_rows * (size_t)b->plane_row, lanes = (size_t)b->lanes;
    b->x.block = b->single ? 1 : conv ? circ_step_stride(plane + lanes) : round_up(plane, lanes);
    for (int t = 0; t < b->g.taps; t++) {
        int dy = conv ? t / layer->taps_w : 0, dx = conv ? t % layer->taps_w : 0;
        b->tap[t] =
            (size_t)dy * (size_t)b->plane_row +
            ((size_t)(dx % b->stride) * (size_t)s->residue_pixels + (size_t)(dx / b->stride)) *
                (size_t)b->batch;
    }
}

static struct circ_spectra spectra_of(const struct circ_side *side, size_t block, size_t column)
{
    float *re = side->re + block * side->block + column;
    return (struct circ_spectra){
        .re = re, .im = re + side->im, .slot_stride = side->slot, .block_stride = side->block};
}

/* One block's channels into the planes of the input of a layer with a stride: zero border, residues
 * of the stride apart. */
static void copy_in(const struct circulant *s, const float *x, int channels, float *plane)
{
    const struct circ_layer *layer = s->base.layer;
    int batch = s->base.place.batch, width = layer->in.w * batch;
    for (int c = 0; c < channels; c++) {
        for (int row = 0; row < s->plane_rows; row++) {
            float *to =
                plane + (size_t)c * s->bins.x.block + (size_t)row * (size_t)s->bins.plane_row;
            int iy = row - layer->pad;
            memset(to, 0, (size_t)s->bins.plane_row * sizeof *to);
            if (iy < 0 || iy >= layer->in.h)
                continue;
            const float *line = x + ((size_t)c * (size_t)layer->in.h + (size_t)iy) * (size_t)width;
            for (int ix = 0; ix < layer->in.w; ix++) {
                int at = ix + layer->pad;
                memcpy(to + (at % s->bins.stride * s->residue_pixels + at / s->bins.stride) * batch,
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
                       plane + (size_t)c * s->bins.x.block +
                           (size_t)(iy + layer->pad) * (size_t)s->bins.plane_row +
                           (at % s->bins.stride * s->residue_pixels + at / s->bins.stride) * batch,
                       (size_t)batch * sizeof *x);
            }
}

/* A thread's share of `count` lanes' work, in whole vectors: first .. last - 1. */
static void share_vectors(const struct circulant *s, int count, int thread, int *first, int *last)
{
    int lanes = s->bins.lanes;
    circ_step_share((count + lanes - 1) / lanes, s->bins.threads, thread, first, last);
    *first *= lanes;
    *last = *last * lanes < count ? *last * lanes : count;
}

/* What a thread transforms: blocks of all groups and columns. An FC layer's columns are shared as
 * long as they are as many vectors as threads. */
struct share {
    int block_first, block_last, column_first, column_last;
};

static struct share share_of(const struct circulant *s, int blocks, int thread)
{
    int batch = s->bins.batch, threads = s->bins.threads;
    int vectors = (batch + s->bins.lanes - 1) / s->bins.lanes;
    struct share share = {.block_last = blocks, .column_last = batch};
    if (s->bins.conv || vectors < threads)
        circ_step_share(blocks, threads, thread, &share.block_first, &share.block_last);
    else
        share_vectors(s, batch, thread, &share.column_first, &share.column_last);
    return share;
}

/* Channels of block `block` of side's `blocks` a group: the first, among all, and how many. */
static int channels_of(const struct circulant *s, int block, int blocks, int size, size_t *first)
{
    int within = block % blocks * s->bins.g.k, left = size - within;
    *first = (size_t)(block / blocks) * (size_t)size + (size_t)within;
    return left < s->bins.g.k ? left : s->bins.g.k;
}

/* The samples of an FC layer: `channels` rows of x, in `blocks` blocks. */
static void transform_samples(struct circulant *s, const struct circ_side *side, const float *x,
                              int channels, int blocks, float *scratch, int thread)
{
    struct share share = share_of(s, blocks, thread);
    size_t first = (size_t)share.block_first * (size_t)s->bins.g.k, batch = (size_t)s->bins.batch;
    struct circ_forward forward = {
        .transform = s->transform,
        .x = x + first * batch + share.column_first,
        .channel_stride = batch,
        .channels = channels - (int)first,
        .blocks = share.block_last - share.block_first,
        .rows = 1,
        .columns = share.column_last - share.column_first,
        .spectra = spectra_of(side, (size_t)share.block_first, (size_t)share.column_first)};
    s->base.place.kernels->forward(&forward, scratch);
}

/* Where the layer's input begins in its plane: behind the border, which nobody ever writes. */
static size_t border_of(const struct circulant *s)
{
    size_t pixel = (size_t)s->bins.plane_row + (size_t)s->bins.batch;
    return s->bins.conv ? (size_t)s->base.layer->pad * pixel : 0;
}

/* A CONV layer's input, block by block into its plane. */
static void transform_planes(struct circulant *s, const float *x, float *scratch, int thread)
{
    const struct circ_geometry *g = &s->bins.g;
    const struct circ_layer *layer = s->base.layer;
    size_t plane = (size_t)g->in_pixels * (size_t)s->bins.batch;
    size_t line = (size_t)layer->in.w * (size_t)s->bins.batch;
    struct share share = share_of(s, g->groups * g->q, thread);
    struct circ_forward forward = {.transform = s->transform,
                                   .channel_stride = plane,
                                   .row_stride = line,
                                   .spectra_row = (size_t)s->bins.plane_row,
                                   .blocks = 1,
                                   .rows = layer->in.h,
                                   .columns = (int)line};
    for (int b = share.block_first; b < share.block_last; b++) {
        size_t first;
        forward.channels = channels_of(s, b, g->q, g->n, &first);
        forward.x = x + first * plane;
        forward.spectra = spectra_of(&s->bins.x, (size_t)b, border_of(s));
        if (s->bins.stride > 1) { /* the plane as it is, from a copy */
            copy_in(s, forward.x, forward.channels, scratch + s->transform_floats);
            forward.x = scratch + s->transform_floats;
            forward.channel_stride = s->bins.x.block;
            forward.spectra_row = 0;
            forward.rows = 1;
            forward.columns = s->plane_rows * s->bins.plane_row;
            forward.spectra = spectra_of(&s->bins.x, (size_t)b, 0);
        }
        s->base.place.kernels->forward(&forward, scratch);
    }
}

/* A CONV layer's output gradients. Zeros fill their rows to whole vectors: the sums of the update
 * run over them, and so does the scattering. */
static void transform_slopes(struct circulant *s, const float *dy, float *scratch, int thread)
{
    const struct circ_geometry *g = &s->bins.g;
    size_t plane = (size_t)g->out_pixels * (size_t)s->bins.batch;
    struct share share = share_of(s, g->groups * g->p, thread);
    struct circ_forward forward = {.transform = s->transform,
                                   .channel_stride = plane,
                                   .row_stride = (size_t)s->bins.out_row,
                                   .spectra_row = (size_t)s->bins.y_row,
                                   .blocks = 1,
                                   .rows = s->bins.out_rows,
                                   .columns = s->bins.out_row};
    for (int b = share.block_first; b < share.block_last; b++) {
        size_t first;
        forward.channels = channels_of(s, b, g->p, g->m, &first);
        forward.x = dy + first * plane;
        forward.spectra = spectra_of(&s->bins.y, (size_t)b, 0);
        s->base.place.kernels->forward(&forward, scratch);
    }
}

static void invert_output(struct circulant *s, float *y, float *scratch, int thread)
{
    const struct circ_geometry *g = &s->bins.g;
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
                spectra_of(&s->bins.y, (size_t)(group * g->p + first), (size_t)share.column_first),
            .y = y + (size_t)group * (size_t)g->m * plane + share.column_first,
            .channel_stride = plane,
            .row_stride = (size_t)s->bins.out_row,
            .spectra_row = (size_t)s->bins.y_row,
            .channels = g->m,
            .rows = s->bins.out_rows,
            .columns = s->bins.conv ? s->bins.out_row : share.column_last - share.column_first,
            .block_first = first,
            .block_last = last,
            .bias = s->base.bias ? s->base.bias + group * g->m : NULL};
        s->base.place.kernels->inverse(&inverse, scratch);
    }
}

static void invert_slope(struct circulant *s, float *dx, float *scratch, int thread)
{
    const struct circ_geometry *g = &s->bins.g;
    const struct circ_layer *layer = s->base.layer;
    size_t batch = (size_t)s->base.place.batch, plane = (size_t)g->in_pixels * batch;
    struct share share = share_of(s, g->groups * g->q, thread);
    for (int b = share.block_first; b < share.block_last; b++) {
        size_t first;
        int channels = channels_of(s, b, g->q, g->n, &first);
        struct circ_inverse inverse = {
            .transform = s->transform,
            .spectra =
                spectra_of(&s->bins.dx, (size_t)b, border_of(s) + (size_t)share.column_first),
            .y = dx + first * plane + share.column_first,
            .channel_stride = plane,
            .row_stride = s->bins.conv ? (size_t)layer->in.w * batch : 0,
            .spectra_row = (size_t)s->bins.plane_row,
            .channels = channels,
            .rows = s->bins.conv ? layer->in.h : 1,
            .columns =
                s->bins.conv ? layer->in.w * (int)batch : share.column_last - share.column_first,
            .block_last = 1};
        if (s->bins.stride > 1) { /* residues come together again in a copy */
            inverse.spectra = spectra_of(&s->bins.dx, (size_t)b, 0);
            inverse.y = scratch + s->transform_floats;
            inverse.channel_stride = s->bins.x.block;
            inverse.rows = 1;
            inverse.columns = s->plane_rows * s->bins.plane_row;
        }
        s->base.place.kernels->inverse(&inverse, scratch);
        if (s->bins.stride > 1)
            copy_out(s, scratch + s->transform_floats, channels, dx + first * plane);
    }
}

/* Transforms of a single sample: whole vectors of blocks a thread. */
static void transform_single(struct circulant *s, const struct circ_side *side, const float *x,
                             int channels, int blocks, float *scratch, int thread)
{
    int first, last;
    share_vectors(s, blocks, thread, &first, &last);
    if (first >= last)
        return;
    struct circ_forward forward = {.transform = s->transform,
                                   .x = x + (size_t)first * (size_t)s->bins.g.k,
                                   .channel_stride = 1,
                                   .channels = channels - first * s->bins.g.k,
                                   .blocks = last - first,
                                   .rows = 1,
                                   .columns = 1,
                                   .spectra = spectra_of(side, (size_t)first, 0)};
    s->base.place.kernels->forward_blocks(&forward, scratch);
    size_t tail = last < blocks ? 0 : round_up((size_t)last, (size_t)s->bins.lanes) - (size_t)last;
    for (int f = 0; f < s->transform->slots && tail; f++) { /* lanes beyond the last block */
        float *end = side->re + (size_t)f * side->slot + last;
        memset(end, 0, tail * sizeof *end);
        memset(end + side->im, 0, tail * sizeof *end);
    }
}

static void invert_single(struct circulant *s, const struct circ_side *side, float *y, int channels,
                          int blocks, const float *bias, float *scratch, int thread)
{
    int first, last;
    share_vectors(s, blocks, thread, &first, &last);
    if (first >= last)
        return;
    struct circ_inverse inverse = {.transform = s->transform,
                                   .spectra = spectra_of(side, (size_t)first, 0),
                                   .y = y,
                                   .channel_stride = 1,
                                   .channels = channels,
                                   .rows = 1,
                                   .columns = 1,
                                   .block_first = first,
                                   .block_last = last,
                                   .bias = bias};
    s->base.place.kernels->inverse_blocks(&inverse, scratch);
}

static void forward(struct circ_learner *learner, int phase, const float *x, float *y,
                    float *scratch, int thread)
{
    struct circulant *s = (struct circulant *)learner;
    const struct circ_bins *b = &s->bins;
    if (phase == 1)
        circ_bins_forward(b, thread);
    else if (phase == 0 && b->single)
        transform_single(s, &b->x, x, b->g.n, b->g.q, scratch, thread);
    else if (phase == 0 && b->conv)
        transform_planes(s, x, scratch, thread);
    else if (phase == 0)
        transform_samples(s, &b->x, x, b->g.n, b->g.q, scratch, thread);
    else if (b->single)
        invert_single(s, &b->y, y, b->g.m, b->g.p, learner->bias, scratch, thread);
    else
        invert_output(s, y, scratch, thread);
}

/* A thread that has bins of its own updates each bin's weights when it has read them; where threads
 * share rows all of them read before any writes. */
static void backward(struct circ_learner *learner, int phase, const struct circ_slopes *slopes,
                     float *scratch, int thread)
{
    struct circulant *s = (struct circulant *)learner;
    const struct circ_bins *b = &s->bins;
    float *rest = scratch + s->transform_floats;
    if (phase == 0) {
        circ_learner_update_bias(learner, slopes->dy, thread);
        if (b->single)
            transform_single(s, &b->y, slopes->dy, b->g.m, b->g.p, scratch, thread);
        else if (b->conv)
            transform_slopes(s, slopes->dy, scratch, thread);
        else
            transform_samples(s, &b->y, slopes->dy, b->g.m, b->g.p, scratch, thread);
    } else if (phase == 1) {
        circ_bins_input(b, thread);
        if (!b->by_rows)
            circ_bins_update(b, learner->rate, rest, thread);
    } else {
        if (b->by_rows)
            circ_bins_update(b, learner->rate, rest, thread);
        if (b->single)
            invert_single(s, &b->dx, slopes->dx, b->g.n, b->g.q, NULL, scratch, thread);
        else
            invert_slope(s, slopes->dx, scratch, thread);
    }
}

static enum circ_status weights(const struct circ_learner *learner, float *values,
                                struct circ_error *err)
{
    return circ_bins_unpack(&((const struct circulant *)learner)->bins, values, err);
}

static void release(struct circ_learner *learner)
{
    struct circulant *s = (struct circulant *)learner;
    circ_bins_free(&s->bins);
    circ_transform_free(s->transform);
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
    struct circ_bins *b = &s->bins;
    *b = (struct circ_bins){.kernels = circ_isa_learning(place.kernels),
                            .g = circ_geometry_of(layer),
                            .batch = place.batch,
                            .lanes = place.kernels->lanes,
                            .threads = place.threads,
                            .conv = layer->op == CIRC_OP_CONV,
                            .dense = layer->structure == CIRC_DENSE,
                            .single = layer->op == CIRC_OP_FC && place.batch == 1};
    b->tap = calloc((size_t)b->g.taps, sizeof *b->tap);
    if (!status && !b->tap)
        status = circ_status_fail(err, CIRC_MEMORY, "no memory for %d taps", b->g.taps);
    if (!status)
        status = circ_transform_create(&s->transform, b->g.k, b->lanes, err);
    if (!status) {
        b->transform = s->transform;
        plan(s);
        status = circ_bins_create(b, err);
    }
    if (!status)
        status = circ_bins_pack(b, given->values, err);
    if (status) {
        circ_learner_free(&s->base);
        return status;
    }
    size_t plane = b->stride > 1 ? (size_t)b->g.k * b->x.block : 0; /* see copy_in */
    s->transform_floats =
        round_up(circ_transform_scratch(s->transform) * (size_t)place.kernels->lanes, 16);
    s->base.scratch_floats = s->transform_floats + (b->conv ? plane : b->scratch_floats);
    *learner = &s->base;
    return CIRC_OK;
}
