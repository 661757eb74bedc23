/* Writes the rows of hosts, devices and trials; store.c owns the transactions. */
#ifndef CIRC_INSERT_H
#define CIRC_INSERT_H

#include "results/connection.h"
#include "results/trial.h"

/* Both insert or find. Facts that do not identify the host are replaced by these. */
CIRC_MUST_USE enum circ_status circ_insert_host(struct circ_connection *connection,
                                                const struct circ_fact *facts, size_t count,
                                                char key[CIRC_KEY_SIZE], struct circ_error *err);
CIRC_MUST_USE enum circ_status circ_insert_device(struct circ_connection *connection,
                                                  const char *host,
                                                  const struct circ_device_row *device,
                                                  char key[CIRC_KEY_SIZE], struct circ_error *err);

/* A trial with its point, verdict, samples, counters, windows and powers. */
CIRC_MUST_USE enum circ_status circ_insert_trial(struct circ_connection *connection,
                                                 const char *campaign, const char *device,
                                                 const struct circ_trial *trial,
                                                 struct circ_error *err);

/* *has tells whether the campaign holds a trial of the point with this key. */
CIRC_MUST_USE enum circ_status circ_insert_exists(struct circ_connection *connection,
                                                  const char *campaign, const char *point,
                                                  bool *has, struct circ_error *err);

#endif
