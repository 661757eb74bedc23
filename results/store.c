/* The results database as its users see it: transactions and handles. The rows are written by
 * insert.c and campaign.c, the file is opened by connection.c and brought up to date by migrate.c.
 */
#include "results/store.h"

#include "results/attach.h"
#include "results/campaign.h"
#include "results/ceilings.h"
#include "results/insert.h"
#include "results/insert_energy.h"
#include "results/keys.h"
#include "results/migrate.h"
#include "results/tunings.h"

#include <stdlib.h>

struct circ_store {
    struct circ_connection connection;
};

static const enum circ_connection_mode modes[] = {
    [CIRC_STORE_READ] = CIRC_CONNECTION_READ,
    [CIRC_STORE_WRITE] = CIRC_CONNECTION_WRITE,
    [CIRC_STORE_MEMORY] = CIRC_CONNECTION_MEMORY,
};

enum circ_status circ_store_open(struct circ_store **store, const char *path,
                                 enum circ_store_mode mode, struct circ_error *err)
{
    int count;
    const struct circ_embedded *migrations = circ_migrate_list(&count);
    struct circ_store *opened = calloc(1, sizeof *opened);
    enum circ_status status;

    *store = NULL;
    if (!opened)
        return circ_status_fail(err, CIRC_MEMORY, "out of memory while opening the database");
    status = circ_connection_open(&opened->connection, path, modes[mode],
                                  CIRC_MIGRATE_APPLICATION_ID, err);
    if (!status && mode == CIRC_STORE_READ)
        status = circ_migrate_check(&opened->connection, count, err);
    else if (!status)
        status = circ_migrate_run(&opened->connection, migrations, count, err);
    /* Only now: a migration that rebuilds a table needs foreign keys off. */
    if (!status)
        status = circ_connection_execute(&opened->connection, "PRAGMA foreign_keys = ON",
                                         "opening it", err);
    if (status)
        circ_store_close(opened);
    else
        *store = opened;
    return status;
}

void circ_store_close(struct circ_store *store)
{
    if (!store)
        return;
    circ_connection_rollback(&store->connection);
    circ_connection_close(&store->connection);
    free(store);
}

struct sqlite3 *circ_store_handle(struct circ_store *store)
{
    return store->connection.db;
}

/* Functions that write several rows are one transaction of their own unless the caller has one
 * open. */
static enum circ_status enter(struct circ_store *store, const char *doing, bool *owned,
                              struct circ_error *err)
{
    *owned = sqlite3_get_autocommit(store->connection.db);
    return *owned ? circ_connection_begin(&store->connection, doing, err) : CIRC_OK;
}

static enum circ_status leave(struct circ_store *store, const char *doing, bool owned,
                              enum circ_status status, struct circ_error *err)
{
    if (owned && !status)
        return circ_connection_commit(&store->connection, doing, err);
    if (owned)
        circ_connection_rollback(&store->connection);
    return status;
}

enum circ_status circ_store_host(struct circ_store *store, const struct circ_fact *facts,
                                 size_t count, char key[CIRC_KEY_SIZE], struct circ_error *err)
{
    bool owned;
    enum circ_status status = enter(store, "storing the host", &owned, err);

    if (status)
        return status;
    status = circ_insert_host(&store->connection, facts, count, key, err);
    return leave(store, "storing the host", owned, status, err);
}

enum circ_status circ_store_device(struct circ_store *store, const char *host,
                                   const struct circ_device_row *device, char key[CIRC_KEY_SIZE],
                                   struct circ_error *err)
{
    return circ_insert_device(&store->connection, host, device, key, err);
}

enum circ_status circ_store_ceilings_add(struct circ_store *store, const char *device,
                                         const char *isa, int threads,
                                         const struct circ_ceiling *ceilings, int count,
                                         int64_t measured_ns, struct circ_error *err)
{
    bool owned;
    enum circ_status status = enter(store, "storing the ceilings", &owned, err);

    if (status)
        return status;
    status = circ_ceilings_insert(&store->connection, device, isa, threads, ceilings, count,
                                  measured_ns, err);
    return leave(store, "storing the ceilings", owned, status, err);
}

enum circ_status circ_store_ceilings_best(struct circ_store *store, const char *device,
                                          const char *isa, int threads,
                                          struct circ_ceiling ceilings[CIRC_MAX_CEILINGS],
                                          int *count, struct circ_error *err)
{
    return circ_ceilings_best(&store->connection, device, isa, threads, ceilings, count, err);
}

enum circ_status circ_store_tunings_add(struct circ_store *store,
                                        const struct circ_tuning_row *rows, int count,
                                        struct circ_error *err)
{
    bool owned;
    enum circ_status status = enter(store, "storing tunings", &owned, err);

    if (status)
        return status;
    for (int i = 0; i < count && !status; i++)
        status = circ_tunings_insert(&store->connection, &rows[i], err);
    return leave(store, "storing tunings", owned, status, err);
}

enum circ_status circ_store_tunings(struct circ_store *store, struct circ_tuning_row **rows,
                                    int *count, struct circ_error *err)
{
    return circ_tunings_read(&store->connection, rows, count, err);
}

enum circ_status circ_store_tuning_parse(struct circ_store *store, const char *line,
                                         struct circ_tuning_row *row, struct circ_error *err)
{
    return circ_tunings_parse(&store->connection, line, row, err);
}

