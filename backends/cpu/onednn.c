/* The dense baseline on oneDNN: packed weights, Winograd where it is faster, and activations that
 * stay in the library's layouts from one layer to the next.
 *
 * Debian's oneDNN runs on OpenMP, whose threads spin on after a call beside whatever is measured
 * next, while ours would spin against them during it. So each thread of our team calls the library
 * for itself, with OpenMP told to use one thread, on a part of its own: of the samples where there
 * are enough, else of the rows of the image (CONV), and always of the outputs of an FC layer, whose
 * weights are what takes the time. What the library offers for a layer is timed in prepare.
 *
 * CONV, pooling and LRN that follow one another are one step where threads share samples: between
 * them nothing is reordered. FC layers are steps of their own: beside their product, a reorder of
 * their input is little. */
#include "backends/cpu/step.h"

#include "backends/cpu/fastest.h"
#include "backends/cpu/packs.h"

#include <math.h>
#include <omp.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Ways to compute a layer with weights; the others have one. */
enum way { DIRECT, WINOGRAD, PLAIN, REFERENCE, PRODUCT, MATRIX, WAYS };

static const char *const way_names[WAYS] = {
    [DIRECT] = "direct",
    [WINOGRAD] = "Winograd",
    [PLAIN] = "direct, our layout",
    [REFERENCE] = "the library's reference",
    [PRODUCT] = "inner product, packed",
    [MATRIX] = "matmul, W as given",
};

/* What one thread does. */
struct share {
    struct circ_sequence *sequence; /* owned; NULL when there is nothing to do */
    atomic_flag busy; /* a sequence knows where its tensors lie: one caller at a time */
    int sample_first, sample_last;
    int row_first, row_last; /* output rows of the last layer; whole but for a single CONV */
    int out_first, out_last; /* outputs of an FC layer */
    size_t x_at, y_at;       /* where its part of x and y begins */
    bool finish;             /* bias and ReLU are ours to do */
};

struct onednn {
    struct circ_step base;
    const struct circ_layer *layers; /* borrowed: the run of layers that the step computes */
    const struct circ_weights *weights;
    int count;
    bool relu_last; /* the layer after the last one is a ReLU, and done here */
    enum way *ways; /* owned, [count]: chosen on the first share, the same for all */
    dnnl_engine_t engine;
    struct share *shares;           /* owned, [threads][callers] */
    struct circ_packs packs;        /* owned */
    size_t region_at[CIRC_REGIONS]; /* of the intermediates, in scratch */
};

/* Rows `rows` of a shape of `samples` samples within our [channel][row][column][batch]. */
static dnnl_memory_desc_t ours(struct circ_shape shape, int rows, int samples, int batch)
{
    dnnl_dim_t row = (dnnl_dim_t)shape.w * batch, plane = shape.h * row;
    /* of a single sample the first stride means nothing, and is that of plain NCHW */
    dnnl_dims_t dims = {samples, shape.c, rows, shape.w};
    dnnl_dims_t strides = {batch == 1 ? shape.c * plane : 1, plane, row, batch};
    dnnl_memory_desc_t layout;
    dnnl_memory_desc_init_by_strides(&layout, 4, dims, dnnl_f32, strides);
    return layout;
}

static dnnl_memory_desc_t matrix(int64_t rows, int64_t columns, int64_t row, int64_t column)
{
    dnnl_memory_desc_t layout;
    dnnl_memory_desc_init_by_strides(&layout, 2, (dnnl_dims_t){rows, columns}, dnnl_f32,
                                     (dnnl_dims_t){row, column});
    return layout;
}

static dnnl_memory_desc_t any(const dnnl_memory_desc_t *like)
{
    dnnl_memory_desc_t layout;
    dnnl_memory_desc_init_by_tag(&layout, like->ndims, like->dims, dnnl_f32, dnnl_format_tag_any);
    return layout;
}

/* Input rows under output rows out_first .. out_last - 1 of a layer with taps, and what pads them.
 */
