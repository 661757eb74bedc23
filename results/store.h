/* The results database: opening, migrating, and writing trials. Reading is query.h.
 *
 * One SQLite file, STRICT tables, WAL, foreign keys. PRAGMA application_id marks the file as ours
 * and PRAGMA user_version counts migrations; a newer file is refused with a sentence, an older one
 * is migrated in one transaction when opened for writing. Several processes may write one file. */
#ifndef CIRC_STORE_H
#define CIRC_STORE_H

#include "backends/core/ceiling.h"
#include "results/trial.h"

struct circ_store;

enum circ_store_mode {
    CIRC_STORE_READ,  /* the file must exist; nothing can be changed through this handle */
    CIRC_STORE_WRITE, /* created when absent */
    CIRC_STORE_MEMORY /* private and gone with the handle; path is ignored */
};

/* USAGE: not a database, not ours, newer than this program, no such folder (READ also: missing, or
 * older and to be migrated by a writing command). IO: no permission, disk full, locked. MEMORY. */
CIRC_MUST_USE enum circ_status circ_store_open(struct circ_store **store, const char *path,
                                               enum circ_store_mode mode, struct circ_error *err);
void circ_store_close(struct circ_store *store);

/* The sqlite3 connection, borrowed, for query.h and reports. */
struct sqlite3;
struct sqlite3 *circ_store_handle(struct circ_store *store);

/* Inserts the host (or finds it: its key is the hash of its identifying facts). Facts that do not
 * identify it replace those of the last call. */
CIRC_MUST_USE enum circ_status circ_store_host(struct circ_store *store,
                                               const struct circ_fact *facts, size_t count,
                                               char key[CIRC_KEY_SIZE], struct circ_error *err);

/* Inserts a device of a host, or finds it. */
CIRC_MUST_USE enum circ_status circ_store_device(struct circ_store *store, const char *host,
                                                 const struct circ_device_row *device,
                                                 char key[CIRC_KEY_SIZE], struct circ_error *err);

/* Adds measurements of the ceilings of a device (its key) with an ISA row and so many threads, one
 * transaction; earlier ones stay. measured_ns: since the epoch. */
CIRC_MUST_USE enum circ_status circ_store_ceilings_add(struct circ_store *store, const char *device,
                                                       const char *isa, int threads,
                                                       const struct circ_ceiling *ceilings,
                                                       int count, int64_t measured_ns,
                                                       struct circ_error *err);

/* The best ever measured of each: by metric, reads by rising working set. *count is 0 when there is
 * none. */
CIRC_MUST_USE enum circ_status
circ_store_ceilings_best(struct circ_store *store, const char *device, const char *isa, int threads,
                         struct circ_ceiling ceilings[CIRC_MAX_CEILINGS], int *count,
                         struct circ_error *err);

/* Adds tunings, one transaction; of two of one point (backend, device, variant, op, pass, block,
 * batch) the newer stays. */
CIRC_MUST_USE enum circ_status circ_store_tunings_add(struct circ_store *store,
                                                      const struct circ_tuning_row *rows, int count,
                                                      struct circ_error *err);

/* All tunings, by backend, device, variant, op, pass, block and batch. *rows is owned by the caller
 * (free), also after a failure. */
CIRC_MUST_USE enum circ_status circ_store_tunings(struct circ_store *store,
                                                  struct circ_tuning_row **rows, int *count,
                                                  struct circ_error *err);

/* A tuning from a JSON object that has the columns of the table as its keys; others are not read.
 * USAGE says which one is missing or wrong. Stores nothing. */
CIRC_MUST_USE enum circ_status circ_store_tuning_parse(struct circ_store *store, const char *line,
                                                       struct circ_tuning_row *row,
                                                       struct circ_error *err);

/* Inserts a campaign with a fresh random key. A name given twice gets a suffix; "latest" is
 * reserved (USAGE). The facts of the last circ_store_host are copied as the campaign's own snapshot
 * (load, clock, governor at its start). */
