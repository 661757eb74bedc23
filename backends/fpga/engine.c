/* Cards and buffers from a network in words, and the launches. Steps follow one another; within a
 * step the frames of a launch stream through all five kernels. */
#include "backends/fpga/engine.h"

#include "backends/core/geometry.h"
#include "backends/devices/compiler.h"
#include "backends/devices/shelf.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LOAD, TRANSFORM, MULTIPLY, INVERT, STORE, KERNELS };

/* Bytes of a channel above which the emulator warns on stderr. */
#define CHANNEL_BYTES 250000

static const char *const kernel_names[KERNELS] = {"load", "transform", "multiply", "invert",
                                                  "store"};

struct circ_engine {
    struct circ_accelerator *accelerator; /* borrowed */
    struct circ_design design;
    const struct circ_network *network; /* borrowed */
    int batch;
    int64_t channel; /* depth of the emulator's channels; 0 on a board */
    bool serial;     /* one queue */
    cl_program program;
    cl_kernel kernels[KERNELS];
    cl_command_queue queues[KERNELS]; /* of the accelerator where serial, else own but the first */
    cl_mem cards, weights, biases, counts;
    cl_mem x[3];             /* the input, and two that take turns */
    cl_event stored;         /* end of the last step; NULL before the first */
    int64_t inputs, outputs; /* of a frame */
    struct circ_card card[CIRC_MAX_LAYERS];
};

/* Where a step's input lies: channels first for FC, whose input is that vector; channels last for
 * CONV, which takes a pixel at a time. The step before writes it so. */
static bool channels_last(const struct circ_engine *engine, int step)
{
    return step < engine->design.step_count &&
           engine->network->layers[engine->design.steps[step].layer].op == CIRC_OP_CONV;
}

static struct circ_card card_of(const struct circ_engine *engine, const struct circ_fixed *fixed,
                                int step)
{
    const struct circ_pipeline_step *s = &engine->design.steps[step];
    const struct circ_layer *layer = &engine->network->layers[s->layer];
    const struct circ_fixed_layer *words = &fixed->layers[s->layer];
    /* not the last layer's, which may have flattened it */
    const struct circ_shape end = s->pool < 0 ? layer->out : engine->network->layers[s->pool].out;
    struct circ_geometry g = circ_geometry_of(layer);
    bool conv = layer->op == CIRC_OP_CONV, last = channels_last(engine, step + 1);
    struct circ_card card = {
        .block = g.k,
        .stages = fixed->plans[s->layer]->stages,
        .groups = g.groups,
        .rows = g.p,
        .columns = g.q,
        .outputs = g.m,
        .inputs = g.n,
        .taps_h = conv ? layer->taps_h : 1,
        .taps_w = conv ? layer->taps_w : 1,
        .stride = conv ? layer->stride : 1,
        .pad = conv ? layer->pad : 0,
        .in_h = conv ? layer->in.h : 1,
        .in_w = conv ? layer->in.w : 1,
        .out_h = layer->out.h,
        .out_w = layer->out.w,
        .in_channel = 1,
        .in_pixel = conv ? layer->in.c : 0,
        .in_frame = (int)circ_network_elements(layer->in),
        .resident = circ_pipeline_weight_words(layer) <= engine->design.pipeline.onchip_words,
        .bias = -1,
        .product = words->product,
        .last = words->last,
        .relu_before = s->relu_before,
        .relu_after = s->relu_after,
        .pool_h = 1,
        .pool_w = 1,
        .end_h = end.h,
        .end_w = end.w,
        .end_channel = last ? 1 : end.h * end.w,
        .end_pixel = last ? end.c : 1,
        .end_frame = (int)circ_network_elements(end),
    };
    if (s->pool >= 0) {
        const struct circ_layer *pool = &engine->network->layers[s->pool];
        card.pool = pool->op == CIRC_OP_POOL_MAX ? 1 : 2;
        card.pool_h = pool->taps_h;
        card.pool_w = pool->taps_w;
        card.pool_stride = pool->stride;
        card.pool_pad = pool->pad;
        card.end_h = pool->out.h;
        card.end_w = pool->out.w;
    }
    memcpy(card.forward, words->forward, sizeof card.forward);
    memcpy(card.inverse, words->inverse, sizeof card.inverse);
    return card;
}