static void rows_under(const struct circ_layer *layer, int out_first, int out_last, int *first,
                       int *last, dnnl_dims_t low, dnnl_dims_t high)
{
    *first = out_first * layer->stride - layer->pad;
    *last = (out_last - 1) * layer->stride - layer->pad + layer->taps_h;
    int right = (layer->out.w - 1) * layer->stride - layer->pad + layer->taps_w - layer->in.w;
    low[0] = *first < 0 ? -*first : 0;
    low[1] = layer->pad;
    high[0] = *last > layer->in.h ? *last - layer->in.h : 0;
    high[1] = right > 0 ? right : 0;
    *first = *first < 0 ? 0 : *first;
    *last = *last < layer->in.h ? *last : layer->in.h;
}

/* A convolution described; UNIMPLEMENTED where it would be the library's reference, which takes
 * seconds, unless there is nothing else. */
static dnnl_status_t describe_conv(const struct onednn *s, const struct share *share,
                                   const struct circ_layer *layer, enum way way, bool relu,
                                   const dnnl_memory_desc_t *in, const dnnl_memory_desc_t *weights,
                                   const dnnl_memory_desc_t *out,
                                   dnnl_primitive_desc_t *description)
{
    int first, last;
    dnnl_dims_t low, high, strides = {layer->stride, layer->stride};
    bool part = s->count == 1; /* threads share rows of a single layer alone */
    rows_under(layer, part ? share->row_first : 0, part ? share->row_last : layer->out.h, &first,
               &last, low, high);
    dnnl_memory_desc_t bias = {.ndims = 0}, any_in = any(in), any_out = any(out);
    dnnl_memory_desc_t any_weights = any(weights);
    if (layer->bias)
        dnnl_memory_desc_init_by_tag(&bias, 1, (dnnl_dims_t){layer->out.c}, dnnl_f32, dnnl_a);
    dnnl_convolution_desc_t op;
    dnnl_status_t status = dnnl_convolution_forward_desc_init(
        &op, dnnl_forward_inference,
        way == WINOGRAD ? dnnl_convolution_winograd : dnnl_convolution_direct,
        way == PLAIN ? in : &any_in, &any_weights, layer->bias ? &bias : NULL,
        way == PLAIN ? out : &any_out, strides, low, high);
    if (!status)
        status = circ_sequence_describe(share->sequence, &op, relu, description);
    const char *name = "";
    if (!status)
        status = dnnl_primitive_desc_query(*description, dnnl_query_impl_info_str, 0, &name);
    return status                                         ? status
           : !strncmp(name, "ref", 3) && way != REFERENCE ? dnnl_unimplemented
                                                          : dnnl_success;
}

static enum circ_status add_conv(struct onednn *s, struct share *share, int at, enum way way,
                                 bool relu, struct circ_tensor *now, const struct circ_tensor *y,
                                 struct circ_error *err)
{
    const struct circ_layer *layer = &s->layers[at];
    const struct circ_weights *values = &s->weights[at];
    int groups = layer->groups, m = layer->out.c / groups, n = layer->in.c / groups;
    dnnl_memory_desc_t given, bias;
    dnnl_memory_desc_init_by_tag(
        &given, 5, (dnnl_dims_t){groups, m, n, layer->taps_h, layer->taps_w}, dnnl_f32, dnnl_abcde);
    if (groups == 1)
        dnnl_memory_desc_init_by_tag(&given, 4, (dnnl_dims_t){m, n, layer->taps_h, layer->taps_w},
                                     dnnl_f32, dnnl_abcd);
    dnnl_memory_desc_init_by_tag(&bias, 1, (dnnl_dims_t){layer->out.c}, dnnl_f32, dnnl_a);
    int samples = share->sample_last - share->sample_first;
    int rows = s->count == 1 ? share->row_last - share->row_first : layer->out.h;
    dnnl_memory_desc_t out = ours(layer->out, rows, samples, s->base.place.batch);
    dnnl_primitive_desc_t description = NULL;
    enum circ_status status = circ_sequence_status(
        describe_conv(s, share, layer, way, relu, &now->layout, &given, &out, &description),
        "convolve", err);
    if (!status) {
        const dnnl_memory_desc_t *wanted =
            dnnl_primitive_desc_query_md(description, dnnl_query_weights_md, 0);
        struct circ_argument weights[2] = {
            {DNNL_ARG_WEIGHTS, circ_packs_place(&s->packs, values->values, &given, wanted)}};
        if (layer->bias)
            weights[1] = (struct circ_argument){
                DNNL_ARG_BIAS, circ_packs_place(&s->packs, values->bias, &bias, &bias)};
        status = circ_sequence_append(share->sequence, description, now, y, weights,
                                      1 + layer->bias, err);
    }
    dnnl_primitive_desc_destroy(description);
    return status;
}

