/* The nvml meter on a library of the tests' own, whose cards count, do not, and get lost. */
#include "harness/meters/choice.h"
#include "harness/meters/clock.h"
#include "harness/meters/difference.h"
#include "harness/meters/meter.h"
#include "tests/meters/sysfs_tree.h"
#include "tests/tap.h"

#include <stdlib.h>
#include <string.h>

static const struct circ_meter *meter;
static struct circ_channel channels[CIRC_MAX_CHANNELS];
static struct circ_error err;

static void absent(const char *played, const char *part)
{
    setenv("FAKE_NVML", played, 1);
    struct circ_meter_session *session;
    int count;
    tap_ok(meter->probe(NULL, &err) == CIRC_ABSENT && strstr(err.message, part), "%s: %s", played,
           err.message);
    tap_ok(meter->open(&session, channels, &count, NULL, &err) == CIRC_ABSENT,
           "%s: and it does not open", played);
}

static void counting(void)
{
    struct circ_meter_session *session;
    struct circ_reading before[CIRC_MAX_CHANNELS], after[CIRC_MAX_CHANNELS];
    const struct circ_consumer consumer = {.pci = "0000:C3:00.0"};
    int count, chosen[CIRC_MAX_CHANNELS], chosen_count;
    setenv("FAKE_NVML", "counting", 1);
    if (!tap_ok(meter->open(&session, channels, &count, NULL, &err) == CIRC_OK && count == 2,
                "two cards"))
        return;
    tap_ok(strcmp(channels[0].pci, "0000:65:00.0") == 0 &&
               strcmp(channels[0].name, "gpu-0000:65:00.0") == 0 &&
               channels[0].scope == CIRC_SCOPE_BOARD && channels[0].unit == CIRC_UNIT_UJ,
           "a card is its place on the bus");
    tap_ok(circ_choice_make(channels, count, &consumer, chosen, &chosen_count, &err) == CIRC_OK &&
               chosen_count == 1 && chosen[0] == 1,
           "and is found by it");
    tap_note("update interval %.2f ms", (double)channels[0].update_ns / 1e6);
    tap_ok(channels[0].update_ns > 0 && channels[0].update_ns <= 500000000,
           "its update interval was measured, or is the slowest known");
    meter->read(session, before);
    circ_clock_sleep_ns(50000000);
    meter->read(session, after);
    struct circ_delta delta = circ_difference_take(&channels[0], &before[0], &after[0], 100);
    tap_ok(delta.grade == CIRC_GRADE_OK && delta.value >= 3e6, "energy in uJ: %.0f", delta.value);
    setenv("FAKE_NVML", "lost", 1);
    meter->read(session, after);
    tap_ok(!after[0].valid && after[1].valid, "a card that is lost: its reading, and no other");
    delta = circ_difference_take(&channels[0], &before[0], &after[0], 100);
    tap_ok(delta.grade == CIRC_GRADE_LOST, "is no number: %s", delta.reason);
    meter->close(session);
}

static void lesser(void)
{
    struct circ_meter_session *session;
    struct circ_reading readings[CIRC_MAX_CHANNELS];
    int count;
    setenv("FAKE_NVML", "mixed", 1);
    if (!tap_ok(meter->open(&session, channels, &count, NULL, &err) == CIRC_OK && count == 2,
                "a card with a counter and one without"))
        return;
    meter->read(session, readings);
    tap_ok(channels[0].unit == CIRC_UNIT_UJ && channels[1].unit == CIRC_UNIT_UW &&
               readings[1].valid && (double)readings[1].raw * channels[1].scale == 1e8 &&
               channels[1].lag_ns == 1000000000 && channels[0].lag_ns == 0,
           "without it the power is read: 100 W, a mean over a second");
    meter->close(session);
    setenv("FAKE_NVML", "asleep", 1);
    if (tap_ok(meter->open(&session, channels, &count, NULL, &err) == CIRC_OK, "a sleeping card")) {
        tap_ok(channels[0].update_ns == 100000000, "has the slowest interval known");
        meter->close(session);
    }
    setenv("FAKE_NVML", "mixed blind", 1);
    tap_ok(meter->probe(NULL, &err) == CIRC_OK && strstr(err.message, "Card C3"),
           "a card without either is named, and the other is there: %s", err.message);
}

int main(int argc, char **argv)
{
    meter = circ_meters_find("nvml");
    if (!tap_ok(argc == 3 && meter && meter->energy, "the meter is there, for the energy pass"))
        return tap_done();
    tree_use(argv[1], "amd");
    unsetenv("CIRCBENCH_NVML");
    absent("another machine", "CIRCBENCH_SYSFS");
    setenv("CIRCBENCH_NVML", "/there/is/no/library", 1);
    absent("no library", "does not load");
    setenv("CIRCBENCH_NVML", argv[2], 1);
    absent("no-driver", "modprobe nvidia");
    absent("mismatched", "restart");
    absent("none", "no card");
    absent("old blind", "neither");
    counting();
    lesser();
    return tap_done();
}
