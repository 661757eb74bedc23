/* Unstructured pruning: compressed sparse rows times the columns of the input, im2col for CONV. */
#include "backends/cpu/step.h"

#include "backends/core/geometry.h"
#include "backends/cpu/im2col.h"

#include <stdlib.h>
#include <string.h>

struct pruned {
    struct circ_step base;
    size_t count; /* nonzeros */
};

/* The block of weights: values, column of each, first nonzero of each row. */
static struct circ_sparse matrix(const struct pruned *s)
{
    const int32_t *index = (const int32_t *)(s->base.weights + s->count);
    return (struct circ_sparse){.values = s->base.weights,
                                .index = index,
                                .row_start = index + s->count,
                                .bias = s->base.bias,
                                .relu = s->base.relu};
}

static void run_fc(const struct pruned *s, const float *x, float *y, int thread)
{
    int first, last, batch = s->base.place.batch;
    circ_step_share(s->base.layer->out.c, s->base.place.threads, thread, &first, &last);
    struct circ_sparse args = matrix(s);
    args.x = x;
    args.y = y;
    args.x_stride = args.y_stride = (size_t)batch;
    args.columns = batch;
    args.row_first = first;
    args.row_last = last;
    s->base.place.kernels->sparse(&args);
}

static void run(const struct circ_step *step, const float *x, float *y, float *scratch, int thread)
{
    const struct pruned *s = (const struct pruned *)step;
    const struct circ_layer *layer = step->layer;
    if (layer->op == CIRC_OP_FC) {
        run_fc(s, x, y, thread);
        return;
    }
    int batch = step->place.batch, band = circ_im2col_band(layer, batch), first, last;
    int m = layer->out.c / layer->groups;
    size_t row = (size_t)layer->out.w * (size_t)batch;
    circ_step_share(layer->out.h, step->place.threads, thread, &first, &last);
    for (int group = 0; group < layer->groups; group++) {
        for (int oy = first; oy < last; oy += band) {
            int end = oy + band < last ? oy + band : last;
            circ_im2col_copy(layer, batch, x, group, oy, end, scratch);
            struct circ_sparse args = matrix(s);
            args.x = scratch;
            args.y = y + (size_t)oy * row;
            args.x_stride = (size_t)(end - oy) * row;
            args.y_stride = (size_t)layer->out.h * row;
            args.columns = (int)args.x_stride;
            args.row_first = group * m;
            args.row_last = (group + 1) * m;
            step->place.kernels->sparse(&args);
        }
    }
}

enum circ_status circ_pruned_create(struct circ_step **step, const struct circ_layer *layer,
                                    const struct circ_weights *weights, struct circ_place place,
                                    bool relu, struct circ_error *err)
{
    struct pruned *s = calloc(1, sizeof *s);
    if (!s)
        return circ_status_fail(err, CIRC_MEMORY, "no memory for a layer");
    enum circ_status status = circ_step_begin(&s->base, layer, weights, place, relu, err);
    s->base.run = run;
    size_t rows = (size_t)layer->out.c + 1;
    s->count = weights->count;
    s->base.weight_floats = 2 * s->count + rows;
    s->base.weights = circ_step_floats(s->base.weight_floats);
    if (layer->op == CIRC_OP_CONV)
        s->base.scratch_floats = circ_im2col_floats(layer, place.batch);
    if (!status && !s->base.weights)
        status = circ_status_fail(err, CIRC_MEMORY, "no memory for %zu nonzeros", s->count);
    if (status) {
        circ_step_free(&s->base);
        return status;
    }
    float *index = s->base.weights + s->count;
    memcpy(s->base.weights, weights->values, s->count * sizeof *weights->values);
    memcpy(index, weights->columns, s->count * sizeof *weights->columns);
    memcpy(index + s->count, weights->row_start, rows * sizeof *weights->row_start);
    *step = &s->base;
    return CIRC_OK;
}
