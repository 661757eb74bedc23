/* Products of spectra as a Fourier library leaves them: bins 0 .. k/2, each a complex number {re,
 * im} of float32. What fftw.c computes with between two transforms, built once for each ISA row
 * from products.c.
 *
 * Offsets and strides count complex numbers. No alignment is needed and nothing aliases. Whole
 * vectors are read and written: rows of b, c, x, y and w have room for columns, or bins, rounded up
 * to `pairs`, and b is followed by CIRC_SLACK floats. */
#ifndef CIRC_PRODUCTS_H
#define CIRC_PRODUCTS_H

#include "backends/cpu/kernels.h"

/* One bin: c[m][n] = sum over taps t and terms j of a[a_tap[t] + j a_term + m] b[b_tap[t] + j
 * b_term
 * + n], for m < rows and n < columns; rows of c lie c_row apart. Without a_tap each tap's terms
 * follow the last tap's. */
struct circ_bin_product {
    const float *a, *b;
    float *c;
    const size_t *a_tap, *b_tap; /* [taps]; a_tap may be NULL */
    size_t a_term, b_term, c_row;
    int taps, terms, rows, columns;
};

/* All bins of one sample: y[i][f] = sum_j w(i, j, f) x[j][f], for i < rows. Rows of x and y lie
 * padded = bins rounded up to pairs apart. w: [i][f / pairs][j][pairs]. */
struct circ_bins_product {
    const float *w, *x;
    float *y;
    int rows, terms, padded;
};

/* y[c][column] = x[c][column] + bias[c] for c < channels, or max(., 0) of it when relu; rows of x
 * and y lie x_row and y_row floats apart. One column of rows of one float is one long row. */
struct circ_finish {
    const float *x, *bias; /* bias NULL: 0 */
    float *y;
    size_t x_row, y_row;
    int channels, columns;
    bool relu;
};

struct circ_products {
    const char *name; /* of the ISA row */
    int pairs;        /* complex numbers of a vector */
    int tile;         /* rows of a that one tile of the product holds in registers */
    void (*bin)(const struct circ_bin_product *args);
    void (*bins)(const struct circ_bins_product *args);
    void (*finish)(const struct circ_finish *args);
};

extern const struct circ_products circ_products_scalar;
extern const struct circ_products circ_products_avx2;
extern const struct circ_products circ_products_avx512;
extern const struct circ_products circ_products_neon;
extern const struct circ_products circ_products_sve256;

#endif
