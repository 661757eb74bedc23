/* The papi-energy meter on a PAPI of the tests' own, which has components for energy. */
#include "harness/meters/choice.h"
#include "harness/meters/difference.h"
#include "harness/meters/meter.h"
#include "tests/meters/fake_papi.h"
#include "tests/meters/sysfs_tree.h"
#include "tests/tap.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

static const struct circ_meter *meter;
static struct circ_channel channels[CIRC_MAX_CHANNELS];
static struct circ_reading readings[CIRC_MAX_CHANNELS];
static struct circ_error err;

static int find(int count, const char *source, const char *name)
{
    for (int i = 0; i < count; i++)
        if (strcmp(channels[i].name, name) == 0 && strcmp(channels[i].source, source) == 0)
            return i;
    tap_ok(false, "there is a channel %s of %s", name, source);
    return 0;
}

static void reading(void)
{
    struct circ_meter_session *session;
    const struct circ_consumer card = {.pci = "0000:65:00.0"};
    int count, chosen[CIRC_MAX_CHANNELS], chosen_count;
    struct fake_papi *papi = fake_papi();
    papi->moves_at = 9;
    if (!tap_ok(meter->open(&session, channels, &count, NULL, &err) == CIRC_OK && count == 6,
                "two energies of rapl, two of powercap, two cards")) {
        tap_note("%s", err.message);
        return;
    }
    int rapl = find(count, "papi-energy:rapl", "package-0");
    int zone = find(count, "papi-energy:powercap", "package-0");
    int core = find(count, "papi-energy:powercap", "package-0-core");
    int first = find(count, "papi-energy:nvml", "nvml-card-0");
    int second = find(count, "papi-energy:nvml", "nvml-card-1");
    tap_ok(papi->misplaced == 0 && papi->open_sets == 3, "a component, an event set");
    tap_ok(channels[core].scope == CIRC_SCOPE_CORE && channels[core].parent == zone &&
               channels[find(count, "papi-energy:rapl", "package-0-dram")].parent == -1,
           "the domains of a component nest, and no others");
    tap_ok(channels[first].unit == CIRC_UNIT_UJ && channels[second].unit == CIRC_UNIT_UW,
           "of a card the energy, or the power where that is all");
    tap_ok(circ_choice_make(channels, count, &card, chosen, &chosen_count, &err) == CIRC_ABSENT,
           "a card of unknown place is nobody's");
    meter->read(session, readings);
    tap_ok(readings[rapl].valid && readings[rapl].raw == 1000 && readings[first].raw == 77,
           "values are PAPI's own");
    tap_ok(readings[zone].valid && readings[zone].raw < 5000000,
           "powercap's absolute value before its first movement is not taken for energy");
    papi->events[9].value = -1;
    papi->read_fails = false;
    meter->read(session, readings);
    tap_ok(!readings[first].valid && readings[second].valid, "nvml's -1 is a failed reading");
    papi->events[9].value = 77;
    papi->read_fails = true;
    meter->read(session, readings);
    tap_ok(!readings[rapl].valid && !readings[zone].valid && !readings[second].valid,
           "a PAPI_read that fails is no zero");
    papi->read_fails = false;
    meter->close(session);
    tap_ok(papi->open_sets == 0, "every set is destroyed");
}

static void standing(void)
{
    struct circ_meter_session *session;
    struct fake_papi *papi = fake_papi();
    int count;
    papi->moves_at = INT_MAX;
    if (!tap_ok(meter->open(&session, channels, &count, NULL, &err) == CIRC_OK, "it opens"))
        return;
    meter->read(session, readings);
    tap_ok(!readings[find(count, "papi-energy:powercap", "package-0")].valid &&
               readings[find(count, "papi-energy:rapl", "package-0")].valid,
           "a zone of powercap that has never moved has no reading");
    meter->close(session);
}

static void failing(const char *fixtures)
{
    struct fake_papi *papi = fake_papi();
    papi->moves_at = 0;
    tap_ok(meter->probe(NULL, &err) == CIRC_OK && strstr(err.message, "rocm_smi: no card here") &&
               strstr(err.message, "built without perf_event_uncore, amd_smi"),
           "what is missing is said: %s", err.message);
    papi->start_fails = true;
    tap_ok(meter->probe(NULL, &err) == CIRC_OK && strstr(err.message, "rapl: its words") &&
               papi->open_sets == 0,
           "a component that does not start leaves the others: %s", err.message);
    for (int i = 1; i < FAKE_PAPI_EVENTS; i++)
        papi->events[i].name = NULL;
    tap_ok(meter->probe(NULL, &err) == CIRC_ABSENT && strstr(err.message, "no component"),
           "without events: %s", err.message);
    tree_use(fixtures, "amd");
    tap_ok(meter->probe(NULL, &err) == CIRC_ABSENT && strstr(err.message, "CIRCBENCH_SYSFS"),
           "another machine: %s", err.message);
}

int main(int argc, char **argv)
{
    meter = circ_meters_find("papi-energy");
    if (!tap_ok(argc == 2 && meter && meter->energy, "the meter is there, for the energy pass"))
        return tap_done();
    unsetenv("CIRCBENCH_SYSFS");
    reading();
    standing();
    failing(argv[1]);
    return tap_done();
}
