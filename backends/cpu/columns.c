/* Block-circulant layers with lanes over columns: samples of an FC layer, pixels of a CONV layer.
 *
 * Each thread takes a range of output rows (CONV), of columns (FC), or of block rows where there
 * are too few of those, and does forward transforms, products and inverse transforms of its range
 * in scratch of its own, so that no phase waits for another thread; CONV recomputes the halo of its
 * range. Within the range it works in bands of output rows whose input spectra stay in the
 * second-level cache, and in chunks of a band whose output spectra do beside them.
 *
 * The spectra of a CONV's band are a plane with zeros between its rows, as many as the padding:
 * then the pixels under a tap are contiguous from row to row, and a chunk is one run of columns. A
 * strided CONV copies its band first, the columns of each residue modulo the stride next to each
 * other, and its runs are rows.
 *
 * A DENSE layer is the case k = 1. */
#include "backends/cpu/step.h"

#include "backends/core/geometry.h"
#include "backends/cpu/cost.h"
#include "backends/cpu/pair.h"
#include "backends/cpu/winograd.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WIDE 32 /* columns that a tile of the product takes at best */
#define STREAMED_BYTES                                                                             \
    (512 << 10)                 /* weights beyond this come from beyond the second-level cache     \
                                 */
#define CHUNK_BYTES (256 << 10) /* of output spectra of a tile */
#define FEW_READS                                                                                  \
    8 /* of x by the product, for which a third plane and a nearer cache do not pay                \
       */

struct columns {
    struct circ_step base;
    struct circ_transform *transform;
    struct circ_geometry g;
    size_t group_weights; /* floats of one group, each as the product kernel wants it */
    size_t *tap;          /* offset of each tap within the plane; of each of a row, by elements */
    int phases;           /* rows of a tile of Winograd's (winograd.h), 1 without */
    bool copies;          /* the band is copied into a plane */
    int lead, margin;     /* columns of zeros before the first row of the plane, and after each */
    int plane_row;        /* columns from a row of the plane to the next */
    int residue_pixels;   /* pixels of one residue in a row of a copied plane */
    int out_row;          /* valid columns of an output row */
    int column_band;      /* of which one band takes: all in a CONV layer */
    int band, chunk;      /* output rows of a band and of a chunk */
    int band_in;          /* input rows under a band */
    size_t phase;         /* columns from a phase of the plane to the next: every phases-th row */
    int x_planes;         /* re, im, and their sum where the product reads it often enough */
    int height;           /* most block rows of a tile */
    int tiles;            /* of block rows */
    bool slots_together;  /* a tile's products are made for all slots before the next one's */
    int tiles_together;   /* whose spectra y holds: slot by slot all of them, so that a slot of x is
                             read from a cache nearer than all are; or one tile, all slots */
    /* strides of blocks of x, of its planes, of output rows, blocks and planes of y, of slots */
    size_t x_pitch, x_plane, y_row, y_phase, y_block, y_plane, x_slot, y_slot;
    size_t e_block, element; /* of Winograd's elements */
    /* in scratch, after the transforms' own; planes of one slot's weights, where those are pairs */
    size_t plane_at, x_at, y_at, widened_at, elements_at;
};

static size_t round_up(size_t value, size_t unit)
{
    return (value + unit - 1) / unit * unit;
}

static bool is_conv(const struct columns *c)
{
    return c->base.layer->op == CIRC_OP_CONV;
}

/* Block rows of a tile: as near to equal as can be. */
static void tile_rows(const struct columns *c, int tile, int *first, int *last)
{
    circ_step_share(c->g.p, c->tiles, tile, first, last);
}

static bool in_pairs(const struct columns *c)
{
    return c->base.layer->precision == CIRC_BF16;
}

/* Words of memory that a slot of a block takes: three planes, or a pair. */
static size_t parts_of(const struct columns *c)
{
    return in_pairs(c) ? 1 : 3;
}

/* Taps in a column of the filter, one of an FC layer. */
static int taps_h(const struct columns *c)
{
    return is_conv(c) ? c->base.layer->taps_h : 1;
}

static int taps_w(const struct columns *c)
{
    return c->g.taps / taps_h(c);
}

static bool by_elements(const struct columns *c)
{
    return c->phases > 1;
}

/* Weights of one slot and so many block rows, of one of Winograd's elements where there are some.
 */
static size_t element_weights(const struct columns *c, int rows)
{
    int taps = by_elements(c) ? taps_w(c) : c->g.taps;
    return parts_of(c) * (size_t)taps * (size_t)c->g.q * (size_t)rows;
}

