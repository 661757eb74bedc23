/* The rival among the block-circulant layers: FFTW's batched real transforms, and between them a
 * complex product for each bin, in the fastest of several layouts.
 *
 * It is written to be as good as FFTW lets it be, since a weak rival would flatter ours: weights
 * are kept as spectra, transforms are planned by trial, the product has vector kernels of its own
 * beside OpenBLAS, and prepare times every layout on the layer. CONV transforms each input pixel
 * once, sums the taps in the spectral domain and inverts each output pixel once, in bands of rows.
 *
 * Each thread does all phases of a part of its own; what lies where is planned in fftw_plan.c. */
#include "backends/cpu/fftw_plan.h"

#include "backends/cpu/fastest.h"
#include "backends/processor.h"
#include "circ_config.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#if CIRC_HAVE_OPENBLAS
#include <cblas.h>
#endif

#define TRIAL_LIMIT_S 0.1 /* for a plan of a method on trial; FFTW then takes its best so far */
#define PLAN_LIMIT_S  1.0 /* for a plan of the method that won, */
#define PLAN_RUNS     2e4 /* and at most what so many runs of the layer take */

static const struct circ_fftw_method methods[] = {
    {"columns in lanes", CIRC_FFTW_COLUMNS, false}, {"block rows in lanes", CIRC_FFTW_ROWS, false},
    {"bins in lanes", CIRC_FFTW_BINS, false},       {"cgemm a bin", CIRC_FFTW_COLUMNS, true},
    {"cgemv a bin", CIRC_FFTW_ROWS, true},
};

/* Copies one input row to where its transform reads it: channels padded to whole blocks, pixels in
 * the order of the plane. x: channel 0 of the row. */
static void copy_row(const struct circ_fftw *s, const float *x, int columns, float *to)
{
    size_t channel = (size_t)s->g.in_pixels * (size_t)s->base.place.batch;
    size_t pixel = (size_t)s->base.place.batch * sizeof *to;
    size_t row = s->conv ? (size_t)s->plane_row : (size_t)columns;
    for (int c = 0; c < s->g.q * s->g.k; c++, to += s->in_pitch, x += channel) {
        if (c >= s->g.n || s->conv)
            memset(to, 0, row * sizeof *to);
        if (c >= s->g.n)
            continue;
        if (!s->conv)
            memcpy(to, x, row * sizeof *to);
        else if (s->stride == 1)
            memcpy(to + s->lead, x, (size_t)s->in_row * sizeof *to);
        else
            for (int ix = 0; ix < s->base.layer->in.w; ix++)
                memcpy(to + circ_fftw_plan_column(s, ix + s->pad), x + ix * s->base.place.batch,
                       pixel);
    }
}

/* Zero spectra in `count` columns of a row. */
static void clear(const struct circ_fftw *s, float *row, int first, int count)
{
    for (int f = 0; f < s->bins; f++)
        for (int j = 0; j < s->g.q; j++)
            memset(row + 2 * ((size_t)f * s->x.bin + (size_t)j * s->x.block + (size_t)first), 0,
                   2 * (size_t)count * sizeof *row);
}

/* Spectra of one input row of a group, from x, its channel 0. */
static void forward_row(const struct circ_fftw *s, const struct circ_fftw_part *part,
                        const float *x, float *row, float *scratch)
{
    fftwf_complex *to = (fftwf_complex *)(void *)row;
    if (s->copies) {
        copy_row(s, x, part->column_last - part->column_first, scratch);
        fftwf_execute_dft_r2c(part->forward, scratch, to);
        return;
    }
    fftwf_execute_dft_r2c(part->forward, (float *)x, to + s->lead); /* x is only read */
    int end = s->lead + s->in_row;
    if (s->pad) {
        clear(s, row, 0, s->lead);
        clear(s, row, end, s->plane_row - end);
    }
}

