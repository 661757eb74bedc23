/* A list of programs, as a guest of the device. */
#include "backends/devices/shelf.h"

#include <stdlib.h>

struct kept {
    struct circ_guest guest; /* first, so that the one is the other */
    uint64_t key;
    cl_program program;
};

uint64_t circ_shelf_hash(uint64_t h, const void *data, size_t size)
{
    const unsigned char *bytes = data;
    for (size_t i = 0; i < size; i++)
        h = (h ^ bytes[i]) * 1099511628211u;
    return h;
}

static void release(struct circ_guest *guest)
{
    clReleaseProgram(((struct kept *)guest)->program);
    free(guest);
}

cl_program circ_shelf_find(const struct circ_accelerator *accelerator, uint64_t key)
{
    for (struct circ_guest *guest = accelerator->guests; guest; guest = guest->next)
        if (guest->close == release && ((struct kept *)guest)->key == key)
            return ((struct kept *)guest)->program;
    return NULL;
}

enum circ_status circ_shelf_keep(struct circ_accelerator *accelerator, uint64_t key,
                                 cl_program program, struct circ_error *err)
{
    struct kept *kept = malloc(sizeof *kept);
    if (!kept) {
        clReleaseProgram(program);
        return circ_status_fail(err, CIRC_MEMORY, "no memory for a program");
    }
    *kept = (struct kept){{accelerator->guests, release}, key, program};
    accelerator->guests = &kept->guest;
    return CIRC_OK;
}
