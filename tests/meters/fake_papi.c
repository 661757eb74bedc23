/* The functions of PAPI that the papi-energy meter calls, over a table, for tests. The linker takes
 * them before the library's; what is not here is the library's still. */
#include "tests/meters/fake_papi.h"

#include <papi.h>
#include <stdio.h>
#include <string.h>

enum { PERF, RAPL, POWERCAP, NVML, ROCM, COMPONENTS };

#define SETS 8

static struct fake_papi played = {
    .events =
        {
            {PERF, "perf::CYCLES", "", "", 1},
            {RAPL, "rapl:::THERMAL_SPEC:PACKAGE0", "W", "", 1},
            {RAPL, "rapl:::PACKAGE_ENERGY:PACKAGE0", "nJ", "", 1000},
            {RAPL, "rapl:::DRAM_ENERGY:PACKAGE0", "nJ", "", 500},
            {POWERCAP, "powercap:::ENERGY_UJ:ZONE0", "", "", 5000000},
            {POWERCAP, "powercap:::NAME:ZONE0", "", "package-0\n", 0},
            {POWERCAP, "powercap:::ENERGY_UJ:ZONE0_SUBZONE0", "", "", 6000000},
            {POWERCAP, "powercap:::NAME:ZONE0_SUBZONE0", "", "core\n", 0},
            {NVML, "nvml:::A_CARD:device_0:power", "mW", "", 100000},
            {NVML, "nvml:::A_CARD:device_0:total_energy_consumption", "", "", 77},
            {NVML, "nvml:::A_CARD:device_1:power", "mW", "", 100000},
        },
};

static const PAPI_component_info_t components[COMPONENTS] = {
    {.name = "perf_event"},
    {.name = "rapl"},
    {.name = "powercap"},
    {.name = "nvml"},
    {.name = "rocm_smi", .disabled = PAPI_ENOCMP, .disabled_reason = "no card here"},
};

static struct {
    int component, count, events[FAKE_PAPI_EVENTS];
} sets[SETS];

struct fake_papi *fake_papi(void)
{
    return &played;
}

static const struct fake_papi_event *event_of(int code)
{
    int index = code & PAPI_NATIVE_AND_MASK;
    return index < FAKE_PAPI_EVENTS && played.events[index].name ? &played.events[index] : NULL;
}

int PAPI_is_initialized(void)
{
    return PAPI_LOW_LEVEL_INITED;
}

int PAPI_num_components(void)
{
    return COMPONENTS;
}

const PAPI_component_info_t *PAPI_get_component_info(int index)
{
    return &components[index];
}

int PAPI_enum_cmp_event(int *code, int modifier, int index)
{
    int next = modifier == PAPI_ENUM_FIRST ? 0 : (*code & PAPI_NATIVE_AND_MASK) + 1;
    while (event_of(next) && event_of(next)->component != index)
        next++;
    *code = next | PAPI_NATIVE_MASK;
    return event_of(next) ? PAPI_OK : PAPI_ENOEVNT;
}

int PAPI_get_event_info(int code, PAPI_event_info_t *info)
{
    const struct fake_papi_event *event = event_of(code);
    memset(info, 0, sizeof *info);
    snprintf(info->symbol, sizeof info->symbol, "%s", event->name);
    snprintf(info->units, sizeof info->units, "%s", event->units);
    snprintf(info->long_descr, sizeof info->long_descr, "%s", event->description);
    return PAPI_OK;
}

int PAPI_event_code_to_name(int code, char *name)
{
    snprintf(name, PAPI_MAX_STR_LEN, "%s", event_of(code)->name);
    return PAPI_OK;
}

int PAPI_event_name_to_code(const char *name, int *code)
{
    for (int i = 0; event_of(i); i++)
        if (strcmp(event_of(i)->name, name) == 0) {
            *code = i | PAPI_NATIVE_MASK;
            return PAPI_OK;
        }
    return PAPI_ENOEVNT;
}

int PAPI_create_eventset(int *set)
{
    for (int i = 0; i < SETS; i++)
        if (sets[i].component == 0) {
            sets[i].component = -1;
            *set = i;
            played.open_sets++;
            return PAPI_OK;
        }
    return PAPI_ENOMEM;
}

int PAPI_assign_eventset_component(int set, int component)
{
    sets[set].component = component;
    return PAPI_OK;
}

int PAPI_add_named_event(int set, const char *name)
{
    int code;
    if (PAPI_event_name_to_code(name, &code) != PAPI_OK)
        return PAPI_ENOEVNT;
    played.misplaced += event_of(code)->component != sets[set].component;
    sets[set].events[sets[set].count++] = code;
    return PAPI_OK;
}

int PAPI_start(int set)
{
    return played.start_fails && sets[set].component == RAPL ? PAPI_EPERM : PAPI_OK;
}

int PAPI_read(int set, long long *values)
{
    if (played.read_fails)
        return PAPI_ESYS;
    played.reads++;
    for (int i = 0; i < sets[set].count; i++) {
        values[i] = event_of(sets[set].events[i])->value;
        if (sets[set].component == POWERCAP && played.reads >= played.moves_at)
            values[i] = 40 + played.reads;
    }
    return PAPI_OK;
}

int PAPI_stop(int set, long long *values)
{
    (void)set;
    (void)values;
    return PAPI_OK;
}

int PAPI_cleanup_eventset(int set)
{
    sets[set].count = 0;
    return PAPI_OK;
}

int PAPI_destroy_eventset(int *set)
{
    sets[*set].component = 0;
    played.open_sets--;
    *set = PAPI_NULL;
    return PAPI_OK;
}

char *PAPI_strerror(int code)
{
    static char words[] = "its words for an error";
    (void)code;
    return words;
}
