/* What lies around CLBlast's products: the columns that a CONV layer's window sees, and bias and
 * ReLU. Parameters: none. */

/* A CONV layer's, and the band of it: `count` places of [output pixel][sample] from `first` on. */
struct window {
    int height, width, out_height, out_width, batch;
    int taps_w, taps, stride, pad, first, count;
};

/* x [channel][row][column][sample] -> columns [channel][tap][count], zeros in the padding.
 * Dimensions: places; taps; channels. */
__kernel void im2col(__global const float *x, __global float *columns, struct window g)
{
    int u = get_global_id(0), tap = get_global_id(1), c = get_global_id(2);
    if (u >= g.count)
        return;
    int pixel = (g.first + u) / g.batch, n = (g.first + u) % g.batch;
    int row = pixel / g.out_width * g.stride - g.pad + tap / g.taps_w;
    int column = pixel % g.out_width * g.stride - g.pad + tap % g.taps_w;
    bool inside = row >= 0 && row < g.height && column >= 0 && column < g.width;
    columns[((size_t)c * g.taps + tap) * g.count + u] =
        inside ? x[(((size_t)c * g.height + row) * g.width + column) * g.batch + n] : 0;
}

/* The sums of what lies in columns back to where im2col took it from: each number of x gathers from
 * the windows that see it, of this band only, and from the second band on adds. Dimensions: columns
 * x samples, rows, channels of x. */
__kernel void col2im(__global float *x, __global const float *columns, struct window g)
{
    int u = get_global_id(0), row = get_global_id(1), c = get_global_id(2);
    if (u >= g.width * g.batch)
        return;
    size_t at = ((size_t)c * g.height + row) * g.width * g.batch + u;
    float sum = g.first ? x[at] : 0;
    for (int tap = 0; tap < g.taps; tap++) {
        int down = row + g.pad - tap / g.taps_w, across = u / g.batch + g.pad - tap % g.taps_w;
        if (down < 0 || across < 0 || down % g.stride || across % g.stride ||
            down / g.stride >= g.out_height || across / g.stride >= g.out_width)
            continue;
        int pixel = down / g.stride * g.out_width + across / g.stride;
        int place = pixel * g.batch + u % g.batch - g.first;
        if (place >= 0 && place < g.count)
            sum += columns[((size_t)c * g.taps + tap) * g.count + place];
    }
    x[at] = sum;
}

/* In place; has_bias 0: no bias. Dimensions: columns; channels. */
__kernel void finish(__global float *y, __global const float *bias, int has_bias, int relu, int count)
{
    int u = get_global_id(0), c = get_global_id(1);
    if (u >= count)
        return;
    size_t at = (size_t)c * count + u;
    float value = y[at] + (has_bias ? bias[c] : 0);
    y[at] = relu && value < 0 ? 0 : value;
}
