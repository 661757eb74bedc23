/* NVIDIA cards through their management library: the counter of a card's energy where it has one
 * (Volta and later), else its power. A card is known by its place on the PCI bus, never by its
 * index: CUDA, OpenCL and NVML number them differently. */
#include "harness/meters/clock.h"
#include "harness/meters/meter.h"
#include "harness/meters/nvml.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POWER_CEILING_W 2500      /* of one card or module; twice what the largest draw */
#define UNKNOWN_NS      100000000 /* update interval where it cannot be measured: the slowest seen */
#define LAG_NS          1000000000 /* its power is the mean of a second on cards since Ampere */
#define MEASURE_NS      500000000  /* the longest that open watches for updates */
#define LOOK_NS         500000     /* between two looks */
#define UPDATES         4          /* enough of them: the longest counts */

struct circ_meter_session {
    struct circ_nvml nvml;
    int count;
    struct card {
        struct circ_nvml_device *device;
        bool counts; /* has the counter of energy */
    } cards[CIRC_MAX_CHANNELS];
};

static int read_card(const struct circ_nvml *nvml, const struct card *card, uint64_t *raw)
{
    if (card->counts) {
        unsigned long long mj = 0;
        int result = nvml->total_energy(card->device, &mj);
        *raw = mj;
        return result;
    }
    unsigned mw = 0;
    int result = nvml->power_usage ? nvml->power_usage(card->device, &mw) : CIRC_NVML_NOT_SUPPORTED;
    *raw = mw;
    return result;
}

/* Finds what of the card can be read; NVML's result when nothing. */
static int choose(const struct circ_nvml *nvml, struct card *card)
{
    uint64_t raw;
    if (nvml->total_energy) {
        card->counts = true;
        int result = read_card(nvml, card, &raw);
        if (result != CIRC_NVML_NOT_SUPPORTED)
            return result;
    }
    card->counts = false;
    return read_card(nvml, card, &raw);
}

static struct circ_channel describe(const struct circ_nvml_pci *pci, bool counts)
{
    struct circ_channel channel = {.unit = counts ? CIRC_UNIT_UJ : CIRC_UNIT_UW,
                                   .scope = CIRC_SCOPE_BOARD,
                                   .scale = 1000, /* mJ, mW */
                                   .update_ns = UNKNOWN_NS,
                                   .lag_ns = counts ? 0 : LAG_NS,
                                   .power_ceiling_w = POWER_CEILING_W,
                                   .parent = -1,
                                   .package = -1};
    /* a card's function is 0, whatever virtual ones it has */
    snprintf(channel.pci, sizeof channel.pci, "%04x:%02x:%02x.0", pci->domain, pci->bus,
             pci->device);
    snprintf(channel.name, sizeof channel.name, "gpu-%s", channel.pci);
    snprintf(channel.source, sizeof channel.source, "nvml:%s", counts ? "energy" : "power");
    return channel;
}

/* How often the counters move: the longest of a few intervals between changes, seen by looking at
 * all cards in turn. An idle card's counter may stand still at this resolution, and keeps the
 * slowest interval known. */
static void measure_updates(const struct circ_meter_session *session, struct circ_channel *channels)
{
    struct {
        uint64_t last;
        int64_t changed_ns, longest_ns;
        int changes;
    } seen[CIRC_MAX_CHANNELS] = {{0}};
    int64_t start = circ_clock_now_ns();
    int open = session->count;
    for (int64_t now = start; now - start < MEASURE_NS && open > 0;) {
        open = 0;
        for (int i = 0; i < session->count; i++) {
            uint64_t raw;
            if (!session->cards[i].counts || seen[i].changes > UPDATES ||
                read_card(&session->nvml, &session->cards[i], &raw) != CIRC_NVML_SUCCESS)
                continue;
            open++;
            now = circ_clock_now_ns();
            if (raw == seen[i].last)
                continue;
            /* the first value is no change, and the first change ends no whole interval */
            if (seen[i].changes > 1 && now - seen[i].changed_ns > seen[i].longest_ns)
                seen[i].longest_ns = now - seen[i].changed_ns;
            seen[i].last = raw;
            seen[i].changed_ns = now;
            seen[i].changes++;
        }
        circ_clock_sleep_ns(LOOK_NS);
        now = circ_clock_now_ns();
    }
    for (int i = 0; i < session->count; i++)
        if (seen[i].changes > UPDATES)
            channels[i].update_ns = seen[i].longest_ns;
}

