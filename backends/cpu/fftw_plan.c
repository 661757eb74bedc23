/* Plans a circulant layer on FFTW: bands of rows whose spectra a cache holds, strides that spread
 * over its sets, transforms by trial. It runs nothing.
 *
 * Plans run on other arrays than they were made for: every array and every offset within is a
 * multiple of 16 bytes, or the input is copied to where that is so. */
#include "backends/cpu/fftw_plan.h"

#include <stdlib.h>

#define BAND_BYTES                                                                                 \
    (512 << 10) /* of a band's input spectra: what a second-level cache holds twice */
#define LINE 8  /* complex numbers of a cache line */

static size_t round_up(size_t value, size_t unit)
{
    return (value + unit - 1) / unit * unit;
}

/* A stride of complex numbers that spreads over the sets of a cache. */
static size_t spread(size_t complexes)
{
    return circ_step_stride(2 * complexes) / 2;
}

size_t circ_fftw_plan_column(const struct circ_fftw *s, int ix)
{
    return (size_t)(s->lead - (s->stride == 1 ? s->pad * s->base.place.batch : 0)) +
           (size_t)(ix % s->stride * s->residue_pixels + ix / s->stride) *
               (size_t)s->base.place.batch;
}

/* Block rows that only one thread can have. */
static int block_unit(const struct circ_fftw *s)
{
    switch (s->method->layout) {
    case CIRC_FFTW_COLUMNS:
        return s->products->tile;
    case CIRC_FFTW_ROWS:
        return LINE;
    default:
        return 1;
    }
}

