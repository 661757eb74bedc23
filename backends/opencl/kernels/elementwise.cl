/* Layers without weights and the loss, forward and backward: one work-item a number, except softmax,
 * whose work-items share the numbers of a sample. The formulas are those of backends/core/oracle.c
 * and slopes.h. Parameters: V (of lanes.cl), SHARE (work-items of a softmax). */

/* What a window needs; batch innermost in all activations. */
struct window {
    int height, width, out_height, out_width, batch;
    int taps_h, taps_w, stride, pad;
};

__kernel void relu(__global const float *x, __global float *y, int count)
{
    int i = get_global_id(0);
    if (i < count)
        y[i] = x[i] < 0 ? 0 : x[i]; /* NaN stays: an activation hides no fault */
}

__kernel void relu_back(__global const float *x, __global const float *dy, __global float *dx,
                        int count)
{
    int i = get_global_id(0);
    if (i < count)
        dx[i] = x[i] > 0 ? dy[i] : 0;
}

/* Place of the largest value under output (oy, ox), of the first of equals; -1 where all are NaN or
 * -infinity. plane: the channel's first number. */
static inline int winner(__global const float *plane, struct window g, int oy, int ox, int n,
                         float *best)
{
    int place = -1;
    *best = -INFINITY;
    for (int a = 0; a < g.taps_h; a++)
        for (int b = 0; b < g.taps_w; b++) {
            int y = oy * g.stride - g.pad + a, x = ox * g.stride - g.pad + b;
            if (y < 0 || y >= g.height || x < 0 || x >= g.width)
                continue;
            float value = plane[(y * g.width + x) * g.batch + n];
            if (value > *best) {
                *best = value;
                place = y * g.width + x;
            }
        }
    return place;
}

static inline int inside(struct window g, int oy, int ox)
{
    int top = max(oy * g.stride - g.pad, 0), left = max(ox * g.stride - g.pad, 0);
    int bottom = min(oy * g.stride - g.pad + g.taps_h, g.height);
    int right = min(ox * g.stride - g.pad + g.taps_w, g.width);
    return (bottom - top) * (right - left);
}

/* Dimensions of the poolings: columns x samples, rows, channels, of what is written. */
__kernel void pool_max(__global const float *x, __global float *y, struct window g)
{
    int ox = get_global_id(0) / g.batch, n = get_global_id(0) % g.batch, oy = get_global_id(1);
    int c = get_global_id(2);
    float best;
    winner(x + (size_t)c * g.height * g.width * g.batch, g, oy, ox, n, &best);
    y[(((size_t)c * g.out_height + oy) * g.out_width + ox) * g.batch + n] = best;
}

__kernel void pool_avg(__global const float *x, __global float *y, struct window g)
{
    int ox = get_global_id(0) / g.batch, n = get_global_id(0) % g.batch, oy = get_global_id(1);
    int c = get_global_id(2);
    __global const float *plane = x + (size_t)c * g.height * g.width * g.batch;
    float sum = 0;
    for (int a = 0; a < g.taps_h; a++) {
        float row = 0; /* sums of sums: many terms lose less */
        for (int b = 0; b < g.taps_w; b++) {
            int iy = oy * g.stride - g.pad + a, ix = ox * g.stride - g.pad + b;
            if (iy >= 0 && iy < g.height && ix >= 0 && ix < g.width)
                row += plane[(iy * g.width + ix) * g.batch + n];
        }
        sum += row;
    }
    y[(((size_t)c * g.out_height + oy) * g.out_width + ox) * g.batch + n] = sum / inside(g, oy, ox);
}

/* Each input gathers from the windows that it lies in: no two work-items write one number. */
__kernel void pool_back(__global const float *x, __global const float *dy, __global float *dx,
                        struct window g, int average)
{
    int ix = get_global_id(0) / g.batch, n = get_global_id(0) % g.batch, iy = get_global_id(1);
    int c = get_global_id(2);
    __global const float *plane = x + (size_t)c * g.height * g.width * g.batch;
    __global const float *slopes = dy + (size_t)c * g.out_height * g.out_width * g.batch;
    int first_y = max((iy + g.pad - g.taps_h + g.stride) / g.stride, 0);
    int first_x = max((ix + g.pad - g.taps_w + g.stride) / g.stride, 0);
    int last_y = min((iy + g.pad) / g.stride, g.out_height - 1);
    int last_x = min((ix + g.pad) / g.stride, g.out_width - 1);
    float sum = 0, best;
    for (int oy = first_y; oy <= last_y; oy++)
        for (int ox = first_x; ox <= last_x; ox++) {
            float slope = slopes[(oy * g.out_width + ox) * g.batch + n];
            if (average)
                sum += slope / inside(g, oy, ox);
            else if (winner(plane, g, oy, ox, n, &best) == iy * g.width + ix)
                sum += slope;
        }
    dx[(((size_t)c * g.height + iy) * g.width + ix) * g.batch + n] = sum;
}

