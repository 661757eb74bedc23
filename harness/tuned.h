/* Which stored tuning a point runs with: that of the nearest point that was tuned on its device,
 * with its variant and pass. Tuned points partition the two axes: first the nearest block among
 * those that were tuned, then the nearest batch among those of that block, both in the logarithm,
 * and of two as near the smaller. */
#ifndef CIRC_TUNED_H
#define CIRC_TUNED_H

#include "harness/sweep.h"
#include "results/store.h"

struct circ_tuned {
    struct circ_tuning_row *rows; /* owned; in the order of circ_store_tunings */
    int count;
    const char *given; /* --tuning: for every point of a backend that reads tunings, whatever is
                          stored; NULL: none. Borrowed */
};

/* All tunings of a database. Those that their backend does not read (they are of another version)
 * are left out, which a warning says. The database's failures; free even then. */
CIRC_MUST_USE enum circ_status circ_tuned_load(struct circ_tuned *tuned, struct circ_store *store,
                                               struct circ_error *err);
void circ_tuned_free(struct circ_tuned *tuned);

/* The layer that a network is tuned by: that of the most work among those with weights. op gets
 * "fc" or "conv", and block that layer's; net has its structure. "" where no layer has weights. */
void circ_tuned_place(const struct circ_network *net, const char **op, int *block);

/* Sets planned->tuning, for its variant as it is now: "" where nothing fits. */
void circ_tuned_apply(const struct circ_tuned *tuned, struct circ_planned *planned);

/* The blocks and batches that a row stands for: "1-16", "17-64", "65-", or "1-" for all. */
void circ_tuned_ranges(const struct circ_tuned *tuned, const struct circ_tuning_row *row,
                       char blocks[24], char batches[24]);

#endif
