/* What lies where in a circulant layer on FFTW, whose part each thread has, and FFTW's plans: set
 * by fftw_plan.c before the first run, read by fftw.c in all of them.
 *
 * A column is a sample of an FC layer, or a pixel of a sample of a CONV layer. */
#ifndef CIRC_FFTW_PLAN_H
#define CIRC_FFTW_PLAN_H

#include "backends/core/geometry.h"
#include "backends/cpu/products.h"
#include "backends/cpu/step.h"

#include <fftw3.h>

/* Where the spectra have which index innermost: that of columns, of block rows, or of bins. */
enum circ_fftw_layout { CIRC_FFTW_COLUMNS, CIRC_FFTW_ROWS, CIRC_FFTW_BINS };

/* A way to compute a layer. blas: with OpenBLAS between the transforms. */
struct circ_fftw_method {
    const char *name;
    enum circ_fftw_layout layout;
    bool blas;
};

/* What one thread does. */
struct circ_fftw_part {
    int row_first, row_last;       /* output rows */
    int column_first, column_last; /* FC: samples; CONV: all columns of a row */
    int block_first, block_last;
    fftwf_plan forward, inverse; /* owned; of one row */
};

/* Strides of spectra, in complex numbers. */
struct circ_fftw_strides {
    size_t bin, block, row, column;
};

struct circ_fftw {
    struct circ_step base;
    const struct circ_fftw_method *method;
    const struct circ_products *products;
    struct circ_geometry g;
    struct circ_fftw_part *parts; /* owned, one a thread */
    int bins;
    bool conv;
    int taps_h, stride, pad;
    int in_row, out_row; /* columns of a row of the input and of the output */
    bool copies;         /* rows of the input are copied before their transform */
    int lead;            /* columns before the first pixel of a row of input spectra */
    int plane_row;       /* columns of that row: pixels, padding, and room for whole lines */
    int residue_pixels;  /* stride > 1: pixels of one residue modulo the stride lie together */
    int band, band_in;   /* output rows of a band, input rows under it */
    int bins_padded, rows_padded;
    struct circ_fftw_strides x, y;
    size_t group_weights;       /* complex numbers */
    size_t *x_tap, *w_tap;      /* owned, [taps]: offsets within x and within a bin's weights */
    size_t in_pitch, out_pitch; /* floats between channels around the transforms */
    size_t x_at, y_at, out_at;  /* in scratch, floats; the copied input row is at 0 */
};

/* Column of an input pixel of a row, padding counted, within a row of spectra. */
size_t circ_fftw_plan_column(const struct circ_fftw *s, int ix);

/* Shares, strides and places in scratch, from base, method, products, g, bins, conv, taps_h,
 * stride, pad and both rows; arrays are allocated. */
void circ_fftw_plan_layout(struct circ_fftw *s);

/* Plans the transforms of every part by trial, with FFTW's effort and within limit_s each; earlier
 * plans are replaced. False: no memory. */
CIRC_MUST_USE bool circ_fftw_plan_transforms(struct circ_fftw *s, unsigned effort, double limit_s);

/* The weights' spectra in the method's order, into base. False: no memory. */
CIRC_MUST_USE bool circ_fftw_plan_weights(struct circ_fftw *s, const struct circ_weights *weights);

#endif
