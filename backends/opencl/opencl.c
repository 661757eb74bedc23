/* The opencl backend behind the contract: devices, variants, what is offered. */
#include "backends/opencl/opencl.h"

#include "backends/opencl/chain.h"
#include "backends/devices/platforms.h"
#include "circ_config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct circ_session {
    struct circ_accelerator *accelerator;
    struct circ_tuning tuning; /* the default */
};

struct circ_program {
    struct circ_chain *chain;
    struct circ_program_info info;
};

static const struct circ_variant variants[] = {
    {"fused", CIRC_CIRCULANT, "our transforms, a tiled product for each bin, bias and ReLU fused"},
    {"clfft", CIRC_CIRCULANT, "clFFT's batched real transforms, our product between them"},
    {"clblast", CIRC_DENSE, "CLBlast's GEMM and GEMV, im2col for CONV"},
    {"tile", CIRC_DENSE, "our product with blocks of one number"},
};

static const struct {
    const char *variant, *library, *package;
    bool here;
} needs[] = {
    {"clfft", "clFFT", "libclfft-dev", CIRC_HAVE_CLFFT},
    {"clblast", "CLBlast", "libclblast-dev", CIRC_HAVE_CLBLAST},
};

static int opencl_variants(const struct circ_variant **out)
{
    *out = variants;
    return (int)(sizeof variants / sizeof *variants);
}

static int opencl_isas(const char *names[CIRC_MAX_VARIANTS])
{
    (void)names;
    return 0;
}

static int opencl_precisions(const char *names[CIRC_MAX_VARIANTS])
{
    names[0] = "f32";
    return 1;
}

static enum circ_status opencl_probe(struct circ_device devices[CIRC_MAX_DEVICES], int *count,
                                     struct circ_error *err)
{
    struct circ_platform_device found[CIRC_MAX_DEVICES];
    enum circ_status status = circ_platforms_list(found, count, err);
    for (int i = 0; i < *count && !status; i++)
        devices[i] = found[i].public;
    return status;
}

static void opencl_close(struct circ_session *session)
{
    if (!session)
        return;
    circ_accelerator_close(session->accelerator);
    free(session);
}

/* device: a name of probe's, or "" for the first that is usable. */
static enum circ_status opencl_open(const char *device, struct circ_session **out,
                                    struct circ_error *err)
{
    struct circ_platform_device found[CIRC_MAX_DEVICES];
    int count;
    *out = NULL;
    enum circ_status status = circ_platforms_list(found, &count, err);
    if (status)
        return status;
    const struct circ_platform_device *own = NULL;
    for (int i = 0; i < count && !own; i++)
        if (*device ? !strcmp(device, found[i].public.name) : !found[i].public.status)
            own = &found[i];
    if (!own)
        return circ_status_fail(err, CIRC_ABSENT, "no OpenCL device %s%s",
                                *device ? "is called " : "is usable", device);
    if (own->public.status)
        return circ_status_fail(err, own->public.status, "%s: %s", own->public.name,
                                own->public.reason);
    struct circ_session *session = calloc(1, sizeof *session);
    if (!session)
        return circ_status_fail(err, CIRC_MEMORY, "no memory to open opencl");
    status = circ_accelerator_open(&session->accelerator, own->platform, own->device, err);
    if (status) {
        free(session);
        return status;
    }
    session->tuning = circ_tuning_default(session->accelerator);
    *out = session;
    return CIRC_OK;
}

static enum circ_status opencl_supports(struct circ_session *session,
                                        const struct circ_request *request, struct circ_error *err)
{
    (void)session;
    enum circ_structure structure = circ_network_structure(request->model->network);
    const struct circ_variant *variant = NULL;
    for (size_t i = 0; i < sizeof variants / sizeof *variants; i++)
        if (!strcmp(variants[i].name, request->variant))
            variant = &variants[i];
    if (strcmp(request->precision, "f32"))
        return circ_status_fail(err, CIRC_UNSUP, "opencl computes in f32, not %s",
                                request->precision);
    if (!variant || (variant->structure != structure && structure != CIRC_DENSE))
        return circ_status_fail(err, CIRC_UNSUP, "opencl has no variant %s for %s layers",
                                request->variant, circ_network_structure_name(structure));
    for (size_t i = 0; i < sizeof needs / sizeof *needs; i++)
        if (!needs[i].here && !strcmp(needs[i].variant, variant->name))
            return circ_status_fail(err, CIRC_ABSENT,
                                    "built without %s: install %s and build again",
                                    needs[i].library, needs[i].package);
    if (request->cold_bytes)
        return circ_status_fail(err, CIRC_UNSUP,
                                "opencl keeps one set of weights: cold ones are not offered");
    if (request->isa)
        return circ_status_fail(err, CIRC_UNSUP,
                                "an OpenCL driver chooses its instructions itself");
    if (request->threads != 1)
        return circ_status_fail(
            err, CIRC_UNSUP, "an OpenCL device has no threads to choose, 1 stands for all of it");
    return circ_chain_supports(request->model->network, variant->name, err);
}

