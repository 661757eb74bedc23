/* Copies of a program's weights between which its launches take turns: when one is used again, the
 * others have pushed it out of every cache. Activations, biases and tables are not copied: they
 * stay as warm as they are. */
#ifndef CIRC_ROTATION_H
#define CIRC_ROTATION_H

#include "backends/cpu/step.h"

struct circ_rotation;

/* Copies the weights of all steps together, until the copies fill more than so many bytes; each
 * step's weights are then one of the copies. The steps are borrowed until circ_rotation_free. UNSUP
 * when a step keeps its weights where they cannot be copied, or when none has weights; MEMORY. */
CIRC_MUST_USE enum circ_status circ_rotation_create(struct circ_rotation **rotation,
                                                    struct circ_step *const *steps, int count,
                                                    int64_t bytes, struct circ_error *err);

/* Takes the copies away: the steps have no weights then and can only be freed. NULL allowed. */
void circ_rotation_free(struct circ_rotation *rotation);

/* Gives every step the weights of the next copy. Within circ_rotation_copies turns each copy has
 * its turn once. Not while a step runs. */
void circ_rotation_turn(struct circ_rotation *rotation);

int64_t circ_rotation_copies(const struct circ_rotation *rotation);

#endif
