/* The input of a CONV layer as a matrix: one row for each (channel, tap), one column for each
 * output pixel and sample, so that the layer is a matrix product. */
#ifndef CIRC_IM2COL_H
#define CIRC_IM2COL_H

#include "backends/core/network.h"

/* True when the matrix is the input as it lies: 1x1 taps, stride 1, no padding. */
bool circ_im2col_trivial(const struct circ_layer *layer);

/* Output rows that one band takes so that its matrix stays below about 1 MB; at least 1. */
int circ_im2col_band(const struct circ_layer *layer, int batch);

/* Floats of that matrix. */
size_t circ_im2col_floats(const struct circ_layer *layer, int batch);

/* Writes the matrix of one group for output rows first .. last - 1 into columns[(C/groups)
 * taps][(last - first) out.w batch]. x is the whole input [C][H][W][batch]. */
void circ_im2col_copy(const struct circ_layer *layer, int batch, const float *x, int group,
                      int first, int last, float *columns);

/* The same of `channels` channels, the first of which lies at x. */
void circ_im2col_channels(const struct circ_layer *layer, int batch, const float *x, int channels,
                          int first, int last, float *columns);

/* The way back: adds every number of the matrix to the place in x that it would be copied from. */
void circ_im2col_add(const struct circ_layer *layer, int batch, const float *columns, int channels,
                     int first, int last, float *x);

#endif
