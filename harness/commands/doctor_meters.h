/* The area of doctor that speaks of meters. */
#ifndef CIRC_DOCTOR_METERS_H
#define CIRC_DOCTOR_METERS_H

#include "harness/commands/findings.h"
#include "harness/options.h"

/* Every meter of the table: there or not, why, what it covers, its resolution, and the lines that
 * would help; then whether this processor's energy is covered, and the kernel's gate to counters.
 * Nothing is changed. */
CIRC_MUST_USE enum circ_status circ_doctor_meters_print(struct circ_findings *findings,
                                                        const struct circ_options *options,
                                                        struct circ_error *err);

#endif
