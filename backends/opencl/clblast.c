/* Dense layers by CLBlast: GEMM, GEMV for one column, and for CONV layers the columns under the
 * window first. For inference. */
#include "backends/opencl/stage.h" /* first: it says which OpenCL */

#include "backends/core/geometry.h"
#include "circ_config.h"

#include <clblast_c.h>
#include <stdio.h>
#include <stdlib.h>

#define SOURCES "clblast.cl"
#define BAND    ((size_t)1 << 24) /* floats of what a window sees that are made at a time: 64 MiB */

/* Columns that are multiplied at a time. */
struct band {
    const struct clblast *stage;
    size_t first, count;
};

struct clblast {
    struct circ_stage stage;
    struct circ_geometry g;
    size_t columns;     /* output pixels x samples */
    struct band *bands; /* owned */
    int band_count;
    cl_mem weights, from, to; /* borrowed: the recording's */
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

/* All groups' products of a band; the event is the last one's. */
static enum circ_status run(void *context, struct circ_accelerator *a, cl_event *event,
                            struct circ_error *err)
{
    const struct band *band = context;
    const struct clblast *s = band->stage;
    size_t m = (size_t)s->g.m, n = (size_t)s->g.n * (size_t)s->g.taps, columns = s->columns;
    enum circ_status status = CIRC_OK;
    circ_accelerator_mark(a);
    for (size_t group = 0; group < (size_t)s->g.groups && !status; group++) {
        size_t w = group * m * n, x = group * n * band->count;
        size_t y = group * m * columns + band->first;
        if (*event)
            clReleaseEvent(*event);
        *event = NULL;
        if (columns == 1)
            status =
                check(a,
                      CLBlastSgemv(CLBlastLayoutRowMajor, CLBlastTransposeNo, m, n, 1, s->weights,
                                   w, n, s->from, x, 1, 0, s->to, y, 1, &a->queue, event),
                      err);
        else
            status =
                check(a,
                      CLBlastSgemm(CLBlastLayoutRowMajor, CLBlastTransposeNo, CLBlastTransposeNo, m,
                                   band->count, n, 1, s->weights, w, n, s->from, x, band->count, 0,
                                   s->to, y, columns, &a->queue, event),
                      err);
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

static enum circ_status make_bands(struct clblast *s, struct circ_error *err)
{
    size_t step = plain(s->stage.layer) ? s->columns : band_of(&s->g, s->columns);
    s->bands = calloc((s->columns + step - 1) / step, sizeof *s->bands);
    if (!s->bands)
        return circ_status_fail(err, CIRC_MEMORY, "no memory for a layer");
    for (size_t first = 0; first < s->columns; first += step) {
        size_t left = s->columns - first;
        s->bands[s->band_count++] = (struct band){s, first, left < step ? left : step};
    }
    return CIRC_OK;
}

static enum circ_status record_im2col(struct clblast *s, const struct circ_setting *setting,
                                      const struct band *band, cl_mem x, struct circ_error *err)
{
    const struct circ_layer *layer = s->stage.layer;
    const cl_int height = layer->in.h, width = layer->in.w, out_width = layer->out.w;
    const cl_int batch = setting->batch, taps_w = layer->taps_w, taps = s->g.taps;
    const cl_int stride = layer->stride, pad = layer->pad, count = (cl_int)band->count,
                 first = (cl_int)band->first;
    const struct circ_arg args[] = {CIRC_ARG(x),      CIRC_ARG(s->from),   CIRC_ARG(height),
                                    CIRC_ARG(width),  CIRC_ARG(out_width), CIRC_ARG(batch),
                                    CIRC_ARG(taps_w), CIRC_ARG(taps),      CIRC_ARG(stride),
                                    CIRC_ARG(pad),    CIRC_ARG(first),     CIRC_ARG(count)};
    const size_t global[3] = {band->count, (size_t)taps, (size_t)layer->in.c};
    return circ_recording_kernel(setting->recording,
                                 (struct circ_kernel_name){SOURCES, "", "im2col"}, global, NULL,
                                 args, 12, err);
}

static enum circ_status record_finish(struct clblast *s, const struct circ_setting *setting,
                                      struct circ_error *err)
{
    const cl_int has_bias = s->stage.bias != NULL, relu = s->stage.relu;
    const cl_int count = (cl_int)s->columns;
    cl_mem bias = has_bias ? s->stage.bias : s->weights;
    const struct circ_arg args[] = {CIRC_ARG(s->to), CIRC_ARG(bias), CIRC_ARG(has_bias),
                                    CIRC_ARG(relu), CIRC_ARG(count)};
    const size_t global[3] = {s->columns, (size_t)s->stage.layer->out.c, 1};
    if (!has_bias && !relu)
        return CIRC_OK;
    return circ_recording_kernel(setting->recording,
                                 (struct circ_kernel_name){SOURCES, "", "finish"}, global, NULL,
                                 args, 5, err);
}

static void release(struct circ_stage *stage)
{
    free(((struct clblast *)stage)->bands);
    free(stage);
}

/* Records every band; builds what its products need, which takes seconds, by a first run. */
static enum circ_status record_bands(struct clblast *s, const struct circ_setting *setting,
                                     cl_mem x, struct circ_error *err)
{
    enum circ_status status = CIRC_OK;
    for (int b = 0; b < s->band_count && !status; b++) {
        if (!plain(s->stage.layer))
            status = record_im2col(s, setting, &s->bands[b], x, err);
        if (!status)
            status = circ_recording_call(setting->recording, run, &s->bands[b], err);
        cl_event event = NULL;
        if (!status && (b == 0 || b == s->band_count - 1)) /* the last may be smaller */
            status = run(&s->bands[b], setting->accelerator, &event, err);
        if (event)
            clReleaseEvent(event);
    }
    circ_accelerator_start(setting->accelerator);
    return status;
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
                                   .release = release};
    s->g = circ_geometry_of(request->layer);
    s->columns = (size_t)s->g.out_pixels * (size_t)setting->batch;
    s->from = plain(request->layer) ? at.x : setting->spectra[0];
    s->to = at.y;
    enum circ_status status = visit(setting->accelerator, err);
    if (!status)
        status = circ_recording_buffer(setting->recording, request->weights->count,
                                       request->weights->values, &s->weights, err);
    if (!status && request->weights->bias)
        status = circ_recording_buffer(setting->recording, (size_t)request->layer->out.c,
                                       request->weights->bias, &s->stage.bias, err);
    if (!status)
        status = make_bands(s, err);
    if (!status)
        status = record_bands(s, setting, at.x, err);
    if (!status)
        status = record_finish(s, setting, err);
    if (status)
        release(&s->stage);
    else
        *out = &s->stage;
    return status;
}