/* bias + alpha / size sum of squares around channel c; at: the number of channel 0, step: between
 * channels. */
static inline float lrn_scale(__global const float *x, int c, int channels, int reach, size_t step,
                              float alpha_n, float bias)
{
    float sum = 0;
    for (int d = max(c - reach, 0); d <= c + reach && d < channels; d++)
        sum += x[d * step] * x[d * step];
    return bias + alpha_n * sum;
}

/* Dimensions: pixels x samples, channels. */
__kernel void lrn(__global const float *x, __global float *y, int channels, int columns, int reach,
                  float alpha_n, float beta, float bias)
{
    int u = get_global_id(0), c = get_global_id(1);
    if (u >= columns)
        return;
    float scale = lrn_scale(x + u, c, channels, reach, columns, alpha_n, bias);
    y[(size_t)c * columns + u] = x[(size_t)c * columns + u] / pow(scale, beta);
}

__kernel void lrn_back(__global const float *x, __global const float *dy, __global float *dx,
                       int channels, int columns, int reach, float alpha_n, float beta, float bias)
{
    int u = get_global_id(0), c = get_global_id(1);
    if (u >= columns)
        return;
    size_t own = (size_t)c * columns + u;
    float sum = 0;
    for (int d = max(c - reach, 0); d <= c + reach && d < channels; d++) {
        size_t at = (size_t)d * columns + u;
        float scale = lrn_scale(x + u, d, channels, reach, columns, alpha_n, bias);
        sum += dy[at] * x[at] / (pow(scale, beta) * scale);
    }
    float scale = lrn_scale(x + u, c, channels, reach, columns, alpha_n, bias);
    dx[own] = dy[own] / pow(scale, beta) - 2 * alpha_n * beta * x[own] * sum;
}

/* The sum, or the largest, of what all work-items of a group hold. */
static inline float together(__local float *space, float own, bool largest)
{
    int t = get_local_id(0);
    space[t] = own;
    for (int reach = SHARE / 2; reach > 0; reach /= 2) {
        barrier(CLK_LOCAL_MEM_FENCE);
        if (t < reach)
            space[t] = largest ? fmax(space[t], space[t + reach]) : space[t] + space[t + reach];
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    float result = space[0];
    barrier(CLK_LOCAL_MEM_FENCE);
    return result;
}

/* A sum that carries what rounding lost (Kahan, CACM 8, 1965). */
static inline void carry(float *sum, float *lost, float value)
{
    float y = value - *lost, t = *sum + y;
    *lost = (t - *sum) - y;
    *sum = t;
}

/* Dimension 0: the SHARE work-items of a sample; dimension 1: samples. */
__kernel void softmax(__global const float *x, __global float *y, int count, int batch)
{
    __local float space[SHARE];
    int t = get_local_id(0), n = get_global_id(1);
    float top = -INFINITY, sum = 0, lost = 0;
    for (int i = t; i < count; i += SHARE)
        top = fmax(top, x[(size_t)i * batch + n]);
    top = together(space, top, true);
    for (int i = t; i < count; i += SHARE)
        carry(&sum, &lost, exp(x[(size_t)i * batch + n] - top));
    sum = together(space, sum, false);
    for (int i = t; i < count; i += SHARE)
        y[(size_t)i * batch + n] = exp(x[(size_t)i * batch + n] - top) / sum;
}

__kernel void softmax_back(__global const float *y, __global const float *dy, __global float *dx,
                           int count, int batch)
{
    __local float space[SHARE];
    int t = get_local_id(0), n = get_global_id(1);
    float sum = 0, lost = 0;
    for (int i = t; i < count; i += SHARE)
        carry(&sum, &lost, dy[(size_t)i * batch + n] * y[(size_t)i * batch + n]);
    sum = together(space, sum, false);
    for (int i = t; i < count; i += SHARE) {
        size_t own = (size_t)i * batch + n;
        dx[own] = y[own] * (dy[own] - sum);
    }
}

/* dL/dy of L = 1 / (2 batch) sum (y - target)^2. */
__kernel void loss(__global const float *y, __global const float *target, __global float *dy,
                   int count, float share)
{
    int i = get_global_id(0);
    if (i < count)
        dy[i] = (y[i] - target[i]) * share;
}
