/* An energy pass for a row of the report's test databases, as the runner would hand it over. */
#ifndef CIRC_ENERGY_FIXTURE_H
#define CIRC_ENERGY_FIXTURE_H

#include "results/store.h"

enum { ENERGY_WINDOWS = 28, ENERGY_POWERS = 2 * 700 };

/* What the trial borrows. */
struct energy_fixture {
    struct circ_energy_window windows[ENERGY_WINDOWS];
    struct circ_power_sample powers[ENERGY_POWERS];
};

/* Gives the trial an energy pass of five used windows of 1 s between two idle ones of 4 W, in which
 * the package takes watts. frame_ns is the time of a frame, kind the joules'. disagree: the second
 * source of the package is 6 % above the first. */
void energy_fixture_fill(struct circ_trial *trial, struct energy_fixture *fixture, double watts,
                         double frame_ns, const char *kind, bool disagree);

/* Stores the meters of a machine with powercap and perf. */
CIRC_MUST_USE enum circ_status energy_fixture_meters(struct circ_store *store, const char *campaign,
                                                     struct circ_error *err);

#endif
