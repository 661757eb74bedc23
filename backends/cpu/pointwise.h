/* Layers without weights on vectors: pooling, ReLU, LRN. Part of the template kernels.c. */
#ifndef CIRC_POINTWISE_H
#define CIRC_POINTWISE_H

#include "backends/core/network.h"
#include "backends/cpu/lanes.h"

#include <math.h>
#include <string.h>

static inline void bias_relu(float *y, int64_t columns, float bias, bool relu)
{
    int64_t whole = columns / CIRC_LANES * CIRC_LANES;
    for (int64_t c = 0; c < whole; c += CIRC_LANES)
        finish(y + c, load(y + c), bias, relu, CIRC_LANES);
    if (whole < columns) {
        int left = (int)(columns - whole);
        float edge[CIRC_LANES] = {0};
        memcpy(edge, y + whole, (size_t)left * sizeof *y);
        finish(y + whole, load(edge), bias, relu, left);
    }
}

/* The larger, and b where a is NaN, as the definition has it; or the sum. */
INLINE vec merge(vec a, vec b, bool max)
{
    return max ? vmax(a, b) : a + b;
}

#if CIRC_LANES > 1
/* Every second lane of two vectors: the first of each pair, or the second. Literals, because not
 * every target shuffles by variable indices. */
#define PAIRS_4(i, o)  2 * (i) + (o), 2 * (i) + 2 + (o), 2 * (i) + 4 + (o), 2 * (i) + 6 + (o)
#define PAIRS_8(i, o)  PAIRS_4(i, o), PAIRS_4(i + 4, o)
#define PAIRS_16(i, o) PAIRS_8(i, o), PAIRS_8(i + 8, o)
#if CIRC_LANES == 4
#define PAIRS(o) PAIRS_4(0, o)
#elif CIRC_LANES == 8
#define PAIRS(o) PAIRS_8(0, o)
#else
#define PAIRS(o) PAIRS_16(0, o)
#endif
#endif

/* The windows of one output row: `rows` input rows of `columns` floats that they cover, the first
 * window's first value at x. */
struct windows {
    const float *x;
    int64_t columns;
    int rows, taps, stride, batch;
};

/* The values of windows ox .. ox + count - 1 of a single sample, merged; of the others nothing is
 * read, for they may lie far behind the end. */
INLINE vec merge_any(const struct windows *w, int ox, int count, bool max)
{
    vec v = set1(max ? -INFINITY : 0);
    for (int r = 0; r < w->rows; r++) {
        for (int dx = 0; dx < w->taps; dx++) {
            const float *from = w->x + (int64_t)ox * w->stride + r * w->columns + dx;
            float lanes[CIRC_LANES] = {0};
            for (int l = 0; w->stride > 1 && l < CIRC_LANES && l < count; l++)
                lanes[l] = from[(size_t)l * (size_t)w->stride];
            v = merge(load(w->stride > 1 ? lanes : from), v, max);
        }
    }
    return v;
}

/* The same for stride 2: rows first, then the two columns of each pair part. */
INLINE vec merge_pairs(const struct windows *w, int rows, int taps, int ox, bool max)
{
#if CIRC_LANES > 1
    vec none = set1(max ? -INFINITY : 0), v = none;
    for (int dx = 0; dx < taps; dx += 2) {
        vec a = none, b = none;
        for (int r = 0; r < rows; r++) {
            const float *from = w->x + (int64_t)ox * 2 + r * w->columns + dx;
            a = merge(load(from), a, max);
            b = merge(load(from + CIRC_LANES), b, max);
        }
        v = merge(__builtin_shufflevector(a, b, PAIRS(0)), v, max);
        if (dx + 1 < taps)
            v = merge(__builtin_shufflevector(a, b, PAIRS(1)), v, max);
    }
    return v;
#else
    (void)rows, (void)taps;
    return merge_any(w, ox, 1, max);
#endif
}

