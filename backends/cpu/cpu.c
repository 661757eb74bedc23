/* The cpu backend behind the contract: devices, variants, what is offered, and the teams that
 * sessions keep. */
#include "backends/cpu/cpu.h"

#include "backends/cpu/isa.h"
#include "backends/cpu/libraries.h"
#include "backends/cpu/probe.h"
#include "backends/cpu/program.h"
#include "backends/processor.h"
#include "circ_config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_TEAMS 32 /* thread counts of one session */

struct circ_session {
    struct circ_processor processor;
    struct circ_team *teams[MAX_TEAMS]; /* one for each thread count that was asked for */
    int team_count;
};

static const struct circ_variant variants[] = {
    {"fused", CIRC_CIRCULANT,
     "spectra bin-major, batch or block rows in lanes, bias and ReLU fused"},
    {"fftw", CIRC_CIRCULANT, "FFTW's real transforms, a complex product for each bin"},
    {"openblas", CIRC_DENSE, "OpenBLAS sgemm and sgemv, im2col for CONV"},
    {"onednn", CIRC_DENSE, "oneDNN, packed weights, Winograd for CONV where it is faster"},
    {"mixed", CIRC_DENSE, "for each layer the fastest of these two and, for CONV, our product"},
    {"csr", CIRC_PRUNED, "compressed sparse rows, random pattern with balanced rows"},
};

/* Variants that are a library's work: they stay in the list without it, and say what to install. */
static const struct {
    const char *variant, *library, *package;
    bool here;
} needs[] = {
    {"openblas", "OpenBLAS", "libopenblas-dev", CIRC_HAVE_OPENBLAS},
    {"onednn", "oneDNN", "libdnnl-dev", CIRC_HAVE_ONEDNN},
    {"fftw", "FFTW", "libfftw3-dev", CIRC_HAVE_FFTW},
};

static int cpu_variants(const struct circ_variant **out)
{
    *out = variants;
    return (int)(sizeof variants / sizeof *variants);
}

static int cpu_isas(const char *names[CIRC_MAX_VARIANTS])
{
    const struct circ_kernels *tables[8];
    int count = circ_isa_list(tables);
    for (int i = 0; i < count; i++)
        names[i] = tables[i]->name;
    return count;
}

static int cpu_precisions(const char *names[CIRC_MAX_VARIANTS])
{
    names[0] = circ_network_precision_name(CIRC_F32);
    names[1] = circ_network_precision_name(CIRC_BF16);
    return 2;
}

static enum circ_status cpu_probe(struct circ_device devices[CIRC_MAX_DEVICES], int *count,
                                  struct circ_error *err)
{
    (void)err;
    struct circ_processor processor;
    circ_processor_read(&processor);
    devices[0] = circ_processor_device(&processor, processor.cores);
    *count = 1;
    return CIRC_OK;
}

static enum circ_status cpu_open(const char *device, struct circ_session **out,
                                 struct circ_error *err)
{
    (void)device;
    struct circ_session *session = calloc(1, sizeof *session);
    if (!session)
        return circ_status_fail(err, CIRC_MEMORY, "no memory to open cpu");
    circ_processor_read(&session->processor);
    circ_libraries_begin();
    *out = session;
    return CIRC_OK;
}

static void cpu_close(struct circ_session *session)
{
    if (!session)
        return;
    for (int i = 0; i < session->team_count; i++)
        circ_team_free(session->teams[i]);
    free(session);
}

static const struct circ_variant *find_variant(const char *name)
{
    for (size_t i = 0; i < sizeof variants / sizeof *variants; i++)
        if (!strcmp(variants[i].name, name))
            return &variants[i];
    return NULL;
}

/* Variants that have a training pass. */
static const char *const training[] = {"fused", "openblas"};

static bool trains(const char *variant)
{
    return !strcmp(variant, training[0]) || !strcmp(variant, training[1]);
}

/* Whether layers may want different makers, or one of them ours: else a library has the row. */
static bool mixes(const struct circ_network *net)
{
    int choices = 0;
    for (int i = 0; i < net->layer_count; i++) {
        bool conv = net->layers[i].op == CIRC_OP_CONV;
        choices += conv ? 2 : circ_network_has_weights(&net->layers[i]);
    }
    return choices > 1;
}

