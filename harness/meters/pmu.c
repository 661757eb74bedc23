/* Reads what sysfs says of a PMU of energy: events, units, the CPUs to count on. libpfm4 encodes an
 * event where it is built in and knows the CPU; the kernel's own text does so everywhere, and alone
 * says scale and unit. It opens no counter. */
#include "harness/meters/pmu.h"
#include "harness/meters/sysfs.h"
#include "harness/meters/topology.h"
#include "circ_config.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if CIRC_HAVE_PFM

#include <perfmon/pfmlib_perf_event.h>

/* libpfm4's encoding of a domain's event; false where it does not know this CPU. */
static bool encode_named(const struct circ_domain *domain, uint32_t type, uint64_t *config)
{
    static const char *const tables[] = {"rapl", "amd64_rapl"};
    if (!domain->encoded || pfm_initialize() != PFM_SUCCESS)
        return false;
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        char name[64];
        struct perf_event_attr attr = {.size = sizeof attr};
        pfm_perf_encode_arg_t arg = {.attr = &attr, .size = sizeof arg};
        snprintf(name, sizeof name, "%s::%s", tables[i], domain->encoded);
        if (pfm_get_os_event_encoding(name, PFM_PLM0 | PFM_PLM3, PFM_OS_PERF_EVENT, &arg) ==
                PFM_SUCCESS &&
            attr.type == type) {
            *config = attr.config;
            return true;
        }
    }
    return false;
}

#else

static bool encode_named(const struct circ_domain *domain, uint32_t type, uint64_t *config)
{
    (void)domain;
    (void)type;
    (void)config;
    return false;
}

#endif

static bool pmu_path(char path[CIRC_SYSFS_PATH], const char *pmu, const char *file)
{
    return circ_sysfs_path(path, "bus/event_source/devices/%s/%s", pmu, file);
}

static bool pmu_text(const char *pmu, const char *file, char *text, size_t size)
{
    char path[CIRC_SYSFS_PATH];
    return pmu_path(path, pmu, file) && circ_sysfs_text(path, text, size) == 0 && *text;
}

/* Puts a term's value where its format file says: "config:0-7". */
static bool place_term(const char *pmu, const char *term, uint64_t value, uint64_t *config)
{
    char file[64], format[64];
    unsigned low, high;
    if (strcmp(term, "config") == 0) {
        *config |= value;
        return true;
    }
    if (snprintf(file, sizeof file, "format/%s", term) >= (int)sizeof file ||
        !pmu_text(pmu, file, format, sizeof format))
        return false;
    int fields = sscanf(format, "config:%u-%u", &low, &high);
    if (fields == 1)
        high = low;
    if (fields < 1 || low > high || high > 63 || strchr(format, ','))
        return false; /* config1, or bits in several places: no PMU of energy has them */
    uint64_t mask = high - low == 63 ? UINT64_MAX : (UINT64_C(1) << (high - low + 1)) - 1;
    *config |= (value & mask) << low;
    return value <= mask;
}

/* "event=0x02,umask=0x1" to a config. */
static bool encode_text(const char *pmu, const char *event, uint64_t *config)
{
    char file[64], text[128], *rest = text;
    if (snprintf(file, sizeof file, "events/%s", event) >= (int)sizeof file ||
        !pmu_text(pmu, file, text, sizeof text))
        return false;
    *config = 0;
    for (char *term = strsep(&rest, ","); term; term = strsep(&rest, ",")) {
        char *end, *value = strchr(term, '=');
        if (!value)
            return false;
        *value++ = '\0';
        uint64_t number = strtoull(value, &end, 0);
        if (end == value || *end || !place_term(pmu, term, number, config))
            return false;
    }
    return true;
}

/* What keeps an event out, in words for a message; NULL when it was added. */
static const char *add_event(struct circ_pmu *pmu, const char *name)
{
    struct circ_pmu_event event = {.domain = circ_domains_of_event(name)};
    char file[64], text[64], *end;
    if (!event.domain || pmu->event_count == CIRC_PMU_EVENTS)
        return "not one of the energies known here";
    if (!encode_text(pmu->name, name, &event.config))
        return "its encoding cannot be read";
    snprintf(file, sizeof file, "events/%.32s.unit", name);
    if (!pmu_text(pmu->name, file, text, sizeof text) || strcmp(text, "Joules") != 0)
        return "its unit is not Joules";
    snprintf(file, sizeof file, "events/%.32s.scale", name);
    if (!pmu_text(pmu->name, file, text, sizeof text))
        return "its scale cannot be read";
    event.scale_uj = strtod(text, &end) * 1e6;
    if (end == text || !(event.scale_uj > 0 && event.scale_uj < 1e9))
        return "its scale is not a number";
    if (!circ_meters_replayed()) /* libpfm4 looks at this machine */
        encode_named(event.domain, pmu->type, &event.config);
    pmu->events[pmu->event_count++] = event;
    return NULL;
}

