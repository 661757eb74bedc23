/* What all kinds of learners share. */
#include "backends/cpu/learner.h"

#include <stdlib.h>
#include <string.h>

enum circ_status circ_learner_begin(struct circ_learner *learner, const struct circ_layer *layer,
                                    const struct circ_weights *weights, struct circ_place place,
                                    struct circ_error *err)
{
    learner->layer = layer;
    learner->place = place;
    learner->forward_phases = learner->backward_phases = 1;
    if (!weights->bias)
        return CIRC_OK;
    learner->bias = circ_step_floats((size_t)layer->out.c);
    if (!learner->bias)
        return circ_status_fail(err, CIRC_MEMORY, "no memory for %d biases", layer->out.c);
    memcpy(learner->bias, weights->bias, (size_t)layer->out.c * sizeof *learner->bias);
    return CIRC_OK;
}

void circ_learner_free(struct circ_learner *learner)
{
    if (!learner)
        return;
    if (learner->release)
        learner->release(learner);
    free(learner->bias);
    free(learner);
}

void circ_learner_update_bias(struct circ_learner *learner, const float *dy, int thread)
{
    struct circ_shape out = learner->layer->out;
    int64_t columns = (int64_t)out.h * out.w * learner->place.batch;
    int first, last;
    circ_step_share(out.c, learner->place.threads, thread, &first, &last);
    for (int c = first; c < last && learner->bias; c++) {
        const float *row = dy + c * columns;
        float sum[16] = {0}; /* as many chains as a vector has lanes */
        int64_t i = 0;
        for (; i + 16 <= columns; i += 16)
            for (int l = 0; l < 16; l++)
                sum[l] += row[i + l];
        for (; i < columns; i++)
            sum[0] += row[i];
        for (int l = 1; l < 16; l++)
            sum[0] += sum[l];
        learner->bias[c] -= learner->rate * sum[0];
    }
}
