/* FC and CONV layers by our kernels: spectra of the input, a product for each slot, signals of the
 * output, with bias and ReLU in the last write. A dense layer is the case K = 1. For few samples an
 * FC layer's product is a stream of its weights. In training the same kernels run backwards, and
 * the weights stay spectra. */
#include "backends/opencl/stage.h"

#include "backends/opencl/packing.h"
#include "backends/opencl/planes.h"
#include "backends/opencl/transforms.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PRIVATE_BYTES 65536 /* of a transform that one work-item does: it is on a stack */
#define MAX_RADICES   8

struct spectral {
    struct circ_stage stage;
    struct circ_planes planes;
    /* what the transforms are built with */
    int vector;                       /* of transforms */
    int threads, vectors;             /* T and C */
    char transform[320];              /* options */
    const struct circ_transforms *by; /* NULL: ours */
    struct circ_transformer *transformer;
    cl_mem roots, order, taps, back, starts, forward_starts;
    /* the product */
    int lanes, columns, group; /* vector width, and its tile */
    char product[128];
    struct circ_packing packing; /* of the weights; which product it is */
    cl_mem weights, x;           /* x: spectra of the input */
};

static int power_below(int most, int value)
{
    int power = 1;
    while (power * 2 <= most && power * 2 <= value)
        power *= 2;
    return power;
}

/* Radices of the complex length, from the largest stride on; the number of them, 0 for too many. */
static int factor(int n, int radix[MAX_RADICES], int *largest)
{
    static const int first[] = {8, 4, 2, 5, 3, 7};
    int count = 0;
    *largest = 2;
    for (size_t i = 0; i < sizeof first / sizeof *first; i++)
        for (; n % first[i] == 0; n /= first[i])
            if (count == MAX_RADICES)
                return 0;
            else
                radix[count++] = first[i];
    for (int prime = 11; n > 1; prime += 2)
        for (; n % prime == 0; n /= prime)
            if (count == MAX_RADICES)
                return 0;
            else
                radix[count++] = prime;
    for (int i = 0; i < count; i++)
        *largest = radix[i] > *largest ? radix[i] : *largest;
    return count;
}

/* Where element f lies after the forward passes. */
static int reversed(int f, int n, const int *radix)
{
    int at = 0;
    for (; n > 1; radix++) {
        n /= *radix;
        at += f % *radix * n;
        f /= *radix;
    }
    return at;
}

static enum circ_status make_tables(struct spectral *s, const struct circ_setting *setting, int n,
                                    const int *radix, struct circ_error *err)
{
    int k = s->planes.g.k;
    float *roots = malloc(2 * (size_t)k * sizeof *roots);
    cl_int *order = malloc((size_t)n * sizeof *order);
    enum circ_status status = CIRC_OK;
    if (!roots || !order)
        status = circ_status_fail(err, CIRC_MEMORY, "no memory for the tables of block %d", k);
    for (int e = 0; e < k && !status; e++) {
        roots[2 * e] = (float)cos(6.283185307179586476925286766559 * e / k);
        roots[2 * e + 1] = (float)-sin(6.283185307179586476925286766559 * e / k);
    }
    for (int f = 0; f < n && !status; f++)
        order[f] = reversed(f, n, radix);
    struct circ_recording *r = setting->recording;
    if (!status)
        status = circ_recording_buffer(r, 2 * (size_t)k, roots, &s->roots, err);
    if (!status)
        status = circ_recording_buffer(r, (size_t)n, order, &s->order, err);
    free(roots);
    free(order);
    return status;
}

