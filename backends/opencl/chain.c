/* Choosing a stage for every layer, the buffers between them, and the training step: forward
 * through all stages, the gradient of the loss, backward through all of them in reverse. */
#include "backends/opencl/chain.h"

#include "backends/core/turn.h"
#include "backends/opencl/clfft.h"
#include "backends/opencl/transforms.h"
#include "circ_config.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct circ_chain {
    const struct circ_network *network;
    const char *variant; /* borrowed while it is made */
    struct circ_setting setting;
    struct circ_recording recording;
    struct circ_stage *stages[CIRC_MAX_LAYERS];
    int count;
    cl_mem x[CIRC_MAX_LAYERS + 1]; /* input of each stage, then the output; two take turns within
                                      where nothing is kept for a backward pass */
    cl_mem slopes[2], target;      /* train: gradients go to and fro */
    size_t widest;                 /* numbers of the largest activation */
    float rates[CIRC_MAX_LAYERS];  /* train: of the lesson that was uploaded, 0 before */
    float *turned;                 /* owned: input or output in the other order */
};

/* Kinds of stages. */
struct kind {
    circ_stage_create *create;
    circ_stage_need *need; /* NULL: no scratch */
};

static const struct kind *kind_of(const struct circ_layer *layer, const char *variant)
{
    static const struct kind elementwise = {circ_elementwise_create, NULL};
    static const struct kind spectral = {circ_spectral_create, circ_spectral_need};
#if CIRC_HAVE_CLBLAST
    static const struct kind clblast = {circ_clblast_create, circ_clblast_need};
    if (circ_network_has_weights(layer) && !strcmp(variant, "clblast"))
        return &clblast;
#endif
    (void)variant;
    return circ_network_has_weights(layer) ? &spectral : &elementwise;
}

/* Who transforms blocks in a variant. */
static const struct circ_transforms *transforms_of(const char *variant)
{
#if CIRC_HAVE_CLFFT
    if (!strcmp(variant, "clfft"))
        return &circ_clfft_transforms;
#endif
    (void)variant;
    return &circ_transforms_own;
}

enum circ_status circ_chain_supports(const struct circ_network *net, const char *variant,
                                     struct circ_error *err)
{
    const struct circ_transforms *transforms = transforms_of(variant);
    enum circ_status status = CIRC_OK;
    for (int l = 0; l < net->layer_count && transforms->supports && !status; l++)
        if (circ_network_has_weights(&net->layers[l]) && net->layers[l].structure == CIRC_CIRCULANT)
            status = transforms->supports(net->layers[l].block, err);
    return status;
}

/* Layers that become stages: all but flatten, and a ReLU goes with the weights before it where no
 * gradient needs what lies between. */
static bool fuses(const struct circ_chain *chain, int layer)
{
    const struct circ_network *net = chain->network;
    return !chain->setting.train && layer + 1 < net->layer_count &&
           circ_network_has_weights(&net->layers[layer]) &&
           net->layers[layer + 1].op == CIRC_OP_RELU;
}

static enum circ_status buffer(struct circ_chain *chain, size_t floats, cl_mem *to,
                               struct circ_error *err)
{
    return circ_recording_buffer(&chain->recording, floats, NULL, to, err);
}

/* Numbers of the widest activation, and scratch for the spectra of any layer. */
static enum circ_status measure(struct circ_chain *chain, size_t scratch[2], struct circ_error *err)
{
    const struct circ_network *net = chain->network;
    size_t batch = (size_t)chain->setting.batch;
    chain->widest = (size_t)circ_network_elements(net->input) * batch;
    scratch[0] = scratch[1] = 1;
    for (int l = 0; l < net->layer_count; l++) {
        size_t out = (size_t)circ_network_elements(net->layers[l].out) * batch, need[2] = {0, 0};
        chain->widest = out > chain->widest ? out : chain->widest;
        enum circ_status status = CIRC_OK;
        circ_stage_need *own = kind_of(&net->layers[l], chain->variant)->need;
        if (own)
            status = own(&net->layers[l], &chain->setting, need, err);
        if (status)
            return status;
        for (int side = 0; side < 2; side++)
            scratch[side] = need[side] > scratch[side] ? need[side] : scratch[side];
    }
    return CIRC_OK;
}