/* Threads share output rows, or samples, or block rows where there are too few of those. */
static void plan_parts(struct circ_fftw *s)
{
    int threads = s->base.place.threads, rows = s->conv ? s->base.layer->out.h : 1;
    int lines = (s->out_row + LINE - 1) / LINE, unit = block_unit(s);
    int units = (s->g.p + unit - 1) / unit;
    for (int t = 0; t < threads; t++) {
        struct circ_fftw_part *part = &s->parts[t];
        part->row_last = rows;
        part->column_last = s->out_row;
        part->block_last = s->g.p;
        if (s->conv && rows >= threads) {
            circ_step_share(rows, threads, t, &part->row_first, &part->row_last);
        } else if (!s->conv && lines >= threads) {
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

static void plan_strides(struct circ_fftw *s)
{
    const struct circ_layer *layer = s->base.layer;
    size_t p = (size_t)s->g.p, q = (size_t)s->g.q, columns = (size_t)s->out_row;
    int batch = s->base.place.batch;
    s->plane_row =
        s->method->layout == CIRC_FFTW_COLUMNS ? (int)round_up(columns, LINE) : s->out_row;
    s->band = s->band_in = 1;
    if (s->conv) {
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
    s->x = (struct circ_fftw_strides){.row = (size_t)s->plane_row, .column = 1};
    s->x.block = (size_t)s->band_in * s->x.row;
    s->x.bin = spread(q * s->x.block);
    switch (s->method->layout) {
    case CIRC_FFTW_COLUMNS:
        s->y = (struct circ_fftw_strides){.row = round_up(columns, LINE), .column = 1};
        s->y.block = (size_t)s->band * s->y.row;
        s->y.bin = spread(p * s->y.block);
        break;
    case CIRC_FFTW_ROWS:
        s->y = (struct circ_fftw_strides){.block = 1, .column = (size_t)s->rows_padded};
        s->y.row = columns * s->y.column;
        s->y.bin = spread((size_t)s->band * s->y.row);
        break;
    case CIRC_FFTW_BINS:
        s->x = (struct circ_fftw_strides){.bin = 1, .block = (size_t)s->bins_padded};
        s->y = s->x;
        s->x.column = q * s->x.block;
        s->y.column = p * s->y.block;
    }
    for (int t = 0; t < s->g.taps; t++) {
        int dy = s->conv ? t / layer->taps_w : 0, dx = s->conv ? t % layer->taps_w : 0;
        s->x_tap[t] = (size_t)dy * s->x.row + (s->conv ? circ_fftw_plan_column(s, dx) : 0);
        s->w_tap[t] =
            (size_t)t * q * (s->method->layout == CIRC_FFTW_ROWS ? (size_t)s->rows_padded : 1);
    }
}

static void plan_scratch(struct circ_fftw *s)
{
    size_t q = (size_t)s->g.q, p = (size_t)s->g.p, k = (size_t)s->g.k;
    size_t row = s->conv ? (size_t)s->plane_row : (size_t)s->out_row;
    /* FFTW asks for 16 bytes between what it was planned for and what it is run on */
    s->copies = s->g.n % s->g.k || (s->conv && (s->stride > 1 || s->in_row % 4));
    s->in_pitch = s->copies ? row == 1 ? 1 : circ_step_stride(row)
                            : (size_t)s->g.in_pixels * (size_t)s->base.place.batch;
    s->out_pitch = s->out_row == 1 ? 1 : circ_step_stride((size_t)s->out_row);
    bool bins = s->method->layout == CIRC_FFTW_BINS;
    size_t x = bins ? (size_t)s->out_row * s->x.column : (size_t)s->bins * s->x.bin;
    size_t y = bins ? (size_t)s->out_row * s->y.column : (size_t)s->bins * s->y.bin;
    s->x_at = round_up(s->copies ? q * k * s->in_pitch : 0, 16);
    s->y_at = round_up(s->x_at + 2 * x + CIRC_SLACK, 16);
    s->out_at = round_up(s->y_at + 2 * y + CIRC_SLACK, 16);
    s->base.scratch_floats = s->out_at + p * k * s->out_pitch;
}

void circ_fftw_plan_layout(struct circ_fftw *s)
{
    plan_parts(s);
    plan_strides(s);
    plan_scratch(s);
}

/* Plans the transforms of every part by trial. x is an input of the layer, scratch a thread's; both
 * are overwritten. Plans are remembered by FFTW, so that a sweep makes each of them once. */
static bool try_transforms(struct circ_fftw *s, unsigned effort, double limit_s, float *x,
                           float *scratch)
{
    int k = s->g.k;
    fftwf_complex *xs = (fftwf_complex *)(void *)(scratch + s->x_at);
    fftwf_complex *ys = (fftwf_complex *)(void *)(scratch + s->y_at);
    fftwf_set_timelimit(limit_s);
    for (int t = 0; t < s->base.place.threads; t++) {
        struct circ_fftw_part *part = &s->parts[t];
        int columns = part->column_last - part->column_first;
        int blocks = part->block_last - part->block_first;
        if (!columns || !blocks || part->row_first == part->row_last)
            continue;
        int transformed = !s->conv ? columns : s->copies ? s->plane_row : s->in_row;
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
                                    xs + (s->conv && !s->copies ? s->lead : 0), effort);
        part->inverse = fftwf_plan_guru_dft_c2r(1, &(fftwf_iodim){k, (int)s->y.bin, out_pitch}, 2,
                                                out, ys + (size_t)part->block_first * s->y.block,
                                                scratch + s->out_at, effort);
        if (!part->forward || !part->inverse)
            return false;
    }
    return true;
}

bool circ_fftw_plan_transforms(struct circ_fftw *s, unsigned effort, double limit_s)
{
    size_t inputs = (size_t)circ_network_elements(s->base.layer->in) * (size_t)s->base.place.batch;
    float *x = circ_step_floats(inputs), *scratch = circ_step_floats(s->base.scratch_floats);
    bool enough = x && scratch && try_transforms(s, effort, limit_s, x, scratch);
    free(x);
    free(scratch);
    return enough;
}

/* Where a weight's bin 0 lies within its group, and how far apart its bins are. */
static size_t place_of(const struct circ_fftw *s, int tap, int i, int j, size_t *bin)
{
    size_t p = (size_t)s->g.p, q = (size_t)s->g.q, terms = (size_t)s->g.taps * q;
    size_t term = (size_t)tap * q + (size_t)j, row = (size_t)i;
    if (s->method->layout == CIRC_FFTW_ROWS) { /* [bin][term][row] */
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

static void scatter(const struct circ_fftw *s, const double *packed, int tap, int i, int j,
                    float *group)
{
    int k = s->g.k, odd = k % 2, pairs = s->products->pairs;
    size_t bin = 0, at = 0;
    if (s->method->layout != CIRC_FFTW_BINS)
        at = place_of(s, tap, i, j, &bin);
    for (int f = 0; f < s->bins; f++) {
        size_t to = at + (size_t)f * bin;
        if (s->method->layout ==
            CIRC_FFTW_BINS) /* [row][vector of bins][term]{bins of the vector} */
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

bool circ_fftw_plan_weights(struct circ_fftw *s, const struct circ_weights *weights)
{
    const struct circ_geometry *g = &s->g;
    struct circ_fft_plan *plan = NULL;
    size_t k = (size_t)g->k,
           rows = s->method->layout == CIRC_FFTW_ROWS ? (size_t)s->rows_padded : (size_t)g->p;
    size_t bins = s->method->layout == CIRC_FFTW_BINS ? (size_t)s->bins_padded : (size_t)s->bins;
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