enum circ_status circ_store_campaign(struct circ_store *store, const char *host,
                                     const struct circ_campaign *campaign, char key[CIRC_KEY_SIZE],
                                     struct circ_error *err)
{
    bool owned;
    enum circ_status status = enter(store, "storing the campaign", &owned, err);

    if (status)
        return status;
    status = circ_campaign_insert(&store->connection, host, campaign, key, err);
    return leave(store, "storing the campaign", owned, status, err);
}

enum circ_status circ_store_meters(struct circ_store *store, const char *campaign,
                                   const struct circ_meter_row *rows, size_t count,
                                   struct circ_error *err)
{
    bool owned;
    enum circ_status status = enter(store, "storing a campaign's meters", &owned, err);

    if (status)
        return status;
    status = circ_insert_energy_meters(&store->connection, campaign, rows, count, err);
    return leave(store, "storing a campaign's meters", owned, status, err);
}

enum circ_status circ_store_marker(struct circ_store *store, const char *campaign,
                                   int64_t marker_ns, struct circ_error *err)
{
    return circ_insert_energy_marker(&store->connection, campaign, marker_ns, err);
}

enum circ_status circ_store_marker_read(struct circ_store *store, const char *campaign,
                                        int64_t *marker_ns, struct circ_error *err)
{
    static const char sql[] = "SELECT coalesce(marker_ns, 0) FROM campaign WHERE key = ?";
    char text[24];
    struct circ_bind bind;
    enum circ_status status = circ_connection_prepare(&store->connection, sql, &bind, err);

    if (status)
        return status;
    circ_connection_bind_word(&bind, campaign);
    status = circ_connection_text(&store->connection, &bind, text, sizeof text,
                                  "reading the marker's moment", err);
    *marker_ns = atoll(text);
    return status;
}

enum circ_status circ_store_laid(struct circ_store *store, const char *campaign,
                                 struct circ_laid_window **windows, size_t *count,
                                 struct circ_error *err)
{
    return circ_attach_read(&store->connection, campaign, windows, count, err);
}

enum circ_status circ_store_attach(struct circ_store *store, const char *trial,
                                   const struct circ_trial *energy, bool *figure,
                                   struct circ_error *err)
{
    bool owned;
    enum circ_status status = enter(store, "storing a recording", &owned, err);

    if (status)
        return status;
    status = circ_attach_write(&store->connection, trial, energy, figure, err);
    return leave(store, "storing a recording", owned, status, err);
}

enum circ_status circ_store_campaign_resume(struct circ_store *store, const char *axes,
                                            char key[CIRC_KEY_SIZE], struct circ_error *err)
{
    return circ_campaign_resume(&store->connection, axes, key, err);
}

enum circ_status circ_store_has(struct circ_store *store, const char *campaign,
                                const struct circ_point *point, bool *has, struct circ_error *err)
{
    char key[CIRC_KEY_SIZE];
    enum circ_status status = circ_keys_point(point, key, err);

    *has = false;
    return status ? status : circ_insert_exists(&store->connection, campaign, key, has, err);
}

enum circ_status circ_store_begin(struct circ_store *store, struct circ_error *err)
{
    return circ_connection_begin(&store->connection, "starting a group", err);
}

enum circ_status circ_store_trial(struct circ_store *store, const char *campaign,
                                  const char *device, const struct circ_trial *trial,
                                  struct circ_error *err)
{
    enum circ_status status;

    if (sqlite3_get_autocommit(store->connection.db))
        return circ_status_fail(err, CIRC_INTERNAL,
                                "circ_store_trial is called between circ_store_begin and "
                                "circ_store_commit");
    status = circ_insert_trial(&store->connection, campaign, device, trial, err);
    if (status)
        circ_connection_rollback(&store->connection);
    return status;
}

enum circ_status circ_store_commit(struct circ_store *store, struct circ_error *err)
{
    return circ_connection_commit(&store->connection, "storing a group", err);
}

void circ_store_rollback(struct circ_store *store)
{
    circ_connection_rollback(&store->connection);
}

enum circ_status circ_store_campaign_count(struct circ_store *store, const char *key,
                                           const char *statuses, int64_t *count,
                                           struct circ_error *err)
{
    return circ_campaign_count(&store->connection, key, statuses, count, err);
}

enum circ_status circ_store_campaign_find(struct circ_store *store, const char *which,
                                          char key[CIRC_KEY_SIZE], struct circ_error *err)
{
    return circ_campaign_find(&store->connection, which, key, err);
}

enum circ_status circ_store_campaign_rename(struct circ_store *store, const char *key,
                                            const char *name, struct circ_error *err)
{
    bool owned;
    enum circ_status status = enter(store, "renaming a campaign", &owned, err);

    if (status)
        return status;
    status = circ_campaign_rename(&store->connection, key, name, err);
    return leave(store, "renaming a campaign", owned, status, err);
}

enum circ_status circ_store_campaign_delete(struct circ_store *store, const char *key,
                                            struct circ_error *err)
{
    bool owned;
    enum circ_status status = enter(store, "deleting a campaign", &owned, err);

    if (status)
        return status;
    status = circ_campaign_delete(&store->connection, key, err);
    return leave(store, "deleting a campaign", owned, status, err);
}
