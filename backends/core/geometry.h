/* FC and CONV layers seen as one thing: matrices of m x n at taps, applied to pixels. An FC layer
 * has one tap, one group and one pixel. */
#ifndef CIRC_CORE_GEOMETRY_H
#define CIRC_CORE_GEOMETRY_H

#include "backends/core/network.h"

struct circ_geometry {
    int m, n;    /* rows and columns of one group's matrix at one tap */
    int p, q, k; /* its block rows, block columns, and block size */
    int groups, taps;
    int in_pixels, out_pixels;
};

/* layer must be FC or CONV. */
struct circ_geometry circ_geometry_of(const struct circ_layer *layer);

/* Index of the input pixel under a tap of an output pixel; -1 in the padding. */
int circ_geometry_under(const struct circ_layer *layer, int pixel, int tap);

/* All of these, [out_pixels][taps]. The caller frees it; NULL when memory is short. */
int *circ_geometry_unders(const struct circ_layer *layer);

#endif