/* y[samples][outputs] = x[samples][n] W', with packed weights. */
static enum circ_status add_product(struct onednn *s, struct share *share, bool relu,
                                    struct circ_tensor *now, const struct circ_tensor *y,
                                    struct circ_error *err)
{
    int m = share->out_last - share->out_first;
    int64_t n = circ_network_elements(s->layers->in);
    dnnl_memory_desc_t given = matrix(m, n, n, 1), bias;
    dnnl_memory_desc_t any_in = any(&now->layout), any_out = any(&y->layout), packed = any(&given);
    dnnl_memory_desc_init_by_tag(&bias, 1, (dnnl_dims_t){m}, dnnl_f32, dnnl_a);
    dnnl_inner_product_desc_t op;
    dnnl_primitive_desc_t description = NULL;
    dnnl_status_t result = dnnl_inner_product_forward_desc_init(
        &op, dnnl_forward_inference, &any_in, &packed, s->layers->bias ? &bias : NULL, &any_out);
    if (!result)
        result = circ_sequence_describe(share->sequence, &op, relu, &description);
    enum circ_status status = circ_sequence_status(result, "multiply", err);
    if (!status) {
        const float *from = s->weights->values + (size_t)share->out_first * (size_t)n;
        const dnnl_memory_desc_t *wanted =
            dnnl_primitive_desc_query_md(description, dnnl_query_weights_md, 0);
        struct circ_argument weights[2] = {
            {DNNL_ARG_WEIGHTS, circ_packs_place(&s->packs, from, &given, wanted)}};
        if (s->layers->bias)
            weights[1] = (struct circ_argument){
                DNNL_ARG_BIAS,
                circ_packs_place(&s->packs, s->weights->bias + share->out_first, &bias, &bias)};
        status = circ_sequence_append(share->sequence, description, now, y, weights,
                                      1 + s->layers->bias, err);
    }
    dnnl_primitive_desc_destroy(description);
    return status;
}

/* y[outputs][samples] = W x[n][samples]: no reorder, bias and ReLU left to us. */
static enum circ_status add_matrix(struct onednn *s, struct share *share, struct circ_tensor *now,
                                   const struct circ_tensor *y, struct circ_error *err)
{
    int m = share->out_last - share->out_first, batch = s->base.place.batch;
    int64_t n = circ_network_elements(s->layers->in);
    dnnl_memory_desc_t given = matrix(m, n, n, 1), x = matrix(n, batch, batch, 1);
    dnnl_memory_desc_t out = matrix(m, batch, batch, 1);
    dnnl_matmul_desc_t op;
    dnnl_primitive_desc_t description = NULL;
    dnnl_status_t result = dnnl_matmul_desc_init(&op, &given, &x, NULL, &out);
    if (!result)
        result = circ_sequence_describe(share->sequence, &op, false, &description);
    enum circ_status status = circ_sequence_status(result, "multiply", err);
    if (!status) {
        const float *from = s->weights->values + (size_t)share->out_first * (size_t)n;
        struct circ_tensor in = {x, now->region, now->offset}, to = {out, y->region, y->offset};
        status =
            circ_sequence_add(share->sequence, description,
                              (struct circ_argument[]){
                                  {DNNL_ARG_SRC, circ_packs_place(&s->packs, from, &given, &given)},
                                  {DNNL_ARG_WEIGHTS, in},
                                  {DNNL_ARG_DST, to}},
                              3, err);
        share->finish = true;
        *now = *y;
    }
    dnnl_primitive_desc_destroy(description);
    return status;
}

