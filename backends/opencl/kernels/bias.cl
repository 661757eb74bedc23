/* What the bias of a layer learns, whoever makes its products. Parameter: V. */

/* bias <- bias - rate sum over columns of dy [channel][columns]. One work-item a channel. */
KERNEL void update_bias(__global float *bias, __global const float *dy, int columns,
                          __global const float *rates, int layer)
{
    int c = get_global_id(0); /* `channel` is a word of the language on FPGAs */
    __global const float *own = dy + (size_t)c * columns;
    real sum = 0;
    for (int u = 0; u < columns; u += V)
        sum += head(own + u, columns - u);
    bias[c] -= rates[layer] * sum_of(sum);
}
