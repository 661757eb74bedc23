/* Layers without weights: pooling, ReLU, LRN, softmax. Flattening is nothing in this layout and has
 * no step. */
#include "backends/cpu/step.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What one thread does: rows of all channels where there are enough, as the CONV layers split them,
 * so that a thread mostly reads what it wrote; else channels. */
struct part {
    int channel_first, channel_last, row_first, row_last;
};

static struct part part_of(const struct circ_step *step, int thread)
{
    struct circ_shape out = step->out;
    struct part part = {.channel_last = out.c, .row_last = out.h};
    int threads = step->place.threads;
    if (out.h >= threads)
        circ_step_share(out.h, threads, thread, &part.row_first, &part.row_last);
    else
        circ_step_share(out.c, threads, thread, &part.channel_first, &part.channel_last);
    return part;
}

/* Floats from one row of a channel to the next. */
static int64_t row_of(const struct circ_step *step, struct circ_shape shape)
{
    return (int64_t)shape.w * step->place.batch;
}

static void run_relu(const struct circ_step *step, const float *x, float *y, float *scratch,
                     int thread)
{
    (void)scratch;
    struct part part = part_of(step, thread);
    int64_t row = row_of(step, step->layer->in), plane = row * step->layer->in.h;
    int64_t count = row * (part.row_last - part.row_first);
    for (int c = part.channel_first; c < part.channel_last; c++) {
        int64_t at = c * plane + row * part.row_first;
        memcpy(y + at, x + at, (size_t)count * sizeof *y);
        step->place.kernels->bias_relu(y + at, count, 0, true);
    }
}

static void run_pool(const struct circ_step *step, const float *x, float *y, float *scratch,
                     int thread)
{
    const struct circ_layer *layer = step->layer;
    struct part part = part_of(step, thread);
    int64_t in = row_of(step, layer->in) * layer->in.h;
    int64_t out = row_of(step, layer->out) * layer->out.h;
    for (int c = part.channel_first; c < part.channel_last; c++)
        step->place.kernels->pool(layer, step->place.batch, part.row_first, part.row_last,
                                  x + c * in, 0, y + c * out, scratch);
}

/* Floats that the pooling kernel may write. */
static size_t pool_line(const struct circ_layer *layer, int batch)
{
    size_t width = (size_t)layer->in.w + 2 * (size_t)layer->pad;
    return width * (size_t)batch + CIRC_SLACK;
}

/* Chunks of columns through all channels, so that a window's rows are read from the first-level
 * cache but once. */
static void run_lrn(const struct circ_step *step, const float *x, float *y, float *scratch,
                    int thread)
{
    enum { CHUNK = 1024 };
    (void)scratch;
    const struct circ_layer *layer = step->layer;
    int64_t row = row_of(step, layer->in), plane = row * layer->in.h;
    int first, last; /* rows or nothing: channels need one another */
    circ_step_share(layer->in.h, step->place.threads, thread, &first, &last);
    for (int64_t at = first * row; at < last * row; at += CHUNK) {
        int64_t count = last * row - at < CHUNK ? last * row - at : CHUNK;
        for (int c = 0; c < layer->in.c; c++)
            step->place.kernels->lrn(layer, c, plane, count, x + c * plane + at,
                                     y + c * plane + at);
    }
}

/* Input rows under output rows first .. last - 1 of a pooling. */
static void rows_under(const struct circ_layer *pool, int first, int last, int *in_first,
                       int *in_last)
{
    int low = first * pool->stride - pool->pad;
    int high = (last - 1) * pool->stride - pool->pad + pool->taps_h;
    *in_first = low > 0 ? low : 0;
    *in_last = high < pool->in.h ? high : pool->in.h;
}

/* Output rows of the pooling after an LRN that go through both together: as many as leave the
 * input's rows of a window of channels in half of a small second-level cache. */
static int band_of(const struct circ_step *step)
{
    enum { BAND_BYTES = 512 << 10 };
    const struct circ_layer *lrn = step->layer, *pool = lrn + 1;
    int64_t row_bytes = row_of(step, lrn->in) * (int64_t)sizeof(float) * (lrn->lrn_size + 1);
    int64_t rows = (BAND_BYTES / row_bytes - pool->taps_h) / pool->stride + 1;
    return rows < 1 ? 1 : rows > pool->out.h ? pool->out.h : (int)rows;
}

/* An LRN and the pooling after it, band by band and channel by channel: what lies between them
 * never leaves the cache. Rows that two bands share are normalised twice. */
static void run_lrn_pool(const struct circ_step *step, const float *x, float *y, float *scratch,
                         int thread)
{
    const struct circ_layer *lrn = step->layer, *pool = lrn + 1;
    const struct circ_kernels *kernels = step->place.kernels;
    int64_t row = row_of(step, lrn->in), plane = row * lrn->in.h;
    int64_t out = row_of(step, pool->out) * pool->out.h;
    float *line = scratch, *between = scratch + pool_line(pool, step->place.batch);
    struct part part = part_of(step, thread);
    int band = band_of(step);
    for (int oy = part.row_first; oy < part.row_last; oy += band) {
        int last = oy + band < part.row_last ? oy + band : part.row_last, in_first, in_last;
        rows_under(pool, oy, last, &in_first, &in_last);
        for (int c = part.channel_first; c < part.channel_last; c++) {
            kernels->lrn(lrn, c, plane, row * (in_last - in_first), x + c * plane + row * in_first,
                         between);
            kernels->pool(pool, step->place.batch, oy, last, between, in_first, y + c * out, line);
        }
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

static enum circ_status create(struct circ_step **step, const struct circ_layer *layer,
                               struct circ_place place, size_t scratch_floats,
                               void (*run)(const struct circ_step *, const float *, float *,
                                           float *, int),
                               struct circ_error *err)
{
    struct circ_step *s = calloc(1, sizeof *s);
    if (!s)
        return circ_status_fail(err, CIRC_MEMORY, "no memory for a layer");
    enum circ_status status = circ_step_begin(s, layer, NULL, place, false, err);
    s->run = run;
    s->scratch_floats = scratch_floats;
    if (!status && !s->run)
        status = circ_status_fail(err, CIRC_INTERNAL, "layer %s has no step",
                                  circ_network_op_name(layer->op));
    if (status)
        circ_step_free(s);
    else
        *step = s;
    return status;
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
    (void)weights, (void)relu;
    size_t scratch = runs[layer->op] == run_pool ? pool_line(layer, place.batch) : 0;
    return create(step, layer, place, scratch, runs[layer->op], err);
}

enum circ_status circ_pointwise_create_lrn_pool(struct circ_step **step,
                                                const struct circ_layer *layer,
                                                const struct circ_weights *weights,
                                                struct circ_place place, bool relu,
                                                struct circ_error *err)
{
    (void)weights, (void)relu;
    const struct circ_layer *pool = layer + 1;
    enum circ_status status = create(step, layer, place, 0, run_lrn_pool, err);
    if (status)
        return status;
    int first, last, band = band_of(*step);
    rows_under(pool, 0, pool->out.h, &first, &last); /* no band has more rows than all */
    int64_t rows = (int64_t)(band - 1) * pool->stride + pool->taps_h;
    rows = rows < last - first ? rows : last - first;
    (*step)->out = pool->out;
    (*step)->scratch_floats =
        pool_line(pool, place.batch) + (size_t)(rows * row_of(*step, layer->in)) + CIRC_SLACK;
    return CIRC_OK;
}
