/* Opening a device, its memory, its clock, and OpenCL's error codes in words. */
#include "backends/devices/accelerator.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *circ_accelerator_error_name(cl_int code)
{
#define NAMED(code)                                                                                \
    {                                                                                              \
        code, #code                                                                                \
    }
    static const struct {
        cl_int code;
        const char *name;
    } names[] = {
        NAMED(CL_DEVICE_NOT_FOUND),
        NAMED(CL_DEVICE_NOT_AVAILABLE),
        NAMED(CL_COMPILER_NOT_AVAILABLE),
        NAMED(CL_MEM_OBJECT_ALLOCATION_FAILURE),
        NAMED(CL_OUT_OF_RESOURCES),
        NAMED(CL_OUT_OF_HOST_MEMORY),
        NAMED(CL_PROFILING_INFO_NOT_AVAILABLE),
        NAMED(CL_BUILD_PROGRAM_FAILURE),
        NAMED(CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST),
        NAMED(CL_INVALID_VALUE),
        NAMED(CL_INVALID_DEVICE),
        NAMED(CL_INVALID_CONTEXT),
        NAMED(CL_INVALID_COMMAND_QUEUE),
        NAMED(CL_INVALID_MEM_OBJECT),
        NAMED(CL_INVALID_BINARY),
        NAMED(CL_INVALID_BUILD_OPTIONS),
        NAMED(CL_INVALID_PROGRAM),
        NAMED(CL_INVALID_PROGRAM_EXECUTABLE),
        NAMED(CL_INVALID_KERNEL_NAME),
        NAMED(CL_INVALID_KERNEL),
        NAMED(CL_INVALID_ARG_INDEX),
        NAMED(CL_INVALID_ARG_VALUE),
        NAMED(CL_INVALID_ARG_SIZE),
        NAMED(CL_INVALID_KERNEL_ARGS),
        NAMED(CL_INVALID_WORK_DIMENSION),
        NAMED(CL_INVALID_WORK_GROUP_SIZE),
        NAMED(CL_INVALID_WORK_ITEM_SIZE),
        NAMED(CL_INVALID_EVENT),
        NAMED(CL_INVALID_OPERATION),
        NAMED(CL_INVALID_BUFFER_SIZE),
        NAMED(CL_INVALID_GLOBAL_WORK_SIZE),
        {-1001, "CL_PLATFORM_NOT_FOUND_KHR"},
    };
#undef NAMED
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].code == code)
            return names[i].name;
    return "an unknown code";
}

enum circ_status circ_accelerator_check(const struct circ_accelerator *accelerator, cl_int code,
                                        const char *what, struct circ_error *err)
{
    if (code == CL_SUCCESS)
        return CIRC_OK;
    bool memory = code == CL_MEM_OBJECT_ALLOCATION_FAILURE || code == CL_OUT_OF_HOST_MEMORY ||
                  code == CL_INVALID_BUFFER_SIZE;
    return circ_status_fail_native(
        err, memory ? CIRC_MEMORY : CIRC_DEVICE, code, "%s: %s: %s (%d)%s", accelerator->name, what,
        circ_accelerator_error_name(code), (int)code, memory ? ": lower the batch" : "");
}

static void ask(cl_device_id device, cl_device_info what, void *value, size_t size)
{
    memset(value, 0, size);
    clGetDeviceInfo(device, what, size, value, NULL);
}

static void read_limits(struct circ_accelerator *a)
{
    cl_device_type type;
    cl_ulong local, memory, buffer;
    cl_uint vector, units;
    ask(a->device, CL_DEVICE_TYPE, &type, sizeof type);
    ask(a->device, CL_DEVICE_LOCAL_MEM_SIZE, &local, sizeof local);
    ask(a->device, CL_DEVICE_GLOBAL_MEM_SIZE, &memory, sizeof memory);
    ask(a->device, CL_DEVICE_MAX_MEM_ALLOC_SIZE, &buffer, sizeof buffer);
    ask(a->device, CL_DEVICE_MAX_COMPUTE_UNITS, &units, sizeof units);
    ask(a->device, CL_DEVICE_MAX_WORK_GROUP_SIZE, &a->group, sizeof a->group);
    ask(a->device, CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT, &vector, sizeof vector);
    ask(a->device, CL_DEVICE_NAME, a->name, sizeof a->name - 1);
    ask(a->device, CL_DRIVER_VERSION, a->driver, sizeof a->driver - 1);
    ask(a->device, CL_DEVICE_VERSION, a->version, sizeof a->version - 1);
    /* an emulator of an FPGA runs its kernels on the CPU too */
    a->cpu = !(type & CL_DEVICE_TYPE_GPU) || (type & CL_DEVICE_TYPE_CPU);
    a->units = units < 1 ? 1 : (int)units;
    a->local_bytes = (int64_t)local;
    a->memory_bytes = (int64_t)memory;
    a->buffer_bytes = (int64_t)buffer;
    a->vector = vector < 1 ? 1 : vector > 16 ? 16 : (int)vector;
    while (a->vector & (a->vector - 1) || a->vector == 3)
        a->vector--;
}

