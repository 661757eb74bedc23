/* Derived sizes of layers with weights. */
#include "backends/core/geometry.h"

#include <stdlib.h>

struct circ_geometry circ_geometry_of(const struct circ_layer *layer)
{
    struct circ_geometry g = {
        .k = layer->block, .groups = 1, .taps = 1, .in_pixels = 1, .out_pixels = 1};
    circ_network_matrix(layer, &g.m, &g.n);
    circ_network_blocks(layer, &g.p, &g.q);
    if (layer->op == CIRC_OP_CONV) {
        g.groups = layer->groups;
        g.taps = layer->taps_h * layer->taps_w;
        g.in_pixels = layer->in.h * layer->in.w;
        g.out_pixels = layer->out.h * layer->out.w;
    }
    return g;
}

int circ_geometry_under(const struct circ_layer *layer, int pixel, int tap)
{
    if (layer->op != CIRC_OP_CONV)
        return 0;
    int iy = pixel / layer->out.w * layer->stride - layer->pad + tap / layer->taps_w;
    int ix = pixel % layer->out.w * layer->stride - layer->pad + tap % layer->taps_w;
    return iy < 0 || iy >= layer->in.h || ix < 0 || ix >= layer->in.w ? -1 : iy * layer->in.w + ix;
}

int *circ_geometry_unders(const struct circ_layer *layer)
{
    struct circ_geometry g = circ_geometry_of(layer);
    int *unders = malloc((size_t)g.out_pixels * (size_t)g.taps * sizeof *unders);
    for (int pixel = 0; pixel < g.out_pixels && unders; pixel++)
        for (int tap = 0; tap < g.taps; tap++)
            unders[(int64_t)pixel * g.taps + tap] = circ_geometry_under(layer, pixel, tap);
    return unders;
}
