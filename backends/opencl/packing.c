/* Packing block by block: a transform on the host, and a place for each of its numbers. */
#include "backends/opencl/packing.h"

#include "backends/core/fft.h"

#include <stdlib.h>

/* A block of weights: which one it is. */
struct place {
    int group, tap, i, j;
};

/* Where re of a slot lies in the product's layout. */
static size_t tiled(const struct circ_packing *p, int slot, struct place at)
{
    const struct circ_geometry *g = &p->g;
    size_t rows = (size_t)p->rows, i = (size_t)at.i;
    size_t tiles = ((size_t)g->p + rows - 1) / rows;
    size_t tile = ((size_t)slot * (size_t)g->groups + (size_t)at.group) * tiles + i / rows;
    return ((tile * (size_t)g->taps + (size_t)at.tap) * (size_t)g->q + (size_t)at.j) *
               (rows * (size_t)p->weight_parts) +
           i % rows;
}

/* And in the stream's. */
static size_t streamed(const struct circ_packing *p, int slot, struct place at)
{
    size_t outer = (size_t)(p->bins ? at.i : slot), lane = (size_t)(p->bins ? slot : at.i);
    size_t strip = (size_t)p->strip, strips = (size_t)p->width / strip;
    size_t line = (outer * strips + lane / strip) * (size_t)p->g.q + (size_t)at.j;
    return line * (size_t)p->parts * strip + lane % strip;
}

/* Index of a block's defining vector in canonical order. */
static size_t canonical(const struct circ_packing *p, struct place at)
{
    size_t group = (size_t)at.group, tap = (size_t)at.tap, taps = (size_t)p->g.taps;
    size_t rows = (size_t)p->g.p, columns = (size_t)p->g.q, i = (size_t)at.i, j = (size_t)at.j;
    if (p->layer->structure == CIRC_DENSE)
        return ((group * rows + i) * columns + j) * taps + tap;
    return (((group * taps + tap) * rows + i) * columns + j) * (size_t)p->g.k;
}

/* All numbers between a packed spectrum (fft.h) and the layout: to it, or from it. */
static void exchange(const struct circ_packing *p, struct place at, float *spectrum, float *packed,
                     bool to)
{
    int odd = p->g.k % 2;
    for (int f = 0; f < p->slots; f++) {
        size_t re = p->stream ? streamed(p, f, at) : tiled(p, f, at);
        size_t im = re + (size_t)(p->stream ? p->strip : p->rows);
        float *own = spectrum + (f ? 2 * f - odd : 0);
        bool alone = odd && !f; /* DC, which has no im: the layout keeps a zero for it */
        if (to) {
            packed[re] = own[0];
            if (p->parts == 2)
                packed[im] = alone ? 0 : own[1];
            if (p->weight_parts == 3 && f) {
                packed[im + (size_t)p->rows] = own[0] + own[1];
                packed[im] = own[1] - own[0];
            }
        } else {
            own[0] = packed[re];
            if (!alone)
                own[1] = packed[im];
        }
    }
}

/* Every block: from values to packed, or where back is set from packed to values. */
static enum circ_status move(const struct circ_packing *p, float *values, float *packed, bool back,
                             struct circ_error *err)
{
    const struct circ_geometry *g = &p->g;
    struct circ_fft_plan *plan;
    enum circ_status status = circ_fft_create(&plan, g->k, err);
    if (status)
        return status;
    float *spectrum = malloc(((size_t)g->k + circ_fft_scratch(plan)) * sizeof *spectrum);
    float *scratch = spectrum ? spectrum + g->k : NULL;
    struct place at;
    if (!spectrum)
        status = circ_status_fail(err, CIRC_MEMORY, "no memory for a block of %d", g->k);
    for (at.group = 0; at.group < g->groups && !status; at.group++)
        for (at.tap = 0; at.tap < g->taps; at.tap++)
            for (at.i = 0; at.i < g->p; at.i++)
                for (at.j = 0; at.j < g->q; at.j++) {
                    float *own = values + canonical(p, at);
                    if (!back)
                        circ_fft_forward_f32(plan, own, spectrum, scratch);
                    exchange(p, at, spectrum, packed, !back);
                    if (back)
                        circ_fft_inverse_f32(plan, spectrum, own, scratch);
                }
    free(spectrum);
    circ_fft_free(plan);
    return status;
}

size_t circ_packing_floats(const struct circ_packing *p)
{
    if (p->stream)
        return (size_t)(p->bins ? p->g.p : p->slots) * (size_t)p->g.q *
               (size_t)(p->parts * p->width);
    return tiled(p, p->slots, (struct place){0, 0, 0, 0});
}

enum circ_status circ_packing_pack(const struct circ_packing *p, const float *values, float *packed,
                                   struct circ_error *err)
{
    return move(p, (float *)values, packed, false, err); /* which only reads them then */
}

enum circ_status circ_packing_unpack(const struct circ_packing *p, const float *packed,
                                     float *values, struct circ_error *err)
{
    return move(p, values, (float *)packed, true, err);
}
