/* The dense baseline of training: OpenBLAS in the fastest of its layouts for FC, im2col in bands
 * for CONV. The update is the library's too: W -= rate dY X' is one sgemm that adds to W. As in
 * dense.c each thread calls the library on a part of its own. */
#include "backends/cpu/learner.h"

#include "backends/core/geometry.h"
#include "backends/cpu/im2col.h"
#include "backends/core/turn.h"

#include <cblas.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* How an FC layer is put to the library: two bits. Prepare times a step in each and keeps the
 * fastest: a baseline that is not the best is a false claim about ours. */
enum layout {
    TURNED = 1,      /* W is stored as [n][m], not [m][n] */
    BATCH_MAJOR = 2, /* the library gets x, y and their gradients as [batch][channel] */
    LAYOUTS = 4
};

static const char *const layout_names[LAYOUTS] = {
    "W as given", "W transposed", "W as given, batch-major", "W transposed, batch-major"};

struct dense {
    struct circ_learner base;
    struct circ_step *inner; /* owned; CONV: its forward pass, whose weights are ours to update */
    float *weights;          /* owned; FC */
    float *turned_x, *turned_y; /* owned; FC BATCH_MAJOR: [batch][n] and [batch][m]; x and its
                                 * gradient, y and its gradient take turns */
    float *turned_dx;
    int m, n;
    enum layout layout;
};

/* C[rows][columns] = alpha A B + beta C, A and B transposed or not. */
static void gemm(bool turn_a, bool turn_b, int rows, int columns, int terms, float alpha,
                 const float *a, int a_row, const float *b, int b_row, float beta, float *c,
                 int c_row)
{
    cblas_sgemm(CblasRowMajor, turn_a ? CblasTrans : CblasNoTrans,
                turn_b ? CblasTrans : CblasNoTrans, rows, columns, terms, alpha, a, a_row, b, b_row,
                beta, c, c_row);
}

/* y[rows] = W x, or with transposed W' x. W has w_row columns, of which the product uses `terms` or
 * makes `rows`. */
static void gemv(bool turn, int rows, int terms, const float *w, int w_row, const float *x,
                 float *y)
{
    cblas_sgemv(CblasRowMajor, turn ? CblasTrans : CblasNoTrans, turn ? terms : rows,
                turn ? rows : terms, 1, w, w_row, x, 1, 0, y, 1);
}

static void forward_fc(struct circ_learner *learner, int phase, const float *x, float *y,
                       float *scratch, int thread)
{
    struct dense *s = (struct dense *)learner;
    (void)scratch;
    int m = s->m, n = s->n, batch = learner->place.batch, first, last;
    bool turned = s->layout & TURNED, major = s->layout & BATCH_MAJOR;
    if (major && phase == 0) {
        circ_step_share(n, learner->place.threads, thread, &first, &last);
        circ_turn(x + (size_t)first * (size_t)batch, (size_t)batch, last - first, batch,
                  s->turned_x + first, (size_t)n);
        return;
    }
    circ_step_share(m, learner->place.threads, thread, &first, &last);
    int rows = last - first;
    if (!rows)
        return;
    const float *w = s->weights + (turned ? (size_t)first : (size_t)first * (size_t)n);
    int w_row = turned ? m : n;
    float *out = y + (size_t)first * (size_t)batch;
    if (major) {
        gemm(false, !turned, batch, rows, n, 1, s->turned_x, n, w, w_row, 0, s->turned_y + first,
             m);
        circ_turn(s->turned_y + first, (size_t)m, batch, rows, out, (size_t)batch);
    } else if (batch == 1) {
        gemv(turned, rows, n, w, w_row, x, out);
    } else {
        gemm(turned, false, rows, batch, n, 1, w, w_row, x, batch, 0, out, batch);
    }
    for (int r = 0; r < rows && learner->bias; r++)
        learner->place.kernels->bias_relu(out + (size_t)r * (size_t)batch, batch,
                                          learner->bias[first + r], false);
}

