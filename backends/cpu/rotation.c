/* One block of memory holds all copies, one after the other, each the weights of all steps on whole
 * cache lines. */
#include "backends/cpu/rotation.h"

#include <stdlib.h>
#include <string.h>

struct circ_rotation {
    struct circ_step *const *steps; /* borrowed */
    int count;
    size_t at[CIRC_MAX_LAYERS]; /* of each step's weights within a copy, in floats */
    size_t stride;              /* floats of a copy */
    size_t copies, turn, jump;
    float *block; /* owned */
};

static size_t common_divisor(size_t a, size_t b)
{
    return b ? common_divisor(b, a % b) : a;
}

/* How far from one copy to the next one used: so that all have their turn, and never two that lie
 * next to each other, where prefetching past the end of one would warm the other. */
static size_t jump_over(size_t copies)
{
    size_t jump = (size_t)(0.618 * (double)copies);
    while (jump > 1 && common_divisor(copies, jump) != 1)
        jump--;
    return jump ? jump : 1;
}

/* Lays the steps out within a copy. */
static enum circ_status plan(struct circ_rotation *rotation, int64_t bytes, struct circ_error *err)
{
    for (int i = 0; i < rotation->count; i++) {
        const struct circ_step *step = rotation->steps[i];
        if (circ_network_has_weights(step->layer) && !step->weights)
            return circ_status_fail(err, CIRC_UNSUP,
                                    "cold weights: a library keeps those of a layer where they "
                                    "cannot be rotated");
        rotation->at[i] = rotation->stride;
        rotation->stride += step->weights ? (step->weight_floats + 15) / 16 * 16 : 0;
    }
    if (!rotation->stride)
        return circ_status_fail(err, CIRC_UNSUP, "cold weights: there are no weights to rotate");
    rotation->copies = (size_t)bytes / (rotation->stride * sizeof(float)) + 1;
    rotation->jump = jump_over(rotation->copies);
    return CIRC_OK;
}

enum circ_status circ_rotation_create(struct circ_rotation **out, struct circ_step *const *steps,
                                      int count, int64_t bytes, struct circ_error *err)
{
    *out = NULL;
    struct circ_rotation *rotation = calloc(1, sizeof *rotation);
    if (!rotation)
        return circ_status_fail(err, CIRC_MEMORY, "no memory to rotate weights");
    rotation->steps = steps;
    rotation->count = count;
    enum circ_status status = plan(rotation, bytes, err);
    if (!status && !(rotation->block = circ_step_block(rotation->copies * rotation->stride)))
        status =
            circ_status_fail(err, CIRC_MEMORY, "no memory for %zu copies of the weights, %.1f GiB",
                             rotation->copies, (double)bytes / (1 << 30));
    if (status) {
        free(rotation);
        return status;
    }
    for (size_t copy = 0; copy < rotation->copies; copy++)
        for (int i = 0; i < count; i++)
            if (steps[i]->weights)
                memcpy(rotation->block + copy * rotation->stride + rotation->at[i],
                       steps[i]->weights, steps[i]->weight_floats * sizeof *rotation->block);
    for (int i = 0; i < count; i++) {
        if (!steps[i]->weights)
            continue;
        free(steps[i]->weights);
        steps[i]->weights = rotation->block + rotation->at[i];
    }
    *out = rotation;
    return CIRC_OK;
}

void circ_rotation_free(struct circ_rotation *rotation)
{
    if (!rotation)
        return;
    for (int i = 0; i < rotation->count; i++)
        rotation->steps[i]->weights = NULL;
    free(rotation->block);
    free(rotation);
}

void circ_rotation_turn(struct circ_rotation *rotation)
{
    rotation->turn = (rotation->turn + rotation->jump) % rotation->copies;
    float *copy = rotation->block + rotation->turn * rotation->stride;
    for (int i = 0; i < rotation->count; i++)
        if (rotation->steps[i]->weights)
            rotation->steps[i]->weights = copy + rotation->at[i];
}

int64_t circ_rotation_copies(const struct circ_rotation *rotation)
{
    return (int64_t)rotation->copies;
}
