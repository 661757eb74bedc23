/* PyTorch behind the contract: networks, weights and activations go to worker.py, which computes.
 * A launch only counts: wait asks for as many runs at once, so that a window pays for one message,
 * tens of microseconds in at least ten milliseconds. */
#include "backends/pytorch/pytorch.h"

#include "backends/core/embed.h"
#include "backends/processor.h"
#include "backends/pytorch/peer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern const struct circ_embedded circ_worker_embedded[];

struct circ_session {
    struct circ_peer *peer;
    struct circ_processor processor;
    int programs;             /* made so far: their numbers */
    char torch[48], peft[32]; /* names and versions; peft is "" until it was asked for */
};

struct circ_program {
    struct circ_session *session;
    int number, launches, batch;
    size_t input_count, output_count;
    struct circ_program_info info;
};

static const struct circ_variant variants[] = {
    {"rfft-bmm", CIRC_CIRCULANT, "torch.fft.rfft, torch.bmm per bin, irfft; spectra kept"},
    {"c3a", CIRC_CIRCULANT, "PEFT's C3A: complex transforms, the weights' in every call"},
    {"linear", CIRC_DENSE, "torch.nn.functional.linear and conv2d"},
};

static int pytorch_variants(const struct circ_variant **out)
{
    *out = variants;
    return (int)(sizeof variants / sizeof *variants);
}

static int pytorch_isas(const char *names[CIRC_MAX_VARIANTS])
{
    (void)names;
    return 0;
}

static int pytorch_precisions(const char *names[CIRC_MAX_VARIANTS])
{
    names[0] = "f32";
    return 1;
}

/* Where tests/peers/install.sh puts it: $CIRCBENCH_PEERS, or a folder of the user's data. */
static enum circ_status find_python(char *path, size_t size, struct circ_error *err)
{
    const char *peers = getenv("CIRCBENCH_PEERS"), *data = getenv("XDG_DATA_HOME"),
               *home = getenv("HOME");
    int length =
        peers && *peers ? snprintf(path, size, "%s/bin/python3", peers)
        : data && *data
            ? snprintf(path, size, "%s/circbench/peers/bin/python3", data)
            : snprintf(path, size, "%s/.local/share/circbench/peers/bin/python3", home ? home : "");
    if (length >= 0 && (size_t)length < size && !access(path, X_OK))
        return CIRC_OK;
    return circ_status_fail(err, CIRC_ABSENT,
                            "PyTorch is not installed for circbench: tests/peers/install.sh puts "
                            "it into a private folder");
}

static enum circ_status pytorch_probe(struct circ_device devices[CIRC_MAX_DEVICES], int *count,
                                      struct circ_error *err)
{
    char python[4096];
    enum circ_status status = find_python(python, sizeof python, err);
    if (status)
        return status;
    struct circ_processor processor;
    circ_processor_read(&processor);
    devices[0] = circ_processor_device(&processor, processor.cores);
    *count = 1;
    return CIRC_OK;
}

static void pytorch_close(struct circ_session *session)
{
    if (!session)
        return;
    circ_peer_stop(session->peer);
    free(session);
}

/* One request without payload. Programs are lost with their process. */
static enum circ_status ask(struct circ_session *session, const char *request, char *detail,
                            size_t size, struct circ_error *err)
{
    if (!session->peer)
        return circ_status_fail(err, CIRC_DEVICE, "its process could not be started again");
    enum circ_status status = circ_peer_send(session->peer, request, strlen(request), err);
    return status ? status : circ_peer_answer(session->peer, detail, size, err);
}

static enum circ_status start(struct circ_session *session, struct circ_error *err)
{
    char python[4096];
    enum circ_status status = find_python(python, sizeof python, err);
    if (!status)
        status = circ_peer_start(&session->peer, python, (const char *)circ_worker_embedded[0].data,
                                 err);
    if (!status)
        status = ask(session, "{\"do\": \"hello\"}\n", session->torch, sizeof session->torch, err);
    if (status == CIRC_DEVICE) /* it ended at its imports */
        status =
            circ_status_fail(err, CIRC_ABSENT,
                             "%s does not import PyTorch: tests/peers/install.sh mends it", python);
    return status;
}

static enum circ_status pytorch_open(const char *device, struct circ_session **out,
                                     struct circ_error *err)
{
    (void)device;
    *out = NULL;
    struct circ_session *session = calloc(1, sizeof *session);
    if (!session)
        return circ_status_fail(err, CIRC_MEMORY, "no memory to open pytorch");
    circ_processor_read(&session->processor);
    enum circ_status status = start(session, err);
    if (status)
        pytorch_close(session);
    else
        *out = session;
    return status;
}

/* One point may have ended the process (out of memory); the next one gets a new one. */
static enum circ_status revive(struct circ_session *session, struct circ_error *err)
{
    if (session->peer && !circ_peer_ended(session->peer))
        return CIRC_OK;
    circ_peer_stop(session->peer);
    session->peer = NULL;
    return start(session, err);
}

