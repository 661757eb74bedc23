/* Energy and power through the components of the user's PAPI: rapl, powercap, perf_event_uncore,
 * nvml, rocm_smi, amd_smi. papi_events.c knows their events; this file finds, opens and reads them,
 * each component in an event set of its own, never beside events of a core.
 *
 * What PAPI_read gives, from the components' sources (7.0 to 7.2):
 * - rapl: nJ since PAPI_start, wraps of the register added up at every read.
 * - powercap: energy_uj less its value at PAPI_start, but the counter itself as long as it has not
 *   moved since then, and a value of the whole range more after a read that failed. So a channel is
 *   valid from its first movement on, and a failure shows as power beyond the ceiling, or as a
 *   counter that goes backwards.
 * - perf_event_uncore: 2^-32 J since PAPI_start.
 * - nvml, rocm_smi, amd_smi: the library's value; nvml gives -1 for a read that failed. */
#include "harness/meters/clock.h"
#include "harness/meters/hardware.h"
#include "harness/meters/meter.h"
#include "harness/meters/papi_events.h"
#include "harness/meters/pmu.h"
#include "circ_config.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if CIRC_HAVE_PAPI

#include <papi.h>

#define MAX_SETS  8
#define SETTLE_NS 50000000 /* the longest that open waits for powercap's counters to move */

struct circ_meter_session {
    int count, set_count;
    struct set {
        int handle, component;
        int first, count; /* the channels that it counts */
    } sets[MAX_SETS];
    struct start {
        bool settled, seen; /* has moved; has been read */
        uint64_t first;
    } starts[CIRC_MAX_CHANNELS];
};

/* What is being opened. */
struct opening {
    struct circ_meter_session *session;
    struct circ_channel *channels;
    struct circ_pmu *pmu; /* the power PMU, for the CPUs to count on; type 0: there is none */
    char reasons[320];    /* why there is not more */
};

static void note(struct opening *opening, const char *format, ...) CIRC_PRINTF(2, 3);

static void note(struct opening *opening, const char *format, ...)
{
    va_list args;
    size_t used = strlen(opening->reasons);
    if (used && used < sizeof opening->reasons - 3)
        used += (size_t)snprintf(opening->reasons + used, sizeof opening->reasons - used, "; ");
    va_start(args, format);
    vsnprintf(opening->reasons + used, sizeof opening->reasons - used, format, args);
    va_end(args);
}

static const char *without_prefix(const char *name)
{
    const char *prefix = strstr(name, ":::");
    return prefix ? prefix + 3 : name;
}

/* The description of powercap's event NAME of a zone, which is the zone's name; "" for none. */
static void zone_name(char *name, size_t size, const char *zone)
{
    char event[96];
    PAPI_event_info_t info;
    int code;
    name[0] = '\0';
    snprintf(event, sizeof event, "powercap:::NAME:%.64s", zone);
    if (PAPI_event_name_to_code(event, &code) != PAPI_OK ||
        PAPI_get_event_info(code, &info) != PAPI_OK)
        return;
    snprintf(name, size, "%.*s", (int)strcspn(info.long_descr, "\n"), info.long_descr);
}

static bool classify(const char *component, const PAPI_event_info_t *info,
                     struct circ_papi_event *event)
{
    char zone[64] = "", subzone[64] = "", outer[64];
    struct circ_papi_words words = {component, without_prefix(info->symbol), info->units, zone,
                                    subzone};
    const char *place = strstr(words.event, ":ZONE");
    if (place && strcmp(component, "powercap") == 0) {
        snprintf(outer, sizeof outer, "%.*s", (int)strcspn(place + 1, "_"), place + 1);
        zone_name(zone, sizeof zone, outer);
        if (strchr(place, '_'))
            zone_name(subzone, sizeof subzone, place + 1);
    }
    return circ_papi_events_classify(&words, event);
}

/* A card's power where its energy is counted already, or one thing under two names. */
static bool has_channel(const struct opening *opening, const struct circ_channel *channel)
{
    for (int i = 0; i < opening->session->count; i++)
        if (strcmp(opening->channels[i].name, channel->name) == 0 &&
            strcmp(opening->channels[i].source, channel->source) == 0)
            return true;
    return false;
}

/* The component's event set, made for its first event: with one that holds a component which did
 * not start, PAPI 7.0 frees memory twice. */
static int ready(struct set *set)
{
    if (set->handle != PAPI_NULL)
        return PAPI_OK;
    int handle = PAPI_NULL;
    int code = PAPI_create_eventset(&handle);
    if (code == PAPI_OK)
        code = PAPI_assign_eventset_component(handle, set->component);
    if (code == PAPI_OK)
        set->handle = handle;
    return code;
}

