/* A prepared network as OpenCL sees it: buffers, and commands with their arguments set once, which
 * every launch enqueues in order. Stages record; the chain replays. */
#ifndef CIRC_RECORDING_H
#define CIRC_RECORDING_H

#include "backends/devices/accelerator.h"

/* Commands that are a library's: what it enqueues, the last of its events handed out. */
typedef enum circ_status circ_recorded_call(void *context, struct circ_accelerator *accelerator,
                                            cl_event *event, struct circ_error *err);

struct circ_command {
    cl_kernel kernel; /* owned; NULL: call */
    cl_uint dims;
    size_t global[3], local[3]; /* local[0] 0: the runtime's choice */
    circ_recorded_call *call;
    void *context;
};

struct circ_recording {
    struct circ_accelerator *accelerator; /* borrowed */
    struct circ_command *commands;        /* owned */
    int count, room;
    cl_mem *buffers; /* owned */
    int buffer_count, buffer_room;
    int64_t bytes; /* of all buffers */
};

/* An argument of a kernel: CIRC_ARG(variable). */
struct circ_arg {
    size_t size;
    const void *value;
};
#define CIRC_ARG(variable)                                                                         \
    {                                                                                              \
        sizeof(variable), &(variable)                                                              \
    }

/* Which kernel: its program as circ_builder_program takes it, and its name. */
struct circ_kernel_name {
    const char *sources, *options, *name;
};

/* A buffer as circ_accelerator_buffer makes it, which lives as long as the recording. */
CIRC_MUST_USE enum circ_status circ_recording_buffer(struct circ_recording *recording,
                                                     size_t floats, const void *from,
                                                     cl_mem *buffer, struct circ_error *err);

/* Appends a kernel. global is what is needed in each of 3 dimensions, at least 1, and is rounded up
 * to local; local NULL: the runtime's choice. */
CIRC_MUST_USE enum circ_status circ_recording_kernel(struct circ_recording *recording,
                                                     struct circ_kernel_name which,
                                                     const size_t global[3], const size_t local[3],
                                                     const struct circ_arg *args, int count,
                                                     struct circ_error *err);

/* Appends a library's work; context is borrowed and lives as long as the recording. */
CIRC_MUST_USE enum circ_status circ_recording_call(struct circ_recording *recording,
                                                   circ_recorded_call *call, void *context,
                                                   struct circ_error *err);

/* Enqueues all commands. */
CIRC_MUST_USE enum circ_status circ_recording_replay(const struct circ_recording *recording,
                                                     struct circ_error *err);

/* Releases what it owns; the struct itself is the caller's. */
void circ_recording_free(struct circ_recording *recording);

#endif
