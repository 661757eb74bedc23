/* The model behind the contract: devices from data files, answers from core/fixed.h, times from the
 * search's best pipeline. */
#include "backends/model/model.h"

#include "backends/core/fixed.h"
#include "backends/model/search.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct circ_session {
    struct circ_figures device;
};

struct circ_program {
    const struct circ_network *network;
    struct circ_fixed *fixed;
    struct circ_search_result found;
    float *input, *output; /* owned */
    size_t input_count, output_count;
    int batch;
};

static int model_variants(const struct circ_variant **out)
{
    static const struct circ_variant variants[] = {
        {"pipeline", CIRC_CIRCULANT, "load, transform, multiply, inverse, store"},
        {"pipeline", CIRC_DENSE, "the same with blocks of 1: no transforms"},
    };
    *out = variants;
    return (int)(sizeof variants / sizeof *variants);
}

static int model_isas(const char *names[CIRC_MAX_VARIANTS])
{
    (void)names;
    return 0;
}

static int model_precisions(const char *names[CIRC_MAX_VARIANTS])
{
    names[0] = "q16";
    names[1] = "q12";
    names[2] = "q8";
    return 3;
}

/* 0 for what is no fixed-point precision. */
static int bits_of(const struct circ_request *request)
{
    return circ_network_precision_word(circ_network_precision_find(request->precision));
}

static enum circ_status load_figures(struct circ_figures list[CIRC_MAX_DEVICES], int *count,
                                     struct circ_error *err)
{
    const char *file = getenv(CIRC_MODEL_FILE);
    return circ_figures_load(list, count, file && *file ? file : NULL, err);
}

/* A digest of every figure: a device whose file was changed is another device. */
static uint32_t digest(const struct circ_figures *device)
{
    uint32_t hash = 0x811c9dc5u; /* FNV-1a, 32 bits */
    for (int k = 0; k < CIRC_FIGURES_COUNT; k++) {
        unsigned char bytes[sizeof(double)];
        memcpy(bytes, &device->figures[k].value, sizeof bytes);
        for (size_t i = 0; i < sizeof bytes; i++)
            hash = (hash ^ bytes[i]) * 0x01000193u;
    }
    return hash;
}

static enum circ_status model_probe(struct circ_device devices[CIRC_MAX_DEVICES], int *count,
                                    struct circ_error *err)
{
    struct circ_figures list[CIRC_MAX_DEVICES];
    enum circ_status status = load_figures(list, count, err);
    for (int i = 0; i < *count && !status; i++) {
        const struct circ_figure *f = list[i].figures;
        int assumed = 0;
        for (int k = 0; k < CIRC_FIGURES_COUNT; k++)
            assumed += f[k].assumed;
        devices[i] = (struct circ_device){
            .device_kind = list[i].kind,
            .kind = CIRC_MODELLED,
            .threads = 1,
            .memory_bytes = (int64_t)(f[CIRC_FIGURE_ONCHIP_MEMORY].value / 8)}; /* on chip */
        snprintf(devices[i].name, sizeof devices[i].name, "%s", list[i].device);
        snprintf(devices[i].description, sizeof devices[i].description,
                 "%s; %g MHz, %.0f x %g multipliers, %.1f Mbit, %g GB/s; %d of %d figures assumed "
                 "(-b model shows them), digest %08x",
                 list[i].description, f[CIRC_FIGURE_CLOCK].value, f[CIRC_FIGURE_DSP_BLOCKS].value,
                 f[CIRC_FIGURE_MULTIPLIERS_16].value, f[CIRC_FIGURE_ONCHIP_MEMORY].value / 1e6,
                 f[CIRC_FIGURE_BANDWIDTH].value, assumed, CIRC_FIGURES_COUNT, digest(&list[i]));
    }
    return status;
}

static enum circ_status model_open(const char *device, struct circ_session **session,
                                   struct circ_error *err)
{
    struct circ_figures list[CIRC_MAX_DEVICES];
    int count, at = 0;
    *session = NULL;
    enum circ_status status = load_figures(list, &count, err);
    if (status)
        return status;
    while (*device && at < count && strcmp(list[at].device, device))
        at++;
    if (at == count)
        return circ_status_fail(err, CIRC_ABSENT, "the model has no device called %s", device);
    if (!(*session = calloc(1, sizeof **session)))
        return circ_status_fail(err, CIRC_MEMORY, "no memory to open model");
    (*session)->device = list[at];
    return CIRC_OK;
}

static void model_close(struct circ_session *session)
{
    free(session);
}

static int model_figures(const struct circ_session *session, const struct circ_figure **figures)
{
    *figures = session->device.figures;
    return CIRC_FIGURES_COUNT;
}