/* Buffers of all activations but the stages' own, before any of them is made. */
static enum circ_status make_buffers(struct circ_chain *chain, struct circ_error *err)
{
    const struct circ_network *net = chain->network;
    size_t batch = (size_t)chain->setting.batch, scratch[2];
    size_t inputs = (size_t)circ_network_elements(net->input) * batch;
    size_t outputs = (size_t)circ_network_elements(circ_network_output(net)) * batch;
    enum circ_status status = measure(chain, scratch, err);
    for (int side = 0; side < 2 && !status; side++)
        status = buffer(chain, scratch[side], &chain->setting.spectra[side], err);
    if (!status)
        status = buffer(chain, inputs, &chain->x[0], err);
    if (!status && chain->setting.train) {
        status = buffer(chain, outputs, &chain->target, err);
        for (int i = 0; i < 2 && !status; i++)
            status = buffer(chain, chain->widest, &chain->slopes[i], err);
        if (!status)
            status = buffer(chain, CIRC_MAX_LAYERS, &chain->setting.rates, err);
    }
    chain->turned = malloc((inputs > outputs ? inputs : outputs) * sizeof *chain->turned);
    if (!status && !chain->turned)
        status = circ_status_fail(err, CIRC_MEMORY, "%s: no memory to turn a batch of %zu",
                                  net->name, batch);
    return status;
}

/* The buffer that stage i writes. */
static enum circ_status make_output(struct circ_chain *chain, int i, const struct circ_layer *last,
                                    struct circ_error *err)
{
    const struct circ_network *net = chain->network;
    size_t floats = (size_t)circ_network_elements(last->out) * (size_t)chain->setting.batch;
    bool end = true;
    for (const struct circ_layer *l = last + 1; l < net->layers + net->layer_count; l++)
        end &= l->op == CIRC_OP_FLATTEN;
    if (chain->setting.train || end)
        return buffer(chain, floats, &chain->x[i + 1], err);
    if (i >= 2) { /* what the stage before last wrote is read no more */
        chain->x[i + 1] = chain->x[i - 1];
        return CIRC_OK;
    }
    return buffer(chain, chain->widest, &chain->x[i + 1], err);
}

static enum circ_status make_stages(struct circ_chain *chain, const struct circ_model *model,
                                    struct circ_error *err)
{
    const struct circ_network *net = chain->network;
    enum circ_status status = CIRC_OK;
    for (int l = 0; l < net->layer_count && !status; l++) {
        const struct circ_layer *layer = &net->layers[l];
        if (layer->op == CIRC_OP_FLATTEN)
            continue;
        bool relu = fuses(chain, l);
        const struct circ_stage_request request = {layer, &model->layers[l], l, relu};
        int i = chain->count;
        status = make_output(chain, i, layer + relu, err);
        if (!status)
            status =
                kind_of(layer, chain->variant)
                    ->create(&chain->stages[i], &request, &chain->setting,
                             (struct circ_passage){.x = chain->x[i], .y = chain->x[i + 1]}, err);
        if (!status)
            chain->count++;
        l += relu;
    }
    return status;
}

/* Gradient of the input of stage i, and for i = count of the network's output. */
static cl_mem slope_of(const struct circ_chain *chain, int i)
{
    return chain->slopes[i % 2];
}

static enum circ_status record_bias(struct circ_chain *chain, const struct circ_stage *stage,
                                    cl_mem dy, struct circ_error *err)
{
    struct circ_shape out = stage->layer->out;
    cl_int columns = out.h * out.w * chain->setting.batch, layer = stage->index;
    char options[16];
    snprintf(options, sizeof options, "-DV=%d", chain->setting.tuning.vector);
    const struct circ_arg args[] = {CIRC_ARG(stage->bias), CIRC_ARG(dy), CIRC_ARG(columns),
                                    CIRC_ARG(chain->setting.rates), CIRC_ARG(layer)};
    const size_t channels[3] = {(size_t)out.c, 1, 1};
    return circ_recording_kernel(
        &chain->recording, (struct circ_kernel_name){"lanes.cl bias.cl", options, "update_bias"},
        channels, NULL, args, 5, err);
}

static enum circ_status record_backward(struct circ_chain *chain, struct circ_error *err)
{
    cl_int count =
        (cl_int)(circ_network_elements(circ_network_output(chain->network)) * chain->setting.batch);
    cl_float share = 1.0f / (float)chain->setting.batch;
    cl_mem slope = slope_of(chain, chain->count);
    const size_t global[3] = {(size_t)count, 1, 1};
    const struct circ_arg args[] = {CIRC_ARG(chain->x[chain->count]), CIRC_ARG(chain->target),
                                    CIRC_ARG(slope), CIRC_ARG(count), CIRC_ARG(share)};
    enum circ_status status = circ_recording_kernel(
        &chain->recording,
        (struct circ_kernel_name){"lanes.cl elementwise.cl", "-DV=1 -DSHARE=1", "loss"}, global,
        NULL, args, 5, err);
    for (int i = chain->count - 1; i >= 0 && !status; i--) {
        const struct circ_passage at = {chain->x[i], chain->x[i + 1], slope_of(chain, i + 1),
                                        slope_of(chain, i)};
        struct circ_stage *stage = chain->stages[i];
        status = stage->backward(stage, &chain->setting, at, err);
        if (!status && stage->bias)
            status = record_bias(chain, stage, at.dy, err);
    }
    return status;
}

