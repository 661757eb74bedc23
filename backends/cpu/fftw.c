/* The rival among the block-circulant layers: FFTW's batched real transforms, and between them a
 * complex product for each bin, in the fastest of several layouts.
 *
 * It is written to be as good as FFTW lets it be, since a weak rival would flatter ours: weights
 * are kept as spectra, transforms are planned by trial, the product has vector kernels of its own
 * beside OpenBLAS, and prepare times every layout on the layer. CONV transforms each input pixel
 * once, sums the taps in the spectral domain and inverts each output pixel once, in bands of rows.
 *
 * A column is a sample of an FC layer, or a pixel of a sample of a CONV layer. Each thread does all
 * phases of a part of its own. Plans run on other arrays than they were made for: every array and
 * every offset within is a multiple of 16 bytes, or the input is copied to where that is so. */
#include "backends/cpu/step.h"

#include "backends/core/geometry.h"
#include "backends/cpu/products.h"
#include "backends/cpu/fastest.h"
#include "circ_config.h"

#include <fftw3.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#if CIRC_HAVE_OPENBLAS
#include <cblas.h>
#endif

#define BAND_BYTES                                                                                 \
    (512 << 10)           /* of a band's input spectra: what a second-level cache holds twice */
#define TRIAL_LIMIT_S 0.1 /* for a plan of a method on trial; FFTW then takes its best so far */
#define PLAN_LIMIT_S  1.0 /* for a plan of the method that won, */
#define PLAN_RUNS     2e4 /* and at most what so many runs of the layer take */
#define LINE          8   /* complex numbers of a cache line */

/* Where the spectra have which index innermost: that of columns, of block rows, or of bins. */
enum layout { COLUMNS, ROWS, BINS };

static const struct method {
    const char *name;
    enum layout layout;
    bool blas;
} methods[] = {
    {"columns in lanes", COLUMNS, false}, {"block rows in lanes", ROWS, false},
    {"bins in lanes", BINS, false},       {"cgemm a bin", COLUMNS, true},
    {"cgemv a bin", ROWS, true},
};

/* What one thread does. */
struct part {
    int row_first, row_last;       /* output rows */
    int column_first, column_last; /* FC: samples; CONV: all columns of a row */
    int block_first, block_last;
    fftwf_plan forward, inverse; /* owned; of one row */
};

/* Strides of spectra, in complex numbers. */
struct spectra {
    size_t bin, block, row, column;
};

struct fftw {
    struct circ_step base;
    const struct method *method;
    const struct circ_products *products;
    struct circ_geometry g;
    struct part *parts; /* owned, one a thread */
    int bins;
    int taps_h, stride, pad;
    int in_row, out_row; /* columns of a row of the input and of the output */
    bool copies;         /* rows of the input are copied before their transform */
    int lead;            /* columns before the first pixel of a row of input spectra */
    int plane_row;       /* columns of that row: pixels, padding, and room for whole lines */
    int residue_pixels;  /* stride > 1: pixels of one residue modulo the stride lie together */
    int band, band_in;   /* output rows of a band, input rows under it */
    int bins_padded, rows_padded;
    struct spectra x, y;
    size_t group_weights;       /* complex numbers */
    size_t *x_tap, *w_tap;      /* owned, [taps]: offsets within x and within a bin's weights */
    size_t in_pitch, out_pitch; /* floats between channels around the transforms */
    size_t x_at, y_at, out_at;  /* in scratch, floats; the copied input row is at 0 */
};

static size_t round_up(size_t value, size_t unit)
{
    return (value + unit - 1) / unit * unit;
}

/* A stride of complex numbers that spreads over the sets of a cache. */
static size_t spread(size_t complexes)
{
    return circ_step_stride(2 * complexes) / 2;
}

static bool is_conv(const struct fftw *s)
{
    return s->base.layer->op == CIRC_OP_CONV;
}

/* Column of an input pixel of a row, padding counted, within a row of spectra. */
static size_t column_of(const struct fftw *s, int ix)
{
    return (size_t)(s->lead - (s->stride == 1 ? s->pad * s->base.place.batch : 0)) +
           (size_t)(ix % s->stride * s->residue_pixels + ix / s->stride) *
               (size_t)s->base.place.batch;
}

