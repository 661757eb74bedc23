/* Reads devices/system/cpu. hwloc would do it and much more; three files a CPU are all that is
 * needed here, and a dependency less on the way to a first result. */
#include "harness/meters/topology.h"
#include "harness/meters/meter.h"
#include "harness/meters/sysfs.h"

#include <limits.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#define MAX_CPUS 8192 /* the most that the kernel can be built for */

struct cpus {
    cpu_set_t words[MAX_CPUS / CPU_SETSIZE];
};

static bool has(const struct cpus *set, int cpu)
{
    return CPU_ISSET_S((size_t)cpu, sizeof *set, set->words);
}

/* "0-3,8,10-11" to a set; false for anything else. */
static bool parse_list(const char *text, struct cpus *set)
{
    memset(set, 0, sizeof *set);
    while (*text) {
        char *end;
        long first = strtol(text, &end, 10), last = first;
        if (end == text)
            return false;
        if (*end == '-') {
            text = end + 1;
            last = strtol(text, &end, 10);
            if (end == text)
                return false;
        }
        if (first < 0 || last < first || last >= MAX_CPUS || (*end && *end != ','))
            return false;
        for (long cpu = first; cpu <= last; cpu++)
            CPU_SET_S((size_t)cpu, sizeof *set, set->words);
        text = *end ? end + 1 : end;
    }
    return true;
}

static bool read_list(const char *path, struct cpus *set)
{
    char text[4096];
    return circ_sysfs_text(path, text, sizeof text) == 0 && *text && parse_list(text, set);
}

static const char siblings_list[] = "topology/thread_siblings_list"; /* of a physical core */

/* What the CPUs of the set share, each counted at the lowest of its CPUs that are in the set. 0:
 * unknown. */
static int count_shared(const struct cpus *set, const char *list)
{
    int count = 0;
    for (int cpu = 0; cpu < MAX_CPUS; cpu++) {
        char path[CIRC_SYSFS_PATH];
        struct cpus siblings;
        if (!has(set, cpu))
            continue;
        if (!circ_sysfs_path(path, "devices/system/cpu/cpu%d/%s", cpu, list) ||
            !read_list(path, &siblings))
            return 0;
        bool lowest = true;
        for (int other = 0; other < cpu && lowest; other++)
            lowest = !(has(&siblings, other) && has(set, other));
        count += lowest;
    }
    return count;
}

/* The packages of the set; 0 when one of them is unknown, since part of a mask would name the wrong
 * sum. */
static uint64_t find_packages(const struct cpus *set)
{
    uint64_t mask = 0;
    for (int cpu = 0; cpu < MAX_CPUS; cpu++) {
        if (!has(set, cpu))
            continue;
        int package = circ_topology_place(cpu, "topology/physical_package_id");
        if (package < 0 || package >= CIRC_MAX_PACKAGES)
            return 0;
        mask |= UINT64_C(1) << package;
    }
    return mask;
}

struct circ_topology circ_topology_read(void)
{
    struct circ_topology topology = {.cpus = 1, .cores = 1};
    struct cpus affinity = {0}, online = {0};
    char path[CIRC_SYSFS_PATH];
    if (sched_getaffinity(0, sizeof affinity, affinity.words) == 0) {
        topology.cpus = CPU_COUNT_S(sizeof affinity, affinity.words);
        topology.cores = count_shared(&affinity, siblings_list);
        if (topology.cores == 0)
            topology.cores = topology.cpus;
        while (topology.first_cpu < MAX_CPUS - 1 && !has(&affinity, topology.first_cpu))
            topology.first_cpu++;
        topology.packages = find_packages(&affinity);
    }
    if (circ_sysfs_path(path, "devices/system/cpu/online") && read_list(path, &online)) {
        topology.online_cpus = CPU_COUNT_S(sizeof online, online.words);
        topology.online_cores = count_shared(&online, siblings_list);
        topology.sockets = __builtin_popcountll(find_packages(&online));
    }
    return topology;
}

int circ_topology_count(const char *list)
{
    struct cpus affinity = {0};
    return sched_getaffinity(0, sizeof affinity, affinity.words) ? 0
                                                                 : count_shared(&affinity, list);
}

int circ_topology_list(const char *text, int *cpus, int capacity)
{
    struct cpus set;
    int count = 0;
    if (!parse_list(text, &set) || CPU_COUNT_S(sizeof set, set.words) > capacity)
        return 0;
    for (int cpu = 0; cpu < MAX_CPUS; cpu++)
        if (has(&set, cpu))
            cpus[count++] = cpu;
    return count;
}

int circ_topology_place(int cpu, const char *file)
{
    char path[CIRC_SYSFS_PATH];
    uint64_t place;
    bool known = circ_sysfs_path(path, "devices/system/cpu/cpu%d/%s", cpu, file) &&
                 circ_sysfs_number(path, &place) == 0 && place <= INT_MAX;
    return known ? (int)place : -1;
}
