/* The drm meter on cards in the layout of /sys. */
#include "harness/meters/choice.h"
#include "harness/meters/difference.h"
#include "harness/meters/meter.h"
#include "tests/meters/sysfs_tree.h"
#include "tests/tap.h"

#include <string.h>

#define SENSOR "class/drm/card0/device/hwmon/hwmon1/power1_average"

static const struct circ_meter *meter;
static struct circ_channel channels[CIRC_MAX_CHANNELS];
static struct circ_reading readings[CIRC_MAX_CHANNELS];
static struct circ_error err;

static const struct circ_channel *find(int count, const char *name)
{
    for (int i = 0; i < count; i++)
        if (strcmp(channels[i].name, name) == 0)
            return &channels[i];
    tap_ok(false, "there is a channel %s", name);
    return &channels[0];
}

static const struct circ_channel *choose(int count, const char *pci)
{
    const struct circ_consumer consumer = {.pci = pci};
    int chosen[CIRC_MAX_CHANNELS], chosen_count;
    return circ_choice_make(channels, count, &consumer, chosen, &chosen_count, &err) == CIRC_OK
               ? &channels[chosen[0]]
               : NULL;
}

static void cards(const char *fixtures)
{
    struct circ_meter_session *session;
    int count;
    tree_use(fixtures, "cards");
    if (!tap_ok(meter->open(&session, channels, &count, NULL, &err) == CIRC_OK && count == 6,
                "four cards have six sensors"))
        return;
    const struct circ_channel *card = find(count, "gpu-0000:03:00.0"),
                              *chip = find(count, "gpu-0000:03:00.0-chip"),
                              *amd = find(count, "gpu-0000:44:00.0-chip"),
                              *apu = find(count, "apu-0000:c1:00.0"),
                              *part = find(count, "gpu-0000:b3:00.0-i915_gt0-energy1");
    tap_ok(card->scope == CIRC_SCOPE_BOARD && card->unit == CIRC_UNIT_UJ &&
               strcmp(card->pci, "0000:03:00.0") == 0 && card->wrap == UINT64_C(262144000000) &&
               chip->scope == CIRC_SCOPE_GPU && chip->parent == card - channels,
           "xe: the card, and its chip inside");
    tap_ok(amd->scope == CIRC_SCOPE_GPU && amd->unit == CIRC_UNIT_UW && amd->parent == -1 &&
               strcmp(amd->source, "drm:amdgpu") == 0 && amd->lag_ns == amd->update_ns,
           "amdgpu: the power of the chip, a mean");
    tap_ok(apu->scope == CIRC_SCOPE_GPU, "an APU is called one: its CPU is in it");
    tap_ok(part->parent == find(count, "gpu-0000:b3:00.0") - channels &&
               part->scope == CIRC_SCOPE_UNCORE,
           "i915: a part of a card is inside of it");
    tap_ok(choose(count, "0000:03:00.0") == card && choose(count, "0000:44:00.0") == amd &&
               choose(count, "0000:b3:00.0") == find(count, "gpu-0000:b3:00.0") &&
               !choose(count, "0000:65:00.0"),
           "a card is found by its place, the board before the chip");
    meter->read(session, readings);
    bool valid = true;
    for (int i = 0; i < count; i++)
        valid = valid && readings[i].valid && channels[i].update_ns > 0;
    tap_ok(valid && readings[card - channels].raw == 73400320000 &&
               readings[amd - channels].raw == 41000000,
           "all are read");
    meter->close(session);
    tree_use(fixtures, "amd");
    tap_ok(meter->probe(NULL, &err) == CIRC_ABSENT && strstr(err.message, "no graphics card"),
           "none: %s", err.message);
}

static void asleep(void)
{
    char root[TREE_PATH];
    struct circ_meter_session *session;
    int count;
    if (!tap_ok(tree_create(root) && tree_write(root, "class/drm/card0/device/uevent",
                                                "DRIVER=amdgpu\nPCI_SLOT_NAME=0000:44:00.0"),
                "a card to write"))
        return;
    tap_ok(meter->probe(NULL, &err) == CIRC_ABSENT && strstr(err.message, "no driver"),
           "without sensors: %s", err.message);
    tap_ok(tree_write(root, "class/drm/card0/device/hwmon/hwmon1/name", "amdgpu") &&
               tree_write(root, SENSOR, "asleep") && meter->probe(NULL, &err) == CIRC_OK &&
               strstr(err.message, "sleeps"),
           "one that does not answer is there: %.60s", err.message);
    if (tap_ok(meter->open(&session, channels, &count, NULL, &err) == CIRC_OK && count == 1,
               "and opens")) {
        meter->read(session, readings);
        tap_ok(!readings[0].valid, "its reading is none");
        tree_write(root, SENSOR, "30000000");
        meter->read(session, readings);
        tap_ok(readings[0].valid && readings[0].raw == 30000000, "until it answers");
        meter->close(session);
    }
    tree_remove(root);
}

int main(int argc, char **argv)
{
    meter = circ_meters_find("drm");
    if (!tap_ok(argc == 2 && meter && meter->energy, "the meter is there, for the energy pass"))
        return tap_done();
    cards(argv[1]);
    asleep();
    return tap_done();
}