/* Threads share output rows, or samples, or block rows where there are too few of those. */
static void plan_parts(struct fftw *s)
{
    int threads = s->base.place.threads, rows = is_conv(s) ? s->base.layer->out.h : 1;
    int lines = (s->out_row + LINE - 1) / LINE, unit = s->method->layout == COLUMNS
                                                           ? s->products->tile
                                                       : s->method->layout == ROWS ? LINE
                                                                                   : 1;
    int units = (s->g.p + unit - 1) / unit;
    for (int t = 0; t < threads; t++) {
        struct part *part = &s->parts[t];
        part->row_last = rows;
        part->column_last = s->out_row;
        part->block_last = s->g.p;
        if (is_conv(s) && rows >= threads) {
            circ_step_share(rows, threads, t, &part->row_first, &part->row_last);
        } else if (!is_conv(s) && lines >= threads) {
            circ_step_share(lines, threads, t, &part->column_first, &part->column_last);
            part->column_first *= LINE;
            part->column_last *= LINE;
        } else {
            circ_step_share(units, threads, t, &part->block_first, &part->block_last);
            part->block_first *= unit;
            part->block_last *= unit;
        }
        part->column_last = part->column_last < s->out_row ? part->column_last : s->out_row;
        part->block_last = part->block_last < s->g.p ? part->block_last : s->g.p;
    }
}

static void plan_strides(struct fftw *s)
{
    const struct circ_layer *layer = s->base.layer;
    size_t p = (size_t)s->g.p, q = (size_t)s->g.q, columns = (size_t)s->out_row;
    int batch = s->base.place.batch;
    s->plane_row = s->method->layout == COLUMNS ? (int)round_up(columns, LINE) : s->out_row;
    s->band = s->band_in = 1;
    if (is_conv(s)) {
        int rows = layer->out.h;
        s->residue_pixels = (layer->in.w + 2 * s->pad + s->stride - 1) / s->stride;
        s->lead = s->stride == 1 ? (int)round_up((size_t)(s->pad * batch), LINE) : 0;
        s->plane_row =
            (int)round_up((size_t)(s->stride == 1 ? s->lead + (layer->in.w + s->pad) * batch
                                                  : s->residue_pixels * s->stride * batch),
                          LINE);
        size_t row_bytes = 8 * (size_t)s->plane_row * q * (size_t)s->bins;
        int fit = (int)(BAND_BYTES / row_bytes),
            least = 2 * s->taps_h < rows ? 2 * s->taps_h : rows;
        s->band = (fit - s->taps_h) / s->stride + 1;
        s->band = s->band < least ? least : s->band > rows ? rows : s->band;
        s->band_in = (s->band - 1) * s->stride + s->taps_h;
    }
    s->bins_padded = (int)round_up((size_t)s->bins, LINE);
    s->rows_padded = (int)round_up(p, LINE);
    s->x = (struct spectra){.row = (size_t)s->plane_row, .column = 1};
    s->x.block = (size_t)s->band_in * s->x.row;
    s->x.bin = spread(q * s->x.block);
    switch (s->method->layout) {
    case COLUMNS:
        s->y = (struct spectra){.row = round_up(columns, LINE), .column = 1};
        s->y.block = (size_t)s->band * s->y.row;
        s->y.bin = spread(p * s->y.block);
        break;
    case ROWS:
        s->y = (struct spectra){.block = 1, .column = (size_t)s->rows_padded};
        s->y.row = columns * s->y.column;
        s->y.bin = spread((size_t)s->band * s->y.row);
        break;
    case BINS:
        s->x = (struct spectra){.bin = 1, .block = (size_t)s->bins_padded};
        s->y = s->x;
        s->x.column = q * s->x.block;
        s->y.column = p * s->y.block;
    }
    for (int t = 0; t < s->g.taps; t++) {
        int dy = is_conv(s) ? t / layer->taps_w : 0, dx = is_conv(s) ? t % layer->taps_w : 0;
        s->x_tap[t] = (size_t)dy * s->x.row + (is_conv(s) ? column_of(s, dx) : 0);
        s->w_tap[t] = (size_t)t * q * (s->method->layout == ROWS ? (size_t)s->rows_padded : 1);
    }
}