static size_t slot_weights(const struct columns *c, int rows)
{
    return element_weights(c, rows) * (by_elements(c) ? CIRC_WINOGRAD_ELEMENTS : 1);
}

/* Where a tile's weights begin, and how far its slots are apart: in the order in which they are
 * read. */
static size_t tile_at(const struct columns *c, int first_row)
{
    return slot_weights(c, first_row) * (size_t)(c->slots_together ? c->transform->slots : 1);
}

static size_t tile_slot(const struct columns *c, int rows)
{
    return slot_weights(c, c->slots_together ? rows : c->g.p);
}

/* Bytes that may be counted on to stay in the second-level cache while others pass through. */
static size_t kept_bytes(void)
{
    long cache = sysconf(_SC_LEVEL2_CACHE_SIZE);
    return cache > 0 ? (size_t)cache / 2 : 512 << 10;
}

/* y holds all slots of one tile, or all tiles, of which a slot is made before the next one: then
 * what is read of x is nearer. */
static void take_together(struct columns *c, bool slots)
{
    c->slots_together = slots;
    c->tiles_together = slots ? 1 : c->tiles;
}

static int round_to(int value, int unit)
{
    return (value + unit - 1) / unit * unit;
}

/* Rows of Winograd's tiles in a chunk: the fewest whose columns fill the product's registers, so
 * that a slot's elements stay in the nearest cache. */
static int elements_rows(const struct columns *c)
{
    const struct circ_kernels *kernels = c->base.place.kernels;
    int rows = 1, columns = c->out_row, lanes = kernels->lanes;
    while ((columns + lanes - 1) / lanes * c->height < kernels->rows_of_more && rows < 8) {
        columns += c->plane_row;
        rows++;
    }
    return rows;
}

/* Whether Winograd's elements are predicted to be cheaper, and fit into half of the second-level
 * cache; sets the chunk where they do. */
static bool takes_elements(struct columns *c)
{
    const struct circ_layer *layer = c->base.layer;
    int lanes = c->base.place.kernels->lanes, tile = circ_winograd_rows(layer->taps_h);
    if (!is_conv(c) || layer->stride > 1 || in_pairs(c) || !tile ||
        layer->out.h < tile * c->base.place.threads)
        return false;
    int rows = elements_rows(c), run = (rows - 1) * c->plane_row + c->out_row;
    int chunks = (layer->out.h + rows * tile - 1) / (rows * tile);
    struct circ_cost_rows cost = {.p = c->g.p,
                                  .q = c->g.q,
                                  .taps_w = layer->taps_w,
                                  .taps_h = layer->taps_h,
                                  .vectors = (layer->out.h * c->plane_row + lanes - 1) / lanes,
                                  .element_vectors = chunks * ((run + lanes - 1) / lanes)};
    c->chunk = rows * tile;
    return (size_t)(3 * CIRC_WINOGRAD_ELEMENTS * c->g.q * run) * sizeof(float) <=
               kept_bytes() / 2 &&
           circ_cost_elements(cost) < circ_cost_taps(cost);
}

/* Columns at a time, of an FC layer those of two panels where that pays, and tiles. */
static void plan_tiles(struct columns *c)
{
    const struct circ_place *place = &c->base.place;
    const struct circ_layer *layer = c->base.layer;
    /* An FC layer whose weights stay in the second-level cache takes panels one by one, so that its
     * spectra do too; others read the weights half as often. */
    if (!is_conv(c) && place->panels % 2 == 0 && place->threads == 1 &&
        4 * slot_weights(c, c->g.p) * (size_t)c->transform->slots > STREAMED_BYTES)
        c->base.panels = 2;
    c->out_row = layer->out.w * place->batch;
    c->column_band = c->out_row * c->base.panels;
    if (!is_conv(c) && c->column_band > WIDE)
        c->column_band = WIDE;

    bool runs = is_conv(c) && layer->stride == 1 && layer->out.h > 1; /* across rows */
    c->height = runs || c->column_band > place->kernels->lanes ? place->kernels->rows_of_more
                                                               : place->kernels->rows_of_one;
    c->tiles = (c->g.p + c->height - 1) / c->height;
    if (!is_conv(c) && c->tiles < place->threads) /* one for each, where they share them */
        c->tiles = c->g.p < place->threads ? c->g.p : place->threads;
    c->height = (c->g.p + c->tiles - 1) / c->tiles;
    c->phases = 1;
    c->x_planes = c->tiles * c->g.taps > FEW_READS ? 3 : 2;
    take_together(c, true);
}

