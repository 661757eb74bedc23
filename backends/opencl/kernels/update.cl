/* What a layer learns from a batch:
 *     gradient of weights   G_ij = sum over columns of Y'_i conj(X_j), at each tap
 *     update                W <- W - rate G, where W lies (product.cl has its layout)
 * A gradient never reaches memory. Parameters: K, V, ROWS (of the layout of W), PARTS, DOWN and
 * ACROSS (block rows and columns of a work-item's tile).
 *
 * struct product_shape as for product.cl's forward pass: rows are the p block rows, reduced the q block
 * columns; x_* the layer's input, y_* its output's gradient; span the places of the output. */

/* Dimensions: tiles of DOWN block rows; tiles of ACROSS block columns; slots x groups x taps. */
KERNEL void update(__global float *w, __global const float *x, __global const float *dy,
                     __global const struct tap *taps, struct product_shape s, __global const float *rates,
                     int layer)
{
    int tap = get_global_id(2) % s.taps, unit = get_global_id(2) / s.taps;
    int group = unit % s.groups, slot = unit / s.groups;
    int row = get_global_id(0) * DOWN, block = get_global_id(1) * ACROSS;
    if (row >= s.rows || block >= s.reduced)
        return;
    size_t x_part = s.x_pitch, y_part = s.y_pitch;
    real re[DOWN][ACROSS], im[DOWN][ACROSS];
    __global const float *from[ACROSS], *slope[DOWN];
#pragma unroll
    for (int c = 0; c < ACROSS; c++) /* those past the edge repeat the last, and are not stored */
        from[c] = x + (size_t)slot * PARTS * x_part +
                  ((size_t)group * s.reduced + min(block + c, s.reduced - 1)) * s.x_plane +
                  s.x_front + taps[tap].offset;
#pragma unroll
    for (int r = 0; r < DOWN; r++) {
        slope[r] = dy + (size_t)slot * PARTS * y_part +
                   ((size_t)group * s.rows + min(row + r, s.rows - 1)) * s.y_plane + s.y_front;
#pragma unroll
        for (int c = 0; c < ACROSS; c++)
            re[r][c] = im[r][c] = 0;
    }
    for (int u = 0; u < s.span; u += V) {
        real xr[ACROSS], xi[ACROSS], yr[DOWN], yi[DOWN];
#pragma unroll
        for (int c = 0; c < ACROSS; c++) {
            xr[c] = head(from[c] + u, s.span - u);
            xi[c] = PARTS == 2 ? head(from[c] + x_part + u, s.span - u) : (real)(0);
        }
#pragma unroll
        for (int r = 0; r < DOWN; r++) {
            yr[r] = head(slope[r] + u, s.span - u);
            yi[r] = PARTS == 2 ? head(slope[r] + y_part + u, s.span - u) : (real)(0);
        }
#pragma unroll
        for (int r = 0; r < DOWN; r++)
#pragma unroll
            for (int c = 0; c < ACROSS; c++) {
                re[r][c] += yr[r] * xr[c];
                if (PARTS == 2 && slot == 0)
                    im[r][c] += yi[r] * xi[c];
                else if (PARTS == 2) {
                    re[r][c] += yi[r] * xi[c];
                    im[r][c] += yi[r] * xr[c];
                    im[r][c] -= yr[r] * xi[c];
                }
            }
    }
    float rate = rates[layer];
    for (int r = 0; r < DOWN && row + r < s.rows; r++)
        for (int c = 0; c < ACROSS && block + c < s.reduced; c++) {
            __global float *own = w + weight_at(&s, slot, group, taps[tap].index, row + r, block + c);
            own[0] -= rate * sum_of(re[r][c]);
            if (PARTS == 2)
                own[ROWS] -= rate * sum_of(im[r][c]);
        }
}