static enum circ_status cpu_supports(struct circ_session *session,
                                     const struct circ_request *request, struct circ_error *err)
{
    const struct circ_variant *variant = find_variant(request->variant);
    enum circ_structure structure = circ_network_structure(request->model->network);
    enum circ_precision precision = circ_network_precision_find(request->precision);
    if (strcmp(request->precision, circ_network_precision_name(precision)) ||
        circ_network_precision_word(precision))
        return circ_status_fail(err, CIRC_UNSUP, "cpu stores weights in f32 or bf16, not %s",
                                request->precision);
    if (precision == CIRC_BF16 && request->pass == CIRC_TRAIN)
        return circ_status_fail(err, CIRC_UNSUP, "cpu trains in f32, not bf16");
    if (precision == CIRC_BF16 &&
        (structure != CIRC_CIRCULANT || strcmp(request->variant, variants[0].name)))
        return circ_status_fail(
            err, CIRC_UNSUP, "bf16 is for circulant weights in variant %s, not for %s ones in %s",
            variants[0].name, circ_network_structure_name(structure), request->variant);
    if (!variant || (variant->structure != structure && structure != CIRC_DENSE))
        return circ_status_fail(err, CIRC_UNSUP, "cpu has no variant %s for %s layers",
                                request->variant, circ_network_structure_name(structure));
    if (request->pass == CIRC_TRAIN && request->cold_bytes)
        return circ_status_fail(err, CIRC_UNSUP,
                                "cpu trains one set of weights: cold ones are for inference");
    if (request->pass == CIRC_TRAIN && structure == CIRC_PRUNED)
        return circ_status_fail(
            err, CIRC_UNSUP, "cpu does not train pruned layers: their pattern would stay random");
    if (request->pass == CIRC_TRAIN && !trains(request->variant))
        return circ_status_fail(err, CIRC_UNSUP, "cpu trains with the variants %s and %s, not %s",
                                training[0], training[1], request->variant);
    if (!strcmp(variant->name, "mixed") && !mixes(request->model->network))
        return circ_status_fail(err, CIRC_UNSUP,
                                "a single FC layer has nothing to mix: see the other variants");
    for (size_t i = 0; i < sizeof needs / sizeof *needs; i++)
        if (!needs[i].here && !strcmp(needs[i].variant, variant->name))
            return circ_status_fail(err, CIRC_ABSENT,
                                    "built without %s: install %s and build again",
                                    needs[i].library, needs[i].package);
    if (request->isa && !circ_isa_find(request->isa))
        return circ_status_fail(err, CIRC_UNSUP,
                                "this CPU or build has no isa %s: see circbench "
                                "devices",
                                request->isa);
    if (request->threads < 1 || request->threads > session->processor.cpus)
        return circ_status_fail(err, CIRC_UNSUP, "%d threads: this process may use %d CPUs",
                                request->threads, session->processor.cpus);
    return CIRC_OK;
}

static enum circ_status team_for(struct circ_session *session, int threads, struct circ_team **team,
                                 struct circ_error *err)
{
    for (int i = 0; i < session->team_count; i++) {
        if (circ_team_threads(session->teams[i]) == threads) {
            *team = session->teams[i];
            return CIRC_OK;
        }
    }
    if (session->team_count == MAX_TEAMS)
        return circ_status_fail(err, CIRC_UNSUP, "more than %d thread counts in one session",
                                MAX_TEAMS);
    enum circ_status status = circ_team_create(team, threads, err);
    if (!status)
        session->teams[session->team_count++] = *team;
    return status;
}

static enum circ_status cpu_prepare(struct circ_session *session,
                                    const struct circ_request *request,
                                    struct circ_program **program, struct circ_error *err)
{
    struct circ_team *team;
    enum circ_status status = team_for(session, request->threads, &team, err);
    if (status)
        return status;
    return circ_program_create(program, request, circ_isa_find(request->isa), team, err);
}

static void cpu_describe(const struct circ_program *program, struct circ_program_info *info)
{
    memset(info, 0, sizeof *info);
    /* none where only a library computes: it chose its own, and says so in its name */
    snprintf(info->isa, sizeof info->isa, "%s", circ_program_isa(program));
    circ_libraries_name(circ_program_libraries(program), info->library, sizeof info->library);
    int64_t copies = circ_program_copies(program);
    int used = snprintf(info->tuning, sizeof info->tuning, "%s", circ_program_tuning(program));
    if (copies > 1)
        snprintf(info->tuning + used, sizeof info->tuning - (size_t)used, "%s%lld sets of weights",
                 used ? ", " : "", (long long)copies);
}

/* Floats of spectra that one circulant layer keeps: both sides of the blocks, padding included; or
 * a dense CONV, whose blocks are of one. A CONV layer holds a band of rows of them for each thread,
 * 2 windows high at least: see plan_plane in columns_plan.c. */
