/* The plan of a layer with lanes over columns: tiles, bands and chunks, by predicted costs and what
 * caches hold; strides and places. It runs nothing. */
#include "backends/cpu/columns_plan.h"

#include "backends/cpu/cost.h"

#include <math.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    WIDE = 32,                  /* columns that a tile of the product takes at best */
    STREAMED_BYTES = 512 << 10, /* weights beyond this come from beyond the second-level cache */
    CHUNK_BYTES = 256 << 10,    /* of output spectra of a tile */
    FEW_READS = 8, /* of x by the product, for which a third plane and a nearer cache do not pay */
};

static size_t round_up(size_t value, size_t unit)
{
    return (value + unit - 1) / unit * unit;
}

/* Words of memory of one slot and so many block rows, of one of Winograd's elements where there are
 * some: three planes, or one of pairs or ones. */
static size_t element_weights(const struct circ_columns *c, int rows)
{
    return (size_t)(c->pairs || c->ones ? 1 : 3) * c->before[c->taps] * (size_t)rows;
}

static size_t slot_weights(const struct circ_columns *c, int rows)
{
    return element_weights(c, rows) * (c->elements ? CIRC_WINOGRAD_ELEMENTS : 1);
}

struct circ_columns_tile circ_columns_plan_tile(const struct circ_columns *c, int number)
{
    struct circ_columns_tile tile;
    circ_step_share(c->g.p, c->tiles, number, &tile.first, &tile.last);
    int rows = tile.last - tile.first;
    size_t slots = (size_t)(c->slots_together ? c->transform->slots : 1);
    tile.weights = slot_weights(c, tile.first) * slots;
    tile.slot = slot_weights(c, c->slots_together ? rows : c->g.p);
    tile.element = element_weights(c, rows);
    return tile;
}

int circ_columns_plan_rows(const struct circ_columns *c, int out_rows)
{
    int whole = (int)round_up((size_t)out_rows, (size_t)c->phases);
    return (whole - 1) * c->layer.stride + c->layer.taps_h;
}

static int clamp(int value, int least, int most)
{
    return value < least ? least : value > most ? most : value;
}

/* The phase `number` of a plane of so many rows, of which the first is `first` of the input. */
static struct circ_columns_phase phase_of(const struct circ_columns *c, int first, int rows,
                                          int number)
{
    int step = c->phases, count = (rows - number + step - 1) / step;
    int row = first + number, height = c->layer.in.h;
    struct circ_columns_phase phase = {.above =
                                           row < 0 ? clamp((step - 1 - row) / step, 0, count) : 0};
    int before_end = row < height ? clamp((height - row + step - 1) / step, 0, count) : 0;
    phase.inside = before_end > phase.above ? before_end - phase.above : 0;
    phase.below = count - phase.above - phase.inside;
    phase.first = row + step * phase.above;
    size_t lead = (size_t)phase.above * (size_t)c->plane_row + (size_t)c->lead;
    phase.start = (size_t)number * c->phase + round_up(lead, CIRC_MAX_LANES) - lead;
    return phase;
}

void circ_columns_plan_phases(const struct circ_columns *c, int first, int last,
                              struct circ_columns_phase phases[CIRC_WINOGRAD_MAX_ROWS])
{
    int rows = circ_columns_plan_rows(c, last - first);
    for (int number = 0; number < c->phases; number++)
        phases[number] = phase_of(c, first - c->layer.pad, rows, number);
}

/* Bytes that may be counted on to stay in the second-level cache while others pass through. */
static size_t kept_bytes(void)
{
    long cache = sysconf(_SC_LEVEL2_CACHE_SIZE);
    return cache > 0 ? (size_t)cache / 2 : 512 << 10;
}

/* Columns whose elements stay in half of what is kept, with those under the taps beside them. */
static int elements_columns(const struct circ_columns *c)
{
    const struct circ_layer *layer = &c->layer;
    int lanes = c->base.place.kernels->lanes, beside = (layer->taps_w - 1) * c->base.place.batch;
    size_t column = (c->ones ? 1 : 3) * CIRC_WINOGRAD_ELEMENTS * (size_t)c->g.q * sizeof(float);
    return ((int)(kept_bytes() / 2 / column) - beside) / lanes * lanes;
}

/* Columns of so many of Winograd's rows of tiles, what lies between them too. */
static int run_of(const struct circ_columns *c, int rows)
{
    return (rows - 1) * c->plane_row + c->out_row;
}