/* The weights or biases of all steps in one buffer, and where each begins. */
static enum circ_status place(struct circ_engine *engine, const struct circ_fixed *fixed,
                              bool biases, cl_mem *buffer, struct circ_error *err)
{
    size_t size = biases ? sizeof(int32_t) : sizeof(int16_t);
    int64_t total = 0, counts[CIRC_MAX_LAYERS] = {0};
    for (int i = 0; i < engine->design.step_count; i++) {
        const struct circ_layer *layer = &engine->network->layers[engine->design.steps[i].layer];
        bool there = !biases || fixed->layers[engine->design.steps[i].layer].bias;
        counts[i] = !there ? 0 : biases ? layer->out.c : circ_pipeline_weight_words(layer);
        *(biases ? &engine->card[i].bias : &engine->card[i].weights) = there ? (int)total : -1;
        total += counts[i];
    }
    char *all = total < INT_MAX ? calloc((size_t)total + 2, size) : NULL, *at = all;
    if (!all)
        return circ_status_fail(err, CIRC_MEMORY, "%s: no memory for %" PRId64 " words of weights",
                                engine->network->name, total);
    for (int i = 0; i < engine->design.step_count; i++) {
        const struct circ_fixed_layer *own = &fixed->layers[engine->design.steps[i].layer];
        const void *from = biases ? (const void *)own->bias : own->weights;
        if (counts[i])
            memcpy(at, from, (size_t)counts[i] * size);
        at += (size_t)counts[i] * size;
    }
    enum circ_status status = circ_accelerator_buffer(
        engine->accelerator, ((size_t)total * size + sizeof(float) - 1) / sizeof(float), all,
        buffer, err);
    free(all);
    return status;
}

static int64_t widest(const struct circ_network *network, const struct circ_design *design)
{
    int64_t most = 1;
    for (int i = 0; i < design->step_count; i++) {
        int64_t count = circ_network_elements(network->layers[design->steps[i].last].out);
        most = count > most ? count : most;
    }
    return most;
}

static enum circ_status allocate(struct circ_engine *engine, const struct circ_fixed *fixed,
                                 struct circ_error *err)
{
    struct circ_accelerator *a = engine->accelerator;
    int64_t between = widest(engine->network, &engine->design) * engine->batch;
    int64_t input = engine->inputs * engine->batch;
    if (between > INT_MAX || input > INT_MAX)
        return circ_status_fail(err, CIRC_UNSUP,
                                "%s: a batch of %d has more than 2^31 words: lower it",
                                engine->network->name, engine->batch);
    enum circ_status status = place(engine, fixed, false, &engine->weights, err);
    if (!status)
        status = place(engine, fixed, true, &engine->biases, err);
    if (!status)
        status = circ_accelerator_buffer(a, sizeof engine->card / (sizeof(float)), engine->card,
                                         &engine->cards, err);
    if (!status)
        status =
            circ_accelerator_buffer(a, 2 * (size_t)engine->design.step_count * CIRC_CARD_COUNTS,
                                    NULL, &engine->counts, err);
    for (int i = 0; i < 3 && !status; i++)
        status = circ_accelerator_buffer(a, (size_t)((i ? between : input) + 1) / 2, NULL,
                                         &engine->x[i], err);
    return status;
}