/* C3A is written for FC layers that the block divides. */
static enum circ_status check_c3a(struct circ_session *session, const struct circ_network *net,
                                  struct circ_error *err)
{
    for (int i = 0; i < net->layer_count; i++) {
        const struct circ_layer *layer = &net->layers[i];
        int m, n;
        if (!circ_network_has_weights(layer) || layer->structure != CIRC_CIRCULANT)
            continue;
        if (layer->op != CIRC_OP_FC)
            return circ_status_fail(err, CIRC_UNSUP, "C3A has no CONV layers");
        circ_network_matrix(layer, &m, &n);
        if (m % layer->block || n % layer->block)
            return circ_status_fail(err, CIRC_UNSUP,
                                    "C3A takes blocks that divide the layer: %d does not divide "
                                    "%d x %d",
                                    layer->block, m, n);
    }
    if (session->peft[0])
        return CIRC_OK;
    return ask(session, "{\"do\": \"offers_c3a\"}\n", session->peft, sizeof session->peft, err);
}

static enum circ_status pytorch_supports(struct circ_session *session,
                                         const struct circ_request *request, struct circ_error *err)
{
    const struct circ_network *net = request->model->network;
    if (request->pass == CIRC_TRAIN)
        return circ_status_fail(err, CIRC_UNSUP, "pytorch computes inference only here");
    if (request->cold_bytes)
        return circ_status_fail(err, CIRC_UNSUP,
                                "pytorch keeps one set of weights here: cold ones are not offered");
    if (strcmp(request->precision, "f32"))
        return circ_status_fail(err, CIRC_UNSUP, "pytorch computes in f32 here, not %s",
                                request->precision);
    if (request->isa)
        return circ_status_fail(err, CIRC_UNSUP, "PyTorch chooses its instructions itself");
    if (request->threads < 1 || request->threads > session->processor.cpus)
        return circ_status_fail(err, CIRC_UNSUP, "%d threads: this process may use %d CPUs",
                                request->threads, session->processor.cpus);
    for (int i = 0; i < net->layer_count; i++)
        if (circ_network_has_weights(&net->layers[i]) && net->layers[i].structure == CIRC_PRUNED)
            return circ_status_fail(err, CIRC_UNSUP, "pytorch has no pruned layers here");
    enum circ_status status = revive(session, err);
    if (!status && !strcmp(request->variant, "c3a"))
        status = check_c3a(session, net, err);
    return status;
}

static void print_layer(FILE *file, const struct circ_layer *layer,
                        const struct circ_weights *weights)
{
    int m = 0, n = 0;
    if (circ_network_has_weights(layer))
        circ_network_matrix(layer, &m, &n);
    fprintf(file,
            "{\"op\": \"%s\", \"structure\": \"%s\", \"m\": %d, \"n\": %d, \"block\": %d, "
            "\"taps\": [%d, %d], \"stride\": %d, \"pad\": %d, \"groups\": %d, "
            "\"lrn\": [%d, %.9g, %.9g, %.9g], \"values\": %zu, \"bias\": %d}",
            circ_network_op_name(layer->op), circ_network_structure_name(layer->structure), m, n,
            layer->block, layer->taps_h, layer->taps_w, layer->stride, layer->pad, layer->groups,
            layer->lrn_size, (double)layer->lrn_alpha, (double)layer->lrn_beta,
            (double)layer->lrn_bias, weights->count, weights->bias ? layer->out.c : 0);
}

/* The network as a line of JSON, owned by the caller; NULL without memory. */
static char *print_request(const struct circ_request *request, int number)
{
    const struct circ_network *net = request->model->network;
    char *text = NULL;
    size_t size;
    FILE *file = open_memstream(&text, &size);
    if (!file)
        return NULL;
    fprintf(file,
            "{\"do\": \"prepare\", \"id\": %d, \"variant\": \"%s\", \"batch\": %d, "
            "\"threads\": %d, \"input\": [%d, %d, %d], \"layers\": [",
            number, request->variant, request->batch, request->threads, net->input.c, net->input.h,
            net->input.w);
    for (int i = 0; i < net->layer_count; i++) {
        fputs(i ? ", " : "", file);
        print_layer(file, &net->layers[i], &request->model->layers[i]);
    }
    fputs("]}\n", file);
    if (!fclose(file))
        return text;
    free(text);
    return NULL;
}

static enum circ_status send_model(struct circ_peer *peer, const char *line,
                                   const struct circ_model *model, struct circ_error *err)
{
    const struct circ_network *net = model->network;
    enum circ_status status = circ_peer_send(peer, line, strlen(line), err);
    for (int i = 0; i < net->layer_count && !status; i++) {
        const struct circ_weights *weights = &model->layers[i];
        status = circ_peer_send(peer, weights->values, weights->count * sizeof(float), err);
        if (!status && weights->bias)
            status = circ_peer_send(peer, weights->bias,
                                    (size_t)net->layers[i].out.c * sizeof(float), err);
    }
    return status;
}