/* Vector width, sharing and options of the transforms. */
static enum circ_status plan_transform(struct spectral *s, const struct circ_setting *setting,
                                       struct circ_error *err)
{
    const struct circ_accelerator *a = setting->accelerator;
    int k = s->planes.g.k, n = k % 2 ? k : k / 2, radix[MAX_RADICES], largest;
    int count = factor(n, radix, &largest);
    if (n > 1 && !count)
        return circ_status_fail(err, CIRC_UNSUP, "blocks of %d have too many factors", k);
    const struct circ_side *x = &s->planes.x, *y = &s->planes.y;
    int columns =
        x->blocks * x->plane < y->blocks * y->plane ? x->blocks * x->plane : y->blocks * y->plane;
    int points = setting->tuning.points, spare = largest > 8 ? 4 * largest : 0;
    s->vector = power_below(setting->tuning.vector, columns);
    s->threads = points && n > 2 * points ? power_below((int)a->group, n / points) : 1;
    s->vectors = 1;
    if (s->threads > 1) {
        int64_t own = (int64_t)2 * n * s->vector * (int64_t)sizeof(float);
        int most = (int)(a->local_bytes / own);
        s->vectors = power_below(most < 16 ? most : 16, (int)a->group / s->threads);
        if (own > a->local_bytes)
            return circ_status_fail(err, CIRC_UNSUP,
                                    "blocks of %d need more than the %lld bytes of local memory "
                                    "that %s has",
                                    k, (long long)a->local_bytes, a->name);
    }
    while (s->threads == 1 && s->vector > 1 &&
           (int64_t)(2 * n + spare) * s->vector * (int64_t)sizeof(float) > PRIVATE_BYTES)
        s->vector /= 2;
    if (s->threads == 1 && (int64_t)(2 * n + spare) * (int64_t)sizeof(float) > PRIVATE_BYTES)
        return circ_status_fail(err, CIRC_UNSUP, "blocks of %d are larger than a work-item holds",
                                k);
    int used = snprintf(s->transform, sizeof s->transform,
                        "-DK=%d -DN=%d -DV=%d -DT=%d -DC=%d -DLARGEST=%d -DBINS=%d -DSLOTS=%d", k,
                        n, s->vector, s->threads, s->vectors, largest, s->packing.bins,
                        s->packing.bins ? s->packing.width : 0);
    for (int i = 0; i < count; i++)
        used += snprintf(s->transform + used, sizeof s->transform - (size_t)used, " -DR%d=%d", i,
                         radix[i]);
    return make_tables(s, setting, n, radix, err);
}

/* Whether the weights are streamed: FC layers of few samples. */
static bool streams(const struct circ_layer *layer, const struct circ_setting *setting)
{
    return layer->op == CIRC_OP_FC && setting->batch <= setting->tuning.stream && !setting->train;
}

/* Which product, its vector and its tile. */
static void plan_product(struct spectral *s, const struct circ_setting *setting)
{
    const struct circ_tuning *tuning = &setting->tuning;
    const struct circ_planes *p = &s->planes;
    int span = p->forward.span;
    s->packing = (struct circ_packing){.layer = s->stage.layer,
                                       .g = p->g,
                                       .slots = p->slots,
                                       .parts = p->parts,
                                       .rows = tuning->rows};
    s->packing.stream = streams(s->stage.layer, setting);
    s->packing.bins =
        s->packing.stream && p->g.p < tuning->vector * tuning->lanes && p->slots > p->g.p;
    int lanes = s->packing.bins ? p->slots : p->g.p;
    s->lanes = power_below(tuning->vector, s->packing.stream ? lanes : span);
    s->packing.strip = s->lanes * power_below(tuning->lanes, (lanes + s->lanes - 1) / s->lanes);
    s->packing.width = (lanes + s->packing.strip - 1) / s->packing.strip * s->packing.strip;
    int vectors = (span + s->lanes - 1) / s->lanes;
    s->columns = vectors < tuning->columns ? vectors : tuning->columns;
    s->group = power_below(tuning->group, (vectors + s->columns - 1) / s->columns);
}

static enum circ_status no_room(size_t floats, struct circ_error *err)
{
    return circ_status_fail(err, CIRC_MEMORY, "no memory for spectra of %zu MiB",
                            floats * sizeof(float) >> 20);
}

static enum circ_status make_weights(struct spectral *s, const struct circ_setting *setting,
                                     const float *values, struct circ_error *err)
{
    size_t floats = circ_packing_floats(&s->packing);
    float *packed = calloc(floats, sizeof *packed);
    if (!packed)
        return no_room(floats, err);
    enum circ_status status = circ_packing_pack(&s->packing, values, packed, err);
    if (!status)
        status = circ_recording_buffer(setting->recording, floats, packed, &s->weights, err);
    free(packed);
    return status;
}

static enum circ_status read_weights(const struct circ_stage *stage,
                                     const struct circ_setting *setting, float *values,
                                     struct circ_error *err)
{
    const struct spectral *s = (const struct spectral *)stage;
    size_t floats = circ_packing_floats(&s->packing);
    float *packed = malloc(floats * sizeof *packed);
    if (!packed)
        return no_room(floats, err);
    enum circ_status status = circ_accelerator_read(setting->accelerator, s->weights, packed,
                                                    floats * sizeof *packed, err);
    if (!status)
        status = circ_packing_unpack(&s->packing, packed, values, err);
    free(packed);
    return status;
}

