/* Energy that comes to a campaign after it was measured: the windows that it laid, and writing what
 * a recording says of them. store.c owns the transactions. */
#ifndef CIRC_ATTACH_H
#define CIRC_ATTACH_H

#include "results/connection.h"
#include "results/trial.h"

/* Parameters and errors as circ_store_laid and circ_store_attach of store.h. */
CIRC_MUST_USE enum circ_status circ_attach_read(struct circ_connection *connection,
                                                const char *campaign,
                                                struct circ_laid_window **windows, size_t *count,
                                                struct circ_error *err);
CIRC_MUST_USE enum circ_status circ_attach_write(struct circ_connection *connection,
                                                 const char *trial, const struct circ_trial *energy,
                                                 bool *figure, struct circ_error *err);

#endif