/* dx = W' dy for this thread's share of the inputs. */
static void input_gradient(struct dense *s, const float *dy, float *dx, int thread)
{
    int m = s->m, n = s->n, batch = s->base.place.batch, first, last;
    bool turned = s->layout & TURNED;
    circ_step_share(n, s->base.place.threads, thread, &first, &last);
    int rows = last - first;
    if (!rows)
        return;
    const float *w = s->weights + (turned ? (size_t)first * (size_t)m : (size_t)first);
    int w_row = turned ? m : n;
    float *out = dx + (size_t)first * (size_t)batch;
    if (s->layout & BATCH_MAJOR) {
        gemm(false, turned, batch, rows, m, 1, s->turned_y, m, w, w_row, 0, s->turned_dx + first,
             n);
        circ_turn(s->turned_dx + first, (size_t)n, batch, rows, out, (size_t)batch);
    } else if (batch == 1) {
        gemv(!turned, rows, m, w, w_row, dy, out);
    } else {
        gemm(!turned, false, rows, batch, m, 1, w, w_row, dy, batch, 0, out, batch);
    }
}

/* W -= rate dy x' for this thread's share of the rows of W as it is stored. */
static void update_fc(struct dense *s, const float *x, const float *dy, int thread)
{
    bool turned = s->layout & TURNED, major = s->layout & BATCH_MAJOR;
    int batch = s->base.place.batch, first, last;
    int height = turned ? s->n : s->m, width = turned ? s->m : s->n;
    circ_step_share(height, s->base.place.threads, thread, &first, &last);
    if (first == last)
        return;
    float *w = s->weights + (size_t)first * (size_t)width;
    if (major) {
        const float *a = turned ? s->turned_x : s->turned_y;
        const float *b = turned ? s->turned_y : s->turned_x;
        gemm(true, false, last - first, width, batch, -s->base.rate, a + first, height, b, width, 1,
             w, width);
        return;
    }
    const float *a = (turned ? x : dy) + (size_t)first * (size_t)batch, *b = turned ? dy : x;
    if (batch == 1)
        cblas_sger(CblasRowMajor, last - first, width, -s->base.rate, a, 1, b, 1, w, width);
    else
        gemm(false, true, last - first, width, batch, -s->base.rate, a, batch, b, batch, 1, w,
             width);
}

static void backward_fc(struct circ_learner *learner, int phase, const struct circ_slopes *slopes,
                        float *scratch, int thread)
{
    struct dense *s = (struct dense *)learner;
    (void)scratch;
    int batch = learner->place.batch, first, last;
    if (phase == 0)
        circ_learner_update_bias(learner, slopes->dy, thread);
    if (phase == 0 && s->layout & BATCH_MAJOR) {
        circ_step_share(s->m, learner->place.threads, thread, &first, &last);
        circ_turn(slopes->dy + (size_t)first * (size_t)batch, (size_t)batch, last - first, batch,
                  s->turned_y + first, (size_t)s->m);
    } else if (phase == learner->backward_phases - 2) {
        input_gradient(s, slopes->dy, slopes->dx, thread);
    } else if (phase == learner->backward_phases - 1) {
        update_fc(s, slopes->x, slopes->dy, thread);
    }
}

static void set_layout(struct dense *s, enum layout layout)
{
    s->layout = layout;
    s->base.tuning = layout_names[layout];
    s->base.forward_phases = layout & BATCH_MAJOR ? 2 : 1;
    s->base.backward_phases = layout & BATCH_MAJOR ? 3 : 2;
}

/* Best of three steps of thread 0's share. A rate that no weight feels: zero would let the library
 * skip the update. */
static double time_layout(struct dense *s, const struct circ_slopes *slopes, float *y)
{
    double best = INFINITY;
    s->base.rate = 1e-30f;
    for (int i = 0; i < 3; i++) {
        struct timespec start, end;
        clock_gettime(CLOCK_MONOTONIC, &start);
        for (int phase = 0; phase < s->base.forward_phases; phase++)
            forward_fc(&s->base, phase, slopes->x, y, NULL, 0);
        for (int phase = 0; phase < s->base.backward_phases; phase++)
            backward_fc(&s->base, phase, slopes, NULL, 0);
        clock_gettime(CLOCK_MONOTONIC, &end);
        double seconds =
            (double)(end.tv_sec - start.tv_sec) + 1e-9 * (double)(end.tv_nsec - start.tv_nsec);
        best = seconds < best ? seconds : best;
    }
    return best;
}