/* Adds an event by name, and its channel. */
static void add(struct opening *opening, struct set *set, const char *name,
                const struct circ_channel *channel, bool settled)
{
    struct circ_meter_session *session = opening->session;
    if (session->count == CIRC_MAX_CHANNELS || has_channel(opening, channel))
        return;
    int code = ready(set);
    if (code == PAPI_OK)
        code = PAPI_add_named_event(set->handle, name);
    if (code != PAPI_OK) {
        note(opening, "%.64s: %s", name, PAPI_strerror(code));
        return;
    }
    session->starts[session->count] = (struct start){.settled = settled};
    opening->channels[session->count++] = *channel;
    set->count++;
}

/* Adds an event of the power PMU, once for each CPU that the kernel counts on. */
static void add_everywhere(struct opening *opening, struct set *set, const char *name,
                           const struct circ_papi_event *event)
{
    if (!opening->pmu->cpu_count) {
        note(opening, "PAPI names %.40s, and the kernel has no power PMU", name);
        return;
    }
    for (int i = 0; i < opening->pmu->cpu_count; i++) {
        const struct circ_pmu_cpu *cpu = &opening->pmu->cpus[i];
        struct circ_channel channel = circ_domains_channel(event->domain, cpu->package, cpu->die);
        char pinned[PAPI_MAX_STR_LEN];
        channel.scale = 1e6 / 4294967296.0;
        memcpy(channel.source, event->channel.source, sizeof channel.source);
        snprintf(pinned, sizeof pinned, "%.100s:cpu=%d", name, cpu->cpu);
        add(opening, set, pinned, &channel, true);
    }
}

/* Adds the component's events of a unit. */
static void add_unit(struct opening *opening, struct set *set, const char *component,
                     enum circ_unit unit)
{
    int code = PAPI_NATIVE_MASK;
    for (int result = PAPI_enum_cmp_event(&code, PAPI_ENUM_FIRST, set->component);
         result == PAPI_OK; result = PAPI_enum_cmp_event(&code, PAPI_ENUM_EVENTS, set->component)) {
        PAPI_event_info_t info;
        struct circ_papi_event event;
        char name[PAPI_MAX_STR_LEN];
        if (PAPI_get_event_info(code, &info) != PAPI_OK ||
            PAPI_event_code_to_name(code, name) != PAPI_OK || !classify(component, &info, &event))
            continue;
        if (event.domain && unit == CIRC_UNIT_UJ)
            add_everywhere(opening, set, name, &event);
        else if (!event.domain && event.channel.unit == unit)
            add(opening, set, name, &event.channel, !event.settles);
    }
}

static void close_set(const struct set *set)
{
    long long values[CIRC_MAX_CHANNELS];
    int handle = set->handle;
    if (handle == PAPI_NULL)
        return;
    PAPI_stop(handle, values); /* fails harmlessly on a set that never started */
    PAPI_cleanup_eventset(handle);
    PAPI_destroy_eventset(&handle);
}

static void open_component(struct opening *opening, int index, const PAPI_component_info_t *info)
{
    struct circ_meter_session *session = opening->session;
    struct set set = {.handle = PAPI_NULL, .component = index, .first = session->count};
    if (info->disabled && info->disabled != PAPI_EDELAY_INIT) {
        note(opening, "%s: %.80s", info->name, info->disabled_reason);
        return;
    }
    add_unit(opening, &set, info->name, CIRC_UNIT_UJ);
    add_unit(opening, &set, info->name, CIRC_UNIT_UW);
    if (info->disabled) /* it has tried to start by now, and says why not */
        note(opening, "%s: %.80s", info->name, info->disabled_reason);
    int code = set.count ? PAPI_start(set.handle) : PAPI_OK;
    if (code != PAPI_OK)
        note(opening, "%s: %s", info->name, PAPI_strerror(code));
    if (code != PAPI_OK || !set.count) {
        close_set(&set);
        session->count = set.first;
        return;
    }
    circ_domains_nest(opening->channels, set.first, session->count);
    session->sets[session->set_count++] = set;
}

/* Opens the components that have energies, and names those that this PAPI was built without. */
static void open_components(struct opening *opening)
{
    char unbuilt[96] = "";
    const char *name;
    for (int i = 0; (name = circ_papi_events_component(i)) != NULL; i++) {
        bool built = false;
        for (int j = 0; j < PAPI_num_components(); j++) {
            const PAPI_component_info_t *info = PAPI_get_component_info(j);
            if (!info || strcmp(info->name, name) != 0)
                continue;
            built = true;
            if (opening->session->set_count < MAX_SETS)
                open_component(opening, j, info);
        }
        size_t used = strlen(unbuilt);
        if (!built)
            snprintf(unbuilt + used, sizeof unbuilt - used, "%s%s", used ? ", " : "", name);
    }
    if (*unbuilt)
        note(opening, "built without %s", unbuilt);
}

static bool has_settled(struct start *start, uint64_t raw)
{
    if (!start->seen)
        start->first = raw;
    start->seen = true;
    start->settled |= raw != start->first;
    return start->settled;
}

