/* Dense layers by CLBlast: GEMM, for one column GEMV and GER, and for CONV layers the columns under
 * the window first. In training these are made again for the update, which is the last product's
 * own sum: no gradient is stored. */
#include "backends/opencl/stage.h" /* first: it says which OpenCL */

#include "backends/core/geometry.h"
#include "circ_config.h"

#include <clblast_c.h>
#include <stdio.h>
#include <stdlib.h>

#define SOURCES "clblast.cl"
#define BAND    ((size_t)1 << 24) /* floats of what a window sees that are made at a time: 64 MiB */

/* The products of a layer: Y = W X, dX = W^T dY, W = W - rate dY X^T. */
enum part { FORWARD, BACKWARD, UPDATE, PARTS };

/* One of them over the columns that are multiplied at a time. */
struct band {
    const struct clblast *stage;
    enum part part;
    size_t first, count;
};

struct clblast {
    struct circ_stage stage;
    struct circ_geometry g;
    size_t columns;               /* output pixels x samples */
    struct band *bands[PARTS];    /* owned */
    int band_count;               /* of each part */
    cl_mem weights, x, y, dy, dx; /* borrowed; x and dx: of the columns that a window sees */
    const float *rate;            /* borrowed */
};

struct matrix {
    cl_mem buffer;
    size_t at, ld;
};

/* CLBlast keeps the programs of all devices in one cache of the process. It is cleared after the
 * last device that uses it: another's would be built anew in the midst of its measurements. Devices
 * are opened and closed by one thread at a time. */
static int users;

static void clear_cache(struct circ_guest *guest)
{
    free(guest);
    if (--users == 0)
        CLBlastClearCache();
}

static enum circ_status visit(struct circ_accelerator *a, struct circ_error *err)
{
    for (const struct circ_guest *guest = a->guests; guest; guest = guest->next)
        if (guest->close == clear_cache)
            return CIRC_OK;
    struct circ_guest *guest = malloc(sizeof *guest);
    if (!guest)
        return circ_status_fail(err, CIRC_MEMORY, "no memory for CLBlast");
    users++;
    *guest = (struct circ_guest){a->guests, clear_cache};
    a->guests = guest;
    return CIRC_OK;
}

static enum circ_status check(const struct circ_accelerator *a, CLBlastStatusCode code,
                              struct circ_error *err)
{
    if (code == CLBlastSuccess)
        return CIRC_OK;
    if (code <= -1024) /* CLBlast's own */
        return circ_status_fail_native(err, CIRC_DEVICE, (int)code, "%s: CLBlast's error %d",
                                       a->name, (int)code);
    return circ_accelerator_check(a, (cl_int)code, "starting CLBlast", err);
}

static CLBlastStatusCode gemm(CLBlastTranspose turn_a, CLBlastTranspose turn_b,
                              const size_t size[3], float alpha, struct matrix a, struct matrix b,
                              float beta, struct matrix c, cl_command_queue *queue, cl_event *event)
{
    return CLBlastSgemm(CLBlastLayoutRowMajor, turn_a, turn_b, size[0], size[1], size[2], alpha,
                        a.buffer, a.at, a.ld, b.buffer, b.at, b.ld, beta, c.buffer, c.at, c.ld,
                        queue, event);
}

/* W [m][n], X [n][count] and Y [m][columns], of which `count` columns are taken. */
static CLBlastStatusCode multiply(const struct band *band, size_t group, cl_command_queue *queue,
                                  cl_event *event)
{
    static const CLBlastTranspose no = CLBlastTransposeNo, yes = CLBlastTransposeYes;
    static const CLBlastLayout rows = CLBlastLayoutRowMajor;
    const struct clblast *s = band->stage;
    size_t m = (size_t)s->g.m, n = (size_t)s->g.n * (size_t)s->g.taps, count = band->count;
    const struct matrix w = {s->weights, group * m * n, n};
    const struct matrix x = {band->part == BACKWARD ? s->dx : s->x, group * n * count, count};
    const struct matrix y = {band->part == FORWARD ? s->y : s->dy,
                             group * m * s->columns + band->first, s->columns};
    bool one = s->columns == 1;
    switch (band->part) {
    case FORWARD:
        return one ? CLBlastSgemv(rows, no, m, n, 1, w.buffer, w.at, w.ld, x.buffer, x.at, 1, 0,
                                  y.buffer, y.at, 1, queue, event)
                   : gemm(no, no, (const size_t[]){m, count, n}, 1, w, x, 0, y, queue, event);
    case BACKWARD:
        return one ? CLBlastSgemv(rows, yes, m, n, 1, w.buffer, w.at, w.ld, y.buffer, y.at, 1, 0,
                                  x.buffer, x.at, 1, queue, event)
                   : gemm(yes, no, (const size_t[]){n, count, m}, 1, w, y, 0, x, queue, event);
    default:
        return one ? CLBlastSger(rows, m, n, -*s->rate, y.buffer, y.at, 1, x.buffer, x.at, 1,
                                 w.buffer, w.at, w.ld, queue, event)
                   : gemm(no, yes, (const size_t[]){m, n, count}, -*s->rate, y, x, 1, w, queue,
                          event);
    }
}

