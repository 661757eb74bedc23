/* The energy pass: windows long enough for the counters, aligned to their ticks, and what they mean
 * per frame. */
#ifndef CIRC_JOULES_H
#define CIRC_JOULES_H

#include "harness/meters/meter.h"
#include "harness/options.h"
#include "harness/subject.h"

struct circ_joules {
    const struct circ_meter *meter;     /* NULL: no energy can be measured, and reason says why */
    struct circ_meter_session *session; /* owned */
    struct circ_channel channels[CIRC_MAX_CHANNELS];
    int count;
    int chosen[CIRC_MAX_CHANNELS], chosen_count; /* whose sum is the energy of a CPU's packages */
    double error;                                /* --energy-error */
    double idle_power_uw;                        /* NaN when unknown */
    struct circ_energy_window idle[CIRC_MAX_CHANNELS]; /* the idle window, all channels */
    int idle_count;
    char reason[512];
};

/* Opens the first energy meter that options allow and that is here. Never fails: without one,
 * reason says why. */
void circ_joules_open(struct circ_joules *joules, const struct circ_options *options);
void circ_joules_close(struct circ_joules *joules);

/* Seconds that the pass takes for a point, 0 without a meter; a group has an idle window beside. */
double circ_joules_point_s(const struct circ_joules *joules);

/* One idle window, whose power every later row carries. */
void circ_joules_idle(struct circ_joules *joules);

/* At least five windows of the subject; fills the trial's energy, or its reason. The channels'
 * names are borrowed: joules must stay open until the trial is stored. MEMORY. */
CIRC_MUST_USE enum circ_status circ_joules_measure(struct circ_joules *joules,
                                                   struct circ_subject *subject, uint64_t seed,
                                                   struct circ_error *err);

#endif
