/* The machine's own processor, as the backends that run on it name it. */
#ifndef CIRC_PROCESSOR_H
#define CIRC_PROCESSOR_H

#include "backends/backend.h"

struct circ_processor {
    int cpus;  /* logical CPUs in this process's affinity mask */
    int cores; /* physical cores among them */
    int64_t memory_bytes;
    char name[96];     /* its model, "cpu" where the kernel does not tell */
    char emulator[64]; /* the program that plays it for this process, as qemu-aarch64 does; "" */
};

/* Reads /proc/cpuinfo, the affinity mask and the topology in sysfs. Never fails: what cannot be
 * read gets the safest value. */
void circ_processor_read(struct circ_processor *processor);

/* The device of a backend that runs on the processor. threads: how many it can use. What an
 * emulator plays is of kind EMULATED: its times are the emulator's. */
struct circ_device circ_processor_device(const struct circ_processor *processor, int threads);

#endif