/* An FC layer: one row of columns. */
static void plan_columns(struct columns *c)
{
    c->plane_row = c->column_band;
    c->band = c->chunk = c->band_in = 1;
    size_t plane = (size_t)(c->g.q * c->g.k / 2) * (size_t)c->column_band * sizeof(float);
    if (3 * plane > kept_bytes())
        c->x_planes = 2;
    if (2 * plane > kept_bytes() && c->tiles > FEW_READS)
        take_together(c, false);
}

/* A CONV layer: its plane, bands and chunks. */
static void plan_plane(struct columns *c)
{
    const struct circ_layer *layer = c->base.layer;
    int batch = c->base.place.batch, stride = layer->stride, rows = layer->out.h;
    c->copies = stride > 1;
    c->residue_pixels = (layer->in.w + 2 * layer->pad + stride - 1) / stride;
    int wider = layer->out.w > layer->in.w ? layer->out.w - layer->in.w : 0;
    c->lead = c->copies ? 0 : layer->pad * batch;
    c->margin = c->copies ? 0 : (layer->pad > wider ? layer->pad : wider) * batch;
    c->plane_row = c->copies ? c->residue_pixels * stride * batch : layer->in.w * batch + c->margin;
    if (takes_elements(c)) {
        c->phases = circ_winograd_rows(layer->taps_h);
        c->x_planes = 2;
        take_together(c, false);
    }

    size_t row_bytes = 2 * (size_t)c->x_planes * (size_t)c->plane_row * (size_t)(c->g.q * c->g.k);
    int least = 2 * layer->taps_h < rows ? 2 * layer->taps_h : rows; /* halos are recomputed */
    int most = ((int)(kept_bytes() / row_bytes) - layer->taps_h) / stride + 1;
    int bands = (rows + (most > least ? most : least) - 1) / (most > least ? most : least);
    c->band = round_to((rows + bands - 1) / bands, c->phases);
    c->band_in = (c->band - 1) * stride + layer->taps_h;
    c->phase = round_up((size_t)(c->band_in / c->phases + 1) * (size_t)c->plane_row +
                            (size_t)c->lead + 2 * CIRC_MAX_LANES,
                        CIRC_MAX_LANES);
    for (int t = 0; t < c->g.taps; t++) {
        int dy = t / layer->taps_w, dx = t % layer->taps_w;
        c->tap[t] = (size_t)dy * (size_t)c->plane_row +
                    ((size_t)(dx % stride) * (size_t)c->residue_pixels + (size_t)(dx / stride)) *
                        (size_t)batch;
    }
}

static void plan_strides(struct columns *c)
{
    size_t lanes = (size_t)c->base.place.kernels->lanes;
    c->y_row =
        c->copies || !is_conv(c) ? round_up((size_t)c->column_band, lanes) : (size_t)c->plane_row;
    size_t row_bytes = (size_t)c->height * (size_t)c->g.k * c->y_row * sizeof(float);
    int chunks = (int)((size_t)c->band * row_bytes / CHUNK_BYTES) + 1;
    if (!by_elements(c))
        c->chunk = (c->band + chunks - 1) / chunks;
    else if (c->chunk > c->band)
        c->chunk = c->band;

    /* an FC layer's planes are read from end to end, a CONV layer's by row and tap */
    c->x_pitch = is_conv(c) ? circ_step_stride((size_t)c->phases * c->phase)
                            : round_up((size_t)c->plane_row, lanes);
    c->x_plane = (size_t)c->g.q * c->x_pitch;
    c->x_slot = circ_step_stride((size_t)c->x_planes * c->x_plane);
    c->y_phase = (size_t)(c->chunk / c->phases) * c->y_row;
    if (by_elements(c))
        c->y_phase = round_up(c->y_phase, lanes) + lanes;
    c->y_block = (size_t)c->phases * c->y_phase;
    if (is_conv(c))
        c->y_block = circ_step_stride(c->y_block + lanes);
    c->e_block = circ_step_stride(
        c->y_phase + (size_t)(c->base.layer->taps_w * c->base.place.batch) + 2 * lanes);
    c->element = circ_step_stride(3 * (size_t)c->g.q * c->e_block);
    c->y_plane = (size_t)(c->slots_together ? c->height : c->g.p) * c->y_block;
    c->y_slot = circ_step_stride(2 * c->y_plane);
}

