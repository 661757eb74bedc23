/* The spectra of a band: planes, rows dealt out by residues, and what lies between: see columns.c.
 */
#include "backends/cpu/columns_planes.h"

#include <string.h>

/* Copies the input rows under a band into the plane: zero border, residues of the stride apart. */
static void copy_plane(const struct circ_columns *c, const float *x, int group, int first_row,
                       int rows, float *plane)
{
    const struct circ_layer *layer = &c->layer;
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

/* Zeros into `count` columns of each block and slot. */
static void clear_columns(const struct circ_columns *c, struct circ_spectra xs, size_t at,
                          size_t count)
{
    for (int f = 0; count && f < c->transform->slots; f++) {
        float *block =
            xs.re + (size_t)f * c->x_slot + at; /* the planes' blocks follow each other */
        for (int j = 0; j < c->x_planes * c->g.q; j++, block += c->x_pitch)
            for (size_t i = 0; i < count; i++)
                block[i] = 0;
    }
}

/* Spectra of the input rows under the part's, of a CONV that is not strided, the first ones and the
 * last ones perhaps in the padding; x is the group's. */
static void transform_rows(const struct circ_columns *c, const float *x,
                           const struct circ_columns_part *part, struct circ_spectra xs,
                           float *scratch)
{
    const struct circ_layer *layer = &c->layer;
    size_t line = (size_t)layer->in.w * (size_t)c->base.place.batch;
    size_t row = (size_t)c->plane_row, lead = (size_t)c->lead, margin = (size_t)c->margin;
    for (const struct circ_columns_phase *phase = part->phase; phase < part->phase + c->phases;
         phase++) {
        size_t at = phase->start + (size_t)phase->above * row + lead;
        struct circ_forward forward = {.transform = c->transform,
                                       .x = x + (int64_t)phase->first * (int64_t)line,
                                       .channel_stride = (size_t)layer->in.h * line,
                                       .row_stride = (size_t)c->phases * line,
                                       .spectra_row = row,
                                       .channels = c->g.n,
                                       .blocks = c->g.q,
                                       .rows = phase->inside,
                                       .columns = (int)line,
                                       .spectra = circ_columns_at(xs, at)};
        if (!margin && !c->elements) { /* then they are one run */
            forward.columns *= phase->inside;
            forward.rows = 1;
            forward.spectra_row = 0;
        }
        clear_columns(c, xs, phase->start, at - phase->start);
        c->base.place.kernels->forward(&forward, scratch);
        if (phase->inside)
            at += (size_t)phase->inside * row - margin;
        clear_columns(c, xs, at, (size_t)phase->below * row + margin);
    }
}

/* A row of the given layer's input, NULL for one of zeros, to the residues of its pixels. */
static void deal_row(const struct circ_columns *c, const float *line, float *to)
{
    size_t batch = (size_t)c->base.place.batch;
    size_t stride = (size_t)(c->g.q / c->split) * c->x_pitch;
    int width = c->base.layer->in.w, ways = c->split;
    if (line)
        c->base.place.kernels->deal(&(struct circ_deal){.x = line,
                                                        .y = to,
                                                        .stride = stride,
                                                        .pixels = width,
                                                        .width = (int)batch,
                                                        .ways = ways});
    for (int residue = 0; residue < ways; residue++, to += stride) {
        size_t there = line ? (size_t)((width - residue + ways - 1) / ways) * batch : 0;
        memset(to + there, 0, ((size_t)c->plane_row - there) * sizeof *to);
    }
}

/* What transform_rows does, of blocks of one. */
static void copy_rows(const struct circ_columns *c, const float *x,
                      const struct circ_columns_part *part, struct circ_spectra xs)
{
    const struct circ_shape in = c->base.layer->in;
    size_t line = (size_t)in.w * (size_t)c->base.place.batch, row = (size_t)c->plane_row;
    for (const struct circ_columns_phase *phase = part->phase; phase < part->phase + c->phases;
         phase++) {
        size_t at = phase->start + (size_t)phase->above * row + (size_t)c->lead;
        clear_columns(c, xs, phase->start, at - phase->start);
        for (int j = 0; j < c->g.q / c->split; j++) { /* a channel, and a residue of its rows */
            int channel = j / c->split, residue = j % c->split;
            float *to = xs.re + (size_t)j * c->x_pitch + at;
            for (int r = 0; r < phase->inside; r++, to += row) {
                int from = (phase->first + r * c->phases) * c->split + residue;
                const float *lines = x + (size_t)channel * (size_t)in.h * line;
                deal_row(c, from < in.h ? lines + (size_t)from * line : NULL, to);
            }
        }
        clear_columns(c, xs, at + (size_t)phase->inside * row,
                      (size_t)phase->below * row + (phase->inside ? 0 : (size_t)c->margin));
    }
}

/* Blocks of one of an FC layer: whole vectors, of which the last takes what it finds. */
static void copy_columns(const struct circ_columns *c, const struct circ_forward *a)
{
    size_t lanes = (size_t)c->base.place.kernels->lanes;
    size_t columns = ((size_t)a->columns + lanes - 1) / lanes * lanes;
    for (int j = 0; j < a->blocks; j++)
        memcpy(a->spectra.re + (size_t)j * c->x_pitch, a->x + (size_t)j * a->channel_stride,
               columns * sizeof(float));
}

void circ_columns_planes_fill(const struct circ_columns *c, const float *x,
                              const struct circ_columns_part *part, int group,
                              struct circ_spectra xs, float *scratch)
{
    const struct circ_layer *layer = &c->layer;
    size_t batch = (size_t)c->base.place.batch, in_pixels = (size_t)c->g.in_pixels;
    if (c->conv && c->ones) {
        const struct circ_shape in = c->base.layer->in;
        size_t channels = (size_t)(in.c / c->g.groups) * (size_t)group;
        copy_rows(c, x + channels * (size_t)in.h * (size_t)in.w * batch, part, xs);
        return;
    }
    if (c->conv && !c->copies) {
        transform_rows(c, x + (size_t)group * (size_t)c->g.n * in_pixels * batch, part, xs,
                       scratch);
        return;
    }
    struct circ_forward forward = {
        .transform = c->transform, .channels = c->g.n, .blocks = c->g.q, .rows = 1};
    if (c->copies) {
        int rows = circ_columns_plan_rows(c, part->row_last - part->row_first);
        copy_plane(c, x, group, part->row_first * layer->stride - layer->pad, rows,
                   scratch + c->plane_at);
        forward.x = scratch + c->plane_at;
        forward.channel_stride = c->x_pitch;
        forward.columns = rows * c->plane_row;
        forward.spectra = xs;
        c->base.place.kernels->forward(&forward, scratch);
        return;
    }
    forward.channel_stride = batch;
    forward.columns = part->column_last - part->column_first;
    for (int panel = 0; panel < c->base.panels; panel++) {
        size_t at = (size_t)panel * batch;
        forward.x = x + at * (size_t)c->g.n + part->column_first;
        forward.spectra = circ_columns_at(xs, at);
        if (c->ones)
            copy_columns(c, &forward);
        else
            c->base.place.kernels->forward(&forward, scratch);
    }
}