static enum circ_status load_binary(struct circ_engine *engine, const char *binary, size_t size,
                                    struct circ_error *err)
{
    struct circ_accelerator *a = engine->accelerator;
    cl_int loaded = CL_SUCCESS, code;
    const unsigned char *bytes = (const unsigned char *)binary;
    if (!size) /* which some drivers do not survive */
        return circ_status_fail(err, CIRC_DEVICE, "the binary is empty: compile it again");
    engine->program =
        clCreateProgramWithBinary(a->context, 1, &a->device, &size, &bytes, &loaded, &code);
    code = code ? code : loaded;
    if (!code)
        code = clBuildProgram(engine->program, 1, &a->device, "", NULL, NULL);
    if (!code)
        return CIRC_OK;
    if (code == CL_OUT_OF_RESOURCES || code == CL_MEM_OBJECT_ALLOCATION_FAILURE)
        return circ_status_fail_native(
            err, CIRC_UNSUP, code,
            "%s has not the resources for this pipeline (%s): fewer butterflies (--parallel) or "
            "products (--multiply) side by side or fewer stages in flight (--depth) need fewer",
            a->name, circ_accelerator_error_name(code));
    return circ_status_fail_native(err, CIRC_DEVICE, code,
                                   "%s does not take the binary (%s): it is damaged, or was "
                                   "compiled for another board or by another version; compile it "
                                   "again",
                                   a->name, circ_accelerator_error_name(code));
}

static enum circ_status compile(struct circ_engine *engine, struct circ_error *err)
{
    char *source, options[96];
    size_t length;
    enum circ_status status = circ_design_source(&engine->design, &source, &length, err);
    if (status)
        return status;
    snprintf(options, sizeof options, "-DCOUNT -DCHANNEL=%" PRId64, engine->channel);
    uint64_t key = circ_shelf_hash(CIRC_SHELF_START, source, length);
    key = circ_shelf_hash(key, options, strlen(options));
    engine->program = circ_shelf_find(engine->accelerator, key);
    if (!engine->program) {
        status = circ_compiler_build(engine->accelerator, "the pipeline", 1, (const char **)&source,
                                     &length, options, &engine->program, err);
        if (!status)
            status = circ_shelf_keep(engine->accelerator, key, engine->program, err);
    }
    free(source);
    if (status)
        engine->program = NULL;
    else
        clRetainProgram(engine->program);
    return status;
}

/* Arguments that no launch changes, in the order of the kernels' parameters; NULL: set by a launch.
 */
static enum circ_status open_kernels(struct circ_engine *engine, struct circ_error *err)
{
    struct circ_accelerator *a = engine->accelerator;
    const cl_mem fixed_arguments[KERNELS][7] = {
        {engine->cards, NULL, NULL, NULL, NULL, engine->counts},
        {engine->cards, NULL, NULL, engine->counts},
        {engine->cards, NULL, NULL, engine->weights, engine->counts},
        {engine->cards, NULL, NULL, engine->counts},
        {engine->cards, NULL, NULL, NULL, engine->biases, NULL, engine->counts},
    };
    for (int i = 0; i < KERNELS; i++) {
        cl_int code;
        engine->kernels[i] = clCreateKernel(engine->program, kernel_names[i], &code);
        for (cl_uint j = 0; j < 7 && !code; j++)
            if (fixed_arguments[i][j])
                code =
                    clSetKernelArg(engine->kernels[i], j, sizeof(cl_mem), &fixed_arguments[i][j]);
        engine->queues[i] = a->queue;
        if (!code && i && !engine->serial)
            engine->queues[i] =
                clCreateCommandQueue(a->context, a->device, CL_QUEUE_PROFILING_ENABLE, &code);
        if (code)
            return circ_accelerator_check(a, code, kernel_names[i], err);
    }
    return CIRC_OK;
}

enum circ_status circ_engine_create(struct circ_engine **out, const struct circ_engine_case *about,
                                    struct circ_error *err)
{
    *out = NULL;
    struct circ_engine *engine = calloc(1, sizeof *engine);
    if (!engine)
        return circ_status_fail(err, CIRC_MEMORY, "no memory for a pipeline");
    engine->accelerator = about->accelerator;
    engine->design = *about->design;
    engine->network = about->fixed->network;
    engine->batch = about->batch;
    engine->inputs = circ_network_elements(engine->network->input);
    engine->outputs = circ_network_elements(circ_network_output(engine->network));
    if (about->emulated) {
        int64_t room = CHANNEL_BYTES / (4 * about->design->pipeline.parallel);
        engine->channel = about->channel                 ? about->channel
                          : about->design->tokens < room ? about->design->tokens
                                                         : room;
        engine->serial = engine->channel >= about->design->tokens;
    }
    for (int i = 0; i < engine->design.step_count; i++)
        engine->card[i] = card_of(engine, about->fixed, i);
    enum circ_status status = allocate(engine, about->fixed, err);
    if (!status)
        status = about->binary ? load_binary(engine, about->binary, about->binary_size, err)
                               : compile(engine, err);
    if (!status)
        status = open_kernels(engine, err);
    if (status)
        circ_engine_free(engine);
    else
        *out = engine;
    return status;
}

