/* Rows of ceilings: what circbench roof measured. store.c owns the transactions. */
#ifndef CIRC_CEILINGS_H
#define CIRC_CEILINGS_H

#include "backends/core/ceiling.h"
#include "results/connection.h"
#include "results/trial.h"

/* Adds one measurement of each; what was measured before stays. */
CIRC_MUST_USE enum circ_status circ_ceilings_insert(struct circ_connection *connection,
                                                    const char *device, const char *isa,
                                                    int threads, const struct circ_ceiling *rows,
                                                    int count, int64_t measured_ns,
                                                    struct circ_error *err);

/* The best ever measured of each, reads by rising working set; *count is 0 where there is none. */
CIRC_MUST_USE enum circ_status circ_ceilings_best(struct circ_connection *connection,
                                                  const char *device, const char *isa, int threads,
                                                  struct circ_ceiling rows[CIRC_MAX_CEILINGS],
                                                  int *count, struct circ_error *err);

#endif