static enum circ_status model_supports(struct circ_session *session,
                                       const struct circ_request *request, struct circ_error *err)
{
    struct circ_pipeline_step steps[CIRC_MAX_LAYERS];
    int count;
    if (request->pass == CIRC_TRAIN)
        return circ_status_fail(err, CIRC_UNSUP, "model predicts inference, not training");
    if (request->threads != 1)
        return circ_status_fail(err, CIRC_UNSUP, "a modelled device has no threads to choose");
    if (request->cold_bytes)
        return circ_status_fail(err, CIRC_UNSUP,
                                "a modelled device has no caches to keep weights "
                                "out of: cold ones are not offered");
    if (!bits_of(request))
        return circ_status_fail(err, CIRC_UNSUP, "model counts in q16, q12 or q8, not %s",
                                request->precision);
    enum circ_status status = circ_fixed_supports(request->model->network, err);
    if (!status)
        status = circ_pipeline_plan(request->model->network, steps, &count, err);
    if (status)
        return status;
    /* a pipeline that does not fit is known before anything is allocated */
    struct circ_search_result found;
    struct circ_estimate_case about = {request->model->network, &session->device, bits_of(request),
                                       request->batch};
    struct circ_pipeline asked;
    if (!request->tuning)
        return circ_search_best(&about, &found, err);
    if (!circ_pipeline_read(request->tuning, &asked))
        return circ_status_fail(err, CIRC_UNSUP,
                                "model does not read the tuning '%s': it is 'p4 d2 m16' with "
                                "powers of two for p and m, m up to %d, or left out",
                                request->tuning, CIRC_PIPELINE_MOST_MULTIPLY);
    return circ_search_one(&about, &asked, &found, err);
}

static void model_release(struct circ_program *program)
{
    if (!program)
        return;
    circ_fixed_free(program->fixed);
    free(program->input);
    free(program->output);
    free(program);
}

static enum circ_status model_prepare(struct circ_session *session,
                                      const struct circ_request *request, struct circ_program **out,
                                      struct circ_error *err)
{
    const struct circ_network *net = request->model->network;
    int bits = bits_of(request);
    struct circ_pipeline asked;
    struct circ_estimate_case about = {net, &session->device, bits, request->batch};
    *out = NULL;
    struct circ_program *program = calloc(1, sizeof *program);
    if (!program)
        return circ_status_fail(err, CIRC_MEMORY, "%s: no memory", net->name);
    program->network = net;
    program->batch = request->batch;
    program->input_count = (size_t)circ_network_elements(net->input) * (size_t)request->batch;
    program->output_count =
        (size_t)circ_network_elements(circ_network_output(net)) * (size_t)request->batch;
    program->input = malloc(program->input_count * sizeof *program->input);
    program->output = malloc(program->output_count * sizeof *program->output);
    enum circ_status status = request->tuning && circ_pipeline_read(request->tuning, &asked)
                                  ? circ_search_one(&about, &asked, &program->found, err)
                                  : circ_search_best(&about, &program->found, err);
    if (!status && (!program->input || !program->output))
        status = circ_status_fail(err, CIRC_MEMORY, "%s: no memory for a batch of %d", net->name,
                                  request->batch);
    if (!status)
        status = circ_fixed_create(&program->fixed, request->model, bits, request->calibration,
                                   request->calibration_count, err);
    if (status)
        model_release(program);
    else
        *out = program;
    return status;
}

static void model_describe(const struct circ_program *program, struct circ_program_info *info)
{
    memset(info, 0, sizeof *info);
    circ_pipeline_write(info->tuning, sizeof info->tuning, &program->found.pipeline);
}

/* Of the host: the fixed-point model that computes the answers. */
static int64_t model_footprint(const struct circ_request *request)
{
    const struct circ_network *net = request->model->network;
    int64_t ends =
        circ_network_elements(net->input) + circ_network_elements(circ_network_output(net));
    return circ_fixed_footprint(net) + 4 * request->batch * ends;
}

static enum circ_status model_upload(struct circ_program *program, const float *input,
                                     const struct circ_lesson *lesson, struct circ_error *err)
{
    (void)lesson;
    (void)err;
    memcpy(program->input, input, program->input_count * sizeof *input);
    return CIRC_OK;
}

static enum circ_status model_launch(struct circ_program *program, struct circ_error *err)
{
    return circ_fixed_forward(program->fixed, program->input, program->batch, program->output, NULL,
                              err);
}

/* The device's clock does not exist: predict says what it would have shown. */
static enum circ_status model_wait(struct circ_program *program, int64_t *device_ns,
                                   struct circ_error *err)
{
    (void)program;
    (void)err;
    *device_ns = -1;
    return CIRC_OK;
}

