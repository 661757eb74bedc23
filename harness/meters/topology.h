/* CPUs, cores and packages: of the machine, and of the part that this process may run on. */
#ifndef CIRC_TOPOLOGY_H
#define CIRC_TOPOLOGY_H

#include <stdint.h>

struct circ_topology {
    int cpus;          /* in the calling thread's affinity mask */
    int cores;         /* physical cores among them; as many as cpus where sysfs does not say */
    int first_cpu;     /* the lowest of them */
    uint64_t packages; /* bit i: physical package i holds one of them; 0 where sysfs does not say */
    /* the machine's; 0 where sysfs does not say */
    int online_cpus, online_cores, sockets;
};

/* Reads devices/system/cpu under the sysfs root. */
struct circ_topology circ_topology_read(void);

/* How many of something that CPUs share the CPUs of the affinity mask reach: list is the file in
 * each CPU's folder that names those which share one with it, as "cache/index3/shared_cpu_list".
 * 0 where sysfs does not say. */
int circ_topology_count(const char *list);

/* "0-3,8" to CPUs in rising order; their number, 0 for what is no such list or has more than
 * capacity. */
int circ_topology_list(const char *text, int *cpus, int capacity);

/* A number from a CPU's folder, as "topology/physical_package_id"; -1 where sysfs does not say. */
int circ_topology_place(int cpu, const char *file);

#endif
