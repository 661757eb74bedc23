/* An open OpenCL device: its context, its queue, its limits. The backends that have OpenCL devices
 * go through it for memory, clocks and errors. */
#ifndef CIRC_ACCELERATOR_H
#define CIRC_ACCELERATOR_H

#include "backends/core/status.h"

#ifndef CL_TARGET_OPENCL_VERSION /* clFFT.h has an opinion too */
#define CL_TARGET_OPENCL_VERSION 120
#endif
#define CL_USE_DEPRECATED_OPENCL_1_2_APIS
#include <CL/cl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a library keeps with an open device. It is closed, and freed, before the device is. */
struct circ_guest {
    struct circ_guest *next;
    void (*close)(struct circ_guest *guest);
};

struct circ_accelerator {
    cl_platform_id platform;
    cl_device_id device;
    cl_context context;
    cl_command_queue queue; /* in order, with profiling */
    char name[160], driver[160], version[160];
    bool cpu;                           /* a CPU plays it: wide vectors, single work-items */
    int vector;                         /* floats of its native vector */
    int units;                          /* cores, or what the device calls its compute units */
    size_t group;                       /* most work-items of a work-group */
    int64_t local_bytes;                /* of a work-group */
    int64_t memory_bytes, buffer_bytes; /* all of it, and of one buffer */
    struct circ_guest *guests;          /* owned */
    cl_event first, last;               /* since circ_accelerator_start: NULL if nothing ran */
};

/* Opens a device of platforms.h. ABSENT or DEVICE when its driver refuses. Free with close. */
CIRC_MUST_USE enum circ_status circ_accelerator_open(struct circ_accelerator **accelerator,
                                                     cl_platform_id platform, cl_device_id device,
                                                     struct circ_error *err);
void circ_accelerator_close(struct circ_accelerator *accelerator); /* NULL allowed */

/* An OpenCL error as a status (MEMORY for what no memory is left for, DEVICE otherwise) and a
 * sentence that says what was tried on which device. CL_SUCCESS is CIRC_OK. */
enum circ_status circ_accelerator_check(const struct circ_accelerator *accelerator, cl_int code,
                                        const char *what, struct circ_error *err);

/* The name of an error code, "CL_OUT_OF_RESOURCES"; never NULL. */
const char *circ_accelerator_error_name(cl_int code);

/* A buffer of floats, zeroed where from is NULL, otherwise with that content. MEMORY names the size
 * and the limit. The caller releases it with clReleaseMemObject. */
CIRC_MUST_USE enum circ_status circ_accelerator_buffer(struct circ_accelerator *accelerator,
                                                       size_t floats, const void *from,
                                                       cl_mem *buffer, struct circ_error *err);

CIRC_MUST_USE enum circ_status circ_accelerator_write(struct circ_accelerator *accelerator,
                                                      cl_mem buffer, const void *from, size_t bytes,
                                                      struct circ_error *err);
CIRC_MUST_USE enum circ_status circ_accelerator_read(struct circ_accelerator *accelerator,
                                                     cl_mem buffer, void *to, size_t bytes,
                                                     struct circ_error *err);

/* The clock of the device over everything between start and stop: from the first command's START to
 * the last one's END; -1 where nothing ran, 0 where the device tells no such times. note takes an
 * event over; mark stands for the first command where a library is about to start several and tells
 * of the last. DEVICE when the last command ended with an error, of which a wait need not tell. */
void circ_accelerator_start(struct circ_accelerator *accelerator);
void circ_accelerator_note(struct circ_accelerator *accelerator, cl_event event);
void circ_accelerator_mark(struct circ_accelerator *accelerator);
CIRC_MUST_USE enum circ_status circ_accelerator_stop(struct circ_accelerator *accelerator,
                                                     int64_t *ns, struct circ_error *err);

#endif