static enum circ_status make_taps(struct spectral *s, const struct circ_setting *setting,
                                  struct circ_error *err)
{
    struct circ_recording *r = setting->recording;
    const struct circ_planes *p = &s->planes;
    const cl_int all[2] = {0, p->g.taps};
    size_t taps = 2 * (size_t)p->g.taps; /* of 4 bytes, as floats are */
    enum circ_status status = circ_recording_buffer(r, taps, p->taps, &s->taps, err);
    if (!status)
        status = circ_recording_buffer(r, 2, all, &s->forward_starts, err);
    if (!status && setting->train)
        status = circ_recording_buffer(r, taps, p->back, &s->back, err);
    if (!status && setting->train)
        status =
            circ_recording_buffer(r, (size_t)p->backward.residues + 1, p->starts, &s->starts, err);
    return status;
}

/* Whether a work-group is ours to shape. Where nothing is shared a GPU's driver knows better; but
 * on a CPU the arrays of all work-items of a group lie on the stack together, and thousands of
 * them, PoCL's choice, are beyond it: there a group is one transform, which is also the fastest. */
static bool shaped(const struct spectral *s, const struct circ_setting *setting)
{
    return s->threads > 1 || setting->accelerator->cpu;
}

/* Activations to spectra of one side. */
static enum circ_status record_spectra(const struct spectral *s, const struct circ_setting *setting,
                                       const struct circ_side *side, cl_mem from, cl_mem to,
                                       struct circ_error *err)
{
    size_t count = (size_t)side->blocks * (size_t)side->plane, vector = (size_t)s->vector;
    const struct circ_arg args[] = {CIRC_ARG(from), CIRC_ARG(to), CIRC_ARG(s->roots),
                                    CIRC_ARG(s->order), CIRC_ARG(*side)};
    const size_t global[3] = {(count + vector - 1) / vector, (size_t)s->threads, 1};
    const size_t local[3] = {(size_t)s->vectors, (size_t)s->threads, 1};
    return circ_recording_kernel(
        setting->recording,
        (struct circ_kernel_name){"lanes.cl sides.cl butterflies.cl transform.cl", s->transform,
                                  "spectra"},
        global, shaped(s, setting) ? local : NULL, args, 5, err);
}

/* And back; bias NULL: none. */
static enum circ_status record_signals(const struct spectral *s, const struct circ_setting *setting,
                                       const struct circ_side *side, cl_mem from, cl_mem to,
                                       cl_mem bias, cl_int relu, struct circ_error *err)
{
    size_t count = (size_t)side->blocks * (size_t)(side->height * side->width * side->batch);
    size_t vector = (size_t)s->vector;
    cl_int has_bias = bias != NULL;
    cl_mem offset = bias ? bias : s->roots;
    const struct circ_arg args[] = {CIRC_ARG(from),     CIRC_ARG(to),    CIRC_ARG(s->roots),
                                    CIRC_ARG(s->order), CIRC_ARG(*side), CIRC_ARG(offset),
                                    CIRC_ARG(has_bias), CIRC_ARG(relu)};
    const size_t global[3] = {(count + vector - 1) / vector, (size_t)s->threads, 1};
    const size_t local[3] = {(size_t)s->vectors, (size_t)s->threads, 1};
    return circ_recording_kernel(
        setting->recording,
        (struct circ_kernel_name){"lanes.cl sides.cl butterflies.cl transform.cl", s->transform,
                                  "signals"},
        global, shaped(s, setting) ? local : NULL, args, 8, err);
}

static enum circ_status record_product(const struct spectral *s, const struct circ_setting *setting,
                                       const struct circ_product_shape *shape, cl_mem from,
                                       cl_mem to, bool backward, struct circ_error *err)
{
    char options[160];
    int rows = setting->tuning.rows;
    size_t tile = (size_t)(s->lanes * s->columns);
    snprintf(options, sizeof options, "%s -DBACKWARD=%d", s->product, backward);
    const struct circ_arg args[] = {CIRC_ARG(s->weights),
                                    CIRC_ARG(from),
                                    CIRC_ARG(to),
                                    CIRC_ARG(*(backward ? &s->back : &s->taps)),
                                    CIRC_ARG(*(backward ? &s->starts : &s->forward_starts)),
                                    CIRC_ARG(*shape)};
    const size_t global[3] = {((size_t)shape->span + tile - 1) / tile,
                              (size_t)((shape->rows + rows - 1) / rows),
                              (size_t)(s->planes.slots * shape->groups * shape->residues)};
    const size_t local[3] = {(size_t)s->group, 1, 1};
    return circ_recording_kernel(
        setting->recording, (struct circ_kernel_name){"lanes.cl product.cl", options, "product"},
        global, local, args, 6, err);
}

