/* What the ICD loader finds: platforms and their devices, and why something is not usable. */
#ifndef CIRC_PLATFORMS_H
#define CIRC_PLATFORMS_H

#include "backends/backend.h"
#include "backends/devices/accelerator.h"

/* One thing found, in the loader's order. */
struct circ_platform_device {
    cl_platform_id platform;
    cl_device_id device; /* NULL: a driver that could not be loaded */
    cl_device_type type;
    bool binaries;             /* all that keeps it from being used is that it has no compiler, as
                                * boards have none: it takes binaries */
    struct circ_device public; /* what the harness sees of it; its status says whether it is usable
                                */
};

/* All devices of all platforms, and drivers that are named to the loader and could not be loaded.
 * ABSENT with the remedy where nothing is found at all. */
CIRC_MUST_USE enum circ_status
circ_platforms_list(struct circ_platform_device found[CIRC_MAX_DEVICES], int *count,
                    struct circ_error *err);

#endif
