/* FC and CONV layers by our kernels: spectra of the input, a product for each slot, signals of the
 * output, with bias and ReLU in the last write. A dense layer is the case K = 1. For few samples an
 * FC layer's product is a stream of its weights. In training the same kernels run backwards, and
 * the weights stay spectra. */
#include "backends/opencl/stage.h"

#include "backends/opencl/packing.h"
#include "backends/opencl/planes.h"
#include "backends/opencl/transforms.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct spectral {
    struct circ_stage stage;
    struct circ_planes planes;
    const struct circ_transforms *by;
    struct circ_transformer *transformer;
    cl_mem taps, back, starts, forward_starts;
    /* the product */
    int lanes, columns, group; /* vector width, and its tile */
    int multiplies;            /* of a complex product: 3 or 4 */
    char product[128];
    struct circ_packing packing; /* of the weights; which product it is */
    cl_mem weights, x;           /* x: spectra of the input */
};

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
    bool gauss = tuning->multiplies == 3 && p->parts == 2 && !s->packing.stream && !setting->train;
    s->multiplies = gauss ? 3 : 4;
    s->packing.weight_parts = gauss ? 3 : p->parts;
    s->packing.bins =
        s->packing.stream && p->g.p < tuning->vector * tuning->lanes && p->slots > p->g.p;
    int lanes = s->packing.bins ? p->slots : p->g.p;
    s->lanes = circ_tuning_below(tuning->vector, s->packing.stream ? lanes : span);
    s->packing.strip =
        s->lanes * circ_tuning_below(tuning->lanes, (lanes + s->lanes - 1) / s->lanes);
    s->packing.width = (lanes + s->packing.strip - 1) / s->packing.strip * s->packing.strip;
    int vectors = (span + s->lanes - 1) / s->lanes;
    s->columns = vectors < tuning->columns ? vectors : tuning->columns;
    s->group = circ_tuning_below(tuning->group, (vectors + s->columns - 1) / s->columns);
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
    int share = circ_tuning_below(setting->tuning.share, g->q);
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
                                      cl_mem dy_spectra, struct circ_error *err)
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
    return circ_recording_kernel(
        setting->recording,
        (struct circ_kernel_name){"lanes.cl product.cl update.cl", options, "update"}, global,
        setting->accelerator->cpu ? one : NULL, args, 7, err);
}

static enum circ_status backward(struct circ_stage *stage, const struct circ_setting *setting,
                                 struct circ_passage at, struct circ_error *err)
{
    const struct spectral *s = (const struct spectral *)stage;
    const struct circ_planes *p = &s->planes;
    cl_mem dx = setting->spectra[0], dy = setting->spectra[1];
    const struct circ_transformation output = {&p->y, at.dy, dy, dx},
                                     input = {&p->x, at.dx, dx, dy};
    enum circ_status status = s->by->forward(s->transformer, setting, output, err);
    if (!status) /* before the update: by the weights that made y */
        status = record_product(s, setting, &p->backward, dy, dx, true, err);
    if (!status) /* before the inverse, whose scratch dy is */
        status = record_update(s, setting, dy, err);
    if (!status)
        status = s->by->inverse(s->transformer, setting, input, NULL, false, err);
    return status;
}

static void release(struct circ_stage *stage)
{
    struct spectral *s = (struct spectral *)stage;
    s->by->release(s->transformer);
    circ_planes_free(&s->planes);
    free(s);
}

static int tile_of(const struct circ_tuning *tuning)
{
    return tuning->vector * tuning->columns * tuning->group;
}

/* Who transforms the blocks of a layer: blocks of one number are ours. */
static const struct circ_transforms *by_of(const struct circ_layer *layer,
                                           const struct circ_setting *setting)
{
    return layer->structure == CIRC_CIRCULANT ? setting->transforms : &circ_transforms_own;
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
    const struct circ_transforms *by = by_of(layer, setting);
    size_t scratch = by->need ? by->need(&p) : 0;
    for (int side = 0; side < 2; side++)
        floats[side] = scratch > floats[side] ? scratch : floats[side];
    circ_planes_free(&p);
    return CIRC_OK;
}

static enum circ_status record_forward(struct spectral *s, const struct circ_setting *setting,
                                       struct circ_passage at, struct circ_error *err)
{
    const struct circ_planes *p = &s->planes;
    cl_mem x = setting->spectra[0], y = setting->spectra[1];
    const struct circ_transformation input = {&p->x, at.x, s->x, y}, output = {&p->y, at.y, y, x};
    enum circ_status status = CIRC_OK;
    bool done = false;
    if (s->by->panels && !s->packing.stream && !setting->train) {
        const struct circ_panels what = {.layer = s->stage.layer,
                                         .product = s->product,
                                         .vector = s->lanes,
                                         .columns = s->columns,
                                         .x = at.x,
                                         .y = at.y,
                                         .weights = s->weights,
                                         .taps = s->taps,
                                         .starts = s->forward_starts,
                                         .bias = s->stage.bias,
                                         .relu = s->stage.relu};
        status = s->by->panels(s->transformer, setting, &what, &done, err);
    }
    if (status || done)
        return status;
    status = s->by->forward(s->transformer, setting, input, err);
    if (!status && s->packing.stream)
        status = record_stream(s, setting, s->x, y, err);
    else if (!status)
        status = record_product(s, setting, &p->forward, s->x, y, false, err);
    if (!status)
        status = s->by->inverse(s->transformer, setting, output, s->stage.bias, s->stage.relu, err);
    return status;
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
    snprintf(s->stage.library, sizeof s->stage.library, "%s", s->by->library);
    enum circ_status status = circ_planes_create(&s->planes, request->layer, setting->batch,
                                                 tuning->vector, tile_of(tuning), err);
    if (!status) {
        plan_product(s, setting);
        snprintf(s->product, sizeof s->product,
                 "-DV=%d -DPARTS=%d -DROWS=%d -DCOLUMNS=%d -DMULTIPLIES=%d", s->lanes,
                 s->planes.parts, tuning->rows, s->columns, s->multiplies);
        status = s->by->create(&s->transformer, &s->planes, s->packing.bins, s->packing.width,
                               setting, err);
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