static enum circ_status record_stream(const struct spectral *s, const struct circ_setting *setting,
                                      cl_mem from, cl_mem to, struct circ_error *err)
{
    char options[160];
    const struct circ_geometry *g = &s->planes.g;
    size_t vectors = (size_t)(s->packing.width / s->lanes);
    int group = s->packing.strip / s->lanes;
    int share = power_below(setting->tuning.share, g->q);
    cl_int width = s->packing.width, rows = g->p, q = g->q;
    snprintf(options, sizeof options,
             "-DV=%d -DPARTS=%d -DSAMPLES=%d -DSHARE=%d -DGROUP=%d -DBINS=%d", s->lanes,
             s->planes.parts, setting->batch, share, group, s->packing.bins);
    const struct circ_arg args[] = {CIRC_ARG(s->weights),
                                    CIRC_ARG(from),
                                    CIRC_ARG(to),
                                    CIRC_ARG(width),
                                    CIRC_ARG(rows),
                                    CIRC_ARG(q),
                                    CIRC_ARG(s->planes.x.pitch),
                                    CIRC_ARG(s->planes.y.pitch)};
    const size_t global[3] = {vectors, (size_t)share,
                              (size_t)(s->packing.bins ? g->p : s->planes.slots)};
    const size_t local[3] = {(size_t)group, (size_t)share, 1};
    return circ_recording_kernel(setting->recording,
                                 (struct circ_kernel_name){"lanes.cl stream.cl", options, "stream"},
                                 global, local, args, 8, err);
}

static enum circ_status record_update(const struct spectral *s, const struct circ_setting *setting,
                                      cl_mem dy_spectra, cl_mem dy, struct circ_error *err)
{
    enum { DOWN = 2, ACROSS = 2 };
    char options[200];
    const struct circ_product_shape *shape = &s->planes.forward;
    cl_int layer = s->stage.index;
    snprintf(options, sizeof options, "%s -DBACKWARD=0 -DDOWN=%d -DACROSS=%d", s->product, DOWN,
             ACROSS);
    const struct circ_arg args[] = {
        CIRC_ARG(s->weights), CIRC_ARG(s->x),           CIRC_ARG(dy_spectra), CIRC_ARG(s->taps),
        CIRC_ARG(*shape),     CIRC_ARG(setting->rates), CIRC_ARG(layer)};
    const size_t global[3] = {(size_t)(shape->rows + DOWN - 1) / DOWN,
                              (size_t)(shape->reduced + ACROSS - 1) / ACROSS,
                              (size_t)(s->planes.slots * shape->groups * shape->taps)};
    const size_t one[3] = {1, 1, 1}; /* as of transforms: tiles lie on a CPU's stack */
    enum circ_status status = circ_recording_kernel(
        setting->recording,
        (struct circ_kernel_name){"lanes.cl product.cl update.cl", options, "update"}, global,
        setting->accelerator->cpu ? one : NULL, args, 7, err);
    if (status || !s->stage.bias)
        return status;
    cl_int columns = s->planes.y.height * s->planes.y.width * setting->batch;
    const struct circ_arg bias_args[] = {CIRC_ARG(s->stage.bias), CIRC_ARG(dy), CIRC_ARG(columns),
                                         CIRC_ARG(setting->rates), CIRC_ARG(layer)};
    const size_t channels[3] = {(size_t)(s->planes.g.m * s->planes.g.groups), 1, 1};
    return circ_recording_kernel(
        setting->recording,
        (struct circ_kernel_name){"lanes.cl product.cl update.cl", options, "update_bias"},
        channels, NULL, bias_args, 5, err);
}

static enum circ_status backward(struct circ_stage *stage, const struct circ_setting *setting,
                                 struct circ_passage at, struct circ_error *err)
{
    const struct spectral *s = (const struct spectral *)stage;
    const struct circ_planes *p = &s->planes;
    enum circ_status status = record_spectra(s, setting, &p->y, at.dy, setting->spectra[1], err);
    if (!status)
        status = record_product(s, setting, &p->backward, setting->spectra[1], setting->spectra[0],
                                true, err);
    if (!status)
        status = record_signals(s, setting, &p->x, setting->spectra[0], at.dx, NULL, 0, err);
    if (!status)
        status = record_update(s, setting, setting->spectra[1], at.dy, err);
    return status;
}

