/* The dense baseline: OpenBLAS in the fastest of its layouts for FC, im2col in bands for CONV. Each
 * thread calls the library on a part of the outputs of its own, so that the library's own threads,
 * which spin on after a call, never run beside what is measured next. */
#include "backends/cpu/step.h"

#include "backends/core/geometry.h"
#include "backends/cpu/im2col.h"
#include "backends/core/turn.h"

#include <cblas.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* How an FC layer is put to the library. Which one is fastest differs between processors, shapes
 * and batches by a third and more, so prepare times them: a baseline that is not the best is a
 * false claim about ours. */
enum layout {
    GIVEN,       /* y[m][batch] = W[m][n] x[n][batch] */
    TRANSPOSED,  /* the same from W stored as [n][m] */
    BATCH_MAJOR, /* y[batch][m] = x[batch][n] W'[n][m], x and y turned on the way in and out */
    LAYOUTS
};

static const char *const layout_names[LAYOUTS] = {"W as given", "W transposed", "batch-major"};

struct dense {
    struct circ_step base;
    enum layout layout; /* weights: FC [m][n], or [n][m] when TRANSPOSED; CONV [P][C/groups r s] */
};

/* Rows first .. last - 1 of y for one sample. */
static void run_vector(const struct dense *s, int m, int n, int first, int last, const float *x,
                       float *y)
{
    if (s->layout == TRANSPOSED)
        cblas_sgemv(CblasColMajor, CblasNoTrans, last - first, n, 1, s->base.weights + first, m, x,
                    1, 0, y + first, 1);
    else
        cblas_sgemv(CblasRowMajor, CblasNoTrans, last - first, n, 1,
                    s->base.weights + (size_t)first * (size_t)n, n, x, 1, 0, y + first, 1);
}

static void run_batch(const struct dense *s, int m, int n, int first, int last, const float *x,
                      float *y, float *scratch)
{
    int batch = s->base.place.batch, rows = last - first;
    float *out = y + (size_t)first * (size_t)batch;
    const float *given = s->base.weights + (size_t)first * (size_t)n;
    switch (s->layout) {
    case TRANSPOSED:
        cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, rows, batch, n, 1,
                    s->base.weights + first, m, x, batch, 0, out, batch);
        break;
    case BATCH_MAJOR: {
        float *turned = scratch + (size_t)n * (size_t)batch;
        circ_turn(x, (size_t)batch, n, batch, scratch, (size_t)n);
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, batch, rows, n, 1, scratch, n, given,
                    n, 0, turned, rows);
        circ_turn(turned, (size_t)rows, batch, rows, out, (size_t)batch);
        break;
    }
    default:
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, rows, batch, n, 1, given, n, x,
                    batch, 0, out, batch);
    }
}

static void run_fc(const struct dense *s, const float *x, float *y, float *scratch, int thread)
{
    int m, n, first, last, batch = s->base.place.batch;
    circ_network_matrix(s->base.layer, &m, &n);
    circ_step_share(m, s->base.place.threads, thread, &first, &last);
    if (first == last)
        return;
    if (batch == 1)
        run_vector(s, m, n, first, last, x, y);
    else
        run_batch(s, m, n, first, last, x, y, scratch);
    for (int r = first; r < last; r++)
        s->base.place.kernels->bias_relu(y + (size_t)r * (size_t)batch, batch,
                                         s->base.bias ? s->base.bias[r] : 0, s->base.relu);
}

/* Output rows first .. last - 1 of one group. */
static void run_band(const struct dense *s, const float *x, float *y, int group, int first,
                     int last, float *columns)
{
    const struct circ_layer *layer = s->base.layer;
    int m, n, batch = s->base.place.batch;
    circ_network_matrix(layer, &m, &n);
    int terms = n * layer->taps_h * layer->taps_w, row = layer->out.w * batch;
    size_t in_plane = (size_t)layer->in.h * (size_t)layer->in.w * (size_t)batch;
    size_t out_plane = (size_t)layer->out.h * (size_t)row;
    const float *matrix = columns;
    size_t matrix_row = (size_t)(last - first) * (size_t)row;
    if (circ_im2col_trivial(layer)) {
        matrix = x + (size_t)group * (size_t)n * in_plane + (size_t)first * (size_t)row;
        matrix_row = in_plane;
    } else {
        circ_im2col_copy(layer, batch, x, group, first, last, columns);
    }
    float *out = y + (size_t)group * (size_t)m * out_plane + (size_t)first * (size_t)row;
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, m, (last - first) * row, terms, 1,
                s->base.weights + (size_t)group * (size_t)m * (size_t)terms, terms, matrix,
                (int)matrix_row, 0, out, (int)out_plane);
    for (int r = 0; r < m; r++)
        s->base.place.kernels->bias_relu(out + (size_t)r * out_plane, (last - first) * row,
                                         s->base.bias ? s->base.bias[group * m + r] : 0,
                                         s->base.relu);
}