/* An operation without weights; an output of the layout of its input. */
static enum circ_status add_plain(struct onednn *s, struct share *share, int at,
                                  struct circ_tensor *now, const struct circ_tensor *y,
                                  struct circ_error *err)
{
    const struct circ_layer *layer = &s->layers[at];
    dnnl_primitive_desc_t description = NULL;
    dnnl_status_t result;
    if (layer->op == CIRC_OP_RELU) {
        dnnl_eltwise_desc_t op;
        result = dnnl_eltwise_forward_desc_init(&op, dnnl_forward_inference, dnnl_eltwise_relu,
                                                &now->layout, 0, 0);
        result =
            result ? result : circ_sequence_describe(share->sequence, &op, false, &description);
    } else if (layer->op == CIRC_OP_LRN) {
        dnnl_lrn_desc_t op;
        result = dnnl_lrn_forward_desc_init(&op, dnnl_forward_inference, dnnl_lrn_across_channels,
                                            &now->layout, layer->lrn_size, layer->lrn_alpha,
                                            layer->lrn_beta, layer->lrn_bias);
        result =
            result ? result : circ_sequence_describe(share->sequence, &op, false, &description);
    } else {
        int samples = share->sample_last - share->sample_first, first, last;
        dnnl_dims_t low, high, strides = {layer->stride, layer->stride};
        dnnl_dims_t taps = {layer->taps_h, layer->taps_w};
        dnnl_memory_desc_t out = ours(layer->out, layer->out.h, samples, s->base.place.batch);
        dnnl_memory_desc_t any_out = any(&out);
        rows_under(layer, 0, layer->out.h, &first, &last, low, high);
        dnnl_pooling_desc_t op;
        result = dnnl_pooling_forward_desc_init(
            &op, dnnl_forward_inference,
            layer->op == CIRC_OP_POOL_MAX ? dnnl_pooling_max : dnnl_pooling_avg_exclude_padding,
            &now->layout, &any_out, strides, taps, low, high);
        result =
            result ? result : circ_sequence_describe(share->sequence, &op, false, &description);
    }
    enum circ_status status = circ_sequence_status(result, circ_network_op_name(layer->op), err);
    if (!status)
        status = circ_sequence_append(share->sequence, description, now, y, NULL, 0, err);
    dnnl_primitive_desc_destroy(description);
    return status;
}

static enum circ_status add_way(struct onednn *s, struct share *share, int at, enum way way,
                                bool relu, struct circ_tensor *now, const struct circ_tensor *y,
                                struct circ_error *err)
{
    switch (way) {
    case PRODUCT:
        return add_product(s, share, relu, now, y, err);
    case MATRIX:
        return add_matrix(s, share, now, y, err);
    default:
        return add_conv(s, share, at, way, relu, now, y, err);
    }
}

/* Best of a few runs of the primitives from number first on; infinite when they do not run. */
static enum circ_status time_from(const struct onednn *s, const struct share *share, int first,
                                  double *seconds, struct circ_error *err)
{
    size_t batch = (size_t)s->base.place.batch;
    size_t floats[CIRC_REGIONS] = {
        [CIRC_AT_INPUT] = (size_t)circ_network_elements(s->layers->in) * batch,
        [CIRC_AT_OUTPUT] = (size_t)circ_network_elements(s->layers[s->count - 1].out) * batch,
        [CIRC_AT_WEIGHTS] = circ_packs_floats(&s->packs),
    };
    float *at[CIRC_REGIONS] = {NULL};
    bool enough = true;
    for (int r = 0; r < CIRC_REGIONS; r++) {
        if (r == CIRC_AT_THIS || r == CIRC_AT_THAT || r == CIRC_AT_PAD)
            floats[r] = circ_sequence_floats(share->sequence, (enum circ_region)r);
        enough = enough && (at[r] = circ_step_floats(floats[r]));
    }
    *seconds = INFINITY;
    for (int i = 0; enough && i < 5; i++) {
        struct timespec start, end;
        clock_gettime(CLOCK_MONOTONIC, &start);
        bool well = circ_sequence_run(share->sequence, first, at);
        clock_gettime(CLOCK_MONOTONIC, &end);
        double took =
            (double)(end.tv_sec - start.tv_sec) + 1e-9 * (double)(end.tv_nsec - start.tv_nsec);
        *seconds = well && took < *seconds ? took : *seconds;
    }
    for (int r = 0; r < CIRC_REGIONS; r++)
        free(at[r]);
    return enough ? CIRC_OK : circ_status_fail(err, CIRC_MEMORY, "no memory to try a layer");
}

