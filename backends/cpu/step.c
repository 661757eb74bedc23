/* What all kinds of steps share. */
#include "backends/cpu/step.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Spectra are written and read a slot at a time, each slot in a page of its own: with small pages
 * that is a miss in the TLB for every line. */
#define HUGE_PAGE ((size_t)2 << 20)

enum circ_status circ_step_begin(struct circ_step *step, const struct circ_layer *layer,
                                 const struct circ_weights *weights, struct circ_place place,
                                 bool relu, struct circ_error *err)
{
    step->layer = layer;
    step->out = layer->out;
    step->place = place;
    step->relu = relu;
    step->panels = 1;
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

/* Bytes of a block, and the unit that they are whole multiples of; 0: too many. */
static size_t block_bytes(size_t floats, size_t *unit)
{
    size_t lines = (floats + CIRC_SLACK + 15) / 16 + 1;
    if (lines < floats / 16 || lines > SIZE_MAX / 64 - HUGE_PAGE)
        return 0;
    *unit = lines * 64 < HUGE_PAGE / 4 ? 64 : HUGE_PAGE;
    return (lines * 64 + *unit - 1) / *unit * *unit;
}

float *circ_step_block(size_t floats)
{
    size_t unit, bytes = block_bytes(floats, &unit);
    float *block = bytes ? aligned_alloc(unit, bytes) : NULL;
    if (block && unit == HUGE_PAGE)
        madvise(block, bytes, MADV_HUGEPAGE); /* advice: refused where the system has none */
    return block;
}

float *circ_step_floats(size_t floats)
{
    size_t unit;
    float *block = circ_step_block(floats);
    if (block)
        memset(block, 0, block_bytes(floats, &unit));
    return block;
}