/* All groups' products of a band; the event is the last one's. */
static enum circ_status run(void *context, struct circ_accelerator *a, cl_event *event,
                            struct circ_error *err)
{
    const struct band *band = context;
    enum circ_status status = CIRC_OK;
    circ_accelerator_mark(a);
    for (size_t group = 0; group < (size_t)band->stage->g.groups && !status; group++) {
        if (*event)
            clReleaseEvent(*event);
        *event = NULL;
        status = check(a, multiply(band, group, &a->queue, event), err);
    }
    return status;
}

/* Whether the window sees the input as it lies. */
static bool plain(const struct circ_layer *layer)
{
    return layer->op == CIRC_OP_FC ||
           (layer->taps_h * layer->taps_w == 1 && layer->stride == 1 && layer->pad == 0);
}

/* Columns of a band; the scratch of a layer is as large as this and no larger. */
static size_t band_of(const struct circ_geometry *g, size_t columns)
{
    size_t seen = (size_t)g->groups * (size_t)g->n * (size_t)g->taps;
    size_t most = BAND / seen / 64 * 64;
    most = most ? most : 64;
    return columns < most ? columns : most;
}

static enum circ_status make_bands(struct clblast *s, bool train, struct circ_error *err)
{
    size_t step = plain(s->stage.layer) ? s->columns : band_of(&s->g, s->columns);
    s->band_count = (int)((s->columns + step - 1) / step);
    for (enum part part = FORWARD; part < (train ? PARTS : BACKWARD); part++) {
        struct band *bands = s->bands[part] = calloc((size_t)s->band_count, sizeof *bands);
        if (!bands)
            return circ_status_fail(err, CIRC_MEMORY, "no memory for a layer");
        for (size_t first = 0; first < s->columns; first += step) {
            size_t left = s->columns - first;
            *bands++ = (struct band){s, part, first, left < step ? left : step};
        }
    }
    return CIRC_OK;
}

/* What a band's window sees of an activation (im2col), or what it adds to a gradient (col2im),
 * which the first band sets. Nothing where the window sees it as it lies. */
static enum circ_status record_window(const struct clblast *s, const struct circ_setting *setting,
                                      const struct band *band, cl_mem activation,
                                      struct circ_error *err)
{
    const struct circ_layer *layer = s->stage.layer;
    bool back = band->part == BACKWARD;
    const cl_mem columns = back ? s->dx : s->x;
    const struct {
        cl_int height, width, out_height, out_width, batch, taps_w, taps, stride, pad, first, count;
    } window = {layer->in.h,    layer->in.w,         layer->out.h,       layer->out.w,
                setting->batch, layer->taps_w,       s->g.taps,          layer->stride,
                layer->pad,     (cl_int)band->first, (cl_int)band->count};
    const struct circ_arg args[] = {CIRC_ARG(activation), CIRC_ARG(columns), CIRC_ARG(window)};
    const size_t seen[3] = {band->count, (size_t)s->g.taps, (size_t)layer->in.c};
    const size_t whole[3] = {(size_t)(layer->in.w * setting->batch), (size_t)layer->in.h,
                             (size_t)layer->in.c};
    if (plain(layer))
        return CIRC_OK;
    return circ_recording_kernel(setting->recording,
                                 (struct circ_kernel_name){SOURCES, "", back ? "col2im" : "im2col"},
                                 back ? whole : seen, NULL, args, 3, err);
}

static enum circ_status record_finish(struct clblast *s, const struct circ_setting *setting,
                                      struct circ_error *err)
{
    const cl_int has_bias = s->stage.bias != NULL, relu = s->stage.relu;
    const cl_int count = (cl_int)s->columns;
    cl_mem bias = has_bias ? s->stage.bias : s->weights;
    const struct circ_arg args[] = {CIRC_ARG(s->y), CIRC_ARG(bias), CIRC_ARG(has_bias),
                                    CIRC_ARG(relu), CIRC_ARG(count)};
    const size_t global[3] = {s->columns, (size_t)s->stage.layer->out.c, 1};
    if (!has_bias && !relu)
        return CIRC_OK;
    return circ_recording_kernel(setting->recording,
                                 (struct circ_kernel_name){SOURCES, "", "finish"}, global, NULL,
                                 args, 5, err);
}

