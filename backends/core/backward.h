/* The oracle's backward pass of one layer with weights, on one frame, by definition, in double.
 *
 * Gradients are summed in the layout that the loops want, and folded into the canonical one at the
 * end: FC layers in canonical order already, CONV layers as [group][tap][c][r] of the dense matrix,
 * so that inner loops run along output channels. */
#ifndef CIRC_CORE_BACKWARD_H
#define CIRC_CORE_BACKWARD_H

#include "backends/core/weights.h"

/* Doubles of such a sum. */
int64_t circ_backward_count(const struct circ_layer *layer, const struct circ_weights *weights);

/* A CONV layer's weights as [group][tap][c][r]: owned by the caller. NULL: no memory. */
CIRC_MUST_USE double *circ_backward_expand(const struct circ_layer *layer,
                                           const struct circ_weights *weights);

/* dx = W' dy and sum += weight dL/dW, from the gradient dy of the output and the input x, of an FC
 * layer of DENSE or CIRCULANT structure: w in canonical order. dx aliases nothing. */
void circ_backward_fc(const struct circ_layer *layer, const float *w, const double *x,
                      const double *dy, double weight, double *sum, double *dx);

/* The same for a CONV layer with expanded weights. line: of out.c values, overwritten. */
void circ_backward_conv(const struct circ_layer *layer, const double *w, const double *x,
                        const double *dy, double weight, double *sum, double *dx, double *line);

/* A sum into canonical order: out[count], count that of the layer's weights. */
void circ_backward_fold(const struct circ_layer *layer, const double *sum, int64_t count,
                        double *out);

#endif
