/* Makes up an energy pass: windows of four channels, and a trace of two. Nothing is measured. */
#include "tests/reports/energy_fixture.h"

#include <math.h>
#include <stdio.h>

enum { PLACES = 7, CHANNELS = 4, SECOND_NS = 1000000000 };

#define IDLE_W 4.0

static const struct {
    const char *source, *channel, *scope;
    double share; /* of the package's power */
} channels[CHANNELS] = {
    {"powercap:intel-rapl", "package-0", "package", 1},
    {"powercap:intel-rapl", "dram-0", "dram", .08},
    {"powercap:intel-rapl", "psys", "psys", 1.4},
    {"perf:power", "package-0", "package", 1},
};

static bool is_idle(int place)
{
    return place == 0 || place == PLACES - 1;
}

static void fill_windows(struct energy_fixture *fixture, double watts, double frame_ns,
                         bool disagree)
{
    for (int i = 0; i < ENERGY_WINDOWS; i++) {
        int place = i / CHANNELS, c = i % CHANNELS;
        double power_w = (is_idle(place) ? IDLE_W : watts) * channels[c].share;
        bool second = c == CHANNELS - 1, early = c == 2 && place == 0;
        fixture->windows[i] = (struct circ_energy_window){
            .source = channels[c].source,
            .channel = channels[c].channel,
            .scope = channels[c].scope,
            .pci = "",
            .grade = early ? "no_tick" : "ok",
            .place = place,
            .idle = is_idle(place),
            .chosen = c == 0,
            .used = !is_idle(place),
            .start_ns = (int64_t)place * SECOND_NS,
            .duration_ns = SECOND_NS,
            .frames = is_idle(place) ? 0 : (int64_t)(SECOND_NS / frame_ns),
            .energy_uj = early ? -1 : power_w * 1e6 * (second && disagree ? 1.06 : 1.001),
            .bound_uj = early ? -1 : power_w * 1e6 * .004};
        snprintf(fixture->windows[i].reason, sizeof fixture->windows[i].reason, "%s",
                 early ? "the counter did not move in 1.00 s" : "");
    }
}

/* 100 Hz; the package's power ripples by a tenth. */
static void fill_powers(struct energy_fixture *fixture, double watts)
{
    for (int i = 0; i < ENERGY_POWERS; i++) {
        int c = i % 2, n = i / 2;
        double power_w = is_idle(n / 100) ? IDLE_W : watts * (1 + .1 * sin(n * .7) * sin(n * .031));
        fixture->powers[i] =
            (struct circ_power_sample){.source = channels[c].source,
                                       .channel = channels[c].channel,
                                       .t_ns = 20 * (int64_t)SECOND_NS + (int64_t)n * 10000000,
                                       .power_uw = 1e6 * power_w * channels[c].share};
    }
}

void energy_fixture_fill(struct circ_trial *trial, struct energy_fixture *fixture, double watts,
                         double frame_ns, const char *kind, bool disagree)
{
    fill_windows(fixture, watts, frame_ns, disagree);
    fill_powers(fixture, watts);
    trial->windows = fixture->windows;
    trial->window_count = ENERGY_WINDOWS;
    trial->powers = fixture->powers;
    trial->power_count = ENERGY_POWERS;
    trial->energy_uj_per_frame = watts * frame_ns / 1000;
    trial->energy_uj_ci_low = trial->energy_uj_per_frame * .99;
    trial->energy_uj_ci_high = trial->energy_uj_per_frame * 1.01;
    trial->energy_bound_uj = trial->energy_uj_per_frame * .004;
    trial->power_uw = watts * 1e6;
    trial->power_uw_ci_low = watts * .99e6;
    trial->power_uw_ci_high = watts * 1.01e6;
    trial->idle_power_uw = IDLE_W * 1e6;
    trial->energy_source = channels[0].source;
    trial->energy_scope = channels[0].scope;
    trial->energy_kind = kind;
    trial->energy_quality = "ok";
    trial->energy_reason = "";
    trial->energy_remark =
        disagree ? "perf:power and powercap:intel-rapl disagree over package-0 in 7 of 7 windows"
                 : "";
    trial->before = (struct circ_conditions){45000, 3.1e6};
    trial->after = (struct circ_conditions){61000, 2.9e6};
}

enum circ_status energy_fixture_meters(struct circ_store *store, const char *campaign,
                                       struct circ_error *err)
{
    static const struct circ_meter_row rows[] = {
        {"powercap", "ok", "3 channels: package-0, dram-0, psys"},
        {"perf", "ok", "1 channel: package-0"},
        {"hwmon", "absent",
         "no sensor under /sys/class/hwmon gives energy or power: load the driver of the board"},
        {"nvml", "absent", "libnvidia-ml.so.1 was not found: install the driver of the card"},
        {"exec", "off", "no --meter-command was given"},
    };
    return circ_store_meters(store, campaign, rows, sizeof rows / sizeof *rows, err);
}
