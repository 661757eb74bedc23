/* Databases for the tests of the report, made through the store as a sweep makes them. The times
 * are those of a real machine (2 cores, AVX-512), rounded; nothing here is measured. */
#ifndef CIRC_REPORT_FIXTURE_H
#define CIRC_REPORT_FIXTURE_H

#include "results/store.h"

enum circ_fixture {
    CIRC_FIXTURE_TYPICAL, /* alexnet-fc7, batch 1 and 64, dense, circulant and pruned */
    CIRC_FIXTURE_RICH,    /* that, and networks, ISAs, threads, emulated rows, energy, failures,
                             hostile names */
    CIRC_FIXTURE_SLOW,    /* dense wins, by much at batch 1 and unclearly at batch 8 */
    CIRC_FIXTURE_NO_DENSE,
    CIRC_FIXTURE_ALL_FAILED,
    CIRC_FIXTURE_ENERGY,    /* lenet with energy passes, meters, traces and a disagreement */
    CIRC_FIXTURE_SIMULATED, /* the same by a simulated machine: all is emulated */
    CIRC_FIXTURE_EMPTY      /* a campaign without rows */
};

/* "typical", "rich", ...; NULL behind the last one. */
const char *circ_report_fixture_name(int fixture);

/* Opens a private store with one campaign, whose key it returns. */
CIRC_MUST_USE enum circ_status circ_report_fixture_make(enum circ_fixture fixture,
                                                        struct circ_store **store,
                                                        char campaign[CIRC_KEY_SIZE],
                                                        struct circ_error *err);

#endif