static void forward_band(const struct circ_fftw *s, const struct circ_fftw_part *part,
                         const float *x, int first, int rows, float *scratch)
{
    for (int r = 0; r < (rows - 1) * s->stride + s->taps_h; r++) {
        int iy = first * s->stride - s->pad + r;
        float *row = scratch + s->x_at + 2 * (size_t)r * s->x.row;
        if (iy >= 0 && iy < (s->conv ? s->base.layer->in.h : 1))
            forward_row(s, part, x + (size_t)iy * (size_t)s->in_row + part->column_first, row,
                        scratch);
        else
            clear(s, row, 0, s->plane_row);
    }
}

#if CIRC_HAVE_OPENBLAS
/* One bin and output row: a matrix product for each tap, or a product with a vector. */
static void product_blas(const struct circ_fftw *s, int blocks, int columns, const float *w,
                         const float *x, float *y)
{
    static const float one[] = {1, 0}, none[] = {0, 0};
    int terms = s->g.taps * s->g.q;
    if (s->method->layout == CIRC_FFTW_ROWS) {
        cblas_cgemv(CblasColMajor, CblasNoTrans, blocks, s->g.q, one, w, s->rows_padded, x,
                    (int)s->x.block, none, y, 1);
        return;
    }
    for (int t = 0; t < s->g.taps; t++)
        cblas_cgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, blocks, columns, s->g.q, one,
                    w + 2 * s->w_tap[t], terms, x + 2 * s->x_tap[t], (int)s->x.block,
                    t ? one : none, y, (int)s->y.block);
}
#endif

/* One bin and output row with lanes over columns, or over block rows. */
static void product_bin(const struct circ_fftw *s, int block_first, int block_last, int columns,
                        const float *w, const float *x, float *y)
{
    size_t terms = (size_t)s->g.taps * (size_t)s->g.q;
    struct circ_bin_product product = {.taps = s->g.taps, .terms = s->g.q};
    if (s->method->layout == CIRC_FFTW_ROWS) {
        product.a = x;
        product.a_tap = s->x_tap;
        product.a_term = s->x.block;
        product.b = w + 2 * (size_t)block_first;
        product.b_tap = s->w_tap;
        product.b_term = (size_t)s->rows_padded;
        product.c = y + 2 * (size_t)block_first;
        product.c_row = s->y.column;
        product.rows = columns;
        product.columns = block_last - block_first;
        s->products->bin(&product);
        return;
    }
    product.a_tap = NULL; /* packed in the order of the sum */
    product.b = x;
    product.b_tap = s->x_tap;
    product.b_term = s->x.block;
    product.c_row = s->y.block;
    product.columns = columns;
    for (int i = block_first; i < block_last; i += product.rows) {
        product.rows = s->g.p - i < s->products->tile ? s->g.p - i : s->products->tile;
        product.a = w + 2 * (size_t)i * terms;
        product.a_term = (size_t)product.rows;
        product.c = y + 2 * (size_t)i * s->y.block;
        s->products->bin(&product);
    }
}

static void product_band(const struct circ_fftw *s, const struct circ_fftw_part *part,
                         const float *w, int rows, float *scratch)
{
    int columns = part->column_last - part->column_first;
    size_t bin_weights = s->group_weights / (size_t)s->bins;
    for (int f = 0; f < s->bins; f++, w += 2 * bin_weights) {
        const float *x = scratch + s->x_at + 2 * (size_t)f * s->x.bin;
        float *y = scratch + s->y_at + 2 * (size_t)f * s->y.bin;
        for (int row = 0; row < rows; row++) {
            const float *xs = x + 2 * (size_t)(row * s->stride) * s->x.row;
            float *ys = y + 2 * (size_t)row * s->y.row;
#if CIRC_HAVE_OPENBLAS
            if (s->method->blas) {
                size_t height =
                    s->method->layout == CIRC_FFTW_ROWS ? 1 : (size_t)(s->g.taps * s->g.q);
                product_blas(s, part->block_last - part->block_first, columns,
                             w + 2 * (size_t)part->block_first * height, xs,
                             ys + 2 * (size_t)part->block_first * s->y.block);
                continue;
            }
#endif
            product_bin(s, part->block_first, part->block_last, columns, w, xs, ys);
        }
    }
}