static void plan_scratch(struct fftw *s)
{
    size_t q = (size_t)s->g.q, p = (size_t)s->g.p, k = (size_t)s->g.k;
    size_t row = is_conv(s) ? (size_t)s->plane_row : (size_t)s->out_row;
    /* FFTW asks for 16 bytes between what it was planned for and what it is run on */
    s->copies = s->g.n % s->g.k || (is_conv(s) && (s->stride > 1 || s->in_row % 4));
    s->in_pitch = s->copies ? row == 1 ? 1 : circ_step_stride(row)
                            : (size_t)s->g.in_pixels * (size_t)s->base.place.batch;
    s->out_pitch = s->out_row == 1 ? 1 : circ_step_stride((size_t)s->out_row);
    bool bins = s->method->layout == BINS;
    size_t x = bins ? (size_t)s->out_row * s->x.column : (size_t)s->bins * s->x.bin;
    size_t y = bins ? (size_t)s->out_row * s->y.column : (size_t)s->bins * s->y.bin;
    s->x_at = round_up(s->copies ? q * k * s->in_pitch : 0, 16);
    s->y_at = round_up(s->x_at + 2 * x + CIRC_SLACK, 16);
    s->out_at = round_up(s->y_at + 2 * y + CIRC_SLACK, 16);
    s->base.scratch_floats = s->out_at + p * k * s->out_pitch;
}

/* Plans the transforms of every part by trial. x is an input of the layer, scratch a thread's; both
 * are overwritten. Plans are remembered by FFTW, so that a sweep makes each of them once. */
static bool plan_transforms(struct fftw *s, unsigned effort, double limit_s, float *x,
                            float *scratch)
{
    int k = s->g.k;
    fftwf_complex *xs = (fftwf_complex *)(void *)(scratch + s->x_at);
    fftwf_complex *ys = (fftwf_complex *)(void *)(scratch + s->y_at);
    fftwf_set_timelimit(limit_s);
    for (int t = 0; t < s->base.place.threads; t++) {
        struct part *part = &s->parts[t];
        int columns = part->column_last - part->column_first;
        int blocks = part->block_last - part->block_first;
        if (!columns || !blocks || part->row_first == part->row_last)
            continue;
        int transformed = !is_conv(s) ? columns : s->copies ? s->plane_row : s->in_row;
        float *from = s->copies ? scratch : x + part->column_first;
        int in_pitch = (int)s->in_pitch, out_pitch = (int)s->out_pitch;
        fftwf_iodim in[] = {{s->g.q, k * in_pitch, (int)s->x.block},
                            {transformed, 1, (int)s->x.column}};
        fftwf_iodim out[] = {{blocks, (int)s->y.block, k * out_pitch},
                             {columns, (int)s->y.column, 1}};
        fftwf_destroy_plan(part->forward);
        fftwf_destroy_plan(part->inverse);
        part->forward =
            fftwf_plan_guru_dft_r2c(1, &(fftwf_iodim){k, in_pitch, (int)s->x.bin}, 2, in, from,
                                    xs + (is_conv(s) && !s->copies ? s->lead : 0), effort);
        part->inverse = fftwf_plan_guru_dft_c2r(1, &(fftwf_iodim){k, (int)s->y.bin, out_pitch}, 2,
                                                out, ys + (size_t)part->block_first * s->y.block,
                                                scratch + s->out_at, effort);
        if (!part->forward || !part->inverse)
            return false;
    }
    return true;
}

/* Where a weight's bin 0 lies within its group, and how far apart its bins are. */
static size_t place_of(const struct fftw *s, int tap, int i, int j, size_t *bin)
{
    size_t p = (size_t)s->g.p, q = (size_t)s->g.q, terms = (size_t)s->g.taps * q;
    size_t term = (size_t)tap * q + (size_t)j, row = (size_t)i;
    if (s->method->layout == ROWS) { /* [bin][term][row] */
        *bin = terms * (size_t)s->rows_padded;
        return term * (size_t)s->rows_padded + row;
    }
    *bin = p * terms;
    if (s->method->blas) /* [bin][row][term] */
        return row * terms + term;
    size_t tile = (size_t)s->products->tile, first = row / tile * tile; /* [bin][tile][term][row] */
    size_t height = p - first < tile ? p - first : tile;
    return first * terms + term * height + row - first;
}

