/* The power zones under class/powercap, and the channel that each one makes. */
#ifndef CIRC_ZONES_H
#define CIRC_ZONES_H

#include "harness/meters/domains.h"
#include "harness/meters/meter.h"
#include "harness/meters/sysfs.h"

#define CIRC_MAX_ZONES 128 /* 8 packages of 16 zones, twins included */

struct circ_zone {
    char id[48];                /* "intel-rapl:0:1": control type and indices */
    char path[CIRC_SYSFS_PATH]; /* its folder */
    char name[32];              /* "package-0", "dram" */
    const struct circ_domain *domain;
};

/* Fills zones[CIRC_MAX_ZONES] with those whose names are known, each once, and returns their
 * number. "intel-rapl" (MSR) comes before "intel-rapl-mmio", which shows the same packages. */
int circ_zones_find(const char *root, struct circ_zone *zones);

/* The channel of one of zones[count]: "package-0", "package-0-core". Its parent is left at -1. A
 * range that cannot be read is a wrap of UINT64_MAX. */
struct circ_channel circ_zones_channel(const struct circ_zone *zones, int count,
                                       const struct circ_zone *zone);

#endif