/* Pixels in lanes: one output row of a single sample. */
INLINE void merge_pixels(const struct windows *w, int rows, int taps, bool pairs, int out, float *y,
                         bool max)
{
    for (int ox = 0; ox < out; ox += CIRC_LANES) {
        vec v = pairs ? merge_pairs(w, rows, taps, ox, max) : merge_any(w, ox, out - ox, max);
        if (out - ox >= CIRC_LANES)
            store(y + ox, v);
        else
            store_first(y + ox, v, out - ox);
    }
}

/* Samples in lanes. What is stored past a pixel's last sample the next pixel overwrites. */
INLINE void merge_samples(const struct windows *w, int rows, int taps, int out, float *y, bool max)
{
    vec none = set1(max ? -INFINITY : 0);
    int64_t left = (int64_t)out * w->batch, step = (int64_t)w->stride * w->batch;
    const float *x = w->x;
    for (int ox = 0; ox < out; ox++, x += step, y += w->batch, left -= w->batch) {
        for (int c = 0; c < w->batch; c += CIRC_LANES) {
            vec v = none;
            for (int r = 0; r < rows; r++)
                for (int dx = 0; dx < taps; dx++)
                    v = merge(load(x + r * w->columns + (int64_t)dx * w->batch + c), v, max);
            if (left - c >= CIRC_LANES)
                store(y + c, v);
            else
                store_first(y + c, v, (int)(left - c));
        }
    }
}

/* The common windows have their sizes as constants. */
INLINE void merge_windows(const struct windows *w, int out, float *y, bool max)
{
    if (w->batch > 1) {
        if (w->rows == 2 && w->taps == 2)
            merge_samples(w, 2, 2, out, y, max);
        else if (w->rows == 3 && w->taps == 3)
            merge_samples(w, 3, 3, out, y, max);
        else
            merge_samples(w, w->rows, w->taps, out, y, max);
    } else if (w->rows == 2 && w->taps == 2 && w->stride == 2) {
        merge_pixels(w, 2, 2, true, out, y, max);
    } else if (w->rows == 3 && w->taps == 3 && w->stride == 2) {
        merge_pixels(w, 3, 3, true, out, y, max);
    } else {
        merge_pixels(w, w->rows, w->taps, w->stride == 2, out, y, max);
    }
}

/* The rows under the windows become one, line, with a border of `border` floats on either side. */
static inline void merge_rows(struct windows *w, int64_t border, float *line, bool max)
{
    vec none = set1(max ? -INFINITY : 0);
    float *middle = line + border;
    for (int64_t c = 0; c < w->columns; c += CIRC_LANES) {
        vec v = none;
        for (int r = 0; r < w->rows; r++)
            v = merge(load(w->x + r * w->columns + c), v, max);
        store(middle + c, v);
    }
    for (int64_t c = 0; c < border; c++)
        line[c] = middle[w->columns + c] = max ? -INFINITY : 0;
    w->x = line;
    w->rows = 1;
}

static inline int taps_inside(int position, int stride, int pad, int taps, int size, int *first)
{
    int low = position * stride - pad, high = low + taps;
    *first = low > 0 ? low : 0;
    return (high < size ? high : size) - *first;
}

/* Sums become means of the values that exist. */
static inline void divide_sums(const struct circ_layer *layer, int batch, int rows, float *y)
{
    int first;
    for (int ox = 0; ox < layer->out.w; ox++, y += batch) {
        float count = (float)(rows * taps_inside(ox, layer->stride, layer->pad, layer->taps_w,
                                                 layer->in.w, &first));
        for (int b = 0; b < batch; b++)
            y[b] /= count;
    }
}

/* Windows are merged as they lie, or row by row first where there is a border or where that is less
 * work: then neighbours share it. */