static void scatter(const struct fftw *s, const double *packed, int tap, int i, int j, float *group)
{
    int k = s->g.k, odd = k % 2, pairs = s->products->pairs;
    size_t bin = 0, at = 0;
    if (s->method->layout != BINS)
        at = place_of(s, tap, i, j, &bin);
    for (int f = 0; f < s->bins; f++) {
        size_t to = at + (size_t)f * bin;
        if (s->method->layout == BINS) /* [row][vector of bins][term]{bins of the vector} */
            to = (size_t)i * (size_t)s->g.q * (size_t)s->bins_padded +
                 ((size_t)(f / pairs) * (size_t)s->g.q + (size_t)j) * (size_t)pairs +
                 (size_t)(f % pairs);
        bool real = !f || (!odd && f == k / 2);
        double re = real ? packed[f ? 1 : 0] : packed[2 * f - odd];
        double im = real ? 0 : packed[2 * f - odd + 1];
        group[2 * to] = (float)(re / k); /* FFTW's inverse does not divide by k */
        group[2 * to + 1] = (float)(im / k);
    }
}

static bool pack_weights(struct fftw *s, const struct circ_weights *weights)
{
    const struct circ_geometry *g = &s->g;
    struct circ_fft_plan *plan = NULL;
    size_t k = (size_t)g->k,
           rows = s->method->layout == ROWS ? (size_t)s->rows_padded : (size_t)g->p;
    size_t bins = s->method->layout == BINS ? (size_t)s->bins_padded : (size_t)s->bins;
    s->group_weights = bins * rows * (size_t)g->taps * (size_t)g->q;
    s->base.weight_floats = 2 * s->group_weights * (size_t)g->groups;
    s->base.weights = circ_step_floats(s->base.weight_floats);
    bool enough = s->base.weights && !circ_fft_create(&plan, g->k, NULL);
    double *block = enough ? malloc((k + circ_fft_scratch(plan)) * sizeof *block) : NULL;
    const float *from = weights->values;
    for (int group = 0; block && group < g->groups; group++)
        for (int tap = 0; tap < g->taps; tap++)
            for (int i = 0; i < g->p; i++)
                for (int j = 0; j < g->q; j++, from += k) {
                    for (size_t r = 0; r < k; r++)
                        block[r] = (double)from[r];
                    circ_fft_forward_f64(plan, block, block, block + k);
                    scatter(s, block, tap, i, j,
                            s->base.weights + 2 * (size_t)group * s->group_weights);
                }
    enough = block;
    free(block);
    circ_fft_free(plan);
    return enough;
}

/* Copies one input row to where its transform reads it: channels padded to whole blocks, pixels in
 * the order of the plane. x: channel 0 of the row. */
static void copy_row(const struct fftw *s, const float *x, int columns, float *to)
{
    size_t channel = (size_t)s->g.in_pixels * (size_t)s->base.place.batch;
    size_t pixel = (size_t)s->base.place.batch * sizeof *to;
    size_t row = is_conv(s) ? (size_t)s->plane_row : (size_t)columns;
    for (int c = 0; c < s->g.q * s->g.k; c++, to += s->in_pitch, x += channel) {
        if (c >= s->g.n || is_conv(s))
            memset(to, 0, row * sizeof *to);
        if (c >= s->g.n)
            continue;
        if (!is_conv(s))
            memcpy(to, x, row * sizeof *to);
        else if (s->stride == 1)
            memcpy(to + s->lead, x, (size_t)s->in_row * sizeof *to);
        else
            for (int ix = 0; ix < s->base.layer->in.w; ix++)
                memcpy(to + column_of(s, ix + s->pad), x + ix * s->base.place.batch, pixel);
    }
}

/* Zero spectra in `count` columns of a row. */
static void clear(const struct fftw *s, float *row, int first, int count)
{
    for (int f = 0; f < s->bins; f++)
        for (int j = 0; j < s->g.q; j++)
            memset(row + 2 * ((size_t)f * s->x.bin + (size_t)j * s->x.block + (size_t)first), 0,
                   2 * (size_t)count * sizeof *row);
}

/* Spectra of one input row of a group, from x, its channel 0. */
static void forward_row(const struct fftw *s, const struct part *part, const float *x, float *row,
                        float *scratch)
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