/* Bytes of all buffers, and of the largest. What rounds tiles up is left out; Gauss' products have
 * half as many weights again. */
static int64_t weigh(const struct circ_request *request, int64_t *buffer)
{
    const struct circ_network *net = request->model->network;
    const struct circ_setting setting = {.tuning = {.vector = 1, .columns = 1, .group = 1},
                                         .batch = request->batch,
                                         .train = request->pass == CIRC_TRAIN,
                                         .transforms = transforms_of(request->variant)};
    int64_t widest = circ_network_elements(net->input), kept = widest;
    int64_t weights = 0, heaviest = 0, spectra = 0, scratch[2] = {0, 0};
    for (int l = 0; l < net->layer_count; l++) {
        const struct circ_layer *layer = &net->layers[l];
        circ_stage_need *own = kind_of(layer, request->variant)->need;
        int64_t out = circ_network_elements(layer->out);
        size_t need[2] = {0, 0};
        kept += out;
        widest = out > widest ? out : widest;
        if (own && own(layer, &setting, need, NULL))
            need[0] = need[1] = INT_MAX; /* more than the kernels count, which create will say */
        spectra += setting.train ? (int64_t)need[0] : 0;
        for (int side = 0; side < 2; side++)
            scratch[side] =
                (int64_t)need[side] > scratch[side] ? (int64_t)need[side] : scratch[side];
        int64_t count = circ_network_layer_counts(layer).weight_count * 3 / 2;
        weights += count;
        heaviest = count > heaviest ? count : heaviest;
    }
    const int64_t buffers[] = {heaviest, scratch[0], scratch[1], widest * request->batch};
    *buffer = 0;
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++)
        *buffer = 4 * buffers[i] > *buffer ? 4 * buffers[i] : *buffer;
    int64_t activations = setting.train ? kept + 3 * widest : 3 * widest;
    return 4 * (weights + spectra + scratch[0] + scratch[1] + activations * request->batch) +
           (1 << 20);
}

static bool fits(const struct circ_request *request, const struct circ_accelerator *a,
                 int64_t *need, int64_t *buffer)
{
    *need = weigh(request, buffer);
    return *need <= a->memory_bytes && *buffer <= a->buffer_bytes;
}

/* Refuses what cannot fit before anything is allocated, and says what would. */
static enum circ_status check_room(const struct circ_request *request,
                                   const struct circ_accelerator *a, struct circ_error *err)
{
    struct circ_request smaller = *request;
    int low = 0, high = request->batch; /* low fits, high does not */
    int64_t need, buffer, spare[2];
    if (fits(request, a, &need, &buffer))
        return CIRC_OK;
    while (high - low > 1) {
        smaller.batch = low + (high - low) / 2;
        if (fits(&smaller, a, &spare[0], &spare[1]))
            low = smaller.batch;
        else
            high = smaller.batch;
    }
    bool whole = need > a->memory_bytes;
    char remedy[64] = "not even one sample fits";
    if (low)
        snprintf(remedy, sizeof remedy, "a batch of %d fits", low);
    return circ_status_fail(err, CIRC_MEMORY,
                            "%s, batch %d needs %" PRId64 " MiB %s and %s has %" PRId64 ": %s",
                            request->model->network->name, request->batch,
                            (whole ? need : buffer) >> 20, whole ? "of memory" : "in one buffer",
                            a->name, (whole ? a->memory_bytes : a->buffer_bytes) >> 20, remedy);
}

enum circ_status circ_chain_create(struct circ_chain **out, struct circ_accelerator *accelerator,
                                   const struct circ_request *request,
                                   const struct circ_tuning *tuning, struct circ_error *err)
{
    *out = NULL;
    enum circ_status status = check_room(request, accelerator, err);
    if (status)
        return status;
    struct circ_chain *chain = calloc(1, sizeof *chain);
    if (!chain)
        return circ_status_fail(err, CIRC_MEMORY, "%s: no memory", request->model->network->name);
    chain->network = request->model->network;
    chain->variant = request->variant;
    chain->recording.accelerator = accelerator;
    chain->setting = (struct circ_setting){.accelerator = accelerator,
                                           .recording = &chain->recording,
                                           .tuning = *tuning,
                                           .batch = request->batch,
                                           .train = request->pass == CIRC_TRAIN,
                                           .host_rates = chain->rates,
                                           .transforms = transforms_of(request->variant)};
    status = make_buffers(chain, err);
    if (!status)
        status = make_stages(chain, request->model, err);
    if (!status && chain->setting.train)
        status = record_backward(chain, err);
    if (!status) /* what was written to the device must lie there before it is asked for */
        status = circ_accelerator_check(accelerator, clFinish(accelerator->queue),
                                        "preparing a network", err);
    if (status)
        circ_chain_free(chain);
    else
        *out = chain;
    return status;
}

