/* Reading the database: canned queries and free read-only SQL. */
#ifndef CIRC_QUERY_H
#define CIRC_QUERY_H

#include "results/format.h"
#include "results/store.h"

struct circ_query {
    const char *name;        /* the file's base name in results/queries/ */
    const char *description; /* its first line */
    const char *sql;
};

/* The canned queries embedded at build time, by name; *count gets their number. */
const struct circ_query *circ_query_list(int *count);

/* By name; USAGE names the nearest. */
CIRC_MUST_USE enum circ_status circ_query_find(const char *name, const struct circ_query **query,
                                               struct circ_error *err);

/* Runs one SELECT and prints its rows. sql must be one read-only statement (USAGE otherwise). where
 * (NULL or "" for none) is a condition over its columns. campaign (NULL for none) is bound to the
 * parameter :campaign where sql has it. *rows gets the number of rows printed. */
CIRC_MUST_USE enum circ_status circ_query_run(struct circ_store *store, const char *sql,
                                              const char *where, const char *campaign,
                                              enum circ_format format, FILE *file, int64_t *rows,
                                              struct circ_error *err);

#endif
