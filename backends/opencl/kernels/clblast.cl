/* What lies around CLBlast's products: the columns that a CONV layer's window sees, and bias and
 * ReLU. Parameters: none. */

/* x [channel][row][column][sample] -> columns [channel][tap][count], zeros in the padding: `count`
 * places of [output pixel][sample] from the place `first` on. Dimensions: places; taps; channels. */
__kernel void im2col(__global const float *x, __global float *columns, int height, int width,
                     int out_width, int batch, int taps_w, int taps, int stride, int pad, int first,
                     int count)
{
    int u = get_global_id(0), tap = get_global_id(1), c = get_global_id(2);
    if (u >= count)
        return;
    int pixel = (first + u) / batch, n = (first + u) % batch;
    int row = pixel / out_width * stride - pad + tap / taps_w;
    int column = pixel % out_width * stride - pad + tap % taps_w;
    bool inside = row >= 0 && row < height && column >= 0 && column < width;
    columns[((size_t)c * taps + tap) * count + u] =
        inside ? x[(((size_t)c * height + row) * width + column) * batch + n] : 0;
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
