/* The weights of a layer with lanes over columns, in the order in which its products read them; and
 * a strided layer as one without a stride. */
#include "backends/cpu/columns_plan.h"
#include "backends/cpu/pair.h"

#include <stdlib.h>

/* One block's spectrum, in double, to its places in a tile: see circ_product. Its tap is that of
 * one of Winograd's elements, or of all. */
static void scatter(const struct circ_columns *c, const double *packed, int element, int tap, int i,
                    int j, float *group)
{
    int odd = c->g.k % 2, number = (int)(((int64_t)(i + 1) * c->tiles - 1) / c->g.p);
    struct circ_columns_tile tile = circ_columns_plan_tile(c, number);
    size_t rows = (size_t)(tile.last - tile.first), slot = tile.slot;
    size_t plane = (size_t)c->taps * (size_t)c->g.q * rows;
    float *to = group + tile.weights + (size_t)element * tile.element +
                (c->before[tap] + (size_t)j) * rows + (size_t)(i - tile.first);
    if (j >= c->terms[tap])
        return;
    if (c->pairs) {
        to[0] = circ_pair_of(packed[0], odd ? 0 : packed[1]);
        for (int f = 1; f < c->transform->slots; f++)
            to[(size_t)f * slot] = circ_pair_of(packed[2 * f - odd], packed[2 * f - odd + 1]);
        return;
    }
    if (c->ones) {
        to[0] = (float)packed[0];
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
static const float *block_of(const struct circ_columns *c, const struct circ_weights *weights,
                             int group, size_t tap, size_t ij)
{
    size_t taps = (size_t)c->g.taps, pq = (size_t)c->g.p * (size_t)c->g.q;
    size_t at = c->layer.structure == CIRC_DENSE ? ij * taps + tap : tap * pq + ij;
    return weights->values + ((size_t)group * taps * pq + at) * (size_t)c->g.k;
}

/* The taps of one column of the filter, which Winograd's elements mix, of one block. */
static void pack_column(const struct circ_columns *c, const struct circ_weights *weights, int group,
                        int dx, size_t ij, double *block)
{
    int k = c->g.k, height = circ_columns_taps_h(c), width = circ_columns_taps_w(c);
    int i = (int)ij / c->g.q, j = (int)ij % c->g.q;
    float *to = c->base.weights + (size_t)group * c->group_weights;
    double g[CIRC_WINOGRAD_ELEMENTS][CIRC_WINOGRAD_MAX_TAPS], *mixed = block + height * k;
    double *scratch = mixed + k;
    for (int dy = 0; dy < height; dy++) {
        const float *values = block_of(c, weights, group, (size_t)(dy * width + dx), ij);
        for (int r = 0; r < k; r++)
            block[dy * k + r] = values[r];
        circ_fft_forward_f64(c->transform->plan, block + dy * k, block + dy * k, scratch);
        if (!c->elements)
            scatter(c, block + dy * k, 0, dy * width + dx, i, j, to);
    }
    if (!c->elements)
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

void circ_columns_pack_split(struct circ_columns *c)
{
    const struct circ_layer *given = c->base.layer;
    int s = given->stride, shift = (s - given->pad % s) % s;
    c->split = s;
    c->split_shift = shift;
    c->layer.in.c = given->in.c * s * s;
    c->layer.in.h = (given->in.h + s - 1) / s;
    c->layer.in.w = (given->in.w + s - 1) / s;
    c->layer.taps_h = (given->taps_h + shift + s - 1) / s;
    c->layer.taps_w = (given->taps_w + shift + s - 1) / s;
    c->layer.pad = (given->pad + s - 1) / s;
    c->layer.stride = 1;
    c->layer.structure = CIRC_DENSE;
    c->layer.block = 1;
}

/* The weights of a split layer, whose structure is DENSE whatever the given one's; NULL when memory
 * is short. The caller frees them. */
static float *split_weights(const struct circ_columns *c, const struct circ_weights *weights)
{
    const struct circ_layer *given = c->base.layer;
    struct circ_geometry from = circ_geometry_of(given);
    int s = c->split, shift = c->split_shift;
    size_t rows = (size_t)from.groups * (size_t)from.m, taps = (size_t)from.taps;
    float *values = calloc(rows * (size_t)c->g.n * (size_t)c->g.taps, sizeof *values);
    for (size_t at = 0; values && at < rows * (size_t)from.n * taps; at++) {
        size_t row = at / ((size_t)from.n * taps), group = row / (size_t)from.m;
        size_t j = at / taps % (size_t)from.n, tap = at % taps;
        int dy = (int)tap / given->taps_w + shift, dx = (int)tap % given->taps_w + shift;
        size_t channel = ((size_t)(dx % s) * (size_t)from.n + j) * (size_t)s + (size_t)(dy % s);
        size_t to = (row * (size_t)c->g.n + channel) * (size_t)c->g.taps +
                    (size_t)(dy / s * c->layer.taps_w + dx / s);
        size_t ij = (row % (size_t)from.m) * (size_t)from.n + j, m_n = (size_t)(from.m * from.n);
        values[to] =
            weights->values[given->structure == CIRC_DENSE ? at : (group * taps + tap) * m_n + ij];
    }
    return values;
}

enum circ_status circ_columns_pack_weights(struct circ_columns *c,
                                           const struct circ_weights *weights,
                                           struct circ_error *err)
{
    const struct circ_geometry *g = &c->g;
    size_t blocks = (size_t)(circ_columns_taps_h(c) + 1) * (size_t)g->k;
    double *block = malloc((blocks + circ_fft_scratch(c->transform->plan)) * sizeof *block);
    float *split = c->split > 1 ? split_weights(c, weights) : NULL;
    struct circ_weights given = *weights;
    c->base.weight_floats = c->group_weights * (size_t)g->groups;
    c->base.weights = circ_step_floats(c->base.weight_floats);
    if (!block || !c->base.weights || (c->split > 1 && !split)) {
        free(split);
        free(block);
        return circ_status_fail(err, CIRC_MEMORY, "no memory for the spectra of %zu weights",
                                weights->count);
    }
    if (split)
        given.values = split;
    for (int group = 0; group < g->groups; group++)
        for (size_t ij = 0; ij < (size_t)g->p * (size_t)g->q; ij++)
            for (int dx = 0; dx < circ_columns_taps_w(c); dx++)
                pack_column(c, &given, group, dx, ij, block);
    free(split);
    free(block);
    return CIRC_OK;
}