static int compare_events(const void *left, const void *right)
{
    const struct circ_pmu_event *a = left, *b = right;
    return a->config < b->config ? -1 : a->config > b->config;
}

static enum circ_status read_events(struct circ_pmu *pmu, struct circ_error *err)
{
    char path[CIRC_SYSFS_PATH], refused[64] = "";
    const char *why = "it lists no energy";
    DIR *dir = pmu_path(path, pmu->name, "events") ? opendir(path) : NULL;
    for (struct dirent *entry = dir ? readdir(dir) : NULL; entry; entry = readdir(dir)) {
        if (strncmp(entry->d_name, "energy", 6) != 0 || strchr(entry->d_name, '.'))
            continue;
        const char *kept_out = add_event(pmu, entry->d_name);
        if (kept_out) {
            why = kept_out;
            snprintf(refused, sizeof refused, "/events/%.40s", entry->d_name);
        }
    }
    if (dir)
        closedir(dir);
    qsort(pmu->events, (size_t)pmu->event_count, sizeof *pmu->events, compare_events);
    return pmu->event_count
               ? CIRC_OK
               : circ_status_fail(err, CIRC_ABSENT, "perf: no event of the PMU %s%s is usable: %s",
                                  pmu->name, refused, why);
}

/* A die is named only where its package has several, as powercap does. */
static void keep_dies(struct circ_pmu *pmu)
{
    bool several[CIRC_MAX_PACKAGES] = {false};
    for (int i = 0; i < pmu->cpu_count; i++)
        for (int j = 0; j < i; j++)
            if (pmu->cpus[i].package == pmu->cpus[j].package &&
                pmu->cpus[i].die != pmu->cpus[j].die)
                several[pmu->cpus[i].package] = true;
    for (int i = 0; i < pmu->cpu_count; i++)
        if (!several[pmu->cpus[i].package])
            pmu->cpus[i].die = -1;
}

static enum circ_status read_cpus(struct circ_pmu *pmu, struct circ_error *err)
{
    char text[4096];
    int cpus[CIRC_PMU_CPUS], count = 0, unplaced = -1;
    if (pmu_text(pmu->name, "cpumask", text, sizeof text))
        count = circ_topology_list(text, cpus, CIRC_PMU_CPUS);
    for (int i = 0; i < count; i++) {
        struct circ_pmu_cpu cpu = {.cpu = cpus[i],
                                   .package =
                                       circ_topology_place(cpus[i], "topology/physical_package_id"),
                                   .core = circ_topology_place(cpus[i], "topology/core_id"),
                                   .die = circ_topology_place(cpus[i], "topology/die_id")};
        if (cpu.package >= 0 && cpu.package < CIRC_MAX_PACKAGES)
            pmu->cpus[pmu->cpu_count++] = cpu;
        else
            unplaced = cpus[i];
    }
    keep_dies(pmu);
    if (pmu->cpu_count)
        return CIRC_OK;
    if (unplaced >= 0)
        return circ_status_fail(err, CIRC_ABSENT,
                                "perf: sysfs does not say in which package CPU %d is, on which the "
                                "PMU %s counts",
                                unplaced, pmu->name);
    return circ_status_fail(err, CIRC_ABSENT,
                            "perf: the PMU %s names no CPU to count on: its cpumask cannot be read",
                            pmu->name);
}

enum circ_status circ_pmu_read(struct circ_pmu *pmu, const char *name, struct circ_error *err)
{
    char path[CIRC_SYSFS_PATH];
    uint64_t type;
    *pmu = (struct circ_pmu){.event_count = 0};
    snprintf(pmu->name, sizeof pmu->name, "%s", name);
    if (!pmu_path(path, name, "type"))
        return circ_status_fail(err, CIRC_USAGE, "perf: CIRCBENCH_SYSFS is too long a path");
    int code = circ_sysfs_number(path, &type);
    if (code)
        return circ_status_fail_native(
            err, CIRC_ABSENT, code,
            "perf: the kernel has no PMU %s (%s: %s); virtual machines have none, elsewhere try: "
            "sudo modprobe rapl",
            name, path, strerror(code));
    pmu->type = (uint32_t)type;
    enum circ_status status = read_events(pmu, err);
    return status ? status : read_cpus(pmu, err);
}