static void read_papi_energy(struct circ_meter_session *session, struct circ_reading *readings)
{
    for (int s = 0; s < session->set_count; s++) {
        const struct set *set = &session->sets[s];
        long long values[CIRC_MAX_CHANNELS];
        bool read = PAPI_read(set->handle, values) == PAPI_OK;
        int64_t now = circ_clock_now_ns();
        for (int i = 0; i < set->count; i++) {
            int channel = set->first + i;
            struct circ_reading *reading = &readings[channel];
            *reading = (struct circ_reading){.t_ns = now};
            if (!read || values[i] < 0)
                continue;
            reading->raw = (uint64_t)values[i];
            reading->valid = has_settled(&session->starts[channel], reading->raw);
        }
    }
}

/* Waits a little for the counters whose first values mean something else. */
static void settle(struct circ_meter_session *session)
{
    struct circ_reading readings[CIRC_MAX_CHANNELS];
    int64_t start = circ_clock_now_ns();
    bool waiting = true;
    while (waiting && circ_clock_now_ns() - start < SETTLE_NS) {
        read_papi_energy(session, readings);
        waiting = false;
        for (int i = 0; i < session->count; i++)
            waiting |= !session->starts[i].settled;
        if (waiting)
            circ_clock_sleep_ns(CIRC_DOMAINS_UPDATE_NS);
    }
}

static void close_papi_energy(struct circ_meter_session *session)
{
    if (!session)
        return;
    for (int i = 0; i < session->set_count; i++)
        close_set(&session->sets[i]);
    free(session);
}

/* Opens what there is; reasons gets why there is not more. */
static enum circ_status open_noting(struct circ_meter_session **session,
                                    struct circ_channel *channels, int *count, char *reasons,
                                    size_t size, struct circ_error *err)
{
    if (circ_meters_replayed())
        return circ_status_fail(err, CIRC_ABSENT,
                                "papi-energy: CIRCBENCH_SYSFS describes another machine, and PAPI "
                                "would count this one");
    enum circ_status status = circ_hardware_start(err);
    if (status)
        return status;
    struct opening opening = {.channels = channels};
    opening.session = calloc(1, sizeof *opening.session);
    opening.pmu = calloc(1, sizeof *opening.pmu);
    if (!opening.session || !opening.pmu) {
        free(opening.session);
        free(opening.pmu);
        return circ_status_fail(err, CIRC_MEMORY, "papi-energy: out of memory");
    }
    if (circ_pmu_read(opening.pmu, "power", NULL) != CIRC_OK)
        opening.pmu->cpu_count = 0;
    open_components(&opening);
    free(opening.pmu);
    snprintf(reasons, size, "%s", opening.reasons);
    if (!opening.session->count) {
        close_papi_energy(opening.session);
        return circ_status_fail(err, CIRC_ABSENT,
                                "papi-energy: no component of this PAPI counts energy here: %s",
                                opening.reasons);
    }
    settle(opening.session);
    *count = opening.session->count;
    *session = opening.session;
    return CIRC_OK;
}

#else /* built without PAPI: circ_hardware_start says so */

struct circ_meter_session {
    int count;
};

static void read_papi_energy(struct circ_meter_session *session, struct circ_reading *readings)
{
    (void)session;
    (void)readings;
}

static void close_papi_energy(struct circ_meter_session *session)
{
    (void)session;
}

static enum circ_status open_noting(struct circ_meter_session **session,
                                    struct circ_channel *channels, int *count, char *reasons,
                                    size_t size, struct circ_error *err)
{
    (void)session;
    (void)channels;
    (void)count;
    (void)reasons;
    (void)size;
    return circ_hardware_start(err);
}

#endif

static enum circ_status open_papi_energy(struct circ_meter_session **session,
                                         struct circ_channel *channels, int *count,
                                         const struct circ_meter_request *request,
                                         struct circ_error *err)
{
    char reasons[320] = "";
    (void)request;
    return open_noting(session, channels, count, reasons, sizeof reasons, err);
}

static enum circ_status probe(const struct circ_meter_request *request, struct circ_error *err)
{
    struct circ_channel channels[CIRC_MAX_CHANNELS];
    struct circ_meter_session *session;
    char reasons[320] = "";
    int count;
    (void)request;
    enum circ_status status = open_noting(&session, channels, &count, reasons, sizeof reasons, err);
    if (status)
        return status;
    close_papi_energy(session);
    return circ_status_fail(err, CIRC_OK, "%s%s", *reasons ? "papi-energy: " : "", reasons);
}

extern const struct circ_meter circ_meter_papi_energy;
const struct circ_meter circ_meter_papi_energy = {
    .name = "papi-energy",
    .description = "energy of packages and cards through PAPI's components, where it has them",
    .probe = probe,
    .open = open_papi_energy,
    .read = read_papi_energy,
    .close = close_papi_energy,
    .energy = true,
    .optional = true,
};