/* Vectors of columns of all rows of tiles, so many rows in a chunk. */
static double elements_vectors(const struct circ_columns *c, int rows)
{
    int lanes = c->base.place.kernels->lanes, tile = circ_winograd_rows(c->layer.taps_h);
    int tiles = (c->layer.out.h + tile - 1) / tile, left = tiles % rows;
    double vectors = (double)(tiles / rows) * ((run_of(c, rows) + lanes - 1) / lanes);
    return vectors + (left ? (run_of(c, left) + lanes - 1) / lanes : 0);
}

/* Rows of Winograd's tiles in a chunk: the fewest whose columns fill the product's registers, so
 * that a slot's elements stay in the nearest cache; more where vectors have fewer empty lanes. */
static int elements_rows(const struct circ_columns *c, int most)
{
    const struct circ_kernels *kernels = c->base.place.kernels;
    int rows = 1, lanes = kernels->lanes;
    while ((run_of(c, rows) + lanes - 1) / lanes * c->height < kernels->rows_of_more && rows < 8)
        rows++;
    int best = rows;
    for (rows++; rows <= 8 && run_of(c, rows) <= most; rows++)
        if (20 * elements_vectors(c, rows) < 19 * elements_vectors(c, best))
            best = rows;
    return best;
}

/* Vectors of columns of a product by taps, across rows or row by row. Across, tiles are wider, so
 * that what lies between rows has to be a tenth before it is left out. */
static double taps_vectors(struct circ_columns *c)
{
    int lanes = c->base.place.kernels->lanes, rows = c->layer.out.h;
    double by_row = (double)rows * ((c->out_row + lanes - 1) / lanes);
    double run = (double)(rows - 1) * c->plane_row + c->out_row, across = ceil(run / lanes);
    c->across = !c->copies && !c->finished && 10 * by_row > 9 * across;
    return c->across ? across : by_row;
}

/* Whether rows are unfolded, by what it is predicted to save, where a slot's copies leave half of
 * what is kept to its output. */
static bool unfolds(const struct circ_columns *c, struct circ_cost_rows cost)
{
    double plane = (double)(c->layer.out.h + c->layer.taps_h - 1) * c->out_row;
    double bytes = (c->ones ? 1.0 : 3.0) * c->g.q * c->layer.taps_w * plane * sizeof(float);
    return !c->copies && !c->pairs && c->layer.out.h > 1 && bytes < (double)kept_bytes() / 2 &&
           circ_cost_unfolded(cost) < circ_cost_taps(cost);
}

/* How a CONV layer's products are made, by predicted costs: tap by tap, unfolded or by elements,
 * then with chunk and run. */
static void choose_products(struct circ_columns *c)
{
    const struct circ_layer *layer = &c->layer;
    int lanes = c->base.place.kernels->lanes, tile = circ_winograd_rows(layer->taps_h);
    int rows = layer->out.h;
    double row_vectors = (c->out_row + lanes - 1) / lanes;
    struct circ_cost_rows cost = {.p = c->g.p,
                                  .q = c->g.q,
                                  .taps_w = layer->taps_w,
                                  .taps_h = layer->taps_h,
                                  .vectors = taps_vectors(c),
                                  .ones = c->ones,
                                  .row_vectors = rows * row_vectors,
                                  .run_vectors = ceil((double)rows * c->out_row / lanes),
                                  .copies = (double)(rows + layer->taps_h - 1) * layer->taps_w *
                                            row_vectors};
    c->unfolds = unfolds(c, cost);
    if (layer->stride > 1 || c->pairs || !tile || layer->out.h < tile * c->base.place.threads)
        return;
    int most = elements_columns(c), chunk = elements_rows(c, most), run = run_of(c, chunk);
    cost.element_vectors = elements_vectors(c, chunk);
    if (run > most) {
        if (most < 2 * lanes)
            return;
        chunk = 1;
        int runs = (c->out_row + most - 1) / most;
        run = (int)round_up((size_t)((c->out_row + runs - 1) / runs), (size_t)lanes);
        cost.element_vectors = (double)((rows + tile - 1) / tile) * runs * (run / lanes);
    }
    double least = c->unfolds ? circ_cost_unfolded(cost) : circ_cost_taps(cost);
    c->elements = circ_cost_elements(cost) < least;
    if (!c->elements)
        return;
    c->unfolds = false;
    c->chunk = chunk * tile;
    c->run = run;
}