static void forward_band(const struct fftw *s, const struct part *part, const float *x, int first,
                         int rows, float *scratch)
{
    for (int r = 0; r < (rows - 1) * s->stride + s->taps_h; r++) {
        int iy = first * s->stride - s->pad + r;
        float *row = scratch + s->x_at + 2 * (size_t)r * s->x.row;
        if (iy >= 0 && iy < (is_conv(s) ? s->base.layer->in.h : 1))
            forward_row(s, part, x + (size_t)iy * (size_t)s->in_row + part->column_first, row,
                        scratch);
        else
            clear(s, row, 0, s->plane_row);
    }
}

#if CIRC_HAVE_OPENBLAS
/* One bin and output row: a matrix product for each tap, or a product with a vector. */
static void product_blas(const struct fftw *s, int blocks, int columns, const float *w,
                         const float *x, float *y)
{
    static const float one[] = {1, 0}, none[] = {0, 0};
    int terms = s->g.taps * s->g.q;
    if (s->method->layout == ROWS) {
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
static void product_bin(const struct fftw *s, int block_first, int block_last, int columns,
                        const float *w, const float *x, float *y)
{
    size_t terms = (size_t)s->g.taps * (size_t)s->g.q;
    struct circ_bin_product product = {.taps = s->g.taps, .terms = s->g.q};
    if (s->method->layout == ROWS) {
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

static void product_band(const struct fftw *s, const struct part *part, const float *w, int rows,
                         float *scratch)
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
                size_t height = s->method->layout == ROWS ? 1 : (size_t)(s->g.taps * s->g.q);
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

static void product_samples(const struct fftw *s, const struct part *part, float *scratch)
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
static void inverse_row(const struct fftw *s, const struct part *part, int group, int row, float *y,
                        float *scratch)
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
    const struct fftw *s = (const struct fftw *)step;
    const struct part *part = &s->parts[thread];
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
            if (s->method->layout == BINS)
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
    struct fftw *s = (struct fftw *)step;
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

static bool applies(const struct method *method, const struct circ_layer *layer,
                    struct circ_place place)
{
    bool fc = layer->op == CIRC_OP_FC, one = fc && place.batch == 1;
    if (method->blas && method->layout == ROWS) /* calls so short that threads wait for its lock, */
        return CIRC_HAVE_OPENBLAS && one && place.threads == 1; /* which a trial alone cannot see */
    if (method->blas)
        return CIRC_HAVE_OPENBLAS && !one;
    return method->layout == BINS ? fc : method->layout == ROWS || !one;
}

/* Plans the transforms again, with an input and scratch for the time of planning. */
static bool replan(struct fftw *s, unsigned effort, double limit_s)
{
    size_t inputs = (size_t)circ_network_elements(s->base.layer->in) * (size_t)s->base.place.batch;
    float *x = circ_step_floats(inputs), *scratch = circ_step_floats(s->base.scratch_floats);
    bool enough = x && scratch && plan_transforms(s, effort, limit_s, x, scratch);
    free(x);
    free(scratch);
    return enough;
}

/* The layer computed by one method, its transforms planned with little effort. */
static enum circ_status create(struct circ_step **step, const struct method *method,
                               const struct circ_layer *layer, const struct circ_weights *weights,
                               struct circ_place place, bool relu, struct circ_error *err)
{
    struct fftw *s = calloc(1, sizeof *s);
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
    bool conv = is_conv(s);
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
        plan_parts(s);
        plan_strides(s);
        plan_scratch(s);
        enough = replan(s, FFTW_MEASURE, TRIAL_LIMIT_S) && pack_weights(s, weights);
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
    for (size_t i = 0; i < sizeof methods / sizeof *methods && !status; i++) {
        if (!applies(&methods[i], layer, place))
            continue;
        status = create(&candidate, &methods[i], layer, weights, place, relu, err);
        if (!status)
            status = circ_fastest_keep(&best, &seconds, candidate, err);
    }
    double limit_s = PLAN_RUNS * seconds < PLAN_LIMIT_S ? PLAN_RUNS * seconds : PLAN_LIMIT_S;
    if (!status && !replan((struct fftw *)best, FFTW_PATIENT, limit_s))
        status = circ_status_fail(err, CIRC_MEMORY, "no memory to plan FFTW's transforms");
    if (status)
        circ_step_free(best);
    else
        *step = best;
    return status;
}
