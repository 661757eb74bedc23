/* The reference as a backend: core/reference.h, core/descent.h and core/fixed.h behind the
 * contract. It is not meant to be fast. */
#include "backends/ref/ref.h"

#include "backends/core/descent.h"
#include "backends/core/fixed.h"
#include "backends/core/reference.h"
#include "backends/processor.h"

#include <stdlib.h>
#include <string.h>

struct circ_session {
    char unused; /* the reference has no state of its own */
};

struct circ_program {
    const struct circ_network *network;
    struct circ_reference *reference; /* infer */
    struct circ_descent *descent;     /* train */
    struct circ_fixed *fixed;         /* infer in words */
    float *input, *output;            /* owned */
    float *target, *dx;               /* owned; train */
    float rate[CIRC_MAX_LAYERS];
    size_t input_count, output_count;
    int batch;
};

static int ref_variants(const struct circ_variant **out)
{
    static const struct circ_variant variants[] = {
        {"plain", CIRC_CIRCULANT, "one FFT at a time, as the mathematics is written"},
        {"plain", CIRC_DENSE, "plain loops"},
        {"plain", CIRC_PRUNED, "plain loops over compressed rows"},
    };
    *out = variants;
    return (int)(sizeof variants / sizeof *variants);
}

static int ref_isas(const char *names[CIRC_MAX_VARIANTS])
{
    (void)names;
    return 0;
}

static int ref_precisions(const char *names[CIRC_MAX_VARIANTS])
{
    static const enum circ_precision offered[] = {CIRC_F32, CIRC_Q16, CIRC_Q12, CIRC_Q8};
    int count = (int)(sizeof offered / sizeof *offered);
    for (int i = 0; i < count; i++)
        names[i] = circ_network_precision_name(offered[i]);
    return count;
}

static enum circ_status ref_probe(struct circ_device devices[CIRC_MAX_DEVICES], int *count,
                                  struct circ_error *err)
{
    (void)err;
    struct circ_processor processor;
    circ_processor_read(&processor);
    devices[0] = circ_processor_device(&processor, 1);
    *count = 1;
    return CIRC_OK;
}

static enum circ_status ref_open(const char *device, struct circ_session **session,
                                 struct circ_error *err)
{
    (void)device;
    *session = calloc(1, sizeof **session);
    return *session ? CIRC_OK : circ_status_fail(err, CIRC_MEMORY, "no memory to open ref");
}

static void ref_close(struct circ_session *session)
{
    free(session);
}

/* Bits of fixed point that are asked for; 0: floating. */
static int word_of(const struct circ_request *request)
{
    return circ_network_precision_word(circ_network_precision_find(request->precision));
}

static enum circ_status ref_supports(struct circ_session *session,
                                     const struct circ_request *request, struct circ_error *err)
{
    (void)session;
    const struct circ_network *net = request->model->network;
    for (int i = 0; i < net->layer_count && request->pass == CIRC_TRAIN; i++)
        if (net->layers[i].structure == CIRC_PRUNED)
            return circ_status_fail(err, CIRC_UNSUP, "ref does not train pruned layers");
    if (request->threads != 1)
        return circ_status_fail(err, CIRC_UNSUP, "ref runs on one thread, not %d",
                                request->threads);
    if (request->cold_bytes)
        return circ_status_fail(err, CIRC_UNSUP,
                                "ref has one set of weights: cold ones are not offered");
    if (!strcmp(request->precision, circ_network_precision_name(CIRC_F32)))
        return CIRC_OK;
    if (!word_of(request))
        return circ_status_fail(err, CIRC_UNSUP, "ref computes in f32, q16, q12 or q8, not %s",
                                request->precision);
    if (request->pass == CIRC_TRAIN)
        return circ_status_fail(err, CIRC_UNSUP, "ref trains in f32, not %s", request->precision);
    return circ_fixed_supports(net, err);
}

static void ref_release(struct circ_program *program)
{
    if (!program)
        return;
    circ_reference_free(program->reference);
    circ_descent_free(program->descent);
    circ_fixed_free(program->fixed);
    free(program->input);
    free(program->output);
    free(program->target);
    free(program->dx);
    free(program);
}

static enum circ_status ref_prepare(struct circ_session *session,
                                    const struct circ_request *request, struct circ_program **out,
                                    struct circ_error *err)
{
    (void)session;
    const struct circ_network *net = request->model->network;
    *out = NULL;
    struct circ_program *program = calloc(1, sizeof *program);
    if (!program)
        return circ_status_fail(err, CIRC_MEMORY, "%s: no memory", net->name);
    bool train = request->pass == CIRC_TRAIN;
    int word = word_of(request);
    enum circ_status status =
        train  ? circ_descent_create(&program->descent, request->model, err)
        : word ? circ_fixed_create(&program->fixed, request->model, word, request->calibration,
                                   request->calibration_count, err)
               : circ_reference_create(&program->reference, request->model, err);
    program->network = net;
    program->batch = request->batch;
    program->input_count = (size_t)circ_network_elements(net->input) * (size_t)request->batch;
    program->output_count =
        (size_t)circ_network_elements(circ_network_output(net)) * (size_t)request->batch;
    program->input = malloc(program->input_count * sizeof *program->input);
    program->output = malloc(program->output_count * sizeof *program->output);
    if (train) {
        program->target = malloc(program->output_count * sizeof *program->target);
        program->dx = malloc(program->input_count * sizeof *program->dx);
    }
    if (!status &&
        (!program->input || !program->output || (train && (!program->target || !program->dx))))
        status = circ_status_fail(err, CIRC_MEMORY, "%s: no memory for a batch of %d", net->name,
                                  request->batch);
    if (status)
        ref_release(program);
    else
        *out = program;
    return status;
}

