/* The fpga backend behind the contract: which devices are FPGAs, what is offered, and floats turned
 * to words and back. */
#include "backends/fpga/fpga.h"

#include "backends/devices/platforms.h"
#include "backends/fpga/binary.h"
#include "backends/fpga/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct circ_session {
    struct circ_accelerator *accelerator;
    bool emulated;
    bool binaries; /* it has no compiler */
};

struct circ_program {
    struct circ_fixed *fixed;
    struct circ_design design;
    struct circ_engine *engine;
    int batch;
    int64_t inputs, outputs; /* of a frame */
    int16_t *words;          /* owned: an input or an output */
    int32_t *frame;          /* owned: one output */
};

static int fpga_variants(const struct circ_variant **out)
{
    static const struct circ_variant variants[] = {
        {"pipeline", CIRC_CIRCULANT, "load, transform, multiply, inverse, store, in fixed point"},
        {"pipeline", CIRC_DENSE, "the same with blocks of one number"},
    };
    *out = variants;
    return (int)(sizeof variants / sizeof *variants);
}

static int fpga_isas(const char *names[CIRC_MAX_VARIANTS])
{
    (void)names;
    return 0;
}

static int fpga_precisions(const char *names[CIRC_MAX_VARIANTS])
{
    names[0] = "q16";
    names[1] = "q12";
    names[2] = "q8";
    return 3;
}

/* An accelerator that, or whose platform, speaks of FPGAs; AMD's is called by its old name. */
static bool is_fpga(const struct circ_platform_device *found)
{
    static const char *const words[] = {"fpga", "xilinx"};
    for (size_t i = 0; i < sizeof words / sizeof *words && found->device; i++)
        if (strcasestr(found->public.name, words[i]) ||
            strcasestr(found->public.platform, words[i]))
            return found->type & CL_DEVICE_TYPE_ACCELERATOR;
    return false;
}

/* The FPGAs among what the loader finds. */
static enum circ_status list(struct circ_platform_device found[CIRC_MAX_DEVICES], int *count,
                             struct circ_error *err)
{
    struct circ_error none = {0};
    enum circ_status status = circ_platforms_list(found, count, &none);
    int kept = 0;
    for (int i = 0; i < *count && !status; i++) {
        if (!is_fpga(&found[i]))
            continue;
        found[kept] = found[i];
        if (found[kept].binaries) {
            found[kept].public.status = CIRC_OK;
            *found[kept].public.reason = 0;
        }
        kept++;
    }
    *count = kept;
    if (status && status != CIRC_ABSENT) {
        if (err)
            *err = none;
        return status;
    }
    return kept ? CIRC_OK
                : circ_status_fail(err, CIRC_ABSENT,
                                   "no OpenCL driver offers an FPGA: a board's brings one, and "
                                   "./quickstart fpga installs Intel's emulator");
}

static enum circ_status fpga_probe(struct circ_device devices[CIRC_MAX_DEVICES], int *count,
                                   struct circ_error *err)
{
    struct circ_platform_device found[CIRC_MAX_DEVICES];
    enum circ_status status = list(found, count, err);
    for (int i = 0; i < *count && !status; i++)
        devices[i] = found[i].public;
    return status;
}

static void fpga_close(struct circ_session *session)
{
    if (session)
        circ_accelerator_close(session->accelerator);
    free(session);
}

static enum circ_status fpga_open(const char *device, struct circ_session **out,
                                  struct circ_error *err)
{
    struct circ_platform_device found[CIRC_MAX_DEVICES];
    int count, at = 0;
    *out = NULL;
    enum circ_status status = list(found, &count, err);
    if (status)
        return status;
    while (at < count &&
           (*device ? strcmp(device, found[at].public.name) : found[at].public.status != CIRC_OK))
        at++;
    if (at == count)
        return circ_status_fail(err, CIRC_ABSENT, "no FPGA %s%s",
                                *device ? "is called " : "is usable", device);
    if (found[at].public.status)
        return circ_status_fail(err, found[at].public.status, "%s: %s", found[at].public.name,
                                found[at].public.reason);
    struct circ_session *session = calloc(1, sizeof *session);
    if (!session)
        return circ_status_fail(err, CIRC_MEMORY, "no memory to open fpga");
    session->emulated = found[at].public.kind == CIRC_EMULATED;
    session->binaries = found[at].binaries;
    status =
        circ_accelerator_open(&session->accelerator, found[at].platform, found[at].device, err);
    if (status)
        fpga_close(session);
    else
        *out = session;
    return status;
}

static int bits_of(const struct circ_request *request)
{
    return circ_network_precision_word(circ_network_precision_find(request->precision));
}