/* Columns at a time, of an FC layer those of two panels where that pays, and tiles. */
static void plan_tiles(struct circ_columns *c)
{
    const struct circ_place *place = &c->base.place;
    const struct circ_layer *layer = &c->layer;
    c->phases = 1;
    c->taps = c->g.taps;
    /* An FC layer whose weights stay in the second-level cache takes panels one by one, so that its
     * spectra do too; others read the weights half as often. */
    if (!c->conv && place->panels % 2 == 0 && place->threads == 1 &&
        4 * slot_weights(c, c->g.p) * (size_t)c->transform->slots > STREAMED_BYTES)
        c->base.panels = 2;
    c->out_row = layer->out.w * place->batch;
    c->column_band = c->out_row * c->base.panels;
    if (!c->conv && c->column_band > WIDE)
        c->column_band = WIDE;
    c->run = c->column_band;

    bool runs = c->conv && layer->stride == 1 && layer->out.h > 1; /* across rows */
    c->height = runs || c->column_band > place->kernels->lanes ? place->kernels->rows_of_more
                                                               : place->kernels->rows_of_one;
    c->tiles = (c->g.p + c->height - 1) / c->height;
    if (!c->conv && c->tiles < place->threads) /* one for each, where they share them */
        c->tiles = c->g.p < place->threads ? c->g.p : place->threads;
    c->height = (c->g.p + c->tiles - 1) / c->tiles;
    c->x_planes = c->ones ? 1 : c->tiles * c->g.taps > FEW_READS ? 3 : 2;
    c->slots_together = true;
}

/* An FC layer: one row of columns. */
static void plan_columns(struct circ_columns *c)
{
    c->plane_row = c->column_band;
    c->band = c->chunk = 1;
    size_t plane = (size_t)(c->g.q * c->g.k / 2) * (size_t)c->column_band * sizeof(float);
    if (3 * plane > kept_bytes())
        c->x_planes = c->ones ? 1 : 2;
    if (2 * plane > kept_bytes() && c->tiles > FEW_READS)
        c->slots_together = false;
}

/* A CONV layer: its plane, bands and chunks. */
static void plan_plane(struct circ_columns *c)
{
    const struct circ_layer *layer = &c->layer;
    int batch = c->base.place.batch, stride = layer->stride, rows = layer->out.h;
    c->copies = stride > 1;
    c->residue_pixels = (layer->in.w + 2 * layer->pad + stride - 1) / stride;
    int wider = layer->out.w > layer->in.w ? layer->out.w - layer->in.w : 0;
    c->lead = c->copies ? 0 : layer->pad * batch;
    c->margin = c->copies ? 0 : (layer->pad > wider ? layer->pad : wider) * batch;
    c->plane_row = c->copies ? c->residue_pixels * stride * batch : layer->in.w * batch + c->margin;
    choose_products(c);
    c->across |= c->elements || c->unfolds;
    if (c->elements) {
        c->taps = layer->taps_w;
        c->phases = circ_winograd_rows(layer->taps_h);
        c->x_planes = c->ones ? 1 : 2;
    }
    if (c->elements || c->unfolds)
        c->slots_together = c->ones; /* one slot, whose elements or copies serve all tiles */

    size_t row_bytes = 2 * (size_t)c->x_planes * (size_t)c->plane_row * (size_t)(c->g.q * c->g.k);
    int least = 2 * layer->taps_h < rows ? 2 * layer->taps_h : rows; /* halos are recomputed */
    int most = ((int)(kept_bytes() / row_bytes) - layer->taps_h) / stride + 1;
    int bands = (rows + (most > least ? most : least) - 1) / (most > least ? most : least);
    c->band = (int)round_up((size_t)((rows + bands - 1) / bands), (size_t)c->phases);
    int band_in = circ_columns_plan_rows(c, c->band);
    c->phase = round_up((size_t)(band_in / c->phases + 1) * (size_t)c->plane_row + (size_t)c->lead +
                            2 * CIRC_MAX_LANES,
                        CIRC_MAX_LANES);
    for (int t = 0; t < c->g.taps && !c->unfolds; t++) {
        int dy = t / layer->taps_w, dx = t % layer->taps_w;
        c->tap[t] = (size_t)dy * (size_t)c->plane_row +
                    ((size_t)(dx % stride) * (size_t)c->residue_pixels + (size_t)(dx / stride)) *
                        (size_t)batch;
    }
}

