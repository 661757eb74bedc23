/* The reference's training step: plain float, one frame after the other, gradients as gradient.h
 * has them and the update in the spatial domain. What a step is, training.h says. */
#ifndef CIRC_CORE_DESCENT_H
#define CIRC_CORE_DESCENT_H

#include "backends/core/weights.h"

struct circ_descent; /* a network that learns */

/* Copies the weights; keeps no pointer to model, whose network must outlive it. UNSUP for PRUNED
 * layers; MEMORY. */
CIRC_MUST_USE enum circ_status circ_descent_create(struct circ_descent **descent,
                                                   const struct circ_model *model,
                                                   struct circ_error *err);
void circ_descent_free(struct circ_descent *descent); /* NULL allowed */

/* One step on input [batch][C][H][W] and target [batch][outputs] with rate[layers]: writes
 * output [batch][outputs] and dx [batch][C][H][W]. MEMORY. */
CIRC_MUST_USE enum circ_status circ_descent_step(struct circ_descent *descent, const float *input,
                                                 const float *target, const float *rate, int batch,
                                                 float *output, float *dx, struct circ_error *err);

/* The weights as they are; borrowed. */
const struct circ_model *circ_descent_model(const struct circ_descent *descent);

#endif