/* Tries every layout on the layer's own weights and keeps the fastest. */
static bool choose_layout(struct dense *s, const float *given)
{
    size_t m = (size_t)s->m, n = (size_t)s->n, batch = (size_t)s->base.place.batch;
    size_t count = m * n;
    float *copy = circ_step_floats(count), *turned = circ_step_floats(count);
    float *x = circ_step_floats(n * batch), *y = circ_step_floats(m * batch);
    float *dx = circ_step_floats(n * batch), *dy = circ_step_floats(m * batch);
    s->turned_x = circ_step_floats(n * batch);
    s->turned_y = circ_step_floats(m * batch);
    s->turned_dx = circ_step_floats(n * batch);
    bool enough =
        copy && turned && x && y && dx && dy && s->turned_x && s->turned_y && s->turned_dx;
    if (enough) {
        enum layout winner = 0;
        double best = INFINITY;
        memcpy(copy, given, count * sizeof *copy);
        circ_turn(given, n, s->m, s->n, turned, m);
        for (size_t i = 0; i < n * batch; i++)
            x[i] = given[i % count];
        for (size_t i = 0; i < m * batch; i++)
            dy[i] = given[i % count];
        for (int l = 0; l < (batch == 1 ? BATCH_MAJOR : LAYOUTS); l++) {
            set_layout(s, (enum layout)l);
            s->weights = l & TURNED ? turned : copy;
            double seconds = time_layout(s, &(struct circ_slopes){x, y, dy, dx}, y);
            if (seconds < best) {
                best = seconds;
                winner = (enum layout)l;
            }
        }
        set_layout(s, winner);
        s->weights = winner & TURNED ? turned : copy;
    }
    if (s->weights != turned)
        free(turned);
    if (s->weights != copy)
        free(copy);
    free(x);
    free(y);
    free(dx);
    free(dy);
    return enough;
}

static void forward_conv(struct circ_learner *learner, int phase, const float *x, float *y,
                         float *scratch, int thread)
{
    struct dense *s = (struct dense *)learner;
    (void)phase;
    s->inner->run(s->inner, x, y, scratch, thread);
}

/* A part of one group: its input channels, numbered within the group, and its output channels. */
struct part {
    int group, channel_first, channel_last, row_first, row_last;
};

static void conv_input_gradient(struct dense *s, const struct part *part, const float *dy,
                                float *dx, float *columns)
{
    const struct circ_layer *layer = s->base.layer;
    int batch = s->base.place.batch, taps = layer->taps_h * layer->taps_w, terms = s->n * taps;
    int row = layer->out.w * batch, band = circ_im2col_band(layer, batch);
    int channels = part->channel_last - part->channel_first;
    size_t in_plane = (size_t)layer->in.h * (size_t)layer->in.w * (size_t)batch;
    size_t out_plane = (size_t)layer->out.h * (size_t)row;
    const float *w = s->inner->weights + (size_t)part->group * (size_t)s->m * (size_t)terms +
                     (size_t)part->channel_first * (size_t)taps;
    const float *slope = dy + (size_t)part->group * (size_t)s->m * out_plane;
    float *to = dx + ((size_t)part->group * (size_t)s->n + (size_t)part->channel_first) * in_plane;
    if (circ_im2col_trivial(layer)) {
        gemm(true, false, channels, (int)out_plane, s->m, 1, w, terms, slope, (int)out_plane, 0, to,
             (int)out_plane);
        return;
    }
    memset(to, 0, (size_t)channels * in_plane * sizeof *to);
    for (int first = 0; first < layer->out.h; first += band) {
        int last = first + band < layer->out.h ? first + band : layer->out.h;
        int width = (last - first) * row;
        gemm(true, false, channels * taps, width, s->m, 1, w, terms,
             slope + (size_t)first * (size_t)row, (int)out_plane, 0, columns, width);
        circ_im2col_add(layer, batch, columns, channels, first, last, to);
    }
}

static void conv_update(struct dense *s, const struct part *part, const float *x, const float *dy,
                        float *columns)
{
    const struct circ_layer *layer = s->base.layer;
    int batch = s->base.place.batch, taps = layer->taps_h * layer->taps_w, terms = s->n * taps;
    int row = layer->out.w * batch, band = circ_im2col_band(layer, batch);
    int channels = part->channel_last - part->channel_first;
    size_t in_plane = (size_t)layer->in.h * (size_t)layer->in.w * (size_t)batch;
    size_t out_plane = (size_t)layer->out.h * (size_t)row;
    size_t top = (size_t)part->group * (size_t)s->m + (size_t)part->row_first;
    float *w = s->inner->weights + top * (size_t)terms + (size_t)part->channel_first * (size_t)taps;
    const float *from =
        x + ((size_t)part->group * (size_t)s->n + (size_t)part->channel_first) * in_plane;
    for (int first = 0; first < layer->out.h; first += band) {
        int last = first + band < layer->out.h ? first + band : layer->out.h;
        int width = (last - first) * row, matrix_row = width;
        const float *matrix = columns;
        if (circ_im2col_trivial(layer)) {
            matrix = from + (size_t)first * (size_t)row;
            matrix_row = (int)in_plane;
        } else {
            circ_im2col_channels(layer, batch, from, channels, first, last, columns);
        }
        gemm(false, true, part->row_last - part->row_first, channels * taps, width, -s->base.rate,
             dy + top * out_plane + (size_t)first * (size_t)row, (int)out_plane, matrix, matrix_row,
             1, w, terms);
    }
}