static void run(const struct circ_step *step, const float *x, float *y, float *scratch, int thread)
{
    const struct dense *s = (const struct dense *)step;
    const struct circ_layer *layer = step->layer;
    if (layer->op == CIRC_OP_FC) {
        run_fc(s, x, y, scratch, thread);
        return;
    }
    int band = circ_im2col_band(layer, step->place.batch), first, last;
    circ_step_share(layer->out.h, step->place.threads, thread, &first, &last);
    for (int group = 0; group < layer->groups; group++)
        for (int oy = first; oy < last; oy += band)
            run_band(s, x, y, group, oy, oy + band < last ? oy + band : last, scratch);
}

/* Best of three runs of thread 0's share. */
static double time_layout(const struct dense *s, const float *x, float *y, float *scratch)
{
    double best = INFINITY;
    for (int i = 0; i < 3; i++) {
        struct timespec start, end;
        clock_gettime(CLOCK_MONOTONIC, &start);
        run_fc(s, x, y, scratch, 0);
        clock_gettime(CLOCK_MONOTONIC, &end);
        double seconds =
            (double)(end.tv_sec - start.tv_sec) + 1e-9 * (double)(end.tv_nsec - start.tv_nsec);
        best = seconds < best ? seconds : best;
    }
    return best;
}

/* Tries every layout on the layer's own weights and keeps the fastest. given is [m][n]. */
static bool choose_layout(struct dense *s, const float *given)
{
    int m, n;
    size_t batch = (size_t)s->base.place.batch;
    double best = INFINITY;
    circ_network_matrix(s->base.layer, &m, &n);
    size_t count = (size_t)m * (size_t)n;
    float *turned = circ_step_floats(count), *copy = circ_step_floats(count);
    float *x = circ_step_floats((size_t)n * batch), *y = circ_step_floats((size_t)m * batch);
    float *scratch = circ_step_floats(s->base.scratch_floats);
    bool enough = turned && copy && x && y && scratch;
    if (enough) {
        memcpy(copy, given, count * sizeof *copy);
        circ_turn(given, (size_t)n, m, n, turned, (size_t)m);
        memcpy(x, given, ((size_t)n * batch < count ? (size_t)n * batch : count) * sizeof *x);
        enum layout winner = GIVEN;
        for (int l = 0; l < (batch == 1 ? BATCH_MAJOR : LAYOUTS); l++) {
            s->layout = (enum layout)l;
            s->base.weights = s->layout == TRANSPOSED ? turned : copy;
            double seconds = time_layout(s, x, y, scratch);
            if (seconds < best) {
                best = seconds;
                winner = s->layout;
            }
        }
        s->layout = winner;
        s->base.weights = winner == TRANSPOSED ? turned : copy;
        s->base.tuning = layout_names[winner];
    }
    if (s->base.weights != turned)
        free(turned);
    if (s->base.weights != copy)
        free(copy);
    free(scratch);
    free(y);
    free(x);
    return enough;
}

enum circ_status circ_dense_create(struct circ_step **step, const struct circ_layer *layer,
                                   const struct circ_weights *weights, struct circ_place place,
                                   bool relu, struct circ_error *err)
{
    struct dense *s = calloc(1, sizeof *s);
    if (!s)
        return circ_status_fail(err, CIRC_MEMORY, "no memory for a layer");
    enum circ_status status = circ_step_begin(&s->base, layer, weights, place, relu, err);
    s->base.run = run;
    s->base.libraries = CIRC_OPENBLAS;
    bool fc = layer->op == CIRC_OP_FC, enough;
    size_t batch = (size_t)place.batch;
    s->base.weight_floats = weights->count;
    if (fc) {
        s->base.scratch_floats = batch * (size_t)(circ_network_elements(layer->in) + layer->out.c);
        enough = choose_layout(s, weights->values);
    } else {
        s->base.scratch_floats = circ_im2col_floats(layer, place.batch);
        s->base.weights = circ_step_floats(weights->count);
        if ((enough = s->base.weights))
            memcpy(s->base.weights, weights->values, weights->count * sizeof *s->base.weights);
    }
    if (!status && !enough)
        status =
            circ_status_fail(err, CIRC_MEMORY, "no memory for %zu dense weights", weights->count);
    if (status)
        circ_step_free(&s->base);
    else
        *step = &s->base;
    return status;
}
