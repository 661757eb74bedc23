/* Planes of a layer. With stride s the padded input is dealt out over s x s residues, each of
 * high x wide places; under tap (a, b) lies, for the output place o, the place
 *     residue (a mod s, b mod s), o + (a div s) wide + (b div s) batch
 * where output rows have the pitch of the residues' rows. So a tap is one offset, and the products
 * of a layer run over long vectors whatever its shape; what falls between the rows is dropped. */
#include "backends/opencl/planes.h"

#include "backends/core/fft.h"

#include <limits.h>
#include <stdlib.h>

static int ceil_div(int a, int b)
{
    return (a + b - 1) / b;
}

/* At least so many floats, and an odd number of 64-byte lines: parts at strides of powers of two
 * would all lie in one set of a CPU's cache. */
static cl_int pitch_of(int64_t floats)
{
    int64_t lines = (floats + 15) / 16;
    return (cl_int)(16 * (lines + (lines > 1 && lines % 2 == 0)));
}

/* floor(t / s) rows and columns of a residue, and which one: the offset of a tap within it. */
static int within(const struct circ_layer *layer, const struct circ_side *x, int tap)
{
    int a = tap / layer->taps_w, b = tap % layer->taps_w;
    return a / x->stride * x->wide + b / x->stride * x->batch;
}

static int residue_of(const struct circ_layer *layer, const struct circ_side *x, int tap)
{
    int a = tap / layer->taps_w, b = tap % layer->taps_w;
    return a % x->stride * x->stride + b % x->stride;
}

static void plan_taps(struct circ_planes *p, const struct circ_layer *layer)
{
    int residues = p->backward.residues, at = 0;
    bool conv = layer->op == CIRC_OP_CONV;
    for (int t = 0; t < p->g.taps; t++) {
        int residue = conv ? residue_of(layer, &p->x, t) : 0;
        int offset = conv ? within(layer, &p->x, t) : 0;
        p->taps[t] = (struct circ_tap){t, residue * p->x.high * p->x.wide + offset};
    }
    for (int r = 0; r < residues; r++) {
        p->starts[r] = at;
        for (int t = 0; t < p->g.taps; t++)
            if (!conv || residue_of(layer, &p->x, t) == r)
                p->back[at++] = (struct circ_tap){t, conv ? -within(layer, &p->x, t) : 0};
    }
    p->starts[residues] = at;
}

/* Both sides, and what the products need of them. */
static enum circ_status plan_sides(struct circ_planes *p, const struct circ_layer *layer, int batch,
                                   int vector, struct circ_error *err)
{
    bool conv = layer->op == CIRC_OP_CONV;
    int s = conv ? layer->stride : 1, pad = conv ? layer->pad : 0;
    struct circ_shape in = layer->in, out = layer->out;
    if (!conv) /* a vector, whatever shape it came in */
        in = (struct circ_shape){p->g.n, 1, 1}, out = (struct circ_shape){p->g.m, 1, 1};
    int high = ceil_div(in.h + 2 * pad, s), across = ceil_div(in.w + 2 * pad, s);
    int64_t wide = (int64_t)across * batch, residue = high * wide;
    int64_t front = !conv ? 0 : (layer->taps_h - 1) / s * wide + (layer->taps_w - 1) / s * batch;
    int64_t x_plane = s * s * residue, y_plane = front + residue;
    if (conv) {
        x_plane = (x_plane + vector - 1) / vector * vector;
        y_plane = (y_plane + vector - 1) / vector * vector;
    }
    int x_blocks = p->g.groups * p->g.q, y_blocks = p->g.groups * p->g.p;
    if (x_plane * x_blocks > INT_MAX / 2 || y_plane * y_blocks > INT_MAX / 2 ||
        (int64_t)in.c * in.h * in.w * batch > INT_MAX ||
        (int64_t)out.c * out.h * out.w * batch > INT_MAX)
        return circ_status_fail(err, CIRC_UNSUP,
                                "a layer of %d x %d x %d at batch %d has more numbers than the "
                                "kernels count: lower the batch",
                                in.c, in.h, in.w, batch);
    p->x = (struct circ_side){
        .blocks = x_blocks,
        .per_group = p->g.q,
        .channels = p->g.n,
        .height = in.h,
        .width = in.w,
        .batch = batch,
        .stride = s,
        .pad = pad,
        .wide = (int)wide,
        .high = high,
        .plane = (int)x_plane,
        .pitch = pitch_of(x_plane * x_blocks),
        .step = in.h * in.w * batch,
    };
    p->y = (struct circ_side){
        .blocks = y_blocks,
        .per_group = p->g.p,
        .channels = p->g.m,
        .height = out.h,
        .width = out.w,
        .batch = batch,
        .stride = 1,
        .wide = (int)wide,
        .high = high,
        .front = (int)front,
        .plane = (int)y_plane,
        .pitch = pitch_of(y_plane * y_blocks),
        .step = out.h * out.w * batch,
    };
    int span = conv ? (int)((int64_t)(out.h - 1) * wide + (int64_t)out.w * batch) : batch;
    p->forward = (struct circ_product_shape){.groups = p->g.groups,
                                             .rows = p->g.p,
                                             .reduced = p->g.q,
                                             .taps = p->g.taps,
                                             .residues = 1,
                                             .weight_rows = p->g.p,
                                             .weight_blocks = p->g.q,
                                             .x_plane = (int)x_plane,
                                             .y_plane = (int)y_plane,
                                             .x_pitch = p->x.pitch,
                                             .y_pitch = p->y.pitch,
                                             .y_front = (int)front,
                                             .span = span};
    p->backward = p->forward;
    p->backward.rows = p->g.q;
    p->backward.reduced = p->g.p;
    p->backward.residues = s * s;
    p->backward.x_plane = (int)y_plane;
    p->backward.y_plane = (int)x_plane;
    p->backward.x_pitch = p->y.pitch;
    p->backward.y_pitch = p->x.pitch;
    p->backward.x_front = (int)front;
    p->backward.y_front = 0;
    p->backward.span = (int)residue;
    return CIRC_OK;
}

enum circ_status circ_planes_create(struct circ_planes *p, const struct circ_layer *layer,
                                    int batch, int vector, int tile, struct circ_error *err)
{
    *p = (struct circ_planes){.g = circ_geometry_of(layer)};
    p->slots = circ_fft_slots(p->g.k);
    p->parts = p->g.k == 1 ? 1 : 2;
    enum circ_status status = plan_sides(p, layer, batch, vector, err);
    if (status)
        return status;
    size_t taps = (size_t)p->g.taps;
    p->taps = calloc(taps, sizeof *p->taps);
    p->back = calloc(taps, sizeof *p->back);
    p->starts = calloc((size_t)p->backward.residues + 1, sizeof *p->starts);
    if (!p->taps || !p->back || !p->starts) {
        circ_planes_free(p);
        return circ_status_fail(err, CIRC_MEMORY, "no memory for the taps of a layer");
    }
    plan_taps(p, layer);
    size_t numbers = (size_t)p->slots * (size_t)p->parts, slack = (size_t)(tile + 2 * vector);
    p->x_floats = numbers * (size_t)p->x.pitch + slack;
    p->y_floats = numbers * (size_t)p->y.pitch + slack;
    return CIRC_OK;
}

void circ_planes_free(struct circ_planes *p)
{
    free(p->taps);
    free(p->back);
    free(p->starts);
    p->taps = p->back = NULL;
    p->starts = NULL;
}
