/* Which of PAPI's events are energies and powers, by the words that its components use. */
#include "harness/meters/papi_events.h"
#include "tests/tap.h"

#include <string.h>

static const struct {
    struct circ_papi_words words;
    const char *name; /* of the channel; NULL: none of ours */
    enum circ_unit unit;
    double scale;
} rows[] = {
    {{"rapl", "PACKAGE_ENERGY:PACKAGE0", "nJ", "", ""}, "package-0", CIRC_UNIT_UJ, 1e-3},
    {{"rapl", "PP0_ENERGY:PACKAGE1", "nJ", "", ""}, "package-1-core", CIRC_UNIT_UJ, 1e-3},
    {{"rapl", "PP1_ENERGY:PACKAGE0", "nJ", "", ""}, "package-0-uncore", CIRC_UNIT_UJ, 1e-3},
    {{"rapl", "PSYS_ENERGY:PACKAGE0", "nJ", "", ""}, "psys", CIRC_UNIT_UJ, 1e-3},
    {{"rapl", "DRAM_ENERGY:PACKAGE1", "nJ", "", ""}, "package-1-dram", CIRC_UNIT_UJ, 1e-3},
    {{"rapl", "PACKAGE_ENERGY:PACKAGE0", "", "", ""}, NULL, 0, 0},
    {{"rapl", "PACKAGE_ENERGY_CNT:PACKAGE0", "", "", ""}, NULL, 0, 0},
    {{"rapl", "THERMAL_SPEC:PACKAGE0", "W", "", ""}, NULL, 0, 0},
    {{"powercap", "ENERGY_UJ:ZONE0", "", "package-0", ""}, "package-0", CIRC_UNIT_UJ, 1},
    {{"powercap", "ENERGY_UJ:ZONE1", "", "psys", ""}, "psys", CIRC_UNIT_UJ, 1},
    {{"powercap", "ENERGY_UJ:ZONE2", "", "package-1-die-1", ""},
     "package-1-die-1",
     CIRC_UNIT_UJ,
     1},
    {{"powercap", "ENERGY_UJ:ZONE1_SUBZONE0", "", "package-1", "dram"},
     "package-1-dram",
     CIRC_UNIT_UJ,
     1},
    {{"powercap", "ENERGY_UJ:ZONE1_SUBZONE0", "", "", "dram"}, NULL, 0, 0},
    {{"powercap", "ENERGY_UJ:ZONE0", "", "", ""}, NULL, 0, 0},
    {{"powercap", "MAX_ENERGY_RANGE_UJ:ZONE0", "", "package-0", ""}, NULL, 0, 0},
    {{"nvml", "NVIDIA_H100:device_1:total_energy_consumption", "", "", ""},
     "nvml-card-1",
     CIRC_UNIT_UJ,
     1e3},
    {{"nvml", "NVIDIA_H100:device_0:power", "mW", "", ""}, "nvml-card-0", CIRC_UNIT_UW, 1e3},
    {{"nvml", "NVIDIA_H100:device_0:power_management_limit", "mW", "", ""}, NULL, 0, 0},
    {{"rocm_smi", "energy_count:device=2", "", "", ""}, "rocm_smi-card-2", CIRC_UNIT_UJ, 1},
    {{"rocm_smi", "power_average:device=0:sensor=0", "", "", ""},
     "rocm_smi-card-0",
     CIRC_UNIT_UW,
     1},
    {{"rocm_smi", "power_average:device=0:sensor=1", "", "", ""}, NULL, 0, 0},
    {{"rocm_smi", "power_cap:device=0:sensor=0", "", "", ""}, NULL, 0, 0},
    {{"amd_smi", "energy_consumed:device=0", "", "", ""}, "amd_smi-card-0", CIRC_UNIT_UJ, 1},
    {{"amd_smi", "power_current:device=0", "", "", ""}, "amd_smi-card-0", CIRC_UNIT_UW, 1e6},
    {{"amd_smi", "energy_timestamp:device=0", "", "", ""}, NULL, 0, 0},
    {{"coretemp", "hwmon0:power1_input", "", "", ""}, NULL, 0, 0},
};

static void whole(void)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct circ_papi_event event;
        bool known = circ_papi_events_classify(&rows[i].words, &event);
        const struct circ_channel *channel = &event.channel;
        if (!rows[i].name)
            tap_ok(!known, "%s: %s is none of ours", rows[i].words.component, rows[i].words.event);
        else
            tap_ok(known && strcmp(channel->name, rows[i].name) == 0 &&
                       channel->unit == rows[i].unit && channel->scale == rows[i].scale &&
                       channel->update_ns > 0 && channel->power_ceiling_w > 0 &&
                       (channel->scope == CIRC_SCOPE_BOARD) == (channel->pci[0] == '?') &&
                       (channel->wrap != 0) == (strcmp(rows[i].words.component, "rapl") == 0) &&
                       strstr(channel->source, rows[i].words.component),
                   "%s: %s is %s", rows[i].words.component, rows[i].words.event, rows[i].name);
    }
}

static void pinned(void)
{
    static const char *const names[] = {"rapl::RAPL_ENERGY_PKG", "amd64_rapl::RAPL_ENERGY_PKG",
                                        "rapl::RAPL_ENERGY_DRAM"};
    struct circ_papi_words words = {"perf_event_uncore", NULL, "", "", ""};
    struct circ_papi_event event;
    for (int i = 0; i < 3; i++) {
        words.event = names[i];
        tap_ok(circ_papi_events_classify(&words, &event) && event.domain && !event.settles &&
                   event.domain->scope == (i < 2 ? CIRC_SCOPE_PACKAGE : CIRC_SCOPE_DRAM),
               "perf_event_uncore: %s is counted on each package", names[i]);
    }
    words.event = "amd64_fam19h_zen3_l3::UNC_L3_REQUESTS";
    tap_ok(!circ_papi_events_classify(&words, &event), "other uncore events are none of ours");
    int count = 0;
    while (circ_papi_events_component(count))
        count++;
    tap_ok(count == 6 && !circ_papi_events_component(-1), "six components are asked");
}

int main(void)
{
    whole();
    pinned();
    return tap_done();
}
