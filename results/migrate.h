/* Numbered migrations: the only definition of the schema, and how a file gets from one to the next.
 */
#ifndef CIRC_MIGRATE_H
#define CIRC_MIGRATE_H

#include "backends/core/embed.h"
#include "results/connection.h"

#define CIRC_MIGRATE_APPLICATION_ID 0x43495243 /* "CIRC" */

/* The migrations of this program, results/schema/NNN_*.sql; *count is the schema that it writes. */
const struct circ_embedded *circ_migrate_list(int *count);

/* Brings an open, writable database to schema `count` by the migrations it lacks, each in a
 * transaction of its own that also counts PRAGMA user_version up: a migration that fails leaves the
 * file as it was before it. Several processes may do this to one file at once. USAGE for a newer
 * file; INTERNAL names the migration that failed. */
CIRC_MUST_USE enum circ_status circ_migrate_run(struct circ_connection *connection,
                                                const struct circ_embedded *migrations, int count,
                                                struct circ_error *err);

/* For a handle that cannot migrate: USAGE unless the file's schema is exactly `count`. */
CIRC_MUST_USE enum circ_status circ_migrate_check(struct circ_connection *connection, int count,
                                                  struct circ_error *err);

#endif
