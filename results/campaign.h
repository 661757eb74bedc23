/* Campaign rows: insert, find, rename, delete; store.c owns the transactions. */
#ifndef CIRC_CAMPAIGN_H
#define CIRC_CAMPAIGN_H

#include "results/connection.h"
#include "results/trial.h"

/* Parameters and errors as the circ_store_campaign functions of store.h. */
CIRC_MUST_USE enum circ_status circ_campaign_insert(struct circ_connection *connection,
                                                    const char *host,
                                                    const struct circ_campaign *campaign,
                                                    char key[CIRC_KEY_SIZE],
                                                    struct circ_error *err);
CIRC_MUST_USE enum circ_status circ_campaign_resume(struct circ_connection *connection,
                                                    const char *axes, char key[CIRC_KEY_SIZE],
                                                    struct circ_error *err);
CIRC_MUST_USE enum circ_status circ_campaign_find(struct circ_connection *connection,
                                                  const char *which, char key[CIRC_KEY_SIZE],
                                                  struct circ_error *err);
CIRC_MUST_USE enum circ_status circ_campaign_rename(struct circ_connection *connection,
                                                    const char *key, const char *name,
                                                    struct circ_error *err);
CIRC_MUST_USE enum circ_status circ_campaign_delete(struct circ_connection *connection,
                                                    const char *key, struct circ_error *err);

CIRC_MUST_USE enum circ_status circ_campaign_count(struct circ_connection *connection,
                                                   const char *key, const char *statuses,
                                                   int64_t *count, struct circ_error *err);

#endif