static void opencl_release(struct circ_program *program)
{
    if (!program)
        return;
    circ_chain_free(program->chain);
    free(program);
}

static enum circ_status tuning_of(const struct circ_session *session,
                                  const struct circ_request *request, struct circ_tuning *tuning,
                                  struct circ_error *err)
{
    *tuning = session->tuning;
    if (request->tuning && !circ_tuning_parse(request->tuning, tuning))
        return circ_status_fail(err, CIRC_UNSUP,
                                "opencl does not read the tuning '%s': tune this device",
                                request->tuning);
    return circ_tuning_check(tuning, session->accelerator, err);
}

static enum circ_status opencl_prepare(struct circ_session *session,
                                       const struct circ_request *request,
                                       struct circ_program **out, struct circ_error *err)
{
    *out = NULL;
    struct circ_tuning tuning;
    enum circ_status status = tuning_of(session, request, &tuning, err);
    if (status)
        return status;
    struct circ_program *program = calloc(1, sizeof *program);
    if (!program)
        return circ_status_fail(err, CIRC_MEMORY, "%s: no memory", request->model->network->name);
    status = circ_chain_create(&program->chain, session->accelerator, request, &tuning, err);
    if (status) {
        opencl_release(program);
        return status;
    }
    circ_tuning_print(&tuning, program->info.tuning);
    snprintf(program->info.library, sizeof program->info.library, "%s",
             circ_chain_library(program->chain));
    *out = program;
    return CIRC_OK;
}

static void opencl_describe(const struct circ_program *program, struct circ_program_info *info)
{
    *info = program->info;
}

static enum circ_status opencl_upload(struct circ_program *program, const float *input,
                                      const struct circ_lesson *lesson, struct circ_error *err)
{
    return circ_chain_upload(program->chain, input, lesson, err);
}

static enum circ_status opencl_launch(struct circ_program *program, struct circ_error *err)
{
    return circ_chain_launch(program->chain, err);
}

static enum circ_status opencl_wait(struct circ_program *program, int64_t *device_ns,
                                    struct circ_error *err)
{
    return circ_chain_wait(program->chain, device_ns, err);
}

static enum circ_status opencl_download(struct circ_program *program, float *output,
                                        struct circ_error *err)
{
    return circ_chain_download(program->chain, output, err);
}

static enum circ_status opencl_learned(struct circ_program *program, struct circ_model *model,
                                       float *dx, struct circ_error *err)
{
    return circ_chain_learned(program->chain, model, dx, err);
}

static int opencl_tunings(struct circ_session *session, const struct circ_request *request,
                          int axis, char texts[CIRC_MAX_TUNINGS][CIRC_TUNING_TEXT])
{
    struct circ_tuning from, varied[CIRC_MAX_TUNINGS];
    if (!strcmp(request->variant, "clblast") || tuning_of(session, request, &from, NULL))
        return -1; /* CLBlast has a tuner of its own */
    int count = circ_tuning_vary(&from, axis, request, session->accelerator, varied);
    for (int i = 0; i < count; i++)
        circ_tuning_print(&varied[i], texts[i]);
    return count;
}

static bool opencl_tuning_valid(const char *text)
{
    struct circ_tuning tuning;
    return circ_tuning_parse(text, &tuning);
}

const struct circ_backend circ_opencl_backend = {
    .name = "opencl",
    .description = "OpenCL devices",
    .compiles = true,
    .variants = opencl_variants,
    .isas = opencl_isas,
    .precisions = opencl_precisions,
    .probe = opencl_probe,
    .open = opencl_open,
    .close = opencl_close,
    .supports = opencl_supports,
    .prepare = opencl_prepare,
    .release = opencl_release,
    .describe = opencl_describe,
    .footprint = circ_chain_footprint,
    .upload = opencl_upload,
    .launch = opencl_launch,
    .wait = opencl_wait,
    .download = opencl_download,
    .learned = opencl_learned,
    .tunings = opencl_tunings,
    .tuning_valid = opencl_tuning_valid,
};
