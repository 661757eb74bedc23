/* Unstructured pruning: compressed sparse rows times the columns of the input, im2col for CONV. */
#include "backends/cpu/step.h"

#include "backends/core/geometry.h"
#include "backends/cpu/im2col.h"

#include <stdlib.h>
#include <string.h>

struct pruned {
    struct circ_step base;
    float *values;
    int32_t *index, *row_start;
    float **columns; /* one a thread; CONV */
};

static void run_fc(const struct pruned *s, const float *x, float *y, int thread)
{
    int first, last, batch = s->base.place.batch;
    circ_step_share(s->base.layer->out.c, s->base.place.threads, thread, &first, &last);
    s->base.place.kernels->sparse(&(struct circ_sparse){.values = s->values,
                                                        .x = x,
                                                        .bias = s->base.bias,
                                                        .index = s->index,
                                                        .row_start = s->row_start,
                                                        .y = y,
                                                        .x_stride = (size_t)batch,
                                                        .y_stride = (size_t)batch,
                                                        .columns = batch,
                                                        .row_first = first,
                                                        .row_last = last,
                                                        .relu = s->base.relu});
}

static void run(const struct circ_step *step, const float *x, float *y, int thread)
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
            circ_im2col_copy(layer, batch, x, group, oy, end, s->columns[thread]);
            step->place.kernels->sparse(
                &(struct circ_sparse){.values = s->values,
                                      .x = s->columns[thread],
                                      .bias = step->bias,
                                      .index = s->index,
                                      .row_start = s->row_start,
                                      .y = y + (size_t)oy * row,
                                      .x_stride = (size_t)(end - oy) * row,
                                      .y_stride = (size_t)layer->out.h * row,
                                      .columns = (int)((size_t)(end - oy) * row),
                                      .row_first = group * m,
                                      .row_last = (group + 1) * m,
                                      .relu = step->relu});
        }
    }
}

static void release(struct circ_step *step)
{
    struct pruned *s = (struct pruned *)step;
    for (int t = 0; s->columns && t < step->place.threads; t++)
        free(s->columns[t]);
    free(s->columns);
    free(s->values);
    free(s->index);
    free(s->row_start);
    free(step->bias);
    free(s);
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
    s->base.release = release;
    size_t rows = (size_t)layer->out.c + 1, count = weights->count;
    s->values = malloc(count * sizeof *s->values);
    s->index = malloc(count * sizeof *s->index);
    s->row_start = malloc(rows * sizeof *s->row_start);
    s->columns = calloc((size_t)place.threads, sizeof *s->columns);
    bool enough = s->values && s->index && s->row_start && s->columns;
    for (int t = 0; enough && layer->op == CIRC_OP_CONV && t < place.threads; t++)
        enough = (s->columns[t] = circ_step_floats(circ_im2col_floats(layer, place.batch)));
    if (!status && !enough)
        status = circ_status_fail(err, CIRC_MEMORY, "no memory for %zu nonzeros", count);
    if (status) {
        release(&s->base);
        return status;
    }
    memcpy(s->values, weights->values, count * sizeof *s->values);
    memcpy(s->index, weights->columns, count * sizeof *s->index);
    memcpy(s->row_start, weights->row_start, rows * sizeof *s->row_start);
    *step = &s->base;
    return CIRC_OK;
}
