/* The ceilings of the devices that a command uses: from the database, or measured and stored there.
 */
#ifndef CIRC_LIMITS_H
#define CIRC_LIMITS_H

#include "harness/host.h"
#include "harness/target.h"
#include "results/store.h"

/* The ceilings of one device with one ISA row and thread count. */
struct circ_limit {
    const struct circ_target *target;
    const char *isa; /* a name of the backend's; "" where it has no rows */
    int threads;
    struct circ_ceiling ceilings[CIRC_MAX_CEILINGS]; /* the best known */
    int count;                                       /* 0: they could not be measured */
    int turns;                                       /* how often this command measured them */
};

struct circ_limits {
    struct circ_limit *items; /* owned */
    int count;
};

/* What is needed to measure and to store. */
struct circ_limits_place {
    struct circ_store *store;
    const char *device_key;
    const struct circ_host *host;
    struct circ_session *session; /* of the target's device */
    bool again;                   /* measure even what is known, at most twice in a command */
    bool quiet;
};

/* The isa as rows of limits name it: the one given, or the backend's best for NULL and "". */
const char *circ_limits_isa(const struct circ_backend *backend, const char *isa);

/* Adds the ceilings of target, isa and threads, unless they are in limits; those that the database
 * lacks (or all of them, again) are measured, which a note says, and stored.
 * target->backend->ceilings is not NULL. A device that cannot be measured is a warning and an item
 * without ceilings. IO and its like: the database; MEMORY. */
CIRC_MUST_USE enum circ_status circ_limits_add(struct circ_limits *limits,
                                               const struct circ_target *target, const char *isa,
                                               int threads, const struct circ_limits_place *place,
                                               struct circ_error *err);

/* NULL where nothing is known of them. */
const struct circ_limit *circ_limits_find(const struct circ_limits *limits,
                                          const struct circ_target *target, const char *isa,
                                          int threads);

void circ_limits_free(struct circ_limits *limits);

#endif