static void forget(cl_event *event)
{
    if (*event)
        clReleaseEvent(*event);
    *event = NULL;
}

void circ_engine_free(struct circ_engine *engine)
{
    if (!engine)
        return;
    for (int i = 0; i < KERNELS; i++) {
        if (engine->queues[i] && engine->queues[i] != engine->accelerator->queue)
            clReleaseCommandQueue(engine->queues[i]);
        if (engine->kernels[i])
            clReleaseKernel(engine->kernels[i]);
    }
    forget(&engine->stored);
    if (engine->program)
        clReleaseProgram(engine->program);
    const cl_mem all[] = {engine->cards, engine->weights, engine->biases, engine->counts,
                          engine->x[0],  engine->x[1],    engine->x[2]};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i])
            clReleaseMemObject(all[i]);
    free(engine);
}

enum circ_status circ_engine_write(struct circ_engine *engine, const int16_t *words,
                                   struct circ_error *err)
{
    const struct circ_shape in = engine->network->input;
    int64_t pixels = (int64_t)in.h * in.w, all = engine->inputs * engine->batch;
    size_t bytes = (size_t)all * sizeof *words;
    if (!channels_last(engine, 0))
        return circ_accelerator_write(engine->accelerator, engine->x[0], words, bytes, err);
    int16_t *turned = malloc(bytes);
    if (!turned)
        return circ_status_fail(err, CIRC_MEMORY, "%s: no memory for the input in words",
                                engine->network->name);
    for (int64_t i = 0; i < all; i++) {
        int64_t frame = i / engine->inputs, channel = i % engine->inputs / pixels;
        turned[frame * engine->inputs + i % pixels * in.c + channel] = words[i];
    }
    enum circ_status status =
        circ_accelerator_write(engine->accelerator, engine->x[0], turned, bytes, err);
    free(turned);
    return status;
}

/* Frames that one launch of a step takes. */
static int frames_at_once(const struct circ_engine *engine, int step)
{
    const struct circ_layer *layer = &engine->network->layers[engine->design.steps[step].layer];
    int64_t fit = engine->serial ? engine->channel / circ_design_tokens(&engine->design, layer)
                                 : engine->batch;
    return fit < engine->batch ? (int)fit : engine->batch;
}

int circ_engine_launches(const struct circ_engine *engine, int step)
{
    int frames = frames_at_once(engine, step);
    return (engine->batch + frames - 1) / frames;
}

/* Starts the five kernels of a step for some frames. */
static cl_int start(struct circ_engine *engine, int step, cl_int first, cl_int frames)
{
    const cl_mem x = engine->x[step ? 1 + (step - 1) % 2 : 0], y = engine->x[1 + step % 2];
    const struct {
        int kernel;
        cl_uint argument;
        size_t size;
        const void *value;
    } arguments[] = {
        {LOAD, 2, sizeof first, &first},
        {LOAD, 3, sizeof frames, &frames},
        {LOAD, 4, sizeof x, &x},
        {TRANSFORM, 2, sizeof frames, &frames},
        {MULTIPLY, 2, sizeof frames, &frames},
        {INVERT, 2, sizeof frames, &frames},
        {STORE, 2, sizeof first, &first},
        {STORE, 3, sizeof frames, &frames},
        {STORE, 5, sizeof y, &y},
    };
    cl_event stored = engine->stored;
    cl_int code = CL_SUCCESS, layer = step;
    for (size_t i = 0; i < sizeof arguments / sizeof *arguments && !code; i++)
        code = clSetKernelArg(engine->kernels[arguments[i].kernel], arguments[i].argument,
                              arguments[i].size, arguments[i].value);
    for (int i = 0; i < KERNELS && !code; i++) {
        cl_event event = NULL;
        bool waits = !engine->serial && stored;
        code = clSetKernelArg(engine->kernels[i], 1, sizeof layer, &layer);
        if (!code)
            code = clEnqueueTask(engine->queues[i], engine->kernels[i], waits,
                                 waits ? &stored : NULL, &event);
        if (code)
            break;
        clFlush(engine->queues[i]);
        if (i == STORE) {
            clRetainEvent(event);
            engine->stored = event;
        }
        if (i == LOAD || i == STORE)
            circ_accelerator_note(engine->accelerator, event);
        else
            clReleaseEvent(event);
    }
    if (engine->stored != stored)
        forget(&stored);
    return code;
}