enum circ_status circ_accelerator_open(struct circ_accelerator **out, cl_platform_id platform,
                                       cl_device_id device, struct circ_error *err)
{
    cl_int code;
    *out = NULL;
    struct circ_accelerator *a = calloc(1, sizeof *a);
    if (!a)
        return circ_status_fail(err, CIRC_MEMORY, "no memory to open an OpenCL device");
    a->platform = platform;
    a->device = device;
    read_limits(a);
    const cl_context_properties properties[] = {CL_CONTEXT_PLATFORM,
                                                (cl_context_properties)platform, 0};
    a->context = clCreateContext(properties, 1, &device, NULL, NULL, &code);
    enum circ_status status = circ_accelerator_check(a, code, "opening the device", err);
    if (!status) {
        a->queue = clCreateCommandQueue(a->context, device, CL_QUEUE_PROFILING_ENABLE, &code);
        status = circ_accelerator_check(a, code, "opening a queue", err);
    }
    if (status)
        circ_accelerator_close(a);
    else
        *out = a;
    return status;
}

void circ_accelerator_close(struct circ_accelerator *a)
{
    if (!a)
        return;
    if (a->queue)
        clFinish(a->queue);
    circ_accelerator_start(a);
    while (a->guests) {
        struct circ_guest *next = a->guests->next;
        a->guests->close(a->guests);
        a->guests = next;
    }
    if (a->queue)
        clReleaseCommandQueue(a->queue);
    if (a->context)
        clReleaseContext(a->context);
    free(a);
}

enum circ_status circ_accelerator_buffer(struct circ_accelerator *a, size_t floats,
                                         const void *from, cl_mem *buffer, struct circ_error *err)
{
    cl_int code;
    size_t bytes = (floats ? floats : 1) * sizeof(float);
    *buffer = NULL;
    if (bytes > (uint64_t)a->buffer_bytes)
        return circ_status_fail(err, CIRC_MEMORY,
                                "%s: a buffer of %zu MiB is more than the %" PRId64
                                " MiB that the device allows",
                                a->name, bytes >> 20, a->buffer_bytes >> 20);
    *buffer = clCreateBuffer(a->context, CL_MEM_READ_WRITE, bytes, NULL, &code);
    enum circ_status status = circ_accelerator_check(a, code, "allocating a buffer", err);
    const float zero = 0;
    if (!status && from && floats)
        status = circ_accelerator_write(a, *buffer, from, bytes, err);
    else if (!status)
        status = circ_accelerator_check(
            a, clEnqueueFillBuffer(a->queue, *buffer, &zero, sizeof zero, 0, bytes, 0, NULL, NULL),
            "clearing a buffer", err);
    if (status && *buffer) {
        clReleaseMemObject(*buffer);
        *buffer = NULL;
    }
    return status;
}

enum circ_status circ_accelerator_write(struct circ_accelerator *a, cl_mem buffer, const void *from,
                                        size_t bytes, struct circ_error *err)
{
    return circ_accelerator_check(
        a, clEnqueueWriteBuffer(a->queue, buffer, CL_TRUE, 0, bytes, from, 0, NULL, NULL),
        "writing a buffer", err);
}

enum circ_status circ_accelerator_read(struct circ_accelerator *a, cl_mem buffer, void *to,
                                       size_t bytes, struct circ_error *err)
{
    return circ_accelerator_check(
        a, clEnqueueReadBuffer(a->queue, buffer, CL_TRUE, 0, bytes, to, 0, NULL, NULL),
        "reading a buffer", err);
}

void circ_accelerator_start(struct circ_accelerator *a)
{
    if (a->last && a->last != a->first)
        clReleaseEvent(a->last);
    if (a->first)
        clReleaseEvent(a->first);
    a->first = a->last = NULL;
}

void circ_accelerator_note(struct circ_accelerator *a, cl_event event)
{
    if (!event)
        return;
    if (a->last && a->last != a->first)
        clReleaseEvent(a->last);
    a->last = event;
    if (!a->first)
        a->first = event;
}

void circ_accelerator_mark(struct circ_accelerator *a)
{
    cl_event event;
    if (!a->first && !clEnqueueMarkerWithWaitList(a->queue, 0, NULL, &event))
        circ_accelerator_note(a, event);
}

enum circ_status circ_accelerator_stop(struct circ_accelerator *a, int64_t *ns,
                                       struct circ_error *err)
{
    cl_ulong start = 0, end = 0;
    cl_int ended = CL_COMPLETE;
    *ns = -1;
    if (!a->first)
        return CIRC_OK;
    clGetEventInfo(a->last, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof ended, &ended, NULL);
    bool told = !clGetEventProfilingInfo(a->first, CL_PROFILING_COMMAND_START, sizeof start, &start,
                                         NULL) &&
                !clGetEventProfilingInfo(a->last, CL_PROFILING_COMMAND_END, sizeof end, &end, NULL);
    circ_accelerator_start(a);
    /* some runtimes answer 0, or an end before the start: no time is better than that one */
    *ns = told && start && end > start ? (int64_t)(end - start) : 0;
    return ended < 0 ? circ_accelerator_check(a, ended, "a kernel ended with an error", err)
                     : CIRC_OK;
}