static enum circ_status model_download(struct circ_program *program, float *output,
                                       struct circ_error *err)
{
    (void)err;
    memcpy(output, program->output, program->output_count * sizeof *output);
    return CIRC_OK;
}

static void add_part(struct circ_prediction *prediction, const char *name, const char *unit,
                     double value)
{
    prediction->parts[prediction->part_count++] = (struct circ_prediction_part){name, unit, value};
}

static void add_parts(struct circ_prediction *prediction, const struct circ_estimate *e, int batch)
{
    static const char *const cycles[CIRC_ESTIMATE_TERMS] = {"cycles-load",     "cycles-transform",
                                                            "cycles-multiply", "cycles-inverse",
                                                            "cycles-store",    "cycles-memory"};
    static const char *const words[CIRC_PIPELINE_STAGES - 1] = {
        "words-load-transform", "words-transform-multiply", "words-multiply-inverse",
        "words-inverse-store"};
    const struct circ_pipeline_counts *c = &e->counts;
    double n = batch;
    for (int t = 0; t < CIRC_ESTIMATE_TERMS; t++)
        add_part(prediction, cycles[t], "cycles", e->term_cycles[t]);
    add_part(prediction, "butterflies-forward", "", n * (double)c->butterflies[0]);
    add_part(prediction, "butterflies-inverse", "", n * (double)c->butterflies[1]);
    add_part(prediction, "multiplies", "", n * (double)c->multiplies);
    for (int i = 0; i < CIRC_PIPELINE_STAGES - 1; i++)
        add_part(prediction, words[i], "words", n * (double)c->words[i]);
    add_part(prediction, "words-weights-streamed", "words", n * (double)c->streamed_words);
    add_part(prediction, "words-weights-resident", "words", (double)c->resident_words);
    add_part(prediction, "words-activations-read", "words", n * (double)c->read_words);
    add_part(prediction, "words-activations-written", "words", n * (double)c->written_words);
    add_part(prediction, "bytes-memory", "byte", n * e->memory_bytes);
    add_part(prediction, "energy-arithmetic", "uJ", n * e->arithmetic_uj);
    add_part(prediction, "energy-onchip", "uJ", n * e->onchip_uj);
    add_part(prediction, "energy-memory", "uJ", n * e->memory_uj);
    add_part(prediction, "energy-static", "uJ", n * e->static_uj);
    add_part(prediction, "multipliers", "", e->multipliers);
    add_part(prediction, "memory-onchip", "bit", e->onchip_bits);
}

static void model_predict(const struct circ_program *program, struct circ_prediction *prediction)
{
    const struct circ_search_result *r = &program->found;
    const struct circ_estimate *e = &r->estimate;
    memset(prediction, 0, sizeof *prediction);
    prediction->time_ns = e->time_ns;
    prediction->cycles = e->cycles;
    prediction->energy_uj_per_frame = e->energy_uj;
    prediction->bound = circ_estimate_term_name(e->bound);
    snprintf(prediction->remark, sizeof prediction->remark,
             "modelled, not measured: %s takes %.0f %% of the time; %.0f of %.0f multipliers, "
             "%.3g W; weights of %d of %d layers on chip%s; p%d %s; d%d %s; m%d %s",
             prediction->bound, 100 * e->bound_share, e->multipliers, e->multipliers_there,
             e->power_w, e->resident_steps, e->step_count,
             e->resident_steps < e->step_count && program->batch > 1
                 ? ", the others read again for every frame"
                 : "",
             2 * r->pipeline.parallel, r->limits[CIRC_SEARCH_PARALLEL], r->pipeline.depth + 1,
             r->limits[CIRC_SEARCH_DEPTH], 2 * r->pipeline.multiply,
             r->limits[CIRC_SEARCH_MULTIPLY]);
    add_parts(prediction, e, program->batch);
}

static bool model_tuning_valid(const char *text)
{
    struct circ_pipeline pipeline;
    return circ_pipeline_read(text, &pipeline);
}

const struct circ_backend circ_model_backend = {
    .name = "model",
    .description = "FPGAs and an ASIC that are not there: cycles and joules by a model",
    .variants = model_variants,
    .isas = model_isas,
    .precisions = model_precisions,
    .probe = model_probe,
    .open = model_open,
    .close = model_close,
    .supports = model_supports,
    .prepare = model_prepare,
    .release = model_release,
    .describe = model_describe,
    .footprint = model_footprint,
    .upload = model_upload,
    .launch = model_launch,
    .wait = model_wait,
    .download = model_download,
    .tuning_valid = model_tuning_valid,
    .predict = model_predict,
    .figures = model_figures,
};
