/* Where the numbers of an FC or CONV layer lie on the device: the planes of its two sides and the
 * taps between them. The structs are those of the kernels (transform.cl, product.cl), member by
 * member; all members are cl_int. An FC layer has one tap and planes of one pixel. */
#ifndef CIRC_PLANES_H
#define CIRC_PLANES_H

#include "backends/core/geometry.h"
#include "backends/devices/accelerator.h"

struct circ_side {
    cl_int blocks, per_group, channels, height, width, batch;
    cl_int stride, pad, wide, high, front, plane, pitch, step;
};

struct circ_tap {
    cl_int index, offset;
};

struct circ_product_shape {
    cl_int groups, rows, reduced, taps, residues;
    cl_int weight_rows, weight_blocks;
    cl_int x_plane, y_plane, x_pitch, y_pitch, x_front, y_front, span;
};

struct circ_planes {
    struct circ_geometry g;
    int slots, parts;      /* of a spectrum */
    struct circ_side x, y; /* spectra of the input, and of the output (its gradient too) */
    struct circ_product_shape forward, backward;
    struct circ_tap *taps;     /* owned: forward, [g.taps] */
    struct circ_tap *back;     /* owned: [g.taps], those of each residue next to each other */
    cl_int *starts;            /* owned: [residues + 1], where in back each begins */
    size_t x_floats, y_floats; /* of each side's spectra, slack for reading past the end included */
};

/* Plans a layer whose vectors have at most `vector` lanes and whose product tiles are at most
 * `tile` columns wide. UNSUP where a side has more numbers than an int counts; MEMORY. Free with
 * circ_planes_free, also after a failure. */
CIRC_MUST_USE enum circ_status circ_planes_create(struct circ_planes *planes,
                                                  const struct circ_layer *layer, int batch,
                                                  int vector, int tile, struct circ_error *err);
void circ_planes_free(struct circ_planes *planes); /* a zeroed one allowed */

#endif