static void product_samples(const struct circ_fftw *s, const struct circ_fftw_part *part,
                            float *scratch)
{
    size_t row = (size_t)s->bins_padded * (size_t)s->g.q, first = (size_t)part->block_first;
    for (int c = 0; c < part->column_last - part->column_first; c++)
        s->products->bins(&(struct circ_bins_product){
            .w = s->base.weights + 2 * first * row,
            .x = scratch + s->x_at + 2 * (size_t)c * s->x.column,
            .y = scratch + s->y_at + 2 * ((size_t)c * s->y.column + first * s->y.block),
            .rows = part->block_last - part->block_first,
            .terms = s->g.q,
            .padded = s->bins_padded});
}

/* y: channel 0 of the group and output row. */
static void inverse_row(const struct circ_fftw *s, const struct circ_fftw_part *part, int group,
                        int row, float *y, float *scratch)
{
    int first = part->block_first * s->g.k, last = part->block_last * s->g.k;
    size_t out_channel = (size_t)s->g.out_pixels * (size_t)s->base.place.batch;
    float *from =
        scratch + s->y_at + 2 * ((size_t)row * s->y.row + (size_t)part->block_first * s->y.block);
    fftwf_execute_dft_c2r(part->inverse, (fftwf_complex *)(void *)from, scratch + s->out_at);
    s->products->finish(
        &(struct circ_finish){.x = scratch + s->out_at,
                              .bias = s->base.bias ? s->base.bias + group * s->g.m + first : NULL,
                              .y = y + (size_t)first * out_channel + part->column_first,
                              .x_row = s->out_pitch,
                              .y_row = out_channel,
                              .channels = (last < s->g.m ? last : s->g.m) - first,
                              .columns = part->column_last - part->column_first,
                              .relu = s->base.relu});
}

static void run(const struct circ_step *step, const float *x, float *y, float *scratch, int thread)
{
    const struct circ_fftw *s = (const struct circ_fftw *)step;
    const struct circ_fftw_part *part = &s->parts[thread];
    size_t batch = (size_t)step->place.batch;
    if (!part->forward) /* nothing for this thread */
        return;
    for (int group = 0; group < s->g.groups; group++) {
        const float *xs = x + (size_t)group * (size_t)s->g.n * (size_t)s->g.in_pixels * batch;
        const float *w = step->weights + 2 * (size_t)group * s->group_weights;
        float *ys = y + (size_t)group * (size_t)s->g.m * (size_t)s->g.out_pixels * batch;
        for (int first = part->row_first; first < part->row_last; first += s->band) {
            int rows = part->row_last - first < s->band ? part->row_last - first : s->band;
            forward_band(s, part, xs, first, rows, scratch);
            if (s->method->layout == CIRC_FFTW_BINS)
                product_samples(s, part, scratch);
            else
                product_band(s, part, w, rows, scratch);
            for (int row = 0; row < rows; row++)
                inverse_row(s, part, group, row, ys + (size_t)(first + row) * (size_t)s->out_row,
                            scratch);
        }
    }
}

static void release(struct circ_step *step)
{
    struct circ_fftw *s = (struct circ_fftw *)step;
    for (int t = 0; s->parts && t < step->place.threads; t++) {
        fftwf_destroy_plan(s->parts[t].forward);
        fftwf_destroy_plan(s->parts[t].inverse);
    }
    free(s->parts);
    free(s->x_tap);
    free(s->w_tap);
}

static const struct circ_products *products_for(const char *isa)
{
    static const struct circ_products *const tables[] = {
#if defined(__x86_64__)
        &circ_products_avx512,
        &circ_products_avx2,
#elif defined(__aarch64__)
        &circ_products_sve256,
        &circ_products_neon,
#endif
        &circ_products_scalar,
    };
    size_t i = 0;
    while (i + 1 < sizeof tables / sizeof *tables && strcmp(tables[i]->name, isa))
        i++;
    return tables[i];
}