/* Records every band of a part; builds what its products need, which takes seconds, by a first run,
 * which changes no weights: rates are 0 until a lesson comes. */
static enum circ_status record_bands(const struct clblast *s, const struct circ_setting *setting,
                                     enum part part, cl_mem activation, struct circ_error *err)
{
    enum circ_status status = CIRC_OK;
    for (int b = 0; b < s->band_count && !status; b++) {
        struct band *band = &s->bands[part][b];
        if (part != BACKWARD)
            status = record_window(s, setting, band, activation, err);
        if (!status)
            status = circ_recording_call(setting->recording, run, band, err);
        if (!status && part == BACKWARD)
            status = record_window(s, setting, band, activation, err);
        cl_event event = NULL;
        if (!status && (b == 0 || b == s->band_count - 1)) /* the last may be smaller */
            status = run(band, setting->accelerator, &event, err);
        if (event)
            clReleaseEvent(event);
    }
    circ_accelerator_start(setting->accelerator);
    return status;
}

static enum circ_status backward(struct circ_stage *stage, const struct circ_setting *setting,
                                 struct circ_passage at, struct circ_error *err)
{
    struct clblast *s = (struct clblast *)stage;
    s->dy = at.dy;
    s->dx = plain(stage->layer) ? at.dx : setting->spectra[0];
    enum circ_status status = record_bands(s, setting, BACKWARD, at.dx, err);
    if (!status) /* when all of dx is made, by the weights that made y */
        status = record_bands(s, setting, UPDATE, at.x, err);
    return status;
}

static enum circ_status read_weights(const struct circ_stage *stage,
                                     const struct circ_setting *setting, float *values,
                                     struct circ_error *err)
{
    const struct clblast *s = (const struct clblast *)stage;
    size_t count = (size_t)s->g.groups * (size_t)s->g.m * (size_t)s->g.n * (size_t)s->g.taps;
    return circ_accelerator_read(setting->accelerator, s->weights, values, count * sizeof *values,
                                 err);
}

static void release(struct circ_stage *stage)
{
    struct clblast *s = (struct clblast *)stage;
    for (enum part part = FORWARD; part < PARTS; part++)
        free(s->bands[part]);
    free(s);
}

enum circ_status circ_clblast_need(const struct circ_layer *layer,
                                   const struct circ_setting *setting, size_t floats[2],
                                   struct circ_error *err)
{
    struct circ_geometry g = circ_geometry_of(layer);
    (void)err;
    floats[0] = plain(layer) ? 0
                             : (size_t)g.groups * (size_t)g.n * (size_t)g.taps *
                                   band_of(&g, (size_t)g.out_pixels * (size_t)setting->batch);
    floats[1] = 0;
    return CIRC_OK;
}

enum circ_status circ_clblast_create(struct circ_stage **out,
                                     const struct circ_stage_request *request,
                                     const struct circ_setting *setting, struct circ_passage at,
                                     struct circ_error *err)
{
    *out = NULL;
    struct clblast *s = calloc(1, sizeof *s);
    if (!s)
        return circ_status_fail(err, CIRC_MEMORY, "no memory for a layer");
    s->stage = (struct circ_stage){.layer = request->layer,
                                   .index = request->index,
                                   .relu = request->relu,
                                   .library = "CLBlast " CIRC_CLBLAST_VERSION,
                                   .backward = backward,
                                   .weights = read_weights,
                                   .release = release};
    s->g = circ_geometry_of(request->layer);
    s->columns = (size_t)s->g.out_pixels * (size_t)setting->batch;
    s->x = plain(request->layer) ? at.x : setting->spectra[0];
    s->y = at.y;
    s->rate = &setting->host_rates[request->index];
    enum circ_status status = visit(setting->accelerator, err);
    if (!status)
        status = circ_recording_buffer(setting->recording, request->weights->count,
                                       request->weights->values, &s->weights, err);
    if (!status && request->weights->bias)
        status = circ_recording_buffer(setting->recording, (size_t)request->layer->out.c,
                                       request->weights->bias, &s->stage.bias, err);
    if (!status)
        status = make_bands(s, setting->train, err);
    if (!status)
        status = record_bands(s, setting, FORWARD, at.x, err);
    if (!status)
        status = record_finish(s, setting, err);
    if (status)
        release(&s->stage);
    else
        *out = &s->stage;
    return status;
}
