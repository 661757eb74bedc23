/* An FC layer in one command, for CPUs. A work-group of one work-item takes panels of V * COLUMNS
 * samples through transforms, product and inverse transforms: their spectra lie in local memory,
 * which is its own core's cache whichever core that is, and nobody waits for anybody.
 * Parameters: those of transform.cl with T = 1 and SPECTRA = __local, and of product.cl. */

/* board: panels taken, and work-groups that have left; both 0 before and after. */
KERNEL void panel(__global const float *x, __global float *y, __global const float *w,
                    __local float *x_spectra, __local float *y_spectra,
                    __global const float2 *roots, __global const int *order,
                    __global const struct tap *taps, __global const int *starts, struct side in,
                    struct side out, struct product_shape s, __global const float *bias,
                    int has_bias, int relu, volatile __global int *board, int panels)
{
    WORKSPACE;
    for (int mine = atomic_inc(board); mine < panels; mine = atomic_inc(board)) {
        int column = mine * V * COLUMNS;
        for (int i = 0; i < in.blocks * COLUMNS; i++)
            analyse(x + column, x_spectra, roots, order, in, i * V, re, im, t);
        for (int slot = 0; slot < K / 2 + K % 2; slot++)
            for (int row = 0; row < s.rows; row += ROWS)
                multiply(w, x_spectra, y_spectra, taps, starts, s, 0, 0, slot, row, 0, V);
        for (int i = 0; i < out.blocks * COLUMNS; i++)
            synthesise(y_spectra, y + column, roots, order, out, has_bias ? bias : 0, relu, i * V,
                       re, im, t);
    }
    if (atomic_inc(board + 1) == (int)get_num_groups(0) - 1)
        board[0] = board[1] = 0;
}