INLINE void pool_rows(const struct circ_layer *layer, int batch, int first, int last,
                      const float *x, int x_first, float *y, float *line, bool max)
{
    int taps_h = layer->taps_h, taps_w = layer->taps_w, stride = layer->stride;
    int64_t columns = (int64_t)layer->in.w * batch;
    bool split = layer->pad || taps_h * taps_w > (taps_h + 1) * stride + taps_w;
    for (int oy = first; oy < last; oy++) {
        float *to = y + (int64_t)oy * layer->out.w * batch;
        int top, rows = taps_inside(oy, stride, layer->pad, taps_h, layer->in.h, &top);
        struct windows w = {x + (top - x_first) * columns, columns, rows, taps_w, stride, batch};
        if (split)
            merge_rows(&w, (int64_t)layer->pad * batch, line, max);
        merge_windows(&w, layer->out.w, to, max);
        if (!max)
            divide_sums(layer, batch, rows, to);
    }
}

static void pool(const struct circ_layer *layer, int batch, int first, int last, const float *x,
                 int x_first, float *y, float *line)
{
    if (layer->op == CIRC_OP_POOL_MAX)
        pool_rows(layer, batch, first, last, x, x_first, y, line, true);
    else
        pool_rows(layer, batch, first, last, x, x_first, y, line, false);
}

/* base^-0.75 for normal base > 0, to about two roundings: with y near base^-1/4 and r = 1 - base
 * y^4 it is y^3 (1 - r)^-3/4, and two terms of that series are enough once one step of the same for
 * y has made r small. A power has no vector instruction, and roots and division are slow ones. */
INLINE vec minus_three_quarters(vec base)
{
#if CIRC_LANES > 1
    mask bits;
#else
    int32_t bits;
#endif
    memcpy(&bits, &base, sizeof bits);
    bits = 0x4f58cccd - (bits >> 2); /* the exponent over -4, the mantissa with it: within 4 % */
    vec y;
    memcpy(&y, &bits, sizeof y);
    vec y2 = y * y, r = 1 - base * y2 * y2;
    y = y + y * r * (0.25f + 0.15625f * r);
    y2 = y * y, r = 1 - base * y2 * y2;
    vec y3 = y2 * y;
    return y3 + y3 * r * (0.75f + 0.65625f * r);
}

/* y = x[0] / (bias + alpha sum of x[d]^2)^beta for low <= d <= high, channels stride apart. */
INLINE void normalise(const struct circ_layer *layer, int low, int high, int64_t stride,
                      int64_t columns, const float *x, float *y)
{
    float alpha = layer->lrn_alpha / (float)layer->lrn_size;
    bool quick = layer->lrn_beta == 0.75f && layer->lrn_bias >= 0x1p-100f && alpha >= 0;
    for (int64_t c = 0; c < columns; c += CIRC_LANES) {
        int left = columns - c < CIRC_LANES ? (int)(columns - c) : CIRC_LANES;
        vec sum = zero(), value = load(x + c);
        __builtin_prefetch(x + (high + 1) * stride + c); /* of the next channel's window */
        for (int d = low; d <= high; d++) {
            vec other = load(x + d * stride + c);
            sum = sum + other * other;
        }
        vec base = layer->lrn_bias + alpha * sum;
        if (quick) {
            base = -vmax(set1(-0x1p127f), -base); /* infinity would become NaN */
            value = value * minus_three_quarters(base);
        } else {
            float power[CIRC_LANES];
            store(power, base);
            for (int l = 0; l < left; l++)
                power[l] = powf(power[l], layer->lrn_beta);
            value = value / load(power);
        }
        if (left == CIRC_LANES)
            store(y + c, value);
        else
            store_first(y + c, value, left);
    }
}

static void lrn(const struct circ_layer *layer, int channel, int64_t stride, int64_t columns,
                const float *x, float *y)
{
    int half = layer->lrn_size / 2, after = layer->in.c - 1 - channel;
    int low = channel > half ? -half : -channel, high = after < half ? after : half;
    if (low == -2 && high == 2) /* what most networks have: no loop in a loop */
        normalise(layer, -2, 2, stride, columns, x, y);
    else
        normalise(layer, low, high, stride, columns, x, y);
}

#endif
