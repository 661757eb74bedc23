/* Layers without weights: pooling, ReLU, LRN, softmax. Threads share channels, or columns where
 * channels depend on one another. Flattening is nothing in this layout and has no step. */
#include "backends/cpu/step.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int64_t pixels_of(struct circ_shape shape)
{
    return (int64_t)shape.h * shape.w;
}

static void run_relu(const struct circ_step *step, const float *x, float *y, float *scratch,
                     int thread)
{
    (void)scratch;
    int first, last;
    int64_t row = pixels_of(step->layer->in) * step->place.batch;
    circ_step_share(step->layer->in.c, step->place.threads, thread, &first, &last);
    for (int c = first; c < last; c++) {
        memcpy(y + c * row, x + c * row, (size_t)row * sizeof *y);
        step->place.kernels->bias_relu(y + c * row, row, 0, true);
    }
}

/* The values of one input row that fall under tap column dx of an output row. */
static void pool_row(const struct circ_step *step, const float *line, int dx, float *y)
{
    const struct circ_layer *layer = step->layer;
    int batch = step->place.batch, stride = layer->stride;
    bool max = layer->op == CIRC_OP_POOL_MAX;
    for (int ox = 0; ox < layer->out.w; ox++) {
        int ix = ox * stride - layer->pad + dx;
        if (ix < 0 || ix >= layer->in.w)
            continue;
        const float *x = line + (int64_t)ix * batch;
        float *to = y + (int64_t)ox * batch;
        if (batch > 1)
            step->place.kernels->merge(to, x, batch, max);
        else
            *to = max ? (*x > *to ? *x : *to) : *to + *x;
    }
}

static int taps_inside(int position, int stride, int pad, int taps, int size)
{
    int low = position * stride - pad, high = low + taps;
    return (high < size ? high : size) - (low > 0 ? low : 0);
}

static void run_pool(const struct circ_step *step, const float *x, float *y, float *scratch,
                     int thread)
{
    (void)scratch;
    const struct circ_layer *layer = step->layer;
    int batch = step->place.batch, first, last;
    int64_t out_row = (int64_t)layer->out.w * batch;
    circ_step_share(layer->in.c, step->place.threads, thread, &first, &last);
    for (int c = first; c < last; c++) {
        const float *plane = x + c * pixels_of(layer->in) * batch;
        for (int oy = 0; oy < layer->out.h; oy++) {
            float *to = y + (c * (int64_t)layer->out.h + oy) * out_row;
            bool max = layer->op == CIRC_OP_POOL_MAX;
            for (int64_t i = 0; i < out_row; i++)
                to[i] = max ? -INFINITY : 0;
            for (int t = 0; t < layer->taps_h * layer->taps_w; t++) {
                int iy = oy * layer->stride - layer->pad + t / layer->taps_w;
                if (iy >= 0 && iy < layer->in.h)
                    pool_row(step, plane + (int64_t)iy * layer->in.w * batch, t % layer->taps_w,
                             to);
            }
            int high = taps_inside(oy, layer->stride, layer->pad, layer->taps_h, layer->in.h);
            for (int ox = 0; !max && ox < layer->out.w; ox++) {
                int wide = taps_inside(ox, layer->stride, layer->pad, layer->taps_w, layer->in.w);
                step->place.kernels->scale(to + (int64_t)ox * batch, to + (int64_t)ox * batch,
                                           batch, 1.0f / (float)(high * wide));
            }
        }
    }
}

static void run_lrn(const struct circ_step *step, const float *x, float *y, float *scratch,
                    int thread)
{
    (void)scratch;
    const struct circ_layer *layer = step->layer;
    int64_t row = pixels_of(layer->in) * step->place.batch;
    int half = layer->lrn_size / 2, first, last;
    circ_step_share(layer->in.c, step->place.threads, thread, &first, &last);
    for (int c = first; c < last; c++) {
        int low = c > half ? -half : -c;
        int high = layer->in.c - 1 - c < half ? layer->in.c - 1 - c : half;
        step->place.kernels->lrn(y + c * row, x + c * row, row, low, high, row,
                                 layer->lrn_alpha / (float)layer->lrn_size, layer->lrn_beta,
                                 layer->lrn_bias);
    }
}

static void run_softmax(const struct circ_step *step, const float *x, float *y, float *scratch,
                        int thread)
{
    (void)scratch;
    int batch = step->place.batch, first, last;
    int64_t count = circ_network_elements(step->layer->in);
    circ_step_share(batch, step->place.threads, thread, &first, &last);
    for (int b = first; b < last; b++) {
        float top = x[b];
        double sum = 0; /* a million terms would lose 7e-5 of a float */
        for (int64_t i = 1; i < count; i++)
            top = x[i * batch + b] > top ? x[i * batch + b] : top;
        for (int64_t i = 0; i < count; i++)
            sum += y[i * batch + b] = expf(x[i * batch + b] - top);
        for (int64_t i = 0; i < count; i++)
            y[i * batch + b] = (float)(y[i * batch + b] / sum);
    }
}

enum circ_status circ_pointwise_create(struct circ_step **step, const struct circ_layer *layer,
                                       const struct circ_weights *weights, struct circ_place place,
                                       bool relu, struct circ_error *err)
{
    static void (*const runs[])(const struct circ_step *, const float *, float *, float *, int) = {
        [CIRC_OP_POOL_MAX] = run_pool, [CIRC_OP_POOL_AVG] = run_pool,
        [CIRC_OP_RELU] = run_relu,     [CIRC_OP_LRN] = run_lrn,
        [CIRC_OP_FLATTEN] = NULL,      [CIRC_OP_SOFTMAX] = run_softmax,
    };
    struct circ_step *s = calloc(1, sizeof *s);
    if (!s)
        return circ_status_fail(err, CIRC_MEMORY, "no memory for a layer");
    enum circ_status status = circ_step_begin(s, layer, weights, place, relu, err);
    s->run = runs[layer->op];
    if (!status && !s->run)
        status = circ_status_fail(err, CIRC_INTERNAL, "layer %s has no step",
                                  circ_network_op_name(layer->op));
    if (status)
        circ_step_free(s);
    else
        *step = s;
    return status;
}
