/* The description of a PMU that counts energy: what the kernel says of it under
 * bus/event_source/devices (Documentation/ABI/testing/sysfs-bus-event_source-devices-*). */
#ifndef CIRC_PMU_H
#define CIRC_PMU_H

#include "harness/meters/domains.h"

#include <stddef.h>

#define CIRC_PMU_EVENTS 8
#define CIRC_PMU_CPUS   1024

struct circ_pmu {
    char name[24];
    uint32_t type; /* of perf_event_attr */
    struct circ_pmu_event {
        const struct circ_domain *domain;
        uint64_t config;
        double scale_uj; /* uJ a count */
    } events[CIRC_PMU_EVENTS];
    int event_count;
    struct circ_pmu_cpu {
        int cpu, package, core;
        int die;           /* -1 where the package has one */
    } cpus[CIRC_PMU_CPUS]; /* those that the kernel names to count on: one a package, die or core */
    int cpu_count;
};

/* Reads the PMU of a name ("power"): its energy events and CPUs. ABSENT says what is missing, an
 * event in another unit than Joules included where no other is left. */
CIRC_MUST_USE enum circ_status circ_pmu_read(struct circ_pmu *pmu, const char *name,
                                             struct circ_error *err);

#endif
