/* Hardware events of PAPI, counted for one thread in one event set that fits the counters. */
#ifndef CIRC_HARDWARE_H
#define CIRC_HARDWARE_H

#include "harness/meters/meter.h"

#include <sys/types.h>

#define CIRC_MAX_HARDWARE 16 /* more than any PMU counts at once */

/* Starts PAPI, once; ABSENT when it is not built in or will not start. */
CIRC_MUST_USE enum circ_status circ_hardware_start(struct circ_error *err);

/* The events of the built-in choice that really count here, one group that fits without
 * multiplexing: each was counted over known work and was not 0. Returns their number; reason says
 * why none. */
int circ_hardware_choose(const char *names[CIRC_MAX_HARDWARE], char *reason, size_t size);

/* Adds a named event to names[*count] after counting it together with those. USAGE: unknown to
 * PAPI, or not attachable to a thread. ABSENT: known, but not countable here, or not beside the
 * others. */
CIRC_MUST_USE enum circ_status circ_hardware_add(const char *names[CIRC_MAX_HARDWARE], int *count,
                                                 const char *name, struct circ_error *err);

/* Opens and starts the events on thread tid; *set is PAPI's handle, -1 for none. 0, or a PAPI error
 * code. */
int circ_hardware_open(int *set, const char *const *names, int count, pid_t tid);
void circ_hardware_close(int set);

/* Adds the set's counts to readings[count]; false when the read fails. */
bool circ_hardware_read(int set, int count, struct circ_reading *readings);

/* The channel's name of an event: "cycles" for PAPI_TOT_CYC, its own where it has no shorter one.
 */
const char *circ_hardware_channel(const char *name);

/* PAPI's words for one of its codes. */
const char *circ_hardware_message(int code);

#endif
