/* The reference: the plain float FFT form of block-circulant layers, one transform at a time, in
 * the order in which the mathematics is written: y_i = IDFT( sum_j DFT(w_ij) o DFT(x_j) )
 * gradient.h has the backward pass.
 *
 * A CONV layer transforms each input pixel's channel blocks once, accumulates its taps in the
 * spectral domain and inverts each output pixel once. DENSE and PRUNED layers are plain loops. */
#ifndef CIRC_CORE_REFERENCE_H
#define CIRC_CORE_REFERENCE_H

#include "backends/core/weights.h"

struct circ_reference; /* a network with its weights as spectra */

/* Transforms the weights; keeps no pointer to model, whose network must outlive the reference. */
CIRC_MUST_USE enum circ_status circ_reference_create(struct circ_reference **reference,
                                                     const struct circ_model *model,
                                                     struct circ_error *err);
void circ_reference_free(struct circ_reference *reference);

/* input [batch][C][H][W] -> output [batch][outputs]. Not reentrant on one reference. */
void circ_reference_forward(struct circ_reference *reference, const float *input, int batch,
                            float *output);

/* One layer on one frame, channels first. */
void circ_reference_layer(struct circ_reference *reference, int index, const float *x, float *y);

/* y[count] = softmax of x[count], in place allowed. */
void circ_reference_softmax(int64_t count, const float *x, float *y);

/* Takes the values and biases of model, of the same network with no PRUNED layers, in place of its
 * own. MEMORY. */
CIRC_MUST_USE enum circ_status circ_reference_refresh(struct circ_reference *reference,
                                                      const struct circ_model *model,
                                                      struct circ_error *err);

#endif
