/* Facts about the machine and the build, and warnings about what makes its timings doubtful. */
#ifndef CIRC_HOST_H
#define CIRC_HOST_H

#include "results/trial.h"

#define CIRC_MAX_FACTS    48
#define CIRC_MAX_WARNINGS 12

/* Bytes; 0: unknown, or there is none. */
struct circ_caches {
    int64_t l1, l2, l3;
};

struct circ_host {
    struct circ_fact facts[CIRC_MAX_FACTS]; /* strings point into text */
    size_t fact_count;
    char warnings[CIRC_MAX_WARNINGS][256]; /* one sentence each, with the remedy */
    size_t warning_count;
    int cpus;  /* in the affinity mask */
    int cores; /* physical cores among them */
    int64_t memory_available_bytes;
    struct circ_caches caches; /* data caches as one CPU sees them */
    int64_t caches_bytes;      /* of all levels and of all CPUs in the mask together, 0 unknown */
    bool emulated; /* by the program that the fact hypervisor names: times are that program's */
    char text[8192];
};

/* Reads /proc, sysfs (through circ_meters_sysfs_root), CPUID and uname. What cannot be read is a
 * fact with value "unknown", never missing. host must stay where it is: its facts point into it.
 *
 * Keys that identify the machine and its system: cpu, vendor, family, model, stepping, microcode,
 * isa, sockets, cores, threads, l1d, l2, l3, memory, hypervisor, kernel, os, libc. That of the
 * moment do not: governor, turbo, smt, memory_available, swap_used, load, clock_mhz, cpus,
 * cpu_quota; nor those of the program: compiler, flags, build, commit, sqlite, zlib, papi, pfm
 * ("not built in" where it is not). The host's name and its users are not read: a database is made
 * to be passed on. */
void circ_host_read(struct circ_host *host);

/* A fact's value, "unknown" if there is none. */
const char *circ_host_fact(const struct circ_host *host, const char *key);

#endif