static void plan_scratch(struct columns *c)
{
    size_t lanes = (size_t)c->base.place.kernels->lanes, slots = (size_t)c->transform->slots;
    size_t plane = c->copies ? (size_t)c->g.n * c->x_pitch : 0;
    c->plane_at = circ_transform_scratch(c->transform) * lanes;
    c->x_at = round_up(c->plane_at + plane + CIRC_SLACK, 16);
    c->y_at = round_up(c->x_at + slots * c->x_slot + CIRC_SLACK, 16);
    c->widened_at = round_up(c->y_at + slots * c->y_slot, 16);
    c->base.scratch_floats = c->widened_at;
    c->elements_at = round_up(c->widened_at, 16);
    if (by_elements(c))
        c->base.scratch_floats +=
            CIRC_WINOGRAD_ELEMENTS * (c->element + 2 * (size_t)c->height * c->e_block) + CIRC_SLACK;
    if (in_pairs(c))
        c->base.scratch_floats += 3 * (size_t)c->g.taps * (size_t)c->g.q * (size_t)c->height;
}

/* One block's spectrum, in double, to its places in a tile: see circ_product. Its tap is that of
 * one of Winograd's elements, or of all. */
static void scatter(const struct columns *c, const double *packed, int element, int tap, int i,
                    int j, float *group)
{
    int first, last, odd = c->g.k % 2, tile = 0;
    do
        tile_rows(c, tile++, &first, &last);
    while (i >= last);
    size_t rows = (size_t)(last - first), slot = tile_slot(c, (int)rows);
    size_t one = element_weights(c, (int)rows), plane = one / parts_of(c);
    float *to = group + tile_at(c, first) + (size_t)element * one +
                ((size_t)tap * (size_t)c->g.q + (size_t)j) * rows + (size_t)(i - first);
    if (in_pairs(c)) {
        to[0] = circ_pair_of(packed[0], odd ? 0 : packed[1]);
        for (int f = 1; f < c->transform->slots; f++)
            to[(size_t)f * slot] = circ_pair_of(packed[2 * f - odd], packed[2 * f - odd + 1]);
        return;
    }
    to[plane] = (float)packed[0]; /* slot 0 has two real bins and no third plane */
    to[2 * plane] = odd ? 0 : (float)packed[1];
    for (int f = 1; f < c->transform->slots; f++) {
        double re = packed[2 * f - odd], im = packed[2 * f - odd + 1];
        to += slot;
        to[0] = (float)re;
        to[plane] = (float)-(re + im);
        to[2 * plane] = (float)(im - re);
    }
}

/* One block of the weights: canonical order is DENSE [group][i][j][tap], CIRCULANT
 * [group][tap][i][j]. */
static const float *block_of(const struct columns *c, const struct circ_weights *weights, int group,
                             size_t tap, size_t ij)
{
    size_t taps = (size_t)c->g.taps, pq = (size_t)c->g.p * (size_t)c->g.q;
    size_t at = c->base.layer->structure == CIRC_DENSE ? ij * taps + tap : tap * pq + ij;
    return weights->values + ((size_t)group * taps * pq + at) * (size_t)c->g.k;
}

/* The taps of one column of the filter, which Winograd's elements mix, of one block. */
static void pack_column(const struct columns *c, const struct circ_weights *weights, int group,
                        int dx, size_t ij, double *block)
{
    int k = c->g.k, height = taps_h(c), width = taps_w(c);
    int i = (int)ij / c->g.q, j = (int)ij % c->g.q;
    float *to = c->base.weights + (size_t)group * c->group_weights;
    double g[CIRC_WINOGRAD_ELEMENTS][CIRC_WINOGRAD_MAX_TAPS], *mixed = block + height * k;
    double *scratch = mixed + k;
    for (int dy = 0; dy < height; dy++) {
        const float *values = block_of(c, weights, group, (size_t)(dy * width + dx), ij);
        for (int r = 0; r < k; r++)
            block[dy * k + r] = values[r];
        circ_fft_forward_f64(c->transform->plan, block + dy * k, block + dy * k, scratch);
        if (!by_elements(c))
            scatter(c, block + dy * k, 0, dy * width + dx, i, j, to);
    }
    if (!by_elements(c))
        return;
    circ_winograd_weights(height, g);
    for (int e = 0; e < CIRC_WINOGRAD_ELEMENTS; e++) {
        for (int r = 0; r < k; r++) {
            mixed[r] = 0;
            for (int dy = 0; dy < height; dy++)
                mixed[r] += g[e][dy] * block[dy * k + r];
        }
        scatter(c, mixed, e, dx, i, j, to);
    }
}

