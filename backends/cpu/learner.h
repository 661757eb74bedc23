/* One layer of a train program: forward, backward and update. Each kind is a file of its own with a
 * create function; train.c runs them on all threads.
 *
 * Activations and their gradients lie as in step.h: [channel][row][column][batch], with CIRC_SLACK
 * floats past the end. A pass has phases: every thread does its part of one, and all of them meet
 * before the next. What a learner keeps from its forward to its backward pass is its own. */
#ifndef CIRC_LEARNER_H
#define CIRC_LEARNER_H

#include "backends/cpu/step.h"

/* What a backward pass is given: the layer's input and output, and the gradient of its output. */
struct circ_slopes {
    const float *x, *y, *dy;
    float *dx;
};

struct circ_learner {
    const struct circ_layer *layer; /* borrowed from the network */
    struct circ_place place;
    float *bias;           /* owned, NULL if none; the backward pass updates it */
    float rate;            /* of the updates; set before a launch */
    size_t scratch_floats; /* that either pass needs for one thread */
    const char *tuning;    /* what it chose for itself, a constant; NULL if nothing */
    int forward_phases, backward_phases;
    void (*forward)(struct circ_learner *learner, int phase, const float *x, float *y,
                    float *scratch, int thread);
    void (*backward)(struct circ_learner *learner, int phase, const struct circ_slopes *slopes,
                     float *scratch, int thread);
    /* the weights as they are, in canonical order; NULL where there are none. MEMORY. */
    enum circ_status (*weights)(const struct circ_learner *learner, float *values,
                                struct circ_error *err);
    void (*release)(struct circ_learner *learner); /* frees what is the kind's own */
};

/* Fills the common part: copies the bias. MEMORY. Also on failure the learner can be freed. */
CIRC_MUST_USE enum circ_status circ_learner_begin(struct circ_learner *learner,
                                                  const struct circ_layer *layer,
                                                  const struct circ_weights *weights,
                                                  struct circ_place place, struct circ_error *err);
void circ_learner_free(struct circ_learner *learner); /* NULL allowed */

/* bias -= rate sum of dy, for this thread's share of the channels; nothing without a bias. */
void circ_learner_update_bias(struct circ_learner *learner, const float *dy, int thread);

/* The kinds. Each returns an owned learner. */
typedef enum circ_status circ_learner_create(struct circ_learner **learner,
                                             const struct circ_layer *layer,
                                             const struct circ_weights *weights,
                                             struct circ_place place, struct circ_error *err);
circ_learner_create circ_learn_circulant_create; /* FC and CONV, CIRCULANT */
circ_learner_create circ_learn_dense_create;     /* FC and CONV, DENSE: OpenBLAS */
circ_learner_create circ_learn_pointwise_create; /* layers without weights */

#endif
