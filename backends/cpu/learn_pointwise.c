/* Backward passes of the layers without weights; their forward passes are pointwise.c's. Threads
 * share channels, or columns where channels depend on one another. */
#include "backends/cpu/learner.h"

#include "backends/cpu/isa.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK = 256 }; /* columns that the inner loops take at a time: their sums stay in L1 */

struct pointwise {
    struct circ_learner base;
    struct circ_step *inner; /* owned */
};

static int64_t pixels_of(struct circ_shape shape)
{
    return (int64_t)shape.h * shape.w;
}

static void forward(struct circ_learner *learner, int phase, const float *x, float *y,
                    float *scratch, int thread)
{
    struct pointwise *s = (struct pointwise *)learner;
    (void)phase;
    s->inner->run(s->inner, x, y, scratch, thread);
}

static void back_relu(struct circ_learner *learner, int phase, const struct circ_slopes *slopes,
                      float *scratch, int thread)
{
    (void)phase;
    (void)scratch;
    int first, last;
    int64_t row = pixels_of(learner->layer->in) * learner->place.batch;
    circ_step_share(learner->layer->in.c, learner->place.threads, thread, &first, &last);
    const struct circ_learning *kernels = circ_isa_learning(learner->place.kernels);
    int64_t at = first * row;
    kernels->pass_positive(slopes->dx + at, slopes->x + at, slopes->dy + at, last * row - at);
}

/* The first of a window's equal maxima takes the whole slope, sample by sample. */
static void back_maximum(const struct circ_layer *layer, const struct circ_learning *kernels,
                         int batch, const float *x, const float *y, const float *dy, int oy, int ox,
                         float *dx)
{
    int top = oy * layer->stride - layer->pad, left = ox * layer->stride - layer->pad;
    for (int b0 = 0; b0 < batch; b0 += CHUNK) {
        int count = batch - b0 < CHUNK ? batch - b0 : CHUNK;
        float open[CHUNK]; /* what no input has taken yet */
        memcpy(open, dy + b0, (size_t)count * sizeof *open);
        for (int t = 0; t < layer->taps_h * layer->taps_w; t++) {
            int iy = top + t / layer->taps_w, ix = left + t % layer->taps_w;
            if (iy < 0 || iy >= layer->in.h || ix < 0 || ix >= layer->in.w)
                continue;
            int64_t at = ((int64_t)iy * layer->in.w + ix) * batch + b0;
            if (count > 1) {
                kernels->pass_equal(dx + at, x + at, y + b0, open, count);
            } else if (x[at] == y[b0]) {
                dx[at] += *open;
                break;
            }
        }
    }
}

static void back_average(const struct circ_layer *layer, int batch, const float *dy, int oy, int ox,
                         float *dx)
{
    int top = oy * layer->stride - layer->pad, bottom = top + layer->taps_h;
    int left = ox * layer->stride - layer->pad, right = left + layer->taps_w;
    top = top > 0 ? top : 0;
    left = left > 0 ? left : 0;
    bottom = bottom < layer->in.h ? bottom : layer->in.h;
    right = right < layer->in.w ? right : layer->in.w;
    float share = 1.0f / (float)((bottom - top) * (right - left));
    for (int iy = top; iy < bottom; iy++)
        for (int ix = left; ix < right; ix++)
            for (int b = 0; b < batch; b++)
                dx[((int64_t)iy * layer->in.w + ix) * batch + b] += dy[b] * share;
}

static void back_pool(struct circ_learner *learner, int phase, const struct circ_slopes *slopes,
                      float *scratch, int thread)
{
    (void)phase;
    (void)scratch;
    const struct circ_layer *layer = learner->layer;
    int batch = learner->place.batch, first, last;
    const struct circ_learning *kernels = circ_isa_learning(learner->place.kernels);
    int64_t in_plane = pixels_of(layer->in) * batch, out_plane = pixels_of(layer->out) * batch;
    circ_step_share(layer->in.c, learner->place.threads, thread, &first, &last);
    for (int c = first; c < last; c++) {
        const float *x = slopes->x + c * in_plane;
        float *dx = slopes->dx + c * in_plane;
        memset(dx, 0, (size_t)in_plane * sizeof *dx);
        for (int o = 0; o < layer->out.h * layer->out.w; o++) {
            const float *y = slopes->y + c * out_plane + (int64_t)o * batch;
            const float *dy = slopes->dy + c * out_plane + (int64_t)o * batch;
            if (layer->op == CIRC_OP_POOL_MAX)
                back_maximum(layer, kernels, batch, x, y, dy, o / layer->out.w, o % layer->out.w,
                             dx);
            else
                back_average(layer, batch, dy, o / layer->out.w, o % layer->out.w, dx);
        }
    }
}

/* sum[c] of one channel's window: add channel `in` and take away channel `out`, where they exist.
 */