static enum circ_status pack_weights(struct columns *c, const struct circ_weights *weights,
                                     struct circ_error *err)
{
    const struct circ_geometry *g = &c->g;
    size_t blocks = (size_t)(taps_h(c) + 1) * (size_t)g->k;
    double *block = malloc((blocks + circ_fft_scratch(c->transform->plan)) * sizeof *block);
    c->group_weights = slot_weights(c, g->p) * (size_t)c->transform->slots;
    c->base.weight_floats = c->group_weights * (size_t)g->groups;
    c->base.weights = circ_step_floats(c->base.weight_floats);
    if (!block || !c->base.weights) {
        free(block);
        return circ_status_fail(err, CIRC_MEMORY, "no memory for the spectra of %zu weights",
                                weights->count);
    }
    for (int group = 0; group < g->groups; group++)
        for (size_t ij = 0; ij < (size_t)g->p * (size_t)g->q; ij++)
            for (int dx = 0; dx < taps_w(c); dx++)
                pack_column(c, weights, group, dx, ij, block);
    free(block);
    return CIRC_OK;
}

/* Copies the input rows under a band into the plane: zero border, residues of the stride apart. */
static void copy_plane(const struct columns *c, const float *x, int group, int first_row, int rows,
                       float *plane)
{
    const struct circ_layer *layer = c->base.layer;
    int batch = c->base.place.batch, stride = layer->stride;
    for (int channel = 0; channel < c->g.n; channel++) {
        const float *from =
            x + ((int64_t)group * c->g.n + channel) * layer->in.h * layer->in.w * batch;
        for (int row = 0; row < rows; row++) {
            float *to = plane + (size_t)channel * c->x_pitch + (size_t)row * (size_t)c->plane_row;
            int iy = first_row + row;
            memset(to, 0, (size_t)c->plane_row * sizeof *to);
            if (iy < 0 || iy >= layer->in.h)
                continue;
            const float *line = from + (int64_t)iy * layer->in.w * batch;
            for (int ix = 0; ix < layer->in.w; ix++) {
                int at = ix + layer->pad;
                memcpy(to + (at % stride * c->residue_pixels + at / stride) * batch,
                       line + ix * batch, (size_t)batch * sizeof *to);
            }
        }
    }
}

/* What one thread does: output rows, columns, and tiles of block rows. */
struct part {
    int row_first, row_last;
    int column_first, column_last;
    int tile_first, tile_last;
};

static struct circ_spectra at_column(struct circ_spectra spectra, size_t column)
{
    spectra.re += column;
    spectra.im += column;
    spectra.sum = spectra.sum ? spectra.sum + column : NULL;
    return spectra;
}

/* Zeros into `count` columns of each block and slot. */
static void clear_columns(const struct columns *c, struct circ_spectra xs, size_t at, size_t count)
{
    for (int f = 0; count && f < c->transform->slots; f++) {
        float *block =
            xs.re + (size_t)f * c->x_slot + at; /* the planes' blocks follow each other */
        for (int j = 0; j < c->x_planes * c->g.q; j++, block += c->x_pitch)
            for (size_t i = 0; i < count; i++)
                block[i] = 0;
    }
}

/* Input rows under so many output rows: Winograd makes whole tiles of them. */
static int band_rows(const struct columns *c, int rows)
{
    rows = (rows + c->phases - 1) / c->phases * c->phases;
    return (rows - 1) * c->base.layer->stride + c->base.layer->taps_h;
}

/* Rows of pixels in a phase of a plane whose first row is `first` of the input: those above the
 * picture, in it and below it. */
struct phase {
    int above, inside, below;
    int first;    /* input row of the first that is inside */
    size_t start; /* of the plane's columns. It puts the first row of pixels on a whole vector: then
                   * transforms, which write whole vectors, never write across two lines */
};

static int clamp(int value, int least, int most)
{
    return value < least ? least : value > most ? most : value;
}

static struct phase phase_of(const struct columns *c, int first, int rows, int number)
{
    int step = c->phases, count = (rows - number + step - 1) / step;
    int row = first + number, height = c->base.layer->in.h;
    struct phase phase = {.above = row < 0 ? clamp((step - 1 - row) / step, 0, count) : 0};
    int before_end = row < height ? clamp((height - row + step - 1) / step, 0, count) : 0;
    phase.inside = before_end > phase.above ? before_end - phase.above : 0;
    phase.below = count - phase.above - phase.inside;
    phase.first = row + step * phase.above;
    size_t lead = (size_t)phase.above * (size_t)c->plane_row + (size_t)c->lead;
    phase.start = (size_t)number * c->phase + round_up(lead, CIRC_MAX_LANES) - lead;
    return phase;
}

/* Spectra of the input rows first .. first + rows - 1 of a CONV that is not strided, the first ones
 * and the last ones perhaps in the padding; x is the group's. */