static void close_nvml(struct circ_meter_session *session)
{
    if (!session)
        return;
    circ_nvml_unload(&session->nvml);
    free(session);
}

/* Adds the card of an index; missing gets the reason when it has nothing to read. */
static void add_card(struct circ_meter_session *session, struct circ_channel *channels,
                     unsigned index, struct circ_error *missing)
{
    const struct circ_nvml *nvml = &session->nvml;
    struct card *card = &session->cards[session->count];
    struct circ_nvml_pci pci = {.bus = 0};
    char name[96] = "";
    int result = nvml->device_by_index(index, &card->device);
    if (result == CIRC_NVML_SUCCESS)
        result = nvml->pci_info(card->device, &pci);
    if (result == CIRC_NVML_SUCCESS) {
        if (nvml->name(card->device, name, sizeof name) != CIRC_NVML_SUCCESS)
            name[0] = '\0';
        result = choose(nvml, card);
    }
    if (result == CIRC_NVML_SUCCESS) {
        channels[session->count++] = describe(&pci, card->counts);
        return;
    }
    circ_status_fail_native(missing, CIRC_ABSENT, result, "nvml: card %u (%.64s%s%.31s): %s%s",
                            index, name, *name ? ", " : "", pci.bus_id,
                            circ_nvml_message(nvml, result),
                            result == CIRC_NVML_NOT_SUPPORTED
                                ? ": it has neither a counter of energy nor a reading of power"
                                : "");
}

/* Opens the cards that there are; missing gets why one of them cannot be read, "" when all can. */
static enum circ_status open_noting(struct circ_meter_session **session,
                                    struct circ_channel *channels, int *count,
                                    struct circ_error *missing, struct circ_error *err)
{
    unsigned cards = 0;
    missing->message[0] = '\0';
    struct circ_meter_session *opened = calloc(1, sizeof *opened);
    if (!opened)
        return circ_status_fail(err, CIRC_MEMORY, "nvml: out of memory");
    enum circ_status status = circ_nvml_load(&opened->nvml, err);
    if (status) {
        free(opened);
        return status;
    }
    int result = opened->nvml.device_count(&cards);
    for (unsigned i = 0; i < cards && opened->count < CIRC_MAX_CHANNELS; i++)
        add_card(opened, channels, i, missing);
    if (opened->count) {
        *count = opened->count;
        *session = opened;
        return CIRC_OK;
    }
    if (result != CIRC_NVML_SUCCESS)
        status = circ_status_fail_native(err, CIRC_ABSENT, result, "nvml: its cards: %s",
                                         circ_nvml_message(&opened->nvml, result));
    else if (*missing->message)
        status = circ_status_fail_native(err, CIRC_ABSENT, missing->native, "%s", missing->message);
    else
        status = circ_status_fail(err, CIRC_ABSENT,
                                  "nvml: NVIDIA's driver is here and has no card; in a container, "
                                  "give it one: --gpus all");
    close_nvml(opened);
    return status;
}

static enum circ_status open_nvml(struct circ_meter_session **session,
                                  struct circ_channel *channels, int *count,
                                  const struct circ_meter_request *request, struct circ_error *err)
{
    struct circ_error missing;
    (void)request;
    enum circ_status status = open_noting(session, channels, count, &missing, err);
    if (!status)
        measure_updates(*session, channels);
    return status;
}

static void read_nvml(struct circ_meter_session *session, struct circ_reading *readings)
{
    for (int i = 0; i < session->count; i++) {
        readings[i] = (struct circ_reading){.valid = false};
        readings[i].valid =
            read_card(&session->nvml, &session->cards[i], &readings[i].raw) == CIRC_NVML_SUCCESS;
        readings[i].t_ns = circ_clock_now_ns();
    }
}

static enum circ_status probe(const struct circ_meter_request *request, struct circ_error *err)
{
    struct circ_channel channels[CIRC_MAX_CHANNELS];
    struct circ_meter_session *session;
    struct circ_error missing;
    int count;
    (void)request;
    enum circ_status status = open_noting(&session, channels, &count, &missing, err);
    if (status)
        return status;
    close_nvml(session);
    return circ_status_fail(err, CIRC_OK, "%s", missing.message);
}

extern const struct circ_meter circ_meter_nvml;
const struct circ_meter circ_meter_nvml = {
    .name = "nvml",
    .description = "energy or power of NVIDIA cards (NVML), each by its PCI place",
    .probe = probe,
    .open = open_nvml,
    .read = read_nvml,
    .close = close_nvml,
    .energy = true,
    .optional = true,
};