static void ref_describe(const struct circ_program *program, struct circ_program_info *info)
{
    (void)program;
    memset(info, 0, sizeof *info);
}

static int64_t ref_footprint(const struct circ_request *request)
{
    const struct circ_network *net = request->model->network;
    int64_t widest = circ_network_elements(net->input), spectra = 0;
    if (word_of(request))
        return circ_fixed_footprint(net) +
               4 * request->batch * (widest + circ_network_elements(circ_network_output(net)));
    for (int i = 0; i < net->layer_count; i++) {
        const struct circ_layer *layer = &net->layers[i];
        int64_t count = circ_network_elements(layer->out);
        widest = count > widest ? count : widest;
        if (layer->structure != CIRC_CIRCULANT || !circ_network_has_weights(layer))
            continue;
        int p, q;
        circ_network_blocks(layer, &p, &q);
        int64_t pixels = layer->op == CIRC_OP_CONV ? (int64_t)layer->in.h * layer->in.w : 1;
        int64_t need = (int64_t)layer->groups * q * layer->block * pixels;
        spectra = need > spectra ? need : spectra;
    }
    int64_t infer = circ_network_counts(net).weight_bytes + 4 * spectra + 16 * widest +
                    8 * widest * request->batch;
    if (request->pass == CIRC_INFER)
        return infer;
    /* weights, their spectra and gradients, and those of the one layer at hand twice over; the
     * activations of one frame, beside input, output, target and gradient */
    return infer + 6 * circ_network_counts(net).weight_bytes + 12 * spectra +
           4 * widest * (net->layer_count + 4) + 8 * widest * request->batch;
}

static enum circ_status ref_upload(struct circ_program *program, const float *input,
                                   const struct circ_lesson *lesson, struct circ_error *err)
{
    (void)err;
    memcpy(program->input, input, program->input_count * sizeof *input);
    if (program->descent) {
        memcpy(program->target, lesson->target, program->output_count * sizeof *program->target);
        memcpy(program->rate, lesson->rate,
               (size_t)program->network->layer_count * sizeof *program->rate);
    }
    return CIRC_OK;
}

static enum circ_status ref_launch(struct circ_program *program, struct circ_error *err)
{
    if (program->descent)
        return circ_descent_step(program->descent, program->input, program->target, program->rate,
                                 program->batch, program->output, program->dx, err);
    if (program->fixed)
        return circ_fixed_forward(program->fixed, program->input, program->batch, program->output,
                                  NULL, err);
    circ_reference_forward(program->reference, program->input, program->batch, program->output);
    return CIRC_OK;
}

static enum circ_status ref_wait(struct circ_program *program, int64_t *device_ns,
                                 struct circ_error *err)
{
    (void)program;
    (void)err;
    *device_ns = -1;
    return CIRC_OK;
}

static enum circ_status ref_download(struct circ_program *program, float *output,
                                     struct circ_error *err)
{
    (void)err;
    memcpy(output, program->output, program->output_count * sizeof *output);
    return CIRC_OK;
}

static enum circ_status ref_learned(struct circ_program *program, struct circ_model *model,
                                    float *dx, struct circ_error *err)
{
    (void)err;
    const struct circ_model *now = circ_descent_model(program->descent);
    for (int i = 0; i < program->network->layer_count; i++) {
        const struct circ_weights *from = &now->layers[i];
        if (!from->values)
            continue;
        memcpy(model->layers[i].values, from->values, from->count * sizeof *from->values);
        if (from->bias)
            memcpy(model->layers[i].bias, from->bias,
                   (size_t)program->network->layers[i].out.c * sizeof *from->bias);
    }
    memcpy(dx, program->dx, program->input_count * sizeof *dx);
    return CIRC_OK;
}

const struct circ_backend circ_ref_backend = {
    .name = "ref",
    .description = "the plain float reference, one thread",
    .variants = ref_variants,
    .isas = ref_isas,
    .precisions = ref_precisions,
    .probe = ref_probe,
    .open = ref_open,
    .close = ref_close,
    .supports = ref_supports,
    .prepare = ref_prepare,
    .release = ref_release,
    .describe = ref_describe,
    .footprint = ref_footprint,
    .upload = ref_upload,
    .launch = ref_launch,
    .wait = ref_wait,
    .download = ref_download,
    .learned = ref_learned,
};
