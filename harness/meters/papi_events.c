/* The table of PAPI's energies and powers, written after the sources of its components (7.0 to
 * 7.2). */
#include "harness/meters/papi_events.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REGISTER_NJ    (UINT64_C(65536) * 1000000000) /* 2^32 counts of 2^-16 J, the finest unit */
#define CARD_UPDATE_NS 100000000                      /* no component says; the slowest seen */
#define MEAN_NS        1000000000                     /* NVIDIA's power, on cards since Ampere */
#define CARD_CEILING_W 2500 /* of one card or module; twice what the largest draw */

static const char *const components[] = {"rapl", "powercap", "perf_event_uncore",
                                         "nvml", "rocm_smi", "amd_smi"};

/* Cards: the energy of each comes before its power. */
static const struct card {
    const char *component, *pattern;
    enum circ_unit unit;
    double scale;
    int64_t lag_ns; /* of a power that is a mean */
} cards[] = {
    {"nvml", "*:total_energy_consumption", CIRC_UNIT_UJ, 1e3, 0},
    {"nvml", "*:power", CIRC_UNIT_UW, 1e3, MEAN_NS},
    {"rocm_smi", "energy_count:device=*", CIRC_UNIT_UJ, 1, 0},
    {"rocm_smi", "power_average:device=*:sensor=0", CIRC_UNIT_UW, 1, CARD_UPDATE_NS},
    {"rocm_smi", "current_socket_power:device=*", CIRC_UNIT_UW, 1, 0},
    {"amd_smi", "energy_consumed:device=*", CIRC_UNIT_UJ, 1, 0},
    {"amd_smi", "power_current:device=*", CIRC_UNIT_UW, 1e6, 0},
    {"amd_smi", "power_average:device=*", CIRC_UNIT_UW, 1e6, CARD_UPDATE_NS},
};

const char *circ_papi_events_component(int index)
{
    return index >= 0 && (size_t)index < sizeof components / sizeof *components ? components[index]
                                                                                : NULL;
}

static bool classify_card(const struct circ_papi_words *words, struct circ_channel *channel)
{
    for (size_t i = 0; i < sizeof cards / sizeof *cards; i++) {
        if (strcmp(words->component, cards[i].component) != 0 ||
            fnmatch(cards[i].pattern, words->event, 0) != 0)
            continue;
        const char *number = strstr(words->event, "device");
        number = number ? strpbrk(number, "0123456789") : NULL;
        if (!number)
            return false;
        int device = (int)strtol(number, NULL, 10);
        *channel = (struct circ_channel){.unit = cards[i].unit,
                                         .scope = CIRC_SCOPE_BOARD,
                                         .scale = cards[i].scale,
                                         .update_ns = CARD_UPDATE_NS,
                                         .lag_ns = cards[i].lag_ns,
                                         .power_ceiling_w = CARD_CEILING_W,
                                         .parent = -1,
                                         .package = -1};
        snprintf(channel->name, sizeof channel->name, "%.16s-card-%d", words->component, device);
        snprintf(channel->pci, sizeof channel->pci, "?%d", device);
        return true;
    }
    return false;
}

/* "PACKAGE_ENERGY:PACKAGE0", in nJ. PAPI adds up differences of the 32-bit register itself, and
 * sees one wrap between two reads: the range is that of the register, which says how often to read.
 * Its events that end in _CNT are the same in counts. */
static bool classify_rapl(const struct circ_papi_words *words, struct circ_channel *channel)
{
    const struct circ_domain *domain = circ_domains_of_register(words->event);
    const char *package = strstr(words->event, ":PACKAGE");
    if (!domain || !package || strcmp(words->units, "nJ") != 0)
        return false;
    *channel = circ_domains_channel(domain, atoi(package + strlen(":PACKAGE")), -1);
    channel->scale = 1e-3;
    channel->wrap = REGISTER_NJ;
    return true;
}

/* "ENERGY_UJ:ZONE0" and "ENERGY_UJ:ZONE0_SUBZONE1"; the numbers say little, the names all. */
static bool classify_powercap(const struct circ_papi_words *words, struct circ_channel *channel)
{
    int package, die = -1;
    if (strncmp(words->event, "ENERGY_UJ:ZONE", strlen("ENERGY_UJ:ZONE")) != 0)
        return false;
    bool packaged = sscanf(words->zone, "package-%d-die-%d", &package, &die) >= 1;
    bool inside = strstr(words->event, "_SUBZONE") != NULL;
    const struct circ_domain *domain = circ_domains_of_zone(inside ? words->subzone : words->zone);
    if (!domain || (!packaged && domain->scope != CIRC_SCOPE_PSYS))
        return false;
    *channel = circ_domains_channel(domain, packaged ? package : 0, die);
    return true;
}

/* "rapl::RAPL_ENERGY_PKG": libpfm4's names, whose descriptions say 2^-32 J. */
static const struct circ_domain *classify_uncore(const struct circ_papi_words *words)
{
    const char *name = strstr(words->event, "::");
    if (!name ||
        (strncmp(words->event, "rapl::", 6) != 0 && strncmp(words->event, "amd64_rapl::", 12) != 0))
        return NULL;
    return circ_domains_of_encoded(name + 2);
}

bool circ_papi_events_classify(const struct circ_papi_words *words, struct circ_papi_event *event)
{
    bool known;
    *event = (struct circ_papi_event){.domain = NULL};
    if (strcmp(words->component, "rapl") == 0) {
        known = classify_rapl(words, &event->channel);
    } else if (strcmp(words->component, "powercap") == 0) {
        known = classify_powercap(words, &event->channel);
        event->settles = known;
    } else if (strcmp(words->component, "perf_event_uncore") == 0) {
        event->domain = classify_uncore(words);
        known = event->domain != NULL;
    } else {
        known = classify_card(words, &event->channel);
    }
    snprintf(event->channel.source, sizeof event->channel.source, "papi-energy:%.32s",
             words->component);
    return known;
}
