/* The devices that a run uses: opened when first needed, stored when first asked for. */
#ifndef CIRC_OPENED_H
#define CIRC_OPENED_H

#include "harness/host.h"
#include "harness/sweep.h"
#include "results/store.h"

struct circ_opened {
    struct circ_sweep *sweep;       /* borrowed */
    struct circ_store *store;       /* borrowed */
    struct circ_session **sessions; /* owned: one a target, NULL until needed */
    char (*keys)[CIRC_KEY_SIZE];    /* owned: of each target's device, "" until asked for */
    char host_key[CIRC_KEY_SIZE];
};

/* Stores the host. End it even after a failure. MEMORY, IO. */
CIRC_MUST_USE enum circ_status circ_opened_begin(struct circ_opened *opened,
                                                 struct circ_sweep *sweep, struct circ_store *store,
                                                 const struct circ_host *host,
                                                 struct circ_error *err);
void circ_opened_end(struct circ_opened *opened);

/* The session of a point's device; NULL where it does not open, which its target then says. */
struct circ_session *circ_opened_session(struct circ_opened *opened,
                                         const struct circ_planned *planned);

/* The key of a point's device. */
CIRC_MUST_USE enum circ_status circ_opened_key(struct circ_opened *opened,
                                               const struct circ_planned *planned, const char **key,
                                               struct circ_error *err);

#endif