/* What a request asks for: its bits, and P, D and M, 0 where it does not say. */
static enum circ_status tuning_of(const struct circ_request *request, struct circ_pipeline *asked,
                                  struct circ_error *err)
{
    *asked = (struct circ_pipeline){.bits = bits_of(request)};
    if (request->tuning && !circ_pipeline_read(request->tuning, asked))
        return circ_status_fail(err, CIRC_UNSUP,
                                "fpga does not read the tuning '%s': it is 'p4 d2 m16' with powers "
                                "of two for p and m, m up to %d, or left out",
                                request->tuning, CIRC_PIPELINE_MOST_MULTIPLY);
    return CIRC_OK;
}

/* The pipeline that a request asks for. */
static enum circ_status design_of(const struct circ_request *request, struct circ_design *design,
                                  struct circ_error *err)
{
    struct circ_pipeline asked;
    enum circ_status status = tuning_of(request, &asked, err);
    return status ? status : circ_design_make(design, request->model->network, &asked, err);
}

/* The device binary that the user named; NULL: none. */
static const char *binary_path(void)
{
    const char *path = getenv(CIRC_FPGA_BINARY);
    return path && *path ? path : NULL;
}

static enum circ_status fpga_supports(struct circ_session *session,
                                      const struct circ_request *request, struct circ_error *err)
{
    struct circ_design design;
    (void)session;
    if (request->pass == CIRC_TRAIN)
        return circ_status_fail(err, CIRC_UNSUP, "fpga offers inference, not training");
    if (strcmp(request->variant, "pipeline"))
        return circ_status_fail(err, CIRC_UNSUP, "fpga has no variant %s", request->variant);
    if (!bits_of(request))
        return circ_status_fail(err, CIRC_UNSUP, "fpga computes in q16, q12 or q8, not %s",
                                request->precision);
    if (request->cold_bytes)
        return circ_status_fail(err, CIRC_UNSUP,
                                "an FPGA has no caches to keep weights out of: cold ones are not "
                                "offered");
    if (request->isa)
        return circ_status_fail(err, CIRC_UNSUP, "an FPGA has no instruction sets to choose from");
    if (request->threads != 1)
        return circ_status_fail(err, CIRC_UNSUP,
                                "an FPGA has no threads to choose, 1 stands for all of it");
    return design_of(request, &design, err);
}

static void fpga_release(struct circ_program *program)
{
    if (!program)
        return;
    circ_engine_free(program->engine);
    circ_fixed_free(program->fixed);
    free(program->words);
    free(program->frame);
    free(program);
}

/* The engine, from the source, or from the binary that the user named. */
static enum circ_status start_engine(struct circ_program *program,
                                     const struct circ_session *session,
                                     const struct circ_request *request, struct circ_error *err)
{
    const char *path = binary_path();
    char *binary = NULL;
    size_t size = 0;
    struct circ_pipeline asked;
    struct circ_manifest manifest = {.channel = 0};
    enum circ_status status = tuning_of(request, &asked, err);
    if (!status && !path && session->binaries)
        status = circ_status_fail(err, CIRC_ABSENT,
                                  "%s has no compiler: `circbench fpga emit` writes source and "
                                  "commands for one, and --binary loads what it makes",
                                  session->accelerator->name);
    if (!status)
        status = path ? circ_binary_open(path, request->model->network, request->precision, &asked,
                                         &program->design, &manifest, err)
                      : design_of(request, &program->design, err);
    if (!status && path)
        status = circ_binary_read(path, &binary, &size, err);
    if (!status)
        status = circ_engine_create(&program->engine,
                                    &(struct circ_engine_case){.accelerator = session->accelerator,
                                                               .fixed = program->fixed,
                                                               .design = &program->design,
                                                               .batch = program->batch,
                                                               .emulated = session->emulated,
                                                               .channel = manifest.channel,
                                                               .binary = binary,
                                                               .binary_size = size},
                                    err);
    free(binary);
    return status;
}

static enum circ_status prepare(struct circ_program *program, const struct circ_session *session,
                                const struct circ_request *request, struct circ_error *err)
{
    const struct circ_network *net = request->model->network;
    program->batch = request->batch;
    program->inputs = circ_network_elements(net->input);
    program->outputs = circ_network_elements(circ_network_output(net));
    int64_t most = program->inputs > program->outputs ? program->inputs : program->outputs;
    program->words = malloc((size_t)(most * program->batch) * sizeof *program->words);
    program->frame = malloc((size_t)program->outputs * sizeof *program->frame);
    if (!program->words || !program->frame)
        return circ_status_fail(err, CIRC_MEMORY, "%s: no memory for a batch of %d", net->name,
                                program->batch);
    enum circ_status status =
        circ_fixed_create(&program->fixed, request->model, bits_of(request), request->calibration,
                          request->calibration_count, err);
    return status ? status : start_engine(program, session, request, err);
}

