/* The two layouts in which the device keeps a layer's spectra of weights, that of the product
 * (kernels/product.cl) and that of the stream (kernels/stream.cl), from and to canonical order. */
#ifndef CIRC_PACKING_H
#define CIRC_PACKING_H

#include "backends/core/geometry.h"
#include "backends/core/weights.h"

struct circ_packing {
    const struct circ_layer *layer; /* borrowed */
    struct circ_geometry g;
    int slots, parts; /* of a spectrum */
    int weight_parts; /* of the product's tiles: parts, or 3 for Gauss' product, which only pack
                         makes */
    int rows;         /* of a tile: im lies so many floats after re */
    bool stream;      /* the other layout: in strips, and so many lanes between re and im */
    bool bins;        /* its lanes are slots and not block rows */
    int width, strip; /* its lanes, whole strips, and those of a strip */
};

/* Floats of the layout, those that round it up included. */
size_t circ_packing_floats(const struct circ_packing *packing);

/* values in canonical order (weights.h) to packed, whose numbers that round it up stay as they are;
 * and back. MEMORY. */
CIRC_MUST_USE enum circ_status circ_packing_pack(const struct circ_packing *packing,
                                                 const float *values, float *packed,
                                                 struct circ_error *err);
CIRC_MUST_USE enum circ_status circ_packing_unpack(const struct circ_packing *packing,
                                                   const float *packed, float *values,
                                                   struct circ_error *err);

#endif