/* Phase 0 reads the weights, phase 1 writes them. Threads share input channels; where there are
 * fewer of those than threads, the update shares output channels. */
static void backward_conv(struct circ_learner *learner, int phase, const struct circ_slopes *slopes,
                          float *scratch, int thread)
{
    struct dense *s = (struct dense *)learner;
    int threads = learner->place.threads, channels = learner->layer->in.c, first, last;
    bool by_rows = phase == 1 && channels < threads;
    circ_step_share(by_rows ? learner->layer->out.c : channels, threads, thread, &first, &last);
    int size = by_rows ? s->m : s->n;
    if (phase == 0)
        circ_learner_update_bias(learner, slopes->dy, thread);
    for (int group = 0; group < learner->layer->groups; group++) {
        int low = first - group * size, high = last - group * size;
        low = low > 0 ? low : 0;
        high = high < size ? high : size;
        if (low >= high)
            continue;
        struct part part = {group, low, high, 0, s->m};
        if (by_rows)
            part = (struct part){group, 0, s->n, low, high};
        if (phase == 0)
            conv_input_gradient(s, &part, slopes->dy, slopes->dx, scratch);
        else
            conv_update(s, &part, slopes->x, slopes->dy, scratch);
    }
}

static enum circ_status weights(const struct circ_learner *learner, float *values,
                                struct circ_error *err)
{
    const struct dense *s = (const struct dense *)learner;
    (void)err;
    if (s->inner)
        memcpy(values, s->inner->weights,
               (size_t)circ_network_layer_counts(learner->layer).weight_count * sizeof *values);
    else if (s->layout & TURNED)
        circ_turn(s->weights, (size_t)s->m, s->n, s->m, values, (size_t)s->n);
    else
        memcpy(values, s->weights, (size_t)s->m * (size_t)s->n * sizeof *values);
    return CIRC_OK;
}

static void release(struct circ_learner *learner)
{
    struct dense *s = (struct dense *)learner;
    if (s->inner) {
        learner->bias = NULL; /* the inner step's */
        circ_step_free(s->inner);
    }
    free(s->weights);
    free(s->turned_x);
    free(s->turned_y);
    free(s->turned_dx);
}

enum circ_status circ_learn_dense_create(struct circ_learner **learner,
                                         const struct circ_layer *layer,
                                         const struct circ_weights *given, struct circ_place place,
                                         struct circ_error *err)
{
    struct dense *s = calloc(1, sizeof *s);
    if (!s)
        return circ_status_fail(err, CIRC_MEMORY, "no memory for a layer");
    enum circ_status status = CIRC_OK;
    s->base.release = release;
    s->base.weights = weights;
    circ_network_matrix(layer, &s->m, &s->n);
    if (layer->op == CIRC_OP_CONV) {
        struct circ_weights none = {0};
        status = circ_learner_begin(&s->base, layer, &none, place, err);
        if (!status)
            status = circ_dense_create(&s->inner, layer, given, place, false, err);
        if (!status) {
            s->base.bias = s->inner->bias;
            s->base.scratch_floats = circ_im2col_floats(layer, place.batch);
            if (s->inner->scratch_floats > s->base.scratch_floats)
                s->base.scratch_floats = s->inner->scratch_floats;
        }
        s->base.backward_phases = 2;
        s->base.forward = forward_conv;
        s->base.backward = backward_conv;
    } else {
        status = circ_learner_begin(&s->base, layer, given, place, err);
        s->base.forward = forward_fc;
        s->base.backward = backward_fc;
        if (!status && !choose_layout(s, given->values))
            status =
                circ_status_fail(err, CIRC_MEMORY, "no memory for %zu dense weights", given->count);
    }
    if (status)
        circ_learner_free(&s->base);
    else
        *learner = &s->base;
    return status;
}
