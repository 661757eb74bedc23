/* The dense baseline: OpenBLAS, weights transposed for FC (its faster layout for one sample), im2col in
 * bands for CONV. Each thread calls the library on a part of the outputs of its own, so that the library's
 * own threads, which spin on after a call, never run beside what is measured next. */
#include "backends/cpu/step.h"

#include "backends/core/geometry.h"
#include "backends/cpu/im2col.h"

#include <cblas.h>
#include <stdlib.h>
#include <string.h>

struct dense {
    struct circ_step base;
    float *weights;  /* FC: [n][m]; CONV: [P][C/groups r s] */
    float **columns; /* one a thread; CONV */
};

static void run_fc(const struct dense *s, const float *x, float *y, int thread)
{
    int m, n, first, last, batch = s->base.place.batch;
    circ_network_matrix(s->base.layer, &m, &n);
    circ_step_share(m, s->base.place.threads, thread, &first, &last);
    if (first == last)
        return;
    if (batch == 1)
        cblas_sgemv(CblasColMajor, CblasNoTrans, last - first, n, 1, s->weights + first, m, x, 1, 0,
                    y + first, 1);
    else
        cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, last - first, batch, n, 1,
                    s->weights + first, m, x, batch, 0, y + (size_t)first * (size_t)batch, batch);
    for (int r = first; r < last; r++)
        s->base.place.kernels->bias_relu(y + (size_t)r * (size_t)batch, batch,
                                         s->base.bias ? s->base.bias[r] : 0, s->base.relu);
}

/* Output rows first .. last - 1 of one group. */
static void run_band(const struct dense *s, const float *x, float *y, int group, int first, int last,
                     float *columns)
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
                s->weights + (size_t)group * (size_t)m * (size_t)terms, terms, matrix,
                (int)matrix_row, 0, out, (int)out_plane);
    for (int r = 0; r < m; r++)
        s->base.place.kernels->bias_relu(out + (size_t)r * out_plane, (last - first) * row,
                                         s->base.bias ? s->base.bias[group * m + r] : 0,
                                         s->base.relu);
}

static void run(const struct circ_step *step, const float *x, float *y, int thread)
{
    const struct dense *s = (const struct dense *)step;
    const struct circ_layer *layer = step->layer;
    if (layer->op == CIRC_OP_FC) {
        run_fc(s, x, y, thread);
        return;
    }
    int band = circ_im2col_band(layer, step->place.batch), first, last;
    circ_step_share(layer->out.h, step->place.threads, thread, &first, &last);
    for (int group = 0; group < layer->groups; group++)
        for (int oy = first; oy < last; oy += band)
            run_band(s, x, y, group, oy, oy + band < last ? oy + band : last, s->columns[thread]);
}

static void release(struct circ_step *step)
{
    struct dense *s = (struct dense *)step;
    for (int t = 0; s->columns && t < step->place.threads; t++)
        free(s->columns[t]);
    free(s->columns);
    free(s->weights);
    free(step->bias);
    free(s);
}

/* to[c][r] = from[r][c], in squares that fit the first-level cache. */
static void transpose(const float *from, int rows, int columns, float *to)
{
    enum { SIDE = 32 };
    for (int r0 = 0; r0 < rows; r0 += SIDE)
        for (int c0 = 0; c0 < columns; c0 += SIDE)
            for (int r = r0; r < rows && r < r0 + SIDE; r++)
                for (int c = c0; c < columns && c < c0 + SIDE; c++)
                    to[(size_t)c * (size_t)rows + (size_t)r] =
                        from[(size_t)r * (size_t)columns + (size_t)c];
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
    s->base.release = release;
    s->weights = circ_step_floats(weights->count);
    s->columns = calloc((size_t)place.threads, sizeof *s->columns);
    bool enough = s->weights && s->columns, columns = layer->op == CIRC_OP_CONV;
    for (int t = 0; enough && columns && t < place.threads; t++)
        enough = (s->columns[t] = circ_step_floats(circ_im2col_floats(layer, place.batch)));
    if (!status && !enough)
        status = circ_status_fail(err, CIRC_MEMORY, "no memory for %zu dense weights", weights->count);
    if (status) {
        release(&s->base);
        return status;
    }
    int m, n;
    circ_network_matrix(layer, &m, &n);
    if (layer->op == CIRC_OP_FC)
        transpose(weights->values, m, n, s->weights);
    else
        memcpy(s->weights, weights->values, weights->count * sizeof *s->weights);
    *step = &s->base;
    return CIRC_OK;
}