static int64_t spectra_of(const struct circ_layer *layer, int batch, int threads)
{
    int p, q;
    bool ones = layer->structure == CIRC_DENSE && layer->op == CIRC_OP_CONV;
    if (!circ_network_has_weights(layer) || (layer->structure != CIRC_CIRCULANT && !ones))
        return 0;
    circ_network_blocks(layer, &p, &q);
    int64_t in = (int64_t)q * layer->block, out = (int64_t)p * layer->block;
    int64_t columns = (batch + 31) / 32 * 32;
    if (layer->op == CIRC_OP_FC)
        return (in + out) * columns;
    int64_t rows = 2 * layer->taps_h < layer->out.h ? 2 * layer->taps_h : layer->out.h;
    int64_t in_rows = (rows - 1) * layer->stride + layer->taps_h;
    int64_t wide = (int64_t)(layer->in.w + 2 * layer->pad + layer->stride) * batch;
    int64_t out_wide = ((int64_t)layer->out.w * batch + 31) / 32 * 32;
    return threads * (2 * in * in_rows * wide + out * rows * out_wide);
}

static int64_t cpu_footprint(const struct circ_request *request)
{
    if (request->pass == CIRC_TRAIN)
        return circ_train_footprint(request);
    const struct circ_network *net = request->model->network;
    int64_t widest = 1, spectra = 0;
    for (int i = 0; i < net->layer_count; i++) {
        int64_t out = circ_network_elements(net->layers[i].out);
        widest = out > widest ? out : widest;
        int64_t own = spectra_of(&net->layers[i], request->batch, request->threads);
        spectra = own > spectra ? own : spectra;
    }
    /* two of the batch, and two of each panel under way, which is half of it at most */
    int64_t activations = (circ_network_elements(net->input) + 3 * widest) * request->batch;
    /* scratch of each thread beside those spectra, about 2 MB: columns.c, im2col.c */
    int64_t bands = (int64_t)request->threads * (2 << 20);
    /* spectra are up to twice the weights; of cold ones a set more than asked for, and the one that
     * is copied */
    int64_t weights = 2 * circ_network_counts(net).weight_bytes;
    int64_t copies = request->cold_bytes ? request->cold_bytes + weights : 0;
    return weights + copies + 4 * (activations + spectra) + bands;
}

static enum circ_status cpu_upload(struct circ_program *program, const float *input,
                                   const struct circ_lesson *lesson, struct circ_error *err)
{
    (void)err;
    if (circ_program_train(program))
        circ_train_upload(circ_program_train(program), input, lesson);
    else
        circ_program_upload(program, input);
    return CIRC_OK;
}

static enum circ_status cpu_launch(struct circ_program *program, struct circ_error *err)
{
    (void)err;
    if (circ_program_train(program))
        circ_train_launch(circ_program_train(program));
    else
        circ_program_launch(program);
    return CIRC_OK;
}

static enum circ_status cpu_wait(struct circ_program *program, int64_t *device_ns,
                                 struct circ_error *err)
{
    (void)program;
    (void)err;
    *device_ns = -1;
    return CIRC_OK;
}

static enum circ_status cpu_download(struct circ_program *program, float *output,
                                     struct circ_error *err)
{
    (void)err;
    if (circ_program_train(program))
        circ_train_download(circ_program_train(program), output);
    else
        circ_program_download(program, output);
    return CIRC_OK;
}

static enum circ_status cpu_ceilings(struct circ_session *session, const char *isa, int threads,
                                     struct circ_ceiling ceilings[CIRC_MAX_CEILINGS], int *count,
                                     struct circ_error *err)
{
    const struct circ_kernels *kernels = circ_isa_find(isa && *isa ? isa : NULL);
    struct circ_team *team;
    *count = 0;
    if (!kernels)
        return circ_status_fail(err, CIRC_UNSUP,
                                "this CPU or build has no isa %s: see circbench devices", isa);
    if (threads < 1 || threads > session->processor.cpus)
        return circ_status_fail(err, CIRC_UNSUP, "%d threads: this process may use %d CPUs",
                                threads, session->processor.cpus);
    enum circ_status status = team_for(session, threads, &team, err);
    /* an eighth of the memory: the machine is not ours alone */
    return status ? status
                  : circ_probe_ceilings(team, kernels->name, session->processor.memory_bytes / 8,
                                        ceilings, count, err);
}

static enum circ_status cpu_learned(struct circ_program *program, struct circ_model *model,
                                    float *dx, struct circ_error *err)
{
    return circ_train_learned(circ_program_train(program), model, dx, err);
}

const struct circ_backend circ_cpu_backend = {
    .name = "cpu",
    .description = "this machine's processor: vector kernels, OpenBLAS for dense layers",
    .variants = cpu_variants,
    .isas = cpu_isas,
    .precisions = cpu_precisions,
    .probe = cpu_probe,
    .open = cpu_open,
    .close = cpu_close,
    .supports = cpu_supports,
    .prepare = cpu_prepare,
    .release = circ_program_free,
    .describe = cpu_describe,
    .footprint = cpu_footprint,
    .upload = cpu_upload,
    .launch = cpu_launch,
    .wait = cpu_wait,
    .download = cpu_download,
    .ceilings = cpu_ceilings,
    .learned = cpu_learned,
};
