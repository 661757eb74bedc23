/* Writes the rows of the energy pass; store.c owns the transactions. */
#ifndef CIRC_INSERT_ENERGY_H
#define CIRC_INSERT_ENERGY_H

#include "results/connection.h"
#include "results/trial.h"

/* The windows and power samples of the trial with this key. Of two powers of one channel at one
 * moment the first stays, and one that is not finite is left out. */
CIRC_MUST_USE enum circ_status circ_insert_energy_trial(struct circ_connection *connection,
                                                        const char *key,
                                                        const struct circ_trial *trial,
                                                        struct circ_error *err);

/* The windows alone, numbered from first. */
CIRC_MUST_USE enum circ_status circ_insert_energy_windows(struct circ_connection *connection,
                                                          const char *key,
                                                          const struct circ_trial *trial,
                                                          int64_t first, struct circ_error *err);

/* Parameters and errors as circ_store_meters and circ_store_marker of store.h. */
CIRC_MUST_USE enum circ_status circ_insert_energy_meters(struct circ_connection *connection,
                                                         const char *campaign,
                                                         const struct circ_meter_row *rows,
                                                         size_t count, struct circ_error *err);
CIRC_MUST_USE enum circ_status circ_insert_energy_marker(struct circ_connection *connection,
                                                         const char *campaign, int64_t marker_ns,
                                                         struct circ_error *err);

#endif