enum circ_status circ_engine_run(struct circ_engine *engine, struct circ_error *err)
{
    for (int step = 0; step < engine->design.step_count; step++) {
        int frames = frames_at_once(engine, step);
        for (int first = 0; first < engine->batch; first += frames) {
            int now = engine->batch - first < frames ? engine->batch - first : frames;
            cl_int code = start(engine, step, first, now);
            if (code)
                return circ_accelerator_check(engine->accelerator, code,
                                              "starting the kernels of a pipeline", err);
        }
    }
    return CIRC_OK;
}

enum circ_status circ_engine_wait(struct circ_engine *engine, int64_t *device_ns,
                                  struct circ_error *err)
{
    cl_int code = CL_SUCCESS;
    for (int i = 0; i < KERNELS && !code; i++)
        if (i == 0 || !engine->serial)
            code = clFinish(engine->queues[i]);
    forget(&engine->stored);
    if (code) {
        *device_ns = -1;
        return circ_accelerator_check(engine->accelerator, code, "waiting for a pipeline", err);
    }
    return circ_accelerator_stop(engine->accelerator, device_ns, err);
}

enum circ_status circ_engine_read(struct circ_engine *engine, int16_t *words,
                                  struct circ_error *err)
{
    return circ_accelerator_read(
        engine->accelerator, engine->x[1 + (engine->design.step_count - 1) % 2], words,
        (size_t)engine->outputs * (size_t)engine->batch * sizeof *words, err);
}

enum circ_status circ_engine_counts(struct circ_engine *engine,
                                    uint64_t counts[CIRC_MAX_LAYERS][CIRC_CARD_COUNTS],
                                    struct circ_error *err)
{
    return circ_accelerator_read(engine->accelerator, engine->counts, counts,
                                 (size_t)engine->design.step_count * sizeof *counts, err);
}

enum circ_status circ_engine_binary(const struct circ_engine *engine, char **binary, size_t *size,
                                    struct circ_error *err)
{
    *binary = NULL;
    cl_int code =
        clGetProgramInfo(engine->program, CL_PROGRAM_BINARY_SIZES, sizeof *size, size, NULL);
    if (!code && !(*binary = malloc(*size + 1)))
        return circ_status_fail(err, CIRC_MEMORY, "no memory for a binary of %zu bytes", *size);
    if (!code)
        code = clGetProgramInfo(engine->program, CL_PROGRAM_BINARIES, sizeof *binary, binary, NULL);
    if (code) {
        free(*binary);
        *binary = NULL;
    }
    return circ_accelerator_check(engine->accelerator, code, "asking for the binary", err);
}

int circ_engine_channel(const struct circ_engine *engine)
{
    return engine->channel ? (int)engine->channel : CIRC_DESIGN_CHANNEL;
}

int64_t circ_engine_footprint(const struct circ_network *network, int batch)
{
    struct circ_design design;
    int64_t words = 0;
    if (circ_design_make(&design, network, &(struct circ_pipeline){.bits = 16}, NULL))
        return 0;
    for (int i = 0; i < design.step_count; i++)
        words += circ_pipeline_weight_words(&network->layers[design.steps[i].layer]);
    return 2 * (words + design.weights + design.spectra + design.lines +
                batch * (circ_network_elements(network->input) + 2 * widest(network, &design)));
}
