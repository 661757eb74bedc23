/* What all kinds of steps share. */
#include "backends/cpu/step.h"

#include <stdlib.h>
#include <string.h>

enum circ_status circ_step_begin(struct circ_step *step, const struct circ_layer *layer,
                                 const struct circ_weights *weights, struct circ_place place,
                                 bool relu, struct circ_error *err)
{
    step->layer = layer;
    step->place = place;
    step->relu = relu;
    if (!weights || !weights->bias)
        return CIRC_OK;
    step->bias = malloc((size_t)layer->out.c * sizeof *step->bias);
    if (!step->bias)
        return circ_status_fail(err, CIRC_MEMORY, "no memory for %d biases", layer->out.c);
    memcpy(step->bias, weights->bias, (size_t)layer->out.c * sizeof *step->bias);
    return CIRC_OK;
}

void circ_step_free(struct circ_step *step)
{
    if (!step)
        return;
    if (step->release)
        step->release(step);
    free(step->weights);
    free(step->bias);
    free(step);
}

void circ_step_share(int count, int threads, int thread, int *first, int *last)
{
    *first = (int)((int64_t)count * thread / threads);
    *last = (int)((int64_t)count * (thread + 1) / threads);
}

size_t circ_step_stride(size_t floats)
{
    return ((floats + 15) / 16 | 1) * 16;
}

float *circ_step_floats(size_t floats)
{
    size_t lines = (floats + CIRC_SLACK + 15) / 16 + 1;
    if (lines < floats / 16 || lines > SIZE_MAX / 64)
        return NULL;
    float *block = aligned_alloc(64, lines * 64);
    if (block)
        memset(block, 0, lines * 64);
    return block;
}