static void plan_strides(struct circ_columns *c)
{
    size_t lanes = (size_t)c->base.place.kernels->lanes;
    bool whole = !c->conv || c->copies || c->run < c->out_row; /* vectors in a row */
    c->y_row = whole        ? round_up((size_t)c->run, lanes)
               : c->unfolds ? (size_t)c->out_row
                            : (size_t)c->plane_row;
    size_t row_bytes = (size_t)c->height * (size_t)c->g.k * c->y_row * sizeof(float);
    int chunks = (int)((size_t)c->band * row_bytes / CHUNK_BYTES) + 1;
    if (!c->elements)
        c->chunk = (c->band + chunks - 1) / chunks;
    else if (c->chunk > c->band)
        c->chunk = c->band;

    /* an FC layer's planes are read from end to end, a CONV layer's by row and tap */
    c->x_pitch = c->conv ? circ_step_stride((size_t)c->phases * c->phase)
                         : round_up((size_t)c->plane_row, lanes);
    c->x_plane = (size_t)c->g.q * c->x_pitch;
    c->x_slot = circ_step_stride((size_t)c->x_planes * c->x_plane);
    c->y_phase = (size_t)(c->chunk / c->phases) * c->y_row;
    if (c->elements)
        c->y_phase = round_up(c->y_phase, lanes) + lanes;
    c->y_block = (size_t)c->phases * c->y_phase;
    if (c->conv)
        c->y_block = circ_step_stride(c->y_block + lanes);
    c->e_block =
        circ_step_stride(c->y_phase + (size_t)(c->layer.taps_w * c->base.place.batch) + 2 * lanes);
    c->element = circ_step_stride((c->ones ? 1 : 3) * (size_t)c->g.q * c->e_block);
    if (c->unfolds) {
        int row = c->out_row, taps = c->layer.taps_w;
        c->shift = round_up((size_t)(circ_columns_plan_rows(c, c->chunk) * row), lanes) + lanes;
        c->u_block = circ_step_stride((size_t)taps * c->shift);
        for (int t = 0; t < c->g.taps; t++)
            c->tap[t] = (size_t)(t % taps) * c->shift + (size_t)(t / taps * row);
    }
    c->y_plane = c->finished ? 0 : (size_t)(c->slots_together ? c->height : c->g.p) * c->y_block;
    c->y_slot = circ_step_stride((c->ones ? 1 : 2) * c->y_plane);
}

static void plan_scratch(struct circ_columns *c)
{
    size_t lanes = (size_t)c->base.place.kernels->lanes, slots = (size_t)c->transform->slots;
    size_t plane = c->copies ? (size_t)c->g.n * c->x_pitch : 0;
    c->plane_at = circ_transform_scratch(c->transform) * lanes;
    c->x_at = round_up(c->plane_at + plane + CIRC_SLACK, 16);
    c->y_at = round_up(c->x_at + slots * c->x_slot + CIRC_SLACK, 16);
    c->product_at = round_up(c->y_at + slots * c->y_slot, 16);
    c->base.scratch_floats = c->product_at;
    if (c->elements)
        c->base.scratch_floats +=
            CIRC_WINOGRAD_ELEMENTS * (c->element + 2 * (size_t)c->height * c->e_block) + CIRC_SLACK;
    if (c->unfolds)
        c->base.scratch_floats +=
            (size_t)c->x_planes * (size_t)c->g.q * c->u_block + CIRC_SLACK + lanes;
    if (c->pairs)
        c->base.scratch_floats += 3 * (size_t)c->g.taps * (size_t)c->g.q * (size_t)c->height;
}

/* Block columns of a tap of a row. */
static int terms_of(const struct circ_columns *c, int dx)
{
    const struct circ_layer *given = c->base.layer;
    int residues = c->split > 1 ? given->taps_w + c->split_shift - dx * c->split : c->split;
    return residues < c->split ? c->g.q / c->split * residues : c->g.q;
}

void circ_columns_plan_layout(struct circ_columns *c)
{
    for (int t = 0; t < c->g.taps; t++) {
        c->terms[t] = terms_of(c, t % circ_columns_taps_w(c));
        c->before[t + 1] = c->before[t] + (size_t)c->terms[t];
    }
    plan_tiles(c);
    if (c->conv)
        plan_plane(c);
    else
        plan_columns(c);
    plan_strides(c);
    plan_scratch(c);
    c->group_weights = slot_weights(c, c->g.p) * (size_t)c->transform->slots;
}