CIRC_MUST_USE enum circ_status circ_store_campaign(struct circ_store *store, const char *host,
                                                   const struct circ_campaign *campaign,
                                                   char key[CIRC_KEY_SIZE], struct circ_error *err);

/* The energy meters of the campaign, there or not, in the order of display; they replace those of
 * an earlier call, since a campaign may be resumed. */
CIRC_MUST_USE enum circ_status circ_store_meters(struct circ_store *store, const char *campaign,
                                                 const struct circ_meter_row *rows, size_t count,
                                                 struct circ_error *err);

/* When the marker was set by which a recording of another machine is aligned; since the epoch. */
CIRC_MUST_USE enum circ_status circ_store_marker(struct circ_store *store, const char *campaign,
                                                 int64_t marker_ns, struct circ_error *err);

/* The marker's moment; 0 where none was set. */
CIRC_MUST_USE enum circ_status circ_store_marker_read(struct circ_store *store,
                                                      const char *campaign, int64_t *marker_ns,
                                                      struct circ_error *err);

/* The windows that a campaign's energy pass laid, trial by trial in order; *windows is the caller's
 * (free). */
CIRC_MUST_USE enum circ_status circ_store_laid(struct circ_store *store, const char *campaign,
                                               struct circ_laid_window **windows, size_t *count,
                                               struct circ_error *err);

/* Adds a recording's windows to a trial, in place of those of an earlier recording, and makes its
 * energy that of the recording where no other source gave one: the energy columns and the windows
 * of the struct are read, nothing else. *figure tells whether the row has joules of it now. */
CIRC_MUST_USE enum circ_status circ_store_attach(struct circ_store *store, const char *trial,
                                                 const struct circ_trial *energy, bool *figure,
                                                 struct circ_error *err);

/* The newest campaign with exactly these axes; NOTHING when there is none. */
CIRC_MUST_USE enum circ_status circ_store_campaign_resume(struct circ_store *store,
                                                          const char *axes, char key[CIRC_KEY_SIZE],
                                                          struct circ_error *err);

/* Whether the campaign holds a trial of the point. */
CIRC_MUST_USE enum circ_status circ_store_has(struct circ_store *store, const char *campaign,
                                              const struct circ_point *point, bool *has,
                                              struct circ_error *err);

/* One transaction a group: begin, any number of trials, commit. begin takes the file's write lock,
 * so call it when the group has been measured, not before. A failure anywhere rolls back, and IO
 * names the file and the remedy (disk full, locked by another process, read-only). A campaign holds
 * one trial of a point: another one is USAGE. Of a trial that is not OK, times, counters, energy,
 * samples, windows and powers are not stored, whatever the struct holds. */
CIRC_MUST_USE enum circ_status circ_store_begin(struct circ_store *store, struct circ_error *err);
CIRC_MUST_USE enum circ_status circ_store_trial(struct circ_store *store, const char *campaign,
                                                const char *device, const struct circ_trial *trial,
                                                struct circ_error *err);
CIRC_MUST_USE enum circ_status circ_store_commit(struct circ_store *store, struct circ_error *err);
void circ_store_rollback(struct circ_store *store); /* harmless outside a transaction */

/* Counts the campaign's trials whose status is among the words, e.g. "wrong device". */
CIRC_MUST_USE enum circ_status circ_store_campaign_count(struct circ_store *store, const char *key,
                                                         const char *statuses, int64_t *count,
                                                         struct circ_error *err);

/* Lists, renames and deletes are SQL over the store: */
/* Finds a campaign by name, key, key prefix (>= 4), or "latest"; USAGE names the nearest. */
CIRC_MUST_USE enum circ_status circ_store_campaign_find(struct circ_store *store, const char *which,
                                                        char key[CIRC_KEY_SIZE],
                                                        struct circ_error *err);
CIRC_MUST_USE enum circ_status circ_store_campaign_rename(struct circ_store *store, const char *key,
                                                          const char *name, struct circ_error *err);
CIRC_MUST_USE enum circ_status circ_store_campaign_delete(struct circ_store *store, const char *key,
                                                          struct circ_error *err);

#endif
