/* The table of meters, and what the meters and their callers share: the sysfs root and names. It
 * reads no counter. */
#include "harness/meters/meter.h"

#include <stdlib.h>
#include <string.h>

extern const struct circ_meter circ_meter_time, circ_meter_papi, circ_meter_powercap,
    circ_meter_perf, circ_meter_papi_energy, circ_meter_hwmon, circ_meter_nvml, circ_meter_drm,
    circ_meter_exec, circ_meter_trace;

static const struct circ_meter *const meters[] = {
    /* clang-format off */
    &circ_meter_time,
    &circ_meter_papi,
    &circ_meter_powercap,
    &circ_meter_perf,
    &circ_meter_papi_energy,
    &circ_meter_hwmon,
    &circ_meter_nvml,
    &circ_meter_drm,
    &circ_meter_exec,
    &circ_meter_trace,
    /* clang-format on */
};

const struct circ_meter *const *circ_meters_list(int *count)
{
    *count = (int)(sizeof meters / sizeof *meters);
    return meters;
}

const struct circ_meter *circ_meters_find(const char *name)
{
    for (size_t i = 0; i < sizeof meters / sizeof *meters; i++)
        if (strcmp(meters[i]->name, name) == 0)
            return meters[i];
    return NULL;
}

bool circ_meters_allows(const char *const *names, int count, const char *meter)
{
    bool allowed = count == 0;
    for (int i = 0; i < count && !allowed; i++)
        allowed = strcmp(names[i], meter) == 0;
    return allowed;
}

bool circ_meters_given(const struct circ_meter *meter, const struct circ_meter_request *request)
{
    return request && ((request->command && meter == &circ_meter_exec) ||
                       (request->trace && meter == &circ_meter_trace));
}

bool circ_meters_replayed(void)
{
    const char *root = getenv("CIRCBENCH_SYSFS");
    return root && *root;
}

const char *circ_meters_sysfs_root(void)
{
    return circ_meters_replayed() ? getenv("CIRCBENCH_SYSFS") : "/sys";
}

const char *circ_meters_scope_name(enum circ_scope scope)
{
    static const char *const names[] = {
        [CIRC_SCOPE_PROCESS] = "process", [CIRC_SCOPE_CORE] = "core",
        [CIRC_SCOPE_UNCORE] = "uncore",   [CIRC_SCOPE_PACKAGE] = "package",
        [CIRC_SCOPE_DRAM] = "dram",       [CIRC_SCOPE_PSYS] = "psys",
        [CIRC_SCOPE_GPU] = "gpu",         [CIRC_SCOPE_BOARD] = "board",
    };
    return (size_t)scope < sizeof names / sizeof *names ? names[scope] : "unknown";
}

const char *circ_meters_unit_name(enum circ_unit unit)
{
    static const char *const names[] = {[CIRC_UNIT_NS] = "ns",
                                        [CIRC_UNIT_UJ] = "uJ",
                                        [CIRC_UNIT_UW] = "uW",
                                        [CIRC_UNIT_COUNT] = "count"};
    return (size_t)unit < sizeof names / sizeof *names ? names[unit] : "unknown";
}
