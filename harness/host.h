/* Facts about the machine and the build, and warnings about what makes its timings doubtful. */
#ifndef CIRC_HOST_H
#define CIRC_HOST_H

#include "results/trial.h"

#define CIRC_MAX_FACTS    48
#define CIRC_MAX_WARNINGS 12

struct circ_host {
    struct circ_fact facts[CIRC_MAX_FACTS]; /* strings point into text */
    size_t fact_count;
    char warnings[CIRC_MAX_WARNINGS][256]; /* one sentence each, with the remedy */
    size_t warning_count;
    int cpus;               /* in the affinity mask */
    int cores;              /* physical cores among them */
    int64_t memory_available_bytes;
    int64_t llc_bytes;      /* last-level cache, 0 unknown */
    char text[8192];
};

/* Reads /proc, sysfs (through circ_meters_sysfs_root) and uname: cpu, vendor, family/model/stepping, microcode, isa flags that matter,
 * sockets, cores, caches, memory, governor, turbo, smt, hypervisor, kernel, os, libc, compiler, flags,
 * build type, commit, versions of SQLite, zlib, PAPI, libpfm4 (of those built in). What cannot be
 * read is a fact with value "unknown", never missing. */
void circ_host_read(struct circ_host *host);

/* A fact's value, "unknown" if there is none. */
const char *circ_host_fact(const struct circ_host *host, const char *key);

#endif