static enum circ_status fpga_prepare(struct circ_session *session,
                                     const struct circ_request *request, struct circ_program **out,
                                     struct circ_error *err)
{
    *out = NULL;
    struct circ_program *program = calloc(1, sizeof *program);
    if (!program)
        return circ_status_fail(err, CIRC_MEMORY, "%s: no memory", request->model->network->name);
    enum circ_status status = prepare(program, session, request, err);
    if (status)
        fpga_release(program);
    else
        *out = program;
    return status;
}

static void fpga_describe(const struct circ_program *program, struct circ_program_info *info)
{
    memset(info, 0, sizeof *info);
    circ_pipeline_write(info->tuning, sizeof info->tuning, &program->design.pipeline);
}

/* On the device, and the words and the calibration here. */
static int64_t fpga_footprint(const struct circ_request *request)
{
    const struct circ_network *net = request->model->network;
    return circ_engine_footprint(net, request->batch) + circ_fixed_footprint(net) +
           2 * request->batch *
               (circ_network_elements(net->input) +
                circ_network_elements(circ_network_output(net)));
}

static enum circ_status fpga_upload(struct circ_program *program, const float *input,
                                    const struct circ_lesson *lesson, struct circ_error *err)
{
    const struct circ_fixed *fixed = program->fixed;
    (void)lesson;
    for (int64_t i = 0; i < program->inputs * program->batch; i++)
        program->words[i] = (int16_t)circ_fixed_word(input[i], fixed->in_fraction, fixed->bits);
    return circ_engine_write(program->engine, program->words, err);
}

static enum circ_status fpga_launch(struct circ_program *program, struct circ_error *err)
{
    return circ_engine_run(program->engine, err);
}

static enum circ_status fpga_wait(struct circ_program *program, int64_t *device_ns,
                                  struct circ_error *err)
{
    return circ_engine_wait(program->engine, device_ns, err);
}

static enum circ_status fpga_download(struct circ_program *program, float *output,
                                      struct circ_error *err)
{
    enum circ_status status = circ_engine_read(program->engine, program->words, err);
    for (int64_t i = 0; i < program->batch && !status; i++) {
        for (int64_t j = 0; j < program->outputs; j++)
            program->frame[j] = program->words[i * program->outputs + j];
        circ_fixed_output(program->fixed, program->frame, output + i * program->outputs);
    }
    return status;
}

static enum circ_status fpga_emit(struct circ_session *session, const struct circ_request *request,
                                  const char *folder, struct circ_error *err)
{
    struct circ_design design;
    struct circ_manifest manifest;
    struct circ_fixed *fixed = NULL;
    struct circ_engine *engine = NULL;
    enum circ_status status = fpga_supports(session, request, err);
    if (!status)
        status = design_of(request, &design, err);
    if (!status && session && session->binaries)
        status = circ_status_fail(err, CIRC_ABSENT,
                                  "%s has no compiler here: leave out --build, and run one of the "
                                  "commands",
                                  session->accelerator->name);
    if (!status && session)
        status = circ_fixed_create(&fixed, request->model, bits_of(request), NULL, 0, err);
    if (!status && session)
        status = circ_engine_create(&engine,
                                    &(struct circ_engine_case){.accelerator = session->accelerator,
                                                               .fixed = fixed,
                                                               .design = &design,
                                                               .batch = 1,
                                                               .emulated = session->emulated},
                                    err);
    if (!status)
        status = circ_binary_describe(request->model->network, request->precision, &design,
                                      engine ? circ_engine_channel(engine) : CIRC_DESIGN_CHANNEL,
                                      &manifest, err);
    if (!status)
        status = circ_binary_emit(folder, &design, &manifest, err);
    if (!status && engine)
        status = circ_binary_write(folder, engine, err);
    circ_engine_free(engine);
    circ_fixed_free(fixed);
    return status;
}

static bool fpga_tuning_valid(const char *text)
{
    struct circ_pipeline pipeline;
    return circ_pipeline_read(text, &pipeline);
}

const struct circ_backend circ_fpga_backend = {
    .name = "fpga",
    .description = "FPGA boards and their emulator",
    .compiles = true,
    .variants = fpga_variants,
    .isas = fpga_isas,
    .precisions = fpga_precisions,
    .probe = fpga_probe,
    .open = fpga_open,
    .close = fpga_close,
    .supports = fpga_supports,
    .prepare = fpga_prepare,
    .release = fpga_release,
    .describe = fpga_describe,
    .footprint = fpga_footprint,
    .upload = fpga_upload,
    .launch = fpga_launch,
    .wait = fpga_wait,
    .download = fpga_download,
    .tuning_valid = fpga_tuning_valid,
    .emit = fpga_emit,
};