/* The last reorder, when the last operation did not write our layout. */
static enum circ_status finish(struct share *share, struct circ_tensor *now,
                               const struct circ_tensor *y, struct circ_error *err)
{
    return now->region == CIRC_AT_OUTPUT ? CIRC_OK
                                         : circ_sequence_reorder(share->sequence, now, y, err);
}

/* Times the ways to compute layer number at, from the layout that it finds; y is given to the last.
 * Leaves the sequence as it was. */
static enum circ_status choose(struct onednn *s, struct share *share, int at, bool relu,
                               const struct circ_tensor *now, const struct circ_tensor *y,
                               struct circ_error *err)
{
    bool fc = s->layers[at].op == CIRC_OP_FC;
    int first = circ_sequence_count(share->sequence), packs = s->packs.count;
    /* our layout is plain NCHW where there is one sample: for others the library has its reference
     */
    enum way low = fc ? PRODUCT : DIRECT;
    enum way high = fc ? MATRIX : s->base.place.batch == 1 ? PLAIN : WINOGRAD;
    double best = INFINITY;
    enum circ_status status = CIRC_OK;
    s->ways[at] = low;
    for (enum way way = low; way <= high && status != CIRC_MEMORY; way++) {
        struct circ_tensor then = *now;
        double seconds = INFINITY;
        status = add_way(s, share, at, way, relu, &then, y, err);
        if (!status && y)
            status = finish(share, &then, y, err);
        if (!status)
            status = time_from(s, share, first, &seconds, err);
        if (!status && seconds < best) {
            best = seconds;
            s->ways[at] = way;
        }
        circ_sequence_cut(share->sequence, first);
        s->packs.count = packs;
        share->finish = false;
    }
    if (!fc && !isfinite(best))
        s->ways[at] = REFERENCE;
    return status == CIRC_MEMORY ? status : CIRC_OK; /* a way that is not offered is not taken */
}

/* What the thread's part of x and y looks like. */
static void place_share(const struct onednn *s, struct share *share, struct circ_tensor *x,
                        struct circ_tensor *y)
{
    const struct circ_layer *first = s->layers, *last = &s->layers[s->count - 1];
    int batch = s->base.place.batch, samples = share->sample_last - share->sample_first;
    *x = (struct circ_tensor){.region = CIRC_AT_INPUT};
    *y = (struct circ_tensor){.region = CIRC_AT_OUTPUT};
    if (first->op == CIRC_OP_FC) {
        int64_t n = circ_network_elements(first->in), m = share->out_last - share->out_first;
        x->layout = matrix(batch, n, batch == 1 ? n : 1, batch);
        y->layout = matrix(batch, m, batch == 1 ? m : 1, batch);
        share->y_at = (size_t)share->out_first * (size_t)batch;
        return;
    }
    int row_first = 0, row_last = first->in.h;
    if (first == last && first->op == CIRC_OP_CONV) {
        dnnl_dims_t low, high;
        rows_under(first, share->row_first, share->row_last, &row_first, &row_last, low, high);
    }
    x->layout = ours(first->in, row_last - row_first, samples, batch);
    y->layout = ours(last->out, share->row_last - share->row_first, samples, batch);
    share->x_at = (size_t)(row_first * first->in.w * batch + share->sample_first);
    share->y_at = (size_t)(share->row_first * last->out.w * batch + share->sample_first);
}

