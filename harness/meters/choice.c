/* Chooses channels by what they cover. It adds nothing up. */
#include "harness/meters/choice.h"

#include <string.h>
#include <strings.h>

struct choosing {
    const struct circ_channel *channels;
    int count;
    int *chosen, *chosen_count;
};

static bool is_energy(const struct circ_channel *channel)
{
    return channel->unit == CIRC_UNIT_UJ || channel->unit == CIRC_UNIT_UW;
}

static bool channels_of_packages(const struct choosing *choosing)
{
    for (int i = 0; i < choosing->count; i++)
        if (choosing->channels[i].scope == CIRC_SCOPE_PACKAGE)
            return true;
    return false;
}

/* The packages of the mask from the first source that has all of them; missing gets the first one
 * that no source has, -1 where there are none at all. */
static bool take_packages(struct choosing *choosing, uint64_t packages, int *missing)
{
    *missing = -1;
    for (int first = 0; first < choosing->count; first++) {
        const char *source = choosing->channels[first].source;
        uint64_t measured = 0;
        int taken = 0;
        for (int i = 0; i < choosing->count; i++) {
            const struct circ_channel *channel = &choosing->channels[i];
            if (channel->scope != CIRC_SCOPE_PACKAGE || !is_energy(channel) ||
                channel->package < 0 || channel->package >= CIRC_MAX_PACKAGES ||
                strcmp(source, channel->source) != 0)
                continue; /* one source: two would count the same joules twice */
            uint64_t bit = UINT64_C(1) << channel->package;
            if (packages && !(packages & bit))
                continue;
            measured |= bit;
            choosing->chosen[taken++] = i;
        }
        *choosing->chosen_count = taken;
        uint64_t left = packages & ~measured;
        if (taken && !left)
            return true;
        if (left && *missing < 0 && channels_of_packages(choosing))
            *missing = __builtin_ctzll(left);
    }
    *choosing->chosen_count = 0;
    return false;
}

/* The first channel of a scope; pci NULL: of the machine. */
static bool take_one(struct choosing *choosing, enum circ_scope scope, const char *pci)
{
    for (int i = 0; i < choosing->count; i++) {
        const struct circ_channel *channel = &choosing->channels[i];
        if (channel->scope == scope && is_energy(channel) &&
            strcasecmp(channel->pci, pci ? pci : "") == 0) {
            *choosing->chosen = i;
            *choosing->chosen_count = 1;
            return true;
        }
    }
    return false;
}

enum circ_status circ_choice_make(const struct circ_channel *channels, int count,
                                  const struct circ_consumer *consumer, int *chosen,
                                  int *chosen_count, struct circ_error *err)
{
    struct choosing choosing = {channels, count, chosen, chosen_count};
    int missing = -1;
    *chosen_count = 0;
    if (consumer->cpu && (take_packages(&choosing, consumer->packages, &missing) ||
                          take_one(&choosing, CIRC_SCOPE_PSYS, NULL)))
        return CIRC_OK;
    bool placed = !consumer->cpu && consumer->pci && *consumer->pci;
    if (placed && (take_one(&choosing, CIRC_SCOPE_BOARD, consumer->pci) ||
                   take_one(&choosing, CIRC_SCOPE_GPU, consumer->pci)))
        return CIRC_OK;
    if (take_one(&choosing, CIRC_SCOPE_BOARD, NULL))
        return CIRC_OK;
    if (missing >= 0)
        return circ_status_fail(err, CIRC_ABSENT,
                                "energy: no channel measures package %d, on which this process "
                                "may run; pin it with taskset to a package that has one",
                                missing);
    if (placed)
        return circ_status_fail(err, CIRC_ABSENT,
                                "energy: no channel measures the card at PCI %s, nor the whole "
                                "machine",
                                consumer->pci);
    return circ_status_fail(err, CIRC_ABSENT,
                            consumer->cpu
                                ? "energy: no channel measures a CPU package or the whole machine"
                                : "energy: no channel measures this device or the whole machine");
}
