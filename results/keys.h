/* Row keys: UUID text, of version 5 (a hash of the content) or 4 (random). */
#ifndef CIRC_KEYS_H
#define CIRC_KEYS_H

#include "results/trial.h"

/* The key of a point: equal points have equal keys in every database, on every machine. */
CIRC_MUST_USE enum circ_status circ_keys_point(const struct circ_point *point,
                                               char key[CIRC_KEY_SIZE], struct circ_error *err);

/* The key of a host: the facts that identify it, in any order. */
CIRC_MUST_USE enum circ_status circ_keys_host(const struct circ_fact *facts, size_t count,
                                              char key[CIRC_KEY_SIZE], struct circ_error *err);

CIRC_MUST_USE enum circ_status circ_keys_device(const char *host,
                                                const struct circ_device_row *device,
                                                char key[CIRC_KEY_SIZE], struct circ_error *err);

/* The key of what a tuning is for: not of what won. */
CIRC_MUST_USE enum circ_status circ_keys_tuning(const struct circ_tuning_row *row,
                                                char key[CIRC_KEY_SIZE], struct circ_error *err);

/* A random key. */
void circ_keys_random(char key[CIRC_KEY_SIZE]);

#endif