/* Strings together what one thread does. The first share chooses the ways. */
static enum circ_status build(struct onednn *s, struct share *share, bool chooses,
                              struct circ_error *err)
{
    struct circ_tensor now, y;
    enum circ_status status =
        circ_sequence_create(&share->sequence, s->engine, 2 * s->count + 1, err);
    place_share(s, share, &now, &y);
    for (int i = 0; i < s->count && !status; i++) {
        bool weights = circ_network_has_weights(&s->layers[i]);
        bool folds = weights && i + 1 < s->count && s->layers[i + 1].op == CIRC_OP_RELU;
        bool last = i + folds == s->count - 1;
        bool relu = folds || (weights && last && s->relu_last);
        if (weights && chooses)
            status = choose(s, share, i, relu, &now, last ? &y : NULL, err);
        if (!status && weights)
            status = add_way(s, share, i, s->ways[i], relu, &now, last ? &y : NULL, err);
        else if (!status)
            status = add_plain(s, share, i, &now, last ? &y : NULL, err);
        i += folds;
    }
    return status ? status : finish(share, &now, &y, err);
}

/* The thread's output rows. Where someone's windows would hold padding alone, which oneDNN has no
 * shape for, the first thread takes all. */
static void share_rows(const struct circ_layer *layer, int threads, int thread, struct share *share)
{
    dnnl_dims_t low, high;
    bool all = true;
    for (int i = 0, first, last; i < threads; i++) {
        circ_step_share(layer->out.h, threads, i, &first, &last);
        if (first == last)
            continue;
        rows_under(layer, first, last, &first, &last, low, high);
        all = all && first < last;
    }
    circ_step_share(layer->out.h, all ? threads : 1, all ? thread : 0, &share->row_first,
                    &share->row_last);
    if (!all && thread)
        share->row_last = share->row_first;
}

/* Threads share samples, or rows of a single CONV layer, or outputs of an FC layer. */
static void plan_share(const struct onednn *s, int thread, struct share *share)
{
    const struct circ_layer *last = &s->layers[s->count - 1];
    int threads = s->base.place.threads, batch = s->base.place.batch;
    share->sample_last = batch;
    share->row_last = last->out.h;
    share->out_last = last->out.c;
    if (last->op == CIRC_OP_FC) {
        circ_step_share((last->out.c + 15) / 16, threads, thread, &share->out_first,
                        &share->out_last);
        share->out_first *= 16;
        share->out_last = 16 * share->out_last < last->out.c ? 16 * share->out_last : last->out.c;
    } else if (batch >= threads) {
        circ_step_share(batch, threads, thread, &share->sample_first, &share->sample_last);
    } else {
        share_rows(last, threads, thread, share);
    }
}

static void run(const struct circ_step *step, const float *x, float *y, float *scratch, int thread)
{
    const struct onednn *s = (const struct onednn *)step;
    struct share *share = &s->shares[thread * step->place.callers];
    int batch = step->place.batch;
    if (!share->sequence) /* nothing for this thread */
        return;
    while (atomic_flag_test_and_set(&share->busy)) /* there is one for each caller */
        share = share + 1 < &s->shares[(thread + 1) * step->place.callers]
                    ? share + 1
                    : &s->shares[thread * step->place.callers];
    omp_set_num_threads(1);
    float *const at[CIRC_REGIONS] = {
        [CIRC_AT_INPUT] = (float *)x + share->x_at, /* only read */
        [CIRC_AT_OUTPUT] = y + share->y_at,
        [CIRC_AT_THIS] = scratch + s->region_at[CIRC_AT_THIS],
        [CIRC_AT_THAT] = scratch + s->region_at[CIRC_AT_THAT],
        [CIRC_AT_PAD] = scratch + s->region_at[CIRC_AT_PAD],
        [CIRC_AT_WEIGHTS] = step->weights,
    };
    if (!circ_sequence_run(share->sequence, 0, at))
        y[share->y_at] = NAN; /* the judge will say it */
    for (int r = share->out_first; share->finish && r < share->out_last; r++)
        step->place.kernels->bias_relu(y + (size_t)r * (size_t)batch, batch,
                                       step->bias ? step->bias[r] : 0, step->relu);
    atomic_flag_clear(&share->busy);
}

static void release(struct circ_step *step)
{
    struct onednn *s = (struct onednn *)step;
    for (int t = 0; s->shares && t < step->place.threads * step->place.callers; t++)
        circ_sequence_free(s->shares[t].sequence);
    dnnl_engine_destroy(s->engine);
    free(s->shares);
    circ_packs_free(&s->packs);
    free(s->ways);
}

