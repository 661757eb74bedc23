/* The roofs of a run's rows: the ceilings that they need, known before anything is timed, and what
 * to do with a row that is above its roof. */
#ifndef CIRC_ROOFS_H
#define CIRC_ROOFS_H

#include "harness/limits.h"
#include "harness/opened.h"
#include "harness/subject.h"

struct circ_roofs {
    struct circ_opened *opened; /* borrowed */
    const struct circ_host *host;
    bool quiet;
    struct circ_limits limits; /* owned */
    int above;                 /* rows faster than their roof, so something is amiss */
    int64_t spent_ns;          /* in measuring ceilings */
};

/* Finds or measures the ceilings of every device, ISA row and thread count that the sweep will run.
 * MEMORY, IO. */
CIRC_MUST_USE enum circ_status circ_roofs_prepare(struct circ_roofs *roofs,
                                                  const struct circ_sweep *sweep,
                                                  struct circ_error *err);

/* Sets roofs beside times. A time below its roof means that a ceiling was measured too low, most
 * likely on a busy machine, so they are measured again; or that the point does less than it should:
 * then the row says so. MEMORY, IO. */
CIRC_MUST_USE enum circ_status circ_roofs_set(struct circ_roofs *roofs,
                                              struct circ_subject *subjects, int count,
                                              struct circ_error *err);

/* Warns of rows above their roof, and frees what is owned. */
void circ_roofs_end(struct circ_roofs *roofs);

#endif