static void transform_rows(const struct columns *c, const float *x, int first, int rows,
                           struct circ_spectra xs, float *scratch)
{
    const struct circ_layer *layer = c->base.layer;
    size_t line = (size_t)layer->in.w * (size_t)c->base.place.batch;
    size_t row = (size_t)c->plane_row, lead = (size_t)c->lead, margin = (size_t)c->margin;
    for (int number = 0; number < c->phases; number++) {
        struct phase phase = phase_of(c, first, rows, number);
        size_t at = phase.start + (size_t)phase.above * row + lead;
        struct circ_forward forward = {.transform = c->transform,
                                       .x = x + (int64_t)phase.first * (int64_t)line,
                                       .channel_stride = (size_t)layer->in.h * line,
                                       .row_stride = (size_t)c->phases * line,
                                       .spectra_row = row,
                                       .channels = c->g.n,
                                       .blocks = c->g.q,
                                       .rows = phase.inside,
                                       .columns = (int)line,
                                       .spectra = at_column(xs, at)};
        if (!margin && !by_elements(c)) { /* then they are one run */
            forward.columns *= phase.inside;
            forward.rows = 1;
        }
        clear_columns(c, xs, phase.start, at - phase.start);
        c->base.place.kernels->forward(&forward, scratch);
        if (phase.inside)
            at += (size_t)phase.inside * row - margin;
        clear_columns(c, xs, at, (size_t)phase.below * row + margin);
    }
}

/* Spectra of a band of one panel; of an FC layer, of as many panels as it takes together. */
static void transform_band(const struct columns *c, const float *x, const struct part *part,
                           int group, struct circ_spectra xs, float *scratch)
{
    const struct circ_layer *layer = c->base.layer;
    size_t batch = (size_t)c->base.place.batch, in_pixels = (size_t)c->g.in_pixels;
    int stride = layer->stride, in_first = part->row_first * stride - layer->pad;
    int in_rows = band_rows(c, part->row_last - part->row_first);
    if (is_conv(c) && !c->copies) {
        transform_rows(c, x + (size_t)group * (size_t)c->g.n * in_pixels * batch, in_first, in_rows,
                       xs, scratch);
        return;
    }
    struct circ_forward forward = {
        .transform = c->transform, .channels = c->g.n, .blocks = c->g.q, .rows = 1};
    if (c->copies) {
        copy_plane(c, x, group, in_first, in_rows, scratch + c->plane_at);
        forward.x = scratch + c->plane_at;
        forward.channel_stride = c->x_pitch;
        forward.columns = in_rows * c->plane_row;
        forward.spectra = xs;
        c->base.place.kernels->forward(&forward, scratch);
        return;
    }
    forward.channel_stride = batch;
    forward.columns = part->column_last - part->column_first;
    for (int panel = 0; panel < c->base.panels; panel++) {
        size_t at = (size_t)panel * batch;
        forward.x = x + at * (size_t)c->g.n + part->column_first;
        forward.spectra = at_column(xs, at);
        c->base.place.kernels->forward(&forward, scratch);
    }
}

/* Winograd's elements of one slot of a chunk, from x to the scratch. */
static void split_rows(const struct columns *c, const struct part *part, int first, int slot,
                       int columns, struct circ_spectra x, float *elements)
{
    size_t plane = (size_t)c->g.q * c->e_block;
    struct circ_winograd rows = {
        .x = x,
        .e = {elements, elements + plane, elements + 2 * plane, 0, c->e_block},
        .element = c->element,
        .blocks = c->g.q,
        .columns = columns + (c->base.layer->taps_w - 1) * c->base.place.batch};
    rows.x.re += (size_t)slot * c->x_slot;
    rows.x.im += (size_t)slot * c->x_slot;
    int in = part->row_first - c->base.layer->pad;
    int in_rows = band_rows(c, part->row_last - part->row_first);
    for (int r = 0; r < CIRC_WINOGRAD_ELEMENTS; r++) {
        int row = (first - part->row_first + r) / c->phases;
        rows.row[r] =
            phase_of(c, in, in_rows, r % c->phases).start + (size_t)row * (size_t)c->plane_row;
    }
    c->base.place.kernels->winograd_in(&rows);
}

