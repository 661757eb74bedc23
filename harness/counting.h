/* The counter pass: what the processor and the kernel count while a point runs, apart from the time
 * pass. */
#ifndef CIRC_COUNTING_H
#define CIRC_COUNTING_H

#include "harness/options.h"
#include "harness/countable.h"
#include "harness/subject.h"

/* Counts windows of each subject, one a pass, and stores counters and metrics, per batch, in it;
 * their names are borrowed from countable until the trials are stored. Passes are opened one after
 * the other, each for all subjects: events of two that are open together would share the counters.
 * Call it after the warm-up: counters cover the threads alive now. What cannot be counted is a
 * counter without a value, and its reason says why. MEMORY. */
CIRC_MUST_USE enum circ_status circ_counting_measure(const struct circ_countable *countable,
                                                     struct circ_subject *const *subjects,
                                                     int count, struct circ_error *err);

#endif
