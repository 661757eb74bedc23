/* Rows of tunings: what circbench tune found. store.c owns the transactions. */
#ifndef CIRC_TUNINGS_H
#define CIRC_TUNINGS_H

#include "results/connection.h"
#include "results/trial.h"

/* Adds a row; of two of one point the newer stays. */
CIRC_MUST_USE enum circ_status circ_tunings_insert(struct circ_connection *connection,
                                                   const struct circ_tuning_row *row,
                                                   struct circ_error *err);

/* All rows, by backend, device, variant, op, pass, block and batch. *rows is owned by the caller.
 */
CIRC_MUST_USE enum circ_status circ_tunings_read(struct circ_connection *connection,
                                                 struct circ_tuning_row **rows, int *count,
                                                 struct circ_error *err);

/* A row from a JSON object whose keys are the columns; other keys are not read. USAGE names the key
 * that is missing or wrong. */
CIRC_MUST_USE enum circ_status circ_tunings_parse(struct circ_connection *connection,
                                                  const char *line, struct circ_tuning_row *row,
                                                  struct circ_error *err);

#endif