static void pytorch_release(struct circ_program *program)
{
    char request[64], detail[64];
    if (!program)
        return;
    snprintf(request, sizeof request, "{\"do\": \"release\", \"id\": %d}\n", program->number);
    (void)!ask(program->session, request, detail, sizeof detail, NULL); /* gone is released too */
    free(program);
}

static enum circ_status pytorch_prepare(struct circ_session *session,
                                        const struct circ_request *request,
                                        struct circ_program **out, struct circ_error *err)
{
    const struct circ_network *net = request->model->network;
    size_t batch = (size_t)request->batch;
    *out = NULL;
    struct circ_program *program = calloc(1, sizeof *program);
    char *line = print_request(request, session->programs);
    if (!program || !line) {
        free(program);
        free(line);
        return circ_status_fail(err, CIRC_MEMORY, "%s: no memory", net->name);
    }
    program->session = session;
    program->number = session->programs++;
    program->input_count = (size_t)circ_network_elements(net->input) * batch;
    program->output_count = (size_t)circ_network_elements(circ_network_output(net)) * batch;
    bool c3a = !strcmp(request->variant, "c3a");
    snprintf(program->info.library, sizeof program->info.library, "%s%s%s", session->torch,
             c3a ? ", " : "", c3a ? session->peft : "");
    enum circ_status status = send_model(session->peer, line, request->model, err);
    if (!status)
        status =
            circ_peer_answer(session->peer, program->info.tuning, sizeof program->info.tuning, err);
    free(line);
    if (status)
        pytorch_release(program);
    else
        *out = program;
    return status;
}

static void pytorch_describe(const struct circ_program *program, struct circ_program_info *info)
{
    *info = program->info;
}

/* Weights with up to three forms of their spectra, which are kept twice as large by the product of
 * reals; activations with their spectra; and the arrays that one layer passes through. */
static int64_t pytorch_footprint(const struct circ_request *request)
{
    const struct circ_network *net = request->model->network;
    int64_t widest = circ_network_elements(net->input);
    for (int i = 0; i < net->layer_count; i++) {
        int64_t count = circ_network_elements(net->layers[i].out);
        widest = count > widest ? count : widest;
    }
    return 12 * circ_network_counts(net).weight_bytes + 64 * widest * request->batch;
}

static enum circ_status pytorch_upload(struct circ_program *program, const float *input,
                                       const struct circ_lesson *lesson, struct circ_error *err)
{
    (void)lesson; /* it does not train */
    struct circ_peer *peer = program->session->peer;
    char request[96], detail[64];
    snprintf(request, sizeof request, "{\"do\": \"upload\", \"id\": %d, \"count\": %zu}\n",
             program->number, program->input_count);
    enum circ_status status = circ_peer_send(peer, request, strlen(request), err);
    if (!status)
        status = circ_peer_send(peer, input, program->input_count * sizeof *input, err);
    return status ? status : circ_peer_answer(peer, detail, sizeof detail, err);
}

static enum circ_status pytorch_launch(struct circ_program *program, struct circ_error *err)
{
    (void)err;
    program->launches++;
    return CIRC_OK;
}

static enum circ_status pytorch_wait(struct circ_program *program, int64_t *device_ns,
                                     struct circ_error *err)
{
    char request[96], detail[64];
    snprintf(request, sizeof request, "{\"do\": \"run\", \"id\": %d, \"times\": %d}\n",
             program->number, program->launches);
    program->launches = 0;
    enum circ_status status = ask(program->session, request, detail, sizeof detail, err);
    *device_ns = status ? -1 : strtoll(detail, NULL, 10);
    return status;
}

static enum circ_status pytorch_download(struct circ_program *program, float *output,
                                         struct circ_error *err)
{
    size_t bytes = program->output_count * sizeof *output;
    char request[64], detail[64];
    snprintf(request, sizeof request, "{\"do\": \"download\", \"id\": %d}\n", program->number);
    enum circ_status status = ask(program->session, request, detail, sizeof detail, err);
    if (!status && strtoull(detail, NULL, 10) != bytes)
        return circ_status_fail(err, CIRC_DEVICE, "it answers with %s bytes, not %zu", detail,
                                bytes);
    return status ? status : circ_peer_receive(program->session->peer, output, bytes, err);
}

const struct circ_backend circ_pytorch_backend = {
    .name = "pytorch",
    .description = "PyTorch, in a process of its own",
    .apart = true,
    .variants = pytorch_variants,
    .isas = pytorch_isas,
    .precisions = pytorch_precisions,
    .probe = pytorch_probe,
    .open = pytorch_open,
    .close = pytorch_close,
    .supports = pytorch_supports,
    .prepare = pytorch_prepare,
    .release = pytorch_release,
    .describe = pytorch_describe,
    .footprint = pytorch_footprint,
    .upload = pytorch_upload,
    .launch = pytorch_launch,
    .wait = pytorch_wait,
    .download = pytorch_download,
};