/* A tile's products of one slot, by elements, into y. */
static void multiply_elements(const struct columns *c, struct circ_product product, float *elements,
                              struct circ_spectra y)
{
    const struct circ_kernels *kernels = c->base.place.kernels;
    size_t plane = (size_t)c->g.q * c->e_block, height = (size_t)c->height * c->e_block;
    float *products = elements + CIRC_WINOGRAD_ELEMENTS * c->element;
    struct circ_winograd rows = {.x = y,
                                 .e = {products, products + height, NULL, 0, c->e_block},
                                 .element = 2 * height,
                                 .blocks = product.rows,
                                 .rows = c->phases,
                                 .columns = product.columns};
    rows.x.re += (size_t)product.slot_first * c->y_slot;
    rows.x.im += (size_t)product.slot_first * c->y_slot;
    for (int r = 0; r < c->phases; r++)
        rows.row[r] = (size_t)r * c->y_phase;
    for (int e = 0; e < CIRC_WINOGRAD_ELEMENTS; e++) {
        float *x = elements + (size_t)e * c->element;
        product.x = (struct circ_spectra){x, x + plane, x + 2 * plane, 0, c->e_block};
        product.y = rows.e;
        product.y.re += (size_t)e * rows.element;
        product.y.im += (size_t)e * rows.element;
        kernels->product(&product);
        product.w += element_weights(c, product.rows);
    }
    kernels->winograd_out(&rows);
}

/* Spectra of the block rows from .. to - 1 of a chunk into its output rows. */
static void invert_chunk(const struct columns *c, float *y, const struct part *part, int first,
                         int last, int group, int from, int to, struct circ_spectra ys,
                         float *scratch)
{
    size_t batch = (size_t)c->base.place.batch, out_channel = (size_t)c->g.out_pixels * batch;
    struct circ_inverse inverse = {.transform = c->transform,
                                   .channel_stride = out_channel,
                                   .row_stride = (size_t)(c->phases * c->out_row),
                                   .spectra_row = c->y_row,
                                   .channels = c->g.m,
                                   .columns = part->column_last - part->column_first,
                                   .block_first = from,
                                   .block_last = to,
                                   .bias = c->base.bias ? c->base.bias + group * c->g.m : NULL,
                                   .relu = c->base.relu};
    y += (size_t)group * (size_t)c->g.m * out_channel + (size_t)part->column_first;
    for (int panel = 0; panel < c->base.panels; panel++) {
        size_t at = (size_t)panel * batch;
        for (int phase = 0; phase < c->phases && first + phase < last; phase++) {
            inverse.rows = (last - first - phase + c->phases - 1) / c->phases;
            inverse.y = y + at * (size_t)c->g.m * (size_t)c->g.out_pixels +
                        (size_t)(first + phase) * (size_t)c->out_row;
            inverse.spectra = at_column(ys, at + (size_t)phase * c->y_phase);
            c->base.place.kernels->inverse(&inverse, scratch);
        }
    }
}

/* Output rows first .. last - 1 of the part, of whose band the spectra are xs. */
static void run_chunk(const struct columns *c, float *y, const struct part *part, int first,
                      int last, int group, struct circ_spectra xs, float *scratch)
{
    int columns = part->column_last - part->column_first;
    int rows = (last - first + c->phases - 1) / c->phases;
    bool runs = is_conv(c) && !c->copies; /* rows of the plane are one run of columns */
    struct circ_spectra ys = {
        .re = scratch + c->y_at, .slot_stride = c->y_slot, .block_stride = c->y_block};
    ys.im = ys.re + c->y_plane;
    struct circ_product product = {.planes = in_pairs(c) ? scratch + c->widened_at : NULL,
                                   .taps = by_elements(c) ? c->base.layer->taps_w : c->g.taps,
                                   .q = c->g.q,
                                   .odd = c->g.k % 2,
                                   .tap = c->tap,
                                   .out_rows = runs ? 1 : rows,
                                   .columns = runs ? (rows - 1) * c->plane_row + columns
                                                   : columns * c->base.panels,
                                   .x_row = (size_t)c->base.layer->stride * (size_t)c->plane_row,
                                   .y_row = c->y_row};
    product.x = at_column(xs, (size_t)(first - part->row_first) * product.x_row);
    if (runs && !by_elements(c))
        product.x = at_column(product.x, phase_of(c, part->row_first - c->base.layer->pad,
                                                  band_rows(c, part->row_last - part->row_first), 0)
                                             .start);
    for (int from = part->tile_first, to; from < part->tile_last; from = to) {
        to =
            from + c->tiles_together < part->tile_last ? from + c->tiles_together : part->tile_last;
        int first_row, last_row, row;
        tile_rows(c, from, &first_row, &last_row);
        for (int f = 0; f < c->transform->slots; f = product.slot_last) {
            product.slot_first = f;
            product.slot_last = c->slots_together ? c->transform->slots : f + 1;
            if (by_elements(c))
                split_rows(c, part, first, f, product.columns, xs, scratch + c->elements_at);
            for (int tile = from; tile < to; tile++) {
                tile_rows(c, tile, &row, &last_row);
                product.rows = last_row - row;
                product.w = c->base.weights + (size_t)group * c->group_weights + tile_at(c, row);
                product.w_slot = tile_slot(c, product.rows);
                product.y = at_column(ys, (size_t)(row - first_row) * c->y_block);
                if (by_elements(c))
                    multiply_elements(c, product, scratch + c->elements_at, product.y);
                else
                    c->base.place.kernels->product(&product);
            }
        }
        invert_chunk(c, y, part, first, last, group, first_row, last_row, ys, scratch);
    }
}