static void release(struct circ_stage *stage)
{
    struct spectral *s = (struct spectral *)stage;
    if (s->by)
        s->by->release(s->transformer);
    circ_planes_free(&s->planes);
    free(s);
}

static int tile_of(const struct circ_tuning *tuning)
{
    return tuning->vector * tuning->columns * tuning->group;
}

/* Who transforms the blocks of a layer; NULL: our kernels. */
static const struct circ_transforms *by_of(const struct circ_layer *layer,
                                           const struct circ_setting *setting)
{
    return layer->structure == CIRC_CIRCULANT ? setting->transforms : NULL;
}

enum circ_status circ_spectral_need(const struct circ_layer *layer,
                                    const struct circ_setting *setting, size_t floats[2],
                                    struct circ_error *err)
{
    struct circ_planes p;
    const struct circ_tuning *tuning = &setting->tuning;
    floats[0] = floats[1] = 0;
    enum circ_status status =
        circ_planes_create(&p, layer, setting->batch, tuning->vector, tile_of(tuning), err);
    if (status)
        return status;
    /* with the slots innermost they are rounded up to whole vectors */
    size_t wide = streams(layer, setting) ? (size_t)(p.slots + tuning->vector) * 2 : 0;
    floats[0] = p.x_floats + wide * (size_t)(p.x.blocks * setting->batch);
    floats[1] = p.y_floats + wide * (size_t)(p.y.blocks * setting->batch);
    size_t own = by_of(layer, setting) ? by_of(layer, setting)->need(&p) : 0;
    for (int side = 0; side < 2; side++)
        floats[side] = own > floats[side] ? own : floats[side];
    circ_planes_free(&p);
    return CIRC_OK;
}

static enum circ_status record_forward(struct spectral *s, const struct circ_setting *setting,
                                       struct circ_passage at, struct circ_error *err)
{
    const struct circ_planes *p = &s->planes;
    enum circ_status status = s->by ? s->by->forward(s->transformer, setting, at.x, err)
                                    : record_spectra(s, setting, &p->x, at.x, s->x, err);
    if (!status && s->packing.stream)
        status = record_stream(s, setting, s->x, setting->spectra[1], err);
    else if (!status)
        status = record_product(s, setting, &p->forward, s->x, setting->spectra[1], false, err);
    if (status)
        return status;
    if (s->by)
        return s->by->inverse(s->transformer, setting, at.y, s->stage.bias, s->stage.relu, err);
    return record_signals(s, setting, &p->y, setting->spectra[1], at.y, s->stage.bias,
                          s->stage.relu, err);
}

enum circ_status circ_spectral_create(struct circ_stage **out,
                                      const struct circ_stage_request *request,
                                      const struct circ_setting *setting, struct circ_passage at,
                                      struct circ_error *err)
{
    const struct circ_tuning *tuning = &setting->tuning;
    *out = NULL;
    struct spectral *s = calloc(1, sizeof *s);
    if (!s)
        return circ_status_fail(err, CIRC_MEMORY, "no memory for a layer");
    s->stage = (struct circ_stage){.layer = request->layer,
                                   .index = request->index,
                                   .relu = request->relu,
                                   .backward = backward,
                                   .weights = read_weights,
                                   .release = release};
    s->by = by_of(request->layer, setting);
    if (s->by)
        snprintf(s->stage.library, sizeof s->stage.library, "%s", s->by->library);
    enum circ_status status = circ_planes_create(&s->planes, request->layer, setting->batch,
                                                 tuning->vector, tile_of(tuning), err);
    if (!status) {
        plan_product(s, setting);
        snprintf(s->product, sizeof s->product, "-DV=%d -DPARTS=%d -DROWS=%d -DCOLUMNS=%d",
                 s->lanes, s->planes.parts, tuning->rows, s->columns);
        status = s->by ? s->by->create(&s->transformer, &s->planes, s->packing.bins,
                                       s->packing.width, setting, err)
                       : plan_transform(s, setting, err);
    }
    if (!status)
        status = make_taps(s, setting, err);
    if (!status)
        status = make_weights(s, setting, request->weights->values, err);
    if (!status && request->weights->bias)
        status = circ_recording_buffer(setting->recording, (size_t)request->layer->out.c,
                                       request->weights->bias, &s->stage.bias, err);
    s->x = setting->spectra[0];
    if (!status && setting->train)
        status = circ_recording_buffer(setting->recording, s->planes.x_floats, NULL, &s->x, err);
    if (!status)
        status = record_forward(s, setting, at, err);
    if (status)
        release(&s->stage);
    else
        *out = &s->stage;
    return status;
}
