/* The energy pass of a sweep: whose joules a point's are, and the row that they make. */
#ifndef CIRC_ENERGY_H
#define CIRC_ENERGY_H

#include "harness/joules.h"
#include "harness/subject.h"
#include "results/store.h"

/* Sets the marker if one is asked for, opens the meters (circ_joules_open), stores in the campaign
 * what became of each, and warns of those that were named and are not here. IO too. */
CIRC_MUST_USE enum circ_status circ_energy_open(struct circ_joules *joules,
                                                const struct circ_options *options,
                                                struct circ_store *store, const char *campaign,
                                                struct circ_error *err);

/* Whether some channel may cover the subject's device. */
bool circ_energy_covers(const struct circ_joules *joules, const struct circ_subject *subject);

/* Measures a timed subject: fills the trial's energy, windows and powers, or its reason. Texts are
 * borrowed: joules must stay open until the trial is stored. MEMORY. */
CIRC_MUST_USE enum circ_status circ_energy_measure(struct circ_joules *joules,
                                                   struct circ_subject *subject,
                                                   struct circ_error *err);

/* The figures of a result that has some, of channel's source and scope, in a row. Texts are
 * borrowed.
 */
void circ_energy_set(struct circ_trial *trial, const struct circ_joules_result *result,
                     const struct circ_channel *channel, const char *kind);

/* After the group's last idle window: adds the idle windows and the idle power to a subject's row.
 */
void circ_energy_conclude(const struct circ_joules *joules, struct circ_subject *subject);

#endif