void circ_chain_free(struct circ_chain *chain)
{
    if (!chain)
        return;
    clFinish(chain->setting.accelerator->queue);
    circ_accelerator_start(chain->setting.accelerator);
    circ_recording_free(&chain->recording);
    for (int i = 0; i < chain->count; i++)
        chain->stages[i]->release(chain->stages[i]);
    free(chain->turned);
    free(chain);
}

static enum circ_status send(struct circ_chain *chain, const float *from, struct circ_shape shape,
                             cl_mem to, struct circ_error *err)
{
    size_t elements = (size_t)circ_network_elements(shape), batch = (size_t)chain->setting.batch;
    circ_turn(from, elements, (int)batch, (int)elements, chain->turned, batch);
    return circ_accelerator_write(chain->setting.accelerator, to, chain->turned,
                                  elements * batch * sizeof(float), err);
}

static enum circ_status fetch(struct circ_chain *chain, cl_mem from, struct circ_shape shape,
                              float *to, struct circ_error *err)
{
    size_t elements = (size_t)circ_network_elements(shape), batch = (size_t)chain->setting.batch;
    enum circ_status status = circ_accelerator_read(chain->setting.accelerator, from, chain->turned,
                                                    elements * batch * sizeof(float), err);
    if (!status)
        circ_turn(chain->turned, batch, (int)elements, (int)batch, to, elements);
    return status;
}

enum circ_status circ_chain_upload(struct circ_chain *chain, const float *input,
                                   const struct circ_lesson *lesson, struct circ_error *err)
{
    enum circ_status status = send(chain, input, chain->network->input, chain->x[0], err);
    if (!status && lesson)
        status =
            send(chain, lesson->target, circ_network_output(chain->network), chain->target, err);
    if (!status && lesson) {
        size_t bytes = (size_t)chain->network->layer_count * sizeof *chain->rates;
        memcpy(chain->rates, lesson->rate, bytes);
        status = circ_accelerator_write(chain->setting.accelerator, chain->setting.rates,
                                        lesson->rate, bytes, err);
    }
    return status;
}

enum circ_status circ_chain_launch(struct circ_chain *chain, struct circ_error *err)
{
    return circ_recording_replay(&chain->recording, err);
}

enum circ_status circ_chain_wait(struct circ_chain *chain, int64_t *device_ns,
                                 struct circ_error *err)
{
    struct circ_accelerator *a = chain->setting.accelerator;
    enum circ_status status =
        circ_accelerator_check(a, clFinish(a->queue), "waiting for the kernels", err);
    struct circ_error *own = status ? NULL : err; /* the first failure is the one to tell of */
    enum circ_status stopped = circ_accelerator_stop(a, device_ns, own);
    return status ? status : stopped;
}

enum circ_status circ_chain_download(struct circ_chain *chain, float *output,
                                     struct circ_error *err)
{
    return fetch(chain, chain->x[chain->count], circ_network_output(chain->network), output, err);
}

enum circ_status circ_chain_learned(struct circ_chain *chain, struct circ_model *model, float *dx,
                                    struct circ_error *err)
{
    enum circ_status status = fetch(chain, slope_of(chain, 0), chain->network->input, dx, err);
    for (int i = 0; i < chain->count && !status; i++) {
        const struct circ_stage *stage = chain->stages[i];
        struct circ_weights *to = &model->layers[stage->index];
        if (stage->weights)
            status = stage->weights(stage, &chain->setting, to->values, err);
        if (!status && stage->bias)
            status = circ_accelerator_read(chain->setting.accelerator, stage->bias, to->bias,
                                           (size_t)stage->layer->out.c * sizeof(float), err);
    }
    return status;
}

const char *circ_chain_library(const struct circ_chain *chain)
{
    for (int i = 0; i < chain->count; i++)
        if (*chain->stages[i]->library)
            return chain->stages[i]->library;
    return "";
}

int64_t circ_chain_footprint(const struct circ_request *request)
{
    int64_t buffer;
    return weigh(request, &buffer);
}
