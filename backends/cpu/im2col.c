/* im2col in bands of output rows, batch innermost. */
#include "backends/cpu/im2col.h"

#include <string.h>

#define BAND_BYTES (1 << 20)

bool circ_im2col_trivial(const struct circ_layer *layer)
{
    return layer->taps_h == 1 && layer->taps_w == 1 && layer->stride == 1 && layer->pad == 0;
}

static size_t row_floats(const struct circ_layer *layer, int batch)
{
    return (size_t)(layer->in.c / layer->groups) * (size_t)layer->taps_h * (size_t)layer->taps_w *
           (size_t)layer->out.w * (size_t)batch;
}

int circ_im2col_band(const struct circ_layer *layer, int batch)
{
    size_t rows = BAND_BYTES / sizeof(float) / row_floats(layer, batch);
    return rows < 1 ? 1 : rows > (size_t)layer->out.h ? layer->out.h : (int)rows;
}

size_t circ_im2col_floats(const struct circ_layer *layer, int batch)
{
    return row_floats(layer, batch) * (size_t)circ_im2col_band(layer, batch);
}

/* One output row under one tap column: to[ox][batch] = line[ox stride + offset][batch], zero
 * outside. */
static void copy_row(const struct circ_layer *layer, int batch, const float *line, int offset,
                     float *to)
{
    int stride = layer->stride, first = 0, last = layer->out.w;
    while (first < last && first * stride + offset < 0)
        first++;
    while (last > first && (last - 1) * stride + offset >= layer->in.w)
        last--;
    memset(to, 0, (size_t)first * (size_t)batch * sizeof *to);
    memset(to + (size_t)last * (size_t)batch, 0,
           (size_t)(layer->out.w - last) * (size_t)batch * sizeof *to);
    if (first == last)
        return;
    if (stride == 1) {
        memcpy(to + (size_t)first * (size_t)batch, line + (int64_t)(first + offset) * batch,
               (size_t)(last - first) * (size_t)batch * sizeof *to);
        return;
    }
    for (int ox = first; ox < last; ox++)
        for (int b = 0; b < batch; b++)
            to[(int64_t)ox * batch + b] = line[((int64_t)ox * stride + offset) * batch + b];
}

void circ_im2col_copy(const struct circ_layer *layer, int batch, const float *x, int group,
                      int first, int last, float *columns)
{
    int channels = layer->in.c / layer->groups;
    circ_im2col_channels(layer, batch,
                         x + (int64_t)group * channels * layer->in.h * layer->in.w * batch,
                         channels, first, last, columns);
}

void circ_im2col_channels(const struct circ_layer *layer, int batch, const float *x, int channels,
                          int first, int last, float *columns)
{
    size_t row = (size_t)layer->out.w * (size_t)batch;
    for (int c = 0; c < channels; c++) {
        const float *plane = x + (int64_t)c * layer->in.h * layer->in.w * batch;
        for (int t = 0; t < layer->taps_h * layer->taps_w; t++) {
            for (int oy = first; oy < last; oy++, columns += row) {
                int iy = oy * layer->stride - layer->pad + t / layer->taps_w;
                if (iy < 0 || iy >= layer->in.h)
                    memset(columns, 0, row * sizeof *columns);
                else
                    copy_row(layer, batch, plane + (int64_t)iy * layer->in.w * batch,
                             t % layer->taps_w - layer->pad, columns);
            }
        }
    }
}

/* The inverse of copy_row, adding. */
static void add_row(const struct circ_layer *layer, int batch, const float *from, int offset,
                    float *line)
{
    if (layer->stride == 1) { /* one run of columns */
        int first = offset < 0 ? -offset : 0, last = layer->in.w - offset;
        last = last < layer->out.w ? last : layer->out.w;
        float *to = line + (int64_t)offset * batch;
        for (int64_t i = (int64_t)first * batch; i < (int64_t)last * batch; i++)
            to[i] += from[i];
        return;
    }
    for (int ox = 0; ox < layer->out.w; ox++, from += batch) {
        int ix = ox * layer->stride + offset;
        for (int b = 0; b < batch && ix >= 0 && ix < layer->in.w; b++)
            line[(int64_t)ix * batch + b] += from[b];
    }
}

void circ_im2col_add(const struct circ_layer *layer, int batch, const float *columns, int channels,
                     int first, int last, float *x)
{
    size_t row = (size_t)layer->out.w * (size_t)batch;
    for (int c = 0; c < channels; c++) {
        float *plane = x + (int64_t)c * layer->in.h * layer->in.w * batch;
        for (int t = 0; t < layer->taps_h * layer->taps_w; t++) {
            for (int oy = first; oy < last; oy++, columns += row) {
                int iy = oy * layer->stride - layer->pad + t / layer->taps_w;
                if (iy >= 0 && iy < layer->in.h)
                    add_row(layer, batch, columns, t % layer->taps_w - layer->pad,
                            plane + (int64_t)iy * layer->in.w * batch);
            }
        }
    }
}