static void window_sums(const float *values, int64_t row, int low, int high, int columns,
                        float *sum)
{
    memset(sum, 0, (size_t)columns * sizeof *sum);
    for (int d = low; d <= high; d++)
        for (int i = 0; i < columns; i++)
            sum[i] += values[d * row + i];
}

/* See core/slopes.h for the formula. scratch: two planes of all channels x CHUNK, and two rows. */
static void lrn_chunk(const struct circ_layer *layer, int64_t row, int columns, const float *x,
                      const float *dy, float *dx, float *scratch)
{
    int half = layer->lrn_size / 2, channels = layer->in.c;
    float alpha_n = layer->lrn_alpha / (float)layer->lrn_size, beta = layer->lrn_beta;
    float *product = scratch, *square = product + (size_t)channels * CHUNK;
    float *sum = square + (size_t)channels * CHUNK;
    for (int c = 0; c < channels; c++)
        for (int i = 0; i < columns; i++)
            square[c * CHUNK + i] = x[c * row + i] * x[c * row + i];
    for (int c = 0; c < channels; c++) {
        int low = c > half ? c - half : 0, high = c + half < channels ? c + half : channels - 1;
        window_sums(square, CHUNK, low, high, columns, sum);
        for (int i = 0; i < columns; i++) {
            float base = layer->lrn_bias + alpha_n * sum[i];
            float power =
                beta == 0.75f ? 1.0f / (sqrtf(base) * sqrtf(sqrtf(base))) : powf(base, -beta);
            float value = dy[c * row + i] * power;
            dx[c * row + i] = value;
            product[c * CHUNK + i] = value * x[c * row + i] / base;
        }
    }
    for (int c = 0; c < channels; c++) {
        int low = c > half ? c - half : 0, high = c + half < channels ? c + half : channels - 1;
        window_sums(product, CHUNK, low, high, columns, sum);
        for (int i = 0; i < columns; i++)
            dx[c * row + i] -= 2 * alpha_n * beta * x[c * row + i] * sum[i];
    }
}

static void back_lrn(struct circ_learner *learner, int phase, const struct circ_slopes *slopes,
                     float *scratch, int thread)
{
    (void)phase;
    int64_t row = pixels_of(learner->layer->in) * learner->place.batch;
    int first, last;
    circ_step_share((int)((row + CHUNK - 1) / CHUNK), learner->place.threads, thread, &first,
                    &last);
    for (int64_t at = (int64_t)first * CHUNK; at < (int64_t)last * CHUNK && at < row; at += CHUNK) {
        int columns = row - at < CHUNK ? (int)(row - at) : CHUNK;
        lrn_chunk(learner->layer, row, columns, slopes->x + at, slopes->dy + at, slopes->dx + at,
                  scratch);
    }
}

static void back_softmax(struct circ_learner *learner, int phase, const struct circ_slopes *slopes,
                         float *scratch, int thread)
{
    (void)phase;
    (void)scratch;
    int batch = learner->place.batch, first, last;
    int64_t count = circ_network_elements(learner->layer->in);
    circ_step_share(batch, learner->place.threads, thread, &first, &last);
    for (int b = first; b < last; b++) {
        double sum = 0;
        for (int64_t i = 0; i < count; i++)
            sum += (double)slopes->dy[i * batch + b] * (double)slopes->y[i * batch + b];
        for (int64_t i = 0; i < count; i++)
            slopes->dx[i * batch + b] =
                slopes->y[i * batch + b] * (slopes->dy[i * batch + b] - (float)sum);
    }
}

static void release(struct circ_learner *learner)
{
    circ_step_free(((struct pointwise *)learner)->inner);
}

enum circ_status circ_learn_pointwise_create(struct circ_learner **learner,
                                             const struct circ_layer *layer,
                                             const struct circ_weights *given,
                                             struct circ_place place, struct circ_error *err)
{
    static void (*const backs[])(struct circ_learner *, int, const struct circ_slopes *, float *,
                                 int) = {
        [CIRC_OP_POOL_MAX] = back_pool, [CIRC_OP_POOL_AVG] = back_pool,
        [CIRC_OP_RELU] = back_relu,     [CIRC_OP_LRN] = back_lrn,
        [CIRC_OP_FLATTEN] = NULL,       [CIRC_OP_SOFTMAX] = back_softmax,
    };
    struct pointwise *s = calloc(1, sizeof *s);
    if (!s)
        return circ_status_fail(err, CIRC_MEMORY, "no memory for a layer");
    s->base.release = release;
    s->base.forward = forward;
    s->base.backward = backs[layer->op];
    enum circ_status status = circ_learner_begin(&s->base, layer, given, place, err);
    if (!status)
        status = circ_pointwise_create(&s->inner, layer, given, place, false, err);
    if (!status) {
        s->base.scratch_floats = s->inner->scratch_floats;
        if (layer->op == CIRC_OP_LRN)
            s->base.scratch_floats = (2 * (size_t)layer->in.c + 1) * CHUNK;
    }
    if (status)
        circ_learner_free(&s->base);
    else
        *learner = &s->base;
    return status;
}
