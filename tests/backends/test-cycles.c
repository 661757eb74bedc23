/* OpenCL devices opened, used and closed over and over: what a program made is released with it. In
 * PoCL every object holds its context, so the last one to hold a context after close is this test,
 * which takes hold of each as it is made. Intel's drivers count otherwise: there the memory that
 * the process takes is told. */
#define CL_TARGET_OPENCL_VERSION 120
#include "backends/opencl/opencl.h"
#include "tests/core/network_fixture.h"
#include "tests/tap.h"

#include <CL/cl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

__typeof__(clCreateContext) __real_clCreateContext, __wrap_clCreateContext;

static cl_context held;

cl_context __wrap_clCreateContext(
    const cl_context_properties *properties, cl_uint count, const cl_device_id *devices,
    void(CL_CALLBACK *notify)(const char *, const void *, size_t, void *), void *data, cl_int *code)
{
    cl_context context = __real_clCreateContext(properties, count, devices, notify, data, code);
    if (context && !held) {
        clRetainContext(context);
        held = context;
    }
    return context;
}

/* How many hold the session's context after its end beside this test. A driver's threads may hold
 * what they have just finished for a moment more. */
static int left(void)
{
    const struct timespec moment = {.tv_nsec = 1000000};
    cl_uint count = 2;
    for (int i = 0; i < 1000 && count > 1; i++) {
        if (i)
            nanosleep(&moment, NULL);
        if (!held || clGetContextInfo(held, CL_CONTEXT_REFERENCE_COUNT, sizeof count, &count, NULL))
            return -1;
    }
    clReleaseContext(held);
    held = NULL;
    return (int)count - 1;
}

static long resident_kib(void)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file || fscanf(file, "%*s %ld", &pages) != 1)
        pages = 0;
    if (file)
        fclose(file);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

/* A network of every operation, once through. */
static enum circ_status use(struct circ_session *session, const struct circ_request *request,
                            struct circ_error *err)
{
    const struct circ_backend *backend = &circ_opencl_backend;
    const struct circ_network *net = request->model->network;
    size_t inputs = (size_t)circ_network_elements(net->input) * (size_t)request->batch;
    size_t outputs =
        (size_t)circ_network_elements(circ_network_output(net)) * (size_t)request->batch;
    float *input = calloc(inputs, sizeof *input), *output = calloc(outputs, sizeof *output);
    float rate[CIRC_MAX_LAYERS] = {0};
    const struct circ_lesson lesson = {output, rate};
    struct circ_program *program = NULL;
    int64_t ns;
    enum circ_status status = backend->supports(session, request, err);
    if (!status && (!input || !output))
        status = circ_status_fail(err, CIRC_MEMORY, "no memory");
    if (!status)
        status = backend->prepare(session, request, &program, err);
    if (!status)
        status = backend->upload(program, input, request->pass == CIRC_TRAIN ? &lesson : NULL, err);
    for (int i = 0; i < 3 && !status; i++)
        status = backend->launch(program, err);
    if (!status)
        status = backend->wait(program, &ns, err);
    if (!status)
        status = backend->download(program, output, err);
    backend->release(program);
    free(input);
    free(output);
    return status;
}

/* Opens, uses, closes: request NULL for no use. How many objects stay, -1 for a failure. */
static int cycle(const char *device, const struct circ_request *request, enum circ_status *status,
                 struct circ_error *err)
{
    struct circ_session *session = NULL;
    *status = circ_opencl_backend.open(device, &session, err);
    if (!*status && request)
        *status = use(session, request, err);
    circ_opencl_backend.close(session);
    return left();
}

/* Cycles with one request; what is asserted is the driver's count of objects, and what the process
 * takes is only told, because drivers keep some of it. */
static void test_cycles(const char *what, const char *device, const struct circ_request *request,
                        int cycles)
{
    struct circ_error err = {.message = ""};
    enum circ_status status = CIRC_OK;
    int stay = 0, i = 0;
    long before = 0;
    for (; i < cycles && !status && !stay; i++) {
        if (i == cycles / 10) /* caches are filled */
            before = resident_kib();
        stay = cycle(device, request, &status, &err);
    }
    if ((status == CIRC_UNSUP || status == CIRC_ABSENT) && !stay)
        tap_skip(err.message, "%s: %s", device, what);
    else
        tap_ok(!status && !stay, "%s: %s, %d times: %d objects stay, %+ld KiB %s", device, what, i,
               stay, resident_kib() - before, err.message);
}

static void test_variant(const char *device, const struct circ_variant *variant,
                         enum circ_pass pass, int cycles)
{
    struct circ_network net;
    struct circ_model model = {.network = &net};
    struct circ_error err = {.message = ""};
    char what[64];
    const struct circ_request request = {.model = &model,
                                         .batch = 3,
                                         .threads = 1,
                                         .pass = pass,
                                         .precision = "f32",
                                         .variant = variant->name};
    snprintf(what, sizeof what, "%s, %s", variant->name, circ_backend_pass_name(pass));
    enum circ_status status =
        network_fixture_build(&net, (struct circ_shape){3, 21, 17}, network_fixture_layers,
                              NETWORK_FIXTURE_LAYERS, variant->structure, 4, &err);
    if (!status)
        status = circ_weights_create(&model, &net, &err);
    if (status)
        tap_ok(false, "%s: %s", what, err.message);
    else
        test_cycles(what, device, &request, cycles);
    circ_weights_free(&model);
}

/* An argument: how often each variant is used. Each time is a compilation on some drivers. */
int main(int argc, char **argv)
{
    if (getenv("ASAN_OPTIONS")) { /* whose memory grows, and which counts clFFT's leaks as ours */
        tap_skip("nothing to be told under AddressSanitizer", "cycles");
        return tap_done();
    }
    struct circ_device devices[CIRC_MAX_DEVICES];
    const struct circ_variant *variants;
    struct circ_error err = {.message = ""};
    int uses = argc > 1 ? atoi(argv[1]) : 2;
    int count = 0, variant_count = circ_opencl_backend.variants(&variants);
    if (circ_opencl_backend.probe(devices, &count, &err))
        tap_skip(err.message, "OpenCL");
    for (int d = 0; d < count; d++) {
        if (devices[d].status) {
            tap_skip(devices[d].reason, "%s", devices[d].name);
            continue;
        }
        test_cycles("opened and closed", devices[d].name, NULL,
                    getenv("CIRC_TEST_MORE") ? 1000 : 200);
        for (int v = 0; v < variant_count; v++)
            for (int pass = 0; pass < 2; pass++)
                test_variant(devices[d].name, &variants[v], pass ? CIRC_TRAIN : CIRC_INFER, uses);
    }
    return tap_done();
}
