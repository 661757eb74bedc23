/* Runs migrations and compares schema numbers. It writes no row. */
#include "results/migrate.h"

#include <inttypes.h>
#include <stdio.h>

extern const struct circ_embedded circ_migrate_embedded[];
extern const int circ_migrate_embedded_count;

const struct circ_embedded *circ_migrate_list(int *count)
{
    *count = circ_migrate_embedded_count;
    return circ_migrate_embedded;
}

static enum circ_status read_version(struct circ_connection *connection, int64_t *version,
                                     struct circ_error *err)
{
    int64_t objects = 0;
    /* Tables before the number: another process may make both between the two questions. */
    enum circ_status status =
        circ_connection_integer(connection, "SELECT count(*) FROM sqlite_schema", &objects, err);

    if (!status)
        status = circ_connection_integer(connection, "PRAGMA user_version", version, err);
    if (!status && (*version < 0 || (!*version && objects)))
        status = circ_status_fail(err, CIRC_USAGE,
                                  "%s: schema %" PRId64 " was never one of ours: its number is "
                                  "damaged; choose another file with --db",
                                  connection->path, *version);
    return status;
}

/* The newest campaign tells which program can read the file, unless that has changed as well. */
static enum circ_status refuse_newer(struct circ_connection *connection, int64_t version, int count,
                                     struct circ_error *err)
{
    sqlite3_stmt *statement = NULL;
    const unsigned char *program = NULL;

    if (!sqlite3_prepare_v2(connection->db,
                            "SELECT version FROM campaign ORDER BY created_ns DESC LIMIT 1", -1,
                            &statement, NULL) &&
        sqlite3_step(statement) == SQLITE_ROW)
        program = sqlite3_column_text(statement, 0);
    circ_status_fail(err, CIRC_USAGE,
                     "%s: schema %" PRId64
                     " is newer than this program's %d: use the circbench that "
                     "wrote it%s%s%s, or another --db",
                     connection->path, version, count, program ? " (it calls itself " : "",
                     program ? (const char *)program : "", program ? ")" : "");
    sqlite3_finalize(statement);
    return CIRC_USAGE;
}

static enum circ_status step(struct circ_connection *connection,
                             const struct circ_embedded *migration, int version,
                             struct circ_error *err)
{
    char pragmas[96];
    int code = sqlite3_exec(connection->db, (const char *)migration->data, NULL, NULL, NULL);
    enum circ_status status;

    if (code) {
        struct circ_error cause;

        status = circ_connection_fail(connection, code, "migrating it", &cause);
        return circ_status_fail_native(err, status, code, "migration %s: %.400s", migration->name,
                                       cause.message);
    }
    snprintf(pragmas, sizeof pragmas, "PRAGMA application_id = %d; PRAGMA user_version = %d;",
             CIRC_MIGRATE_APPLICATION_ID, version);
    return circ_connection_execute(connection, pragmas, "migrating it", err);
}

enum circ_status circ_migrate_run(struct circ_connection *connection,
                                  const struct circ_embedded *migrations, int count,
                                  struct circ_error *err)
{
    enum circ_status status;
    int64_t version;

    /* Usually there is nothing to do: find out without the write lock. */
    status = read_version(connection, &version, err);
    while (!status && version < count) {
        status = circ_connection_begin(connection, "migrating it", err);
        if (status)
            return status;
        /* Another process may have migrated while this one waited for the lock. */
        status = read_version(connection, &version, err);
        if (!status && version < count)
            status = step(connection, &migrations[version], (int)version + 1, err);
        if (!status)
            status = circ_connection_commit(connection, "migrating it", err);
        else
            circ_connection_rollback(connection);
        if (!status)
            status = read_version(connection, &version, err);
    }
    if (!status && version > count)
        status = refuse_newer(connection, version, count, err);
    return status;
}

enum circ_status circ_migrate_check(struct circ_connection *connection, int count,
                                    struct circ_error *err)
{
    int64_t version;
    enum circ_status status = read_version(connection, &version, err);

    if (!status && version > count)
        status = refuse_newer(connection, version, count, err);
    else if (!status && !version)
        status = circ_status_fail(err, CIRC_USAGE,
                                  "%s: holds no results yet: run `circbench sweep` first",
                                  connection->path);
    else if (!status && version < count)
        status = circ_status_fail(err, CIRC_USAGE,
                                  "%s: schema %" PRId64 " is older than this program's %d: a "
                                  "command that writes (`circbench sweep --db FILE`) migrates it",
                                  connection->path, version, count);
    return status;
}
