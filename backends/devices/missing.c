/* The opencl and fpga backends of a build without the OpenCL loader: they say so, and offer
 * nothing.
 */
#include "backends/fpga/fpga.h"
#include "backends/opencl/opencl.h"

static enum circ_status absent(struct circ_error *err)
{
    return circ_status_fail(err, CIRC_ABSENT,
                            "built without OpenCL: install ocl-icd-opencl-dev and build again");
}

static int opencl_variants(const struct circ_variant **out)
{
    static const struct circ_variant variants[] = {
        {"fused", CIRC_CIRCULANT, "needs OpenCL"},
        {"clblast", CIRC_DENSE, "needs OpenCL"},
    };
    *out = variants;
    return (int)(sizeof variants / sizeof *variants);
}

static int fpga_variants(const struct circ_variant **out)
{
    static const struct circ_variant variants[] = {
        {"pipeline", CIRC_CIRCULANT, "needs OpenCL"},
        {"pipeline", CIRC_DENSE, "needs OpenCL"},
    };
    *out = variants;
    return (int)(sizeof variants / sizeof *variants);
}

static int missing_isas(const char *names[CIRC_MAX_VARIANTS])
{
    (void)names;
    return 0;
}

static int opencl_precisions(const char *names[CIRC_MAX_VARIANTS])
{
    names[0] = "f32";
    return 1;
}

static int fpga_precisions(const char *names[CIRC_MAX_VARIANTS])
{
    names[0] = "q16";
    names[1] = "q12";
    names[2] = "q8";
    return 3;
}

static enum circ_status missing_probe(struct circ_device devices[CIRC_MAX_DEVICES], int *count,
                                      struct circ_error *err)
{
    (void)devices;
    *count = 0;
    return absent(err);
}

static enum circ_status missing_open(const char *device, struct circ_session **session,
                                     struct circ_error *err)
{
    (void)device;
    *session = NULL;
    return absent(err);
}

static void missing_close(struct circ_session *session)
{
    (void)session;
}

static enum circ_status missing_supports(struct circ_session *session,
                                         const struct circ_request *request, struct circ_error *err)
{
    (void)session;
    (void)request;
    return absent(err);
}

static enum circ_status missing_prepare(struct circ_session *session,
                                        const struct circ_request *request,
                                        struct circ_program **program, struct circ_error *err)
{
    (void)session;
    (void)request;
    *program = NULL;
    return absent(err);
}

static void missing_release(struct circ_program *program)
{
    (void)program;
}

static int64_t missing_footprint(const struct circ_request *request)
{
    (void)request;
    return 0;
}

/* Nothing after prepare is ever reached. */
#define MISSING                                                                                    \
    .isas = missing_isas, .probe = missing_probe, .open = missing_open, .close = missing_close,    \
    .supports = missing_supports, .prepare = missing_prepare, .release = missing_release,          \
    .footprint = missing_footprint

const struct circ_backend circ_opencl_backend = {
    .name = "opencl",
    .description = "OpenCL devices",
    .compiles = true,
    .variants = opencl_variants,
    .precisions = opencl_precisions,
    MISSING,
};

const struct circ_backend circ_fpga_backend = {
    .name = "fpga",
    .description = "FPGA boards and their emulator",
    .compiles = true,
    .variants = fpga_variants,
    .precisions = fpga_precisions,
    MISSING,
};
