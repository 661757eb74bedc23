/* The runner: takes the groups of a sweep one after the other through verification, time, counters
 * and energy, and stores each in one transaction. */
#ifndef CIRC_RUNNER_H
#define CIRC_RUNNER_H

#include "harness/host.h"
#include "harness/countable.h"
#include "harness/sweep.h"
#include "harness/tuned.h"
#include "results/store.h"

struct circ_runner {
    struct circ_sweep *sweep;
    const struct circ_options *options;
    const struct circ_host *host;
    struct circ_store *store;
    const char *campaign;           /* key */
    bool verify_only;               /* check: nothing is timed */
    const struct circ_tuned *tuned; /* what points run with; NULL: as the backends choose */

    const struct circ_countable *countable; /* what is counted; NULL with verify_only */

    int64_t began_ns; /* when the command began, on the monotonic clock */

    /* what came of it */
    int points, failed, refused; /* stored; wrong or device; unsup or absent */
    int64_t total_ns, preparing_ns, verifying_ns, measuring_ns;
};

/* Runs all groups whose points are not skipped. STOPPED after an interrupt, with what was complete
 * stored; IO when the database could not be written. */
CIRC_MUST_USE enum circ_status circ_runner_run(struct circ_runner *runner, struct circ_error *err);

#endif