static void run_band(const struct columns *c, const float *x, float *y, const struct part *part,
                     int group, float *scratch)
{
    struct circ_spectra xs = {
        .re = scratch + c->x_at, .slot_stride = c->x_slot, .block_stride = c->x_pitch};
    xs.im = xs.re + c->x_plane;
    xs.sum = c->x_planes > 2 ? xs.im + c->x_plane : NULL;
    transform_band(c, x, part, group, xs, scratch);
    for (int row = part->row_first; row < part->row_last; row += c->chunk)
        run_chunk(c, y, part, row,
                  row + c->chunk < part->row_last ? row + c->chunk : part->row_last, group, xs,
                  scratch);
}

static void run(const struct circ_step *step, const float *x, float *y, float *scratch, int thread)
{
    const struct columns *c = (const struct columns *)step;
    int threads = step->place.threads, lanes = step->place.kernels->lanes;
    int rows = is_conv(c) ? step->layer->out.h : 1;
    int vectors = (c->out_row + lanes - 1) / lanes;
    struct part whole = {.row_last = rows, .column_last = c->out_row, .tile_last = c->tiles};
    if (rows >= threads) {
        circ_step_share((rows + c->phases - 1) / c->phases, threads, thread, &whole.row_first,
                        &whole.row_last);
        whole.row_first *= c->phases;
        whole.row_last = whole.row_last * c->phases < rows ? whole.row_last * c->phases : rows;
    } else if (rows == 1 && !is_conv(c) && vectors >= threads) {
        circ_step_share(vectors, threads, thread, &whole.column_first, &whole.column_last);
        whole.column_first *= lanes;
        whole.column_last *= lanes;
        if (whole.column_last > c->out_row)
            whole.column_last = c->out_row;
    } else {
        circ_step_share(c->tiles, threads, thread, &whole.tile_first, &whole.tile_last);
    }
    if (whole.tile_first == whole.tile_last || whole.row_first >= whole.row_last)
        return;
    for (int group = 0; group < c->g.groups; group++) {
        for (int row = whole.row_first; row < whole.row_last; row += c->band) {
            struct part part = whole;
            part.row_first = row;
            part.row_last = row + c->band < whole.row_last ? row + c->band : whole.row_last;
            for (int column = whole.column_first; column < whole.column_last;
                 column += c->column_band) {
                int end = column + c->column_band;
                part.column_first = column;
                part.column_last = end < whole.column_last ? end : whole.column_last;
                run_band(c, x, y, &part, group, scratch);
            }
        }
    }
}

static void release(struct circ_step *step)
{
    struct columns *c = (struct columns *)step;
    free(c->tap);
    circ_transform_free(c->transform);
}

enum circ_status circ_columns_create(struct circ_step **step, const struct circ_layer *layer,
                                     const struct circ_weights *weights, struct circ_place place,
                                     bool relu, struct circ_error *err)
{
    struct columns *c = calloc(1, sizeof *c);
    if (!c)
        return circ_status_fail(err, CIRC_MEMORY, "no memory for a layer");
    enum circ_status status = circ_step_begin(&c->base, layer, weights, place, relu, err);
    c->base.run = run;
    c->base.release = release;
    c->g = circ_geometry_of(layer);
    c->tap = calloc((size_t)c->g.taps, sizeof *c->tap);
    if (!status && !c->tap)
        status = circ_status_fail(err, CIRC_MEMORY, "no memory for %d taps", c->g.taps);
    if (!status)
        status = circ_transform_create(&c->transform, c->g.k, place.kernels->lanes, err);
    if (!status) {
        plan_tiles(c);
        if (is_conv(c))
            plan_plane(c);
        else
            plan_columns(c);
        plan_strides(c);
        plan_scratch(c);
        status = pack_weights(c, weights, err);
    }
    if (status)
        circ_step_free(&c->base);
    else
        *step = &c->base;
    return status;
}