static bool applies(const struct circ_fftw_method *method, const struct circ_layer *layer,
                    struct circ_place place)
{
    bool fc = layer->op == CIRC_OP_FC, one = fc && place.batch == 1;
    if (method->blas &&
        method->layout == CIRC_FFTW_ROWS) /* calls so short that threads wait for its lock, */
        return CIRC_HAVE_OPENBLAS && one && place.threads == 1; /* which a trial alone cannot see */
    if (method->blas)
        return CIRC_HAVE_OPENBLAS && !one;
    return method->layout == CIRC_FFTW_BINS ? fc : method->layout == CIRC_FFTW_ROWS || !one;
}

/* The layer computed by one method, its transforms planned with little effort. */
static enum circ_status create(struct circ_step **step, const struct circ_fftw_method *method,
                               const struct circ_layer *layer, const struct circ_weights *weights,
                               struct circ_place place, bool relu, double limit_s,
                               struct circ_error *err)
{
    struct circ_fftw *s = calloc(1, sizeof *s);
    if (!s)
        return circ_status_fail(err, CIRC_MEMORY, "no memory for a layer");
    enum circ_status status = circ_step_begin(&s->base, layer, weights, place, relu, err);
    s->base.run = run;
    s->base.release = release;
    s->base.tuning = method->name;
    s->base.libraries = CIRC_FFTW | (method->blas ? CIRC_OPENBLAS : 0);
    s->method = method;
    s->products = products_for(place.kernels->name);
    s->g = circ_geometry_of(layer);
    s->bins = s->g.k / 2 + 1;
    bool conv = s->conv = layer->op == CIRC_OP_CONV;
    s->taps_h = conv ? layer->taps_h : 1;
    s->stride = conv ? layer->stride : 1;
    s->pad = conv ? layer->pad : 0;
    s->in_row = (conv ? layer->in.w : 1) * place.batch;
    s->out_row = (conv ? layer->out.w : 1) * place.batch;
    s->parts = calloc((size_t)place.threads, sizeof *s->parts);
    s->x_tap = calloc((size_t)s->g.taps, sizeof *s->x_tap);
    s->w_tap = calloc((size_t)s->g.taps, sizeof *s->w_tap);
    bool enough = s->parts && s->x_tap && s->w_tap;
    if (enough) {
        circ_fftw_plan_layout(s);
        enough = circ_fftw_plan_transforms(s, FFTW_MEASURE, limit_s) &&
                 circ_fftw_plan_weights(s, weights);
    }
    if (!status && !enough)
        status = circ_status_fail(err, CIRC_MEMORY,
                                  "no memory for FFTW's spectra of a layer of block %d, batch %d",
                                  s->g.k, place.batch);
    if (status)
        circ_step_free(&s->base);
    else
        *step = &s->base;
    return status;
}

enum circ_status circ_fftw_create(struct circ_step **step, const struct circ_layer *layer,
                                  const struct circ_weights *weights, struct circ_place place,
                                  bool relu, struct circ_error *err)
{
    struct circ_step *best = NULL, *candidate = NULL;
    double seconds = INFINITY;
    enum circ_status status = CIRC_OK;
    struct circ_processor processor;
    circ_processor_read(&processor);
    bool emulated = *processor.emulator; /* its times are no reason to prefer a plan */
    for (size_t i = 0; i < sizeof methods / sizeof *methods && !status; i++) {
        if (!applies(&methods[i], layer, place))
            continue;
        status = create(&candidate, &methods[i], layer, weights, place, relu,
                        emulated ? 0 : TRIAL_LIMIT_S, err);
        if (!status)
            status = circ_fastest_keep(&best, &seconds, candidate, err);
    }
    double limit_s = PLAN_RUNS * seconds < PLAN_LIMIT_S ? PLAN_RUNS * seconds : PLAN_LIMIT_S;
    if (!status && !emulated &&
        !circ_fftw_plan_transforms((struct circ_fftw *)best, FFTW_PATIENT, limit_s))
        status = circ_status_fail(err, CIRC_MEMORY, "no memory to plan FFTW's transforms");
    if (status)
        circ_step_free(best);
    else
        *step = best;
    return status;
}
