/* The backward pass of one layer with weights, on one frame, in plain float:
 *   weights  dL/dw_ij = IDFT( sum over pixels DFT(dL/dy_i) o conj DFT(x_j) )
 *   input    dL/dx_j  = IDFT( sum_i DFT(dL/dy_i) o conj DFT(w_ij) )      (CirCNN, section 3)
 * A CONV layer sums each over its taps and pixels in the spectral domain. */
#ifndef CIRC_CORE_GRADIENT_H
#define CIRC_CORE_GRADIENT_H

#include "backends/core/weights.h"

/* x: the layer's input, dy: gradient of its output, both channels first. Adds into dw (canonical
 * layout of weights->values) and db ([out.c], NULL allowed); writes dx (NULL allowed). UNSUP for
 * PRUNED; MEMORY. */
CIRC_MUST_USE enum circ_status circ_gradient_layer(const struct circ_layer *layer,
                                                   const struct circ_weights *weights,
                                                   const float *x, const float *dy, float *dw,
                                                   float *db, float *dx, struct circ_error *err);

#endif
