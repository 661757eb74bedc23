/* Measures the ceilings of one ISA row with one team: peak of the multiply-adds, read bandwidth by
 * working set, latency of the team. */
#ifndef CIRC_PROBE_H
#define CIRC_PROBE_H

#include "backends/core/ceiling.h"
#include "backends/cpu/team.h"

#include <stddef.h>

/* Writes the ceilings of the row `isa` (a name of circ_isa_list) with the team's threads: the peaks
 * that this CPU has, reads at working sets from 16 KB a thread in steps of the square root of two
 * up to most_bytes of all threads together (512 MB at most), and fork_join. Each is the best of
 * repeated runs. About 2 s; memory is taken as weights take it, each thread's part by the thread
 * itself. MEMORY. */
CIRC_MUST_USE enum circ_status circ_probe_ceilings(struct circ_team *team, const char *isa,
                                                   int64_t most_bytes,
                                                   struct circ_ceiling ceilings[CIRC_MAX_CEILINGS],
                                                   int *count, struct circ_error *err);

#endif