static bool joins(const struct circ_layer *layer)
{
    switch (layer->op) {
    case CIRC_OP_CONV:
        return layer->structure == CIRC_DENSE;
    case CIRC_OP_LRN: /* of others the library has only its reference */
        return layer->lrn_size == 5 && layer->lrn_beta == 0.75f;
    case CIRC_OP_POOL_MAX:
    case CIRC_OP_POOL_AVG:
    case CIRC_OP_RELU:
        return true;
    default:
        return false;
    }
}

int circ_onednn_span(const struct circ_layer *layers, int count, struct circ_place place)
{
    int span = 0;
    bool conv = false;
    if (count && layers->op == CIRC_OP_FC)
        return 1;
    if (place.batch < place.threads)
        return count && layers->op == CIRC_OP_CONV;
    for (; span < count && joins(&layers[span]); span++)
        conv |= layers[span].op == CIRC_OP_CONV;
    return conv ? span : 0;
}

enum circ_status circ_onednn_create_run(struct circ_step **step, const struct circ_layer *layers,
                                        const struct circ_weights *weights, int count,
                                        struct circ_place place, bool relu, struct circ_error *err)
{
    struct onednn *s = calloc(1, sizeof *s);
    if (!s)
        return circ_status_fail(err, CIRC_MEMORY, "no memory for a layer");
    enum circ_status status = circ_step_begin(&s->base, layers, weights, place, relu, err);
    s->base.run = run;
    s->base.release = release;
    s->base.libraries = CIRC_ONEDNN;
    s->base.out = layers[count - 1].out;
    s->layers = layers;
    s->weights = weights;
    s->count = count;
    s->relu_last = relu;
    s->ways = calloc((size_t)count, sizeof *s->ways);
    int share_count = place.threads * place.callers;
    s->shares = calloc((size_t)share_count, sizeof *s->shares);
    bool packs = circ_packs_create(&s->packs, 2 * count * share_count);
    if (!status && !(s->ways && s->shares && packs))
        status = circ_status_fail(err, CIRC_MEMORY, "no memory for %d layers", count);
    omp_set_num_threads(1);
    if (!status)
        status = circ_sequence_status(dnnl_engine_create(&s->engine, dnnl_cpu, 0),
                                      "open the processor", err);
    size_t floats[CIRC_REGIONS] = {0};
    int built = 0;
    for (int i = 0; i < share_count && !status; i++) {
        struct share *share = &s->shares[i];
        plan_share(s, i / place.callers, share);
        if (share->sample_first == share->sample_last || share->row_first == share->row_last ||
            share->out_first == share->out_last)
            continue;
        status = build(s, share, !built++, err);
        for (int r = 0; r < CIRC_REGIONS && !status; r++) {
            size_t need = circ_sequence_floats(share->sequence, (enum circ_region)r);
            floats[r] = need > floats[r] ? need : floats[r];
        }
    }
    size_t end = 0;
    for (int r = CIRC_AT_THIS; r <= CIRC_AT_PAD; r++) {
        s->region_at[r] = end;
        end += (floats[r] + 63) / 16 * 16;
    }
    s->base.scratch_floats = end;
    if (!status) {
        s->base.weight_floats = circ_packs_floats(&s->packs);
        s->base.weights = circ_step_floats(s->base.weight_floats);
        status = s->base.weights
                     ? circ_packs_write(&s->packs, s->engine, s->base.weights, err)
                     : circ_status_fail(err, CIRC_MEMORY, "no memory for %zu packed weights",
                                        s->base.weight_floats);
    }
    int weighted = 0;
    for (int i = 0; i < count && !status; i++)
        if (circ_network_has_weights(&layers[i]) && !weighted++)
            s->base.tuning = way_names[s->ways[i]];
    s->base.tuning = weighted == 1 ? s->base.tuning : NULL;
    if (status)
        circ_step_free(&s->base);
    else
        *step = &s->base;
    return status;
}

enum circ_status circ_onednn_create(struct circ_step **step, const struct circ_layer *layer,
                                    const struct circ_weights *weights, struct circ_place place,
                                    bool relu, struct circ_error *err)
{
    return circ_onednn_create_run(step, layer, weights, 1, place, relu, err);
}
