/* Buffers and commands of a prepared network, in growing arrays. */
#include "backends/opencl/recording.h"

#include "backends/opencl/builder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Room for one element more; false without memory. */
static bool grow(void **array, int count, int *room, size_t size)
{
    if (count < *room)
        return true;
    int wanted = *room ? 2 * *room : 16;
    void *grown = realloc(*array, (size_t)wanted * size);
    if (!grown)
        return false;
    *array = grown;
    *room = wanted;
    return true;
}

static enum circ_status no_memory(struct circ_error *err)
{
    return circ_status_fail(err, CIRC_MEMORY, "no memory for the commands of a network");
}

enum circ_status circ_recording_buffer(struct circ_recording *r, size_t floats, const void *from,
                                       cl_mem *buffer, struct circ_error *err)
{
    void *array = r->buffers;
    if (!grow(&array, r->buffer_count, &r->buffer_room, sizeof *r->buffers))
        return no_memory(err);
    r->buffers = array;
    enum circ_status status = circ_accelerator_buffer(r->accelerator, floats, from, buffer, err);
    if (!status) {
        r->buffers[r->buffer_count++] = *buffer;
        r->bytes += (int64_t)(floats * sizeof(float));
    }
    return status;
}

/* A place for one more command, zeroed; NULL without memory. */
static struct circ_command *append(struct circ_recording *r)
{
    void *array = r->commands;
    if (!grow(&array, r->count, &r->room, sizeof *r->commands))
        return NULL;
    r->commands = array;
    memset(&r->commands[r->count], 0, sizeof *r->commands);
    return &r->commands[r->count++];
}

enum circ_status circ_recording_kernel(struct circ_recording *r, struct circ_kernel_name which,
                                       const size_t global[3], const size_t local[3],
                                       const struct circ_arg *args, int count,
                                       struct circ_error *err)
{
    cl_program program;
    cl_int code;
    char what[128];
    enum circ_status status =
        circ_builder_program(r->accelerator, which.sources, which.options, &program, err);
    if (status)
        return status;
    struct circ_command *command = append(r);
    if (!command)
        return no_memory(err);
    command->kernel = clCreateKernel(program, which.name, &code);
    for (int i = 0; i < count && !code; i++)
        code = clSetKernelArg(command->kernel, (cl_uint)i, args[i].size, args[i].value);
    command->dims = 3;
    for (int d = 0; d < 3; d++) {
        size_t step = local ? local[d] : 1;
        command->global[d] = (global[d] + step - 1) / step * step;
        command->local[d] = local ? local[d] : 0;
    }
    snprintf(what, sizeof what, "setting up the kernel %s", which.name);
    return circ_accelerator_check(r->accelerator, code, what, err);
}

enum circ_status circ_recording_call(struct circ_recording *r, circ_recorded_call *call,
                                     void *context, struct circ_error *err)
{
    struct circ_command *command = append(r);
    if (!command)
        return no_memory(err);
    command->call = call;
    command->context = context;
    return CIRC_OK;
}

enum circ_status circ_recording_replay(const struct circ_recording *r, struct circ_error *err)
{
    enum circ_status status = CIRC_OK;
    for (int i = 0; i < r->count && !status; i++) {
        const struct circ_command *command = &r->commands[i];
        cl_event event = NULL;
        if (command->kernel)
            status = circ_accelerator_check(
                r->accelerator,
                clEnqueueNDRangeKernel(r->accelerator->queue, command->kernel, command->dims, NULL,
                                       command->global, command->local[0] ? command->local : NULL,
                                       0, NULL, &event),
                "starting a kernel", err);
        else
            status = command->call(command->context, r->accelerator, &event, err);
        circ_accelerator_note(r->accelerator, event);
    }
    return status;
}

void circ_recording_free(struct circ_recording *r)
{
    for (int i = 0; i < r->count; i++)
        if (r->commands[i].kernel)
            clReleaseKernel(r->commands[i].kernel);
    for (int i = 0; i < r->buffer_count; i++)
        clReleaseMemObject(r->buffers[i]);
    free(r->commands);
    free(r->buffers);
    memset(r, 0, sizeof *r);
}
