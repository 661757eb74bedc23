/* One SQLite connection: checks at opening, kept statements, transactions, sentences for SQLite's
 * codes. It knows no table. */
#include "results/connection.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* SQLite reports a full disk as FULL, or as an I/O error with ENOSPC when it hits the WAL's index.
 */
static bool disk_full(sqlite3 *db, int primary)
{
    return primary == SQLITE_FULL || ((primary == SQLITE_IOERR || primary == SQLITE_CANTOPEN) &&
                                      sqlite3_system_errno(db) == ENOSPC);
}

enum circ_status circ_connection_fail(struct circ_connection *connection, int code,
                                      const char *doing, struct circ_error *err)
{
    const char *path = connection->path;
    int primary = code & 0xff;
    int native = connection->db ? sqlite3_system_errno(connection->db) : 0;
    const char *detail = connection->db ? sqlite3_errmsg(connection->db) : sqlite3_errstr(code);

    if (disk_full(connection->db, primary))
        return circ_status_fail_native(
            err, CIRC_IO, code,
            "%s: disk full while %s: free some space or choose another file with --db; everything "
            "committed before is kept",
            path, doing);
    switch (primary) {
    case SQLITE_NOMEM:
        return circ_status_fail_native(err, CIRC_MEMORY, code, "%s: out of memory while %s", path,
                                       doing);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return circ_status_fail_native(
            err, CIRC_IO, code,
            "%s: locked by another process for more than %d s while %s: wait for that process, or "
            "choose another file with --db",
            path, CIRC_CONNECTION_BUSY_MS / 1000, doing);
    case SQLITE_NOTADB:
        return circ_status_fail_native(err, CIRC_USAGE, code,
                                       "%s: not a database: choose another file with --db", path);
    case SQLITE_READONLY:
    case SQLITE_PERM:
        return circ_status_fail_native(err, CIRC_IO, code,
                                       "%s: read-only while %s: make the file and its folder "
                                       "writable, or choose another file with --db",
                                       path, doing);
    case SQLITE_CORRUPT:
        return circ_status_fail_native(err, CIRC_IO, code,
                                       "%s: damaged (%s): rescue what it holds with `sqlite3 FILE "
                                       ".recover`, and choose another "
                                       "file with --db",
                                       path, detail);
    case SQLITE_CANTOPEN:
    case SQLITE_IOERR:
        return circ_status_fail_native(err, CIRC_IO, code,
                                       "%s: %s (%s) while %s: check the file and its folder, or "
                                       "choose another file with --db",
                                       path, detail,
                                       native ? strerror(native) : sqlite3_errstr(code), doing);
    default:
        return circ_status_fail_native(err, CIRC_INTERNAL, code, "%s: %s while %s", path, detail,
                                       doing);
    }
}

/* The file is to be created in this folder. */
static enum circ_status check_folder(const char *path, struct circ_error *err)
{
    const char *slash = strrchr(path, '/');
    char *folder = !slash          ? sqlite3_mprintf(".")
                   : slash == path ? sqlite3_mprintf("/")
                                   : sqlite3_mprintf("%.*s", (int)(slash - path), path);
    enum circ_status status = CIRC_OK;

    if (!folder)
        return circ_status_fail(err, CIRC_MEMORY, "%s: out of memory while opening it", path);
    if (faccessat(AT_FDCWD, folder, W_OK | X_OK, AT_EACCESS))
        status = errno == ENOENT
                     ? circ_status_fail_native(err, CIRC_USAGE, errno,
                                               "%s: no such folder: create %s, or choose another "
                                               "file with --db",
                                               path, folder)
                     : circ_status_fail_native(err, CIRC_IO, errno,
                                               "%s: cannot be created in %s: %s: choose another "
                                               "file with --db",
                                               path, folder, strerror(errno));
    sqlite3_free(folder);
    return status;
}

/* What stat can say in plainer words than SQLite. */
static enum circ_status check_path(const char *path, enum circ_connection_mode mode,
                                   struct circ_error *err)
{
    struct stat info;

    if (!*path)
        return circ_status_fail(err, CIRC_USAGE, "--db: the file name is empty");
    if (stat(path, &info)) {
        if (errno == ENOENT && mode == CIRC_CONNECTION_WRITE)
            return check_folder(path, err);
        if (errno == ENOENT)
            return circ_status_fail_native(err, CIRC_USAGE, errno,
                                           "%s: no such file: run `circbench sweep` first, or name "
                                           "an existing database with --db",
                                           path);
        return circ_status_fail_native(
            err, errno == EACCES ? CIRC_IO : CIRC_USAGE, errno,
            "%s: %s: check the path and its permissions, or choose another file with --db", path,
            strerror(errno));
    }
    if (S_ISDIR(info.st_mode))
        return circ_status_fail(err, CIRC_USAGE, "%s: is a directory: name a file in it with --db",
                                path);
    if (!S_ISREG(info.st_mode))
        return circ_status_fail(err, CIRC_USAGE,
                                "%s: not a regular file: choose another file with --db", path);
    if (faccessat(AT_FDCWD, path, R_OK, AT_EACCESS))
        return circ_status_fail_native(err, CIRC_IO, errno,
                                       "%s: %s: make it readable, or choose another file with --db",
                                       path, strerror(errno));
    return CIRC_OK;
}

/* A file in WAL mode in a folder where its side files cannot be made is readable only as immutable,
 * which is sound while no side file shows that somebody writes. */
static int open_immutable(struct circ_connection *connection)
{
    const char *path = connection->path;
    char *wal = sqlite3_mprintf("%s-wal", path);
    sqlite3_str *uri = sqlite3_str_new(NULL);
    char *text;
    int code = SQLITE_NOMEM;
    bool writer = wal && !access(wal, F_OK);

    sqlite3_str_appendall(uri, path[0] == '/' ? "file://" : "file:");
    for (; *path; path++) {
        if (strchr("%?#", *path))
            sqlite3_str_appendf(uri, "%%%02x", *path);
        else
            sqlite3_str_appendchar(uri, 1, *path);
    }
    sqlite3_str_appendall(uri, "?immutable=1");
    text = sqlite3_str_finish(uri);
    if (wal && text && writer)
        code = SQLITE_CANTOPEN;
    else if (wal && text) {
        sqlite3_close(connection->db);
        code = sqlite3_open_v2(text, &connection->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, NULL);
    }
    sqlite3_free(text);
    sqlite3_free(wal);
    return code;
}

static int open_file(struct circ_connection *connection, enum circ_connection_mode mode)
{
    int flags = mode == CIRC_CONNECTION_READ ? SQLITE_OPEN_READONLY
                                             : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    const char *path = mode == CIRC_CONNECTION_MEMORY ? ":memory:" : connection->path;
    /* SQLite gives names like ":memory:" and "file:x" meanings of their own. */
    bool special = mode != CIRC_CONNECTION_MEMORY && (*path == ':' || !strncmp(path, "file:", 5));
    char *name = sqlite3_mprintf("%s%s", special ? "./" : "", path);
    int code;

    if (!name)
        return SQLITE_NOMEM;
    code = sqlite3_open_v2(name, &connection->db, flags, NULL);
    sqlite3_free(name);
    if (code)
        return code;
    sqlite3_extended_result_codes(connection->db, 1);
    sqlite3_busy_timeout(connection->db, CIRC_CONNECTION_BUSY_MS);
    code = sqlite3_exec(connection->db, "SELECT count(*) FROM sqlite_schema", NULL, NULL, NULL);
    if (mode == CIRC_CONNECTION_READ &&
        ((code & 0xff) == SQLITE_CANTOPEN || (code & 0xff) == SQLITE_READONLY)) {
        code = open_immutable(connection);
        if (!code)
            code = sqlite3_exec(connection->db, "SELECT count(*) FROM sqlite_schema", NULL, NULL,
                                NULL);
    }
    return code;
}

static enum circ_status check_owner(struct circ_connection *connection, int32_t application_id,
                                    struct circ_error *err)
{
    int64_t objects, id, version;
    /* The id last: another process may make a fresh file ours between the questions. */
    enum circ_status status =
        circ_connection_integer(connection, "SELECT count(*) FROM sqlite_schema", &objects, err);

    if (!status)
        status = circ_connection_integer(connection, "PRAGMA user_version", &version, err);
    if (!status)
        status = circ_connection_integer(connection, "PRAGMA application_id", &id, err);
    if (status || id == application_id || (!objects && !id && !version))
        return status;
    return circ_status_fail(err, CIRC_USAGE,
                            "%s: a database of another application: choose another file with --db",
                            connection->path);
}

/* Changing to WAL takes an exclusive lock for which SQLite does not call the busy handler. A file
 * system without shared memory answers with another mode, which works too, only slower. */
static enum circ_status enter_wal(struct circ_connection *connection, struct circ_error *err)
{
    int waited_ms = 0;
    int code;

    while ((code = sqlite3_exec(connection->db, "PRAGMA journal_mode = WAL", NULL, NULL, NULL)) &&
           (code & 0xff) == SQLITE_BUSY && waited_ms < CIRC_CONNECTION_BUSY_MS)
        waited_ms += sqlite3_sleep(10);
    return code ? circ_connection_fail(connection, code, "opening it for writing", err) : CIRC_OK;
}

enum circ_status circ_connection_open(struct circ_connection *connection, const char *path,
                                      enum circ_connection_mode mode, int32_t application_id,
                                      struct circ_error *err)
{
    enum circ_status status = CIRC_OK;
    int code;

    if (mode == CIRC_CONNECTION_MEMORY)
        path = "(memory)";
    else
        status = check_path(path, mode, err);
    if (status)
        return status;
    connection->path = sqlite3_mprintf("%s", path);
    if (!connection->path)
        return circ_status_fail(err, CIRC_MEMORY, "%s: out of memory while opening it", path);
    code = open_file(connection, mode);
    if (code)
        return circ_connection_fail(connection, code, "opening it", err);
    sqlite3_extended_result_codes(connection->db, 1);
    sqlite3_busy_timeout(connection->db, CIRC_CONNECTION_BUSY_MS);
    if (mode != CIRC_CONNECTION_READ && sqlite3_db_readonly(connection->db, "main") == 1)
        return circ_connection_fail(connection, SQLITE_READONLY, "opening it for writing", err);
    status = check_owner(connection, application_id, err);
    if (!status && mode == CIRC_CONNECTION_WRITE)
        status = enter_wal(connection, err);
    if (!status)
        status = circ_connection_execute(
            connection,
            mode == CIRC_CONNECTION_READ ? "PRAGMA query_only = ON" : "PRAGMA synchronous = NORMAL",
            "opening it", err);
    return status;
}

void circ_connection_close(struct circ_connection *connection)
{
    for (int i = 0; i < CIRC_CONNECTION_STATEMENTS; i++)
        sqlite3_finalize(connection->kept[i].statement);
    sqlite3_close(connection->db);
    sqlite3_free(connection->path);
    memset(connection, 0, sizeof *connection);
}

enum circ_status circ_connection_execute(struct circ_connection *connection, const char *sql,
                                         const char *doing, struct circ_error *err)
{
    int code = sqlite3_exec(connection->db, sql, NULL, NULL, NULL);
    return code ? circ_connection_fail(connection, code, doing, err) : CIRC_OK;
}

enum circ_status circ_connection_integer(struct circ_connection *connection, const char *sql,
                                         int64_t *value, struct circ_error *err)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(connection->db, sql, -1, &statement, NULL);

    *value = 0;
    if (!code)
        code = sqlite3_step(statement);
    if (code == SQLITE_ROW)
        *value = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return code == SQLITE_ROW || code == SQLITE_DONE
               ? CIRC_OK
               : circ_connection_fail(connection, code, "reading it", err);
}

enum circ_status circ_connection_prepare(struct circ_connection *connection, const char *sql,
                                         struct circ_bind *bind, struct circ_error *err)
{
    int slot = 0;
    int code = SQLITE_OK;

    while (slot < CIRC_CONNECTION_STATEMENTS && connection->kept[slot].sql &&
           connection->kept[slot].sql != sql)
        slot++;
    if (slot == CIRC_CONNECTION_STATEMENTS)
        return circ_status_fail(err, CIRC_INTERNAL, "more than %d kept statements",
                                CIRC_CONNECTION_STATEMENTS);
    if (!connection->kept[slot].statement)
        code = sqlite3_prepare_v3(connection->db, sql, -1, SQLITE_PREPARE_PERSISTENT,
                                  &connection->kept[slot].statement, NULL);
    if (code)
        return circ_connection_fail(connection, code, "preparing a statement", err);
    connection->kept[slot].sql = sql;
    *bind = (struct circ_bind){.statement = connection->kept[slot].statement};
    return CIRC_OK;
}

static void keep_code(struct circ_bind *bind, int code)
{
    if (!bind->code)
        bind->code = code;
}

void circ_connection_bind_word(struct circ_bind *bind, const char *text)
{
    keep_code(bind, sqlite3_bind_text(bind->statement, ++bind->index, text, -1, SQLITE_TRANSIENT));
}

void circ_connection_bind_text(struct circ_bind *bind, const char *text)
{
    circ_connection_bind_word(bind, text && *text ? text : NULL);
}

void circ_connection_bind_number(struct circ_bind *bind, int64_t value)
{
    keep_code(bind, sqlite3_bind_int64(bind->statement, ++bind->index, value));
}

void circ_connection_bind_count(struct circ_bind *bind, int64_t value)
{
    if (value < 0)
        keep_code(bind, sqlite3_bind_null(bind->statement, ++bind->index));
    else
        circ_connection_bind_number(bind, value);
}

void circ_connection_bind_real(struct circ_bind *bind, double value)
{
    ++bind->index;
    keep_code(bind, isnan(value) || value < 0
                        ? sqlite3_bind_null(bind->statement, bind->index)
                        : sqlite3_bind_double(bind->statement, bind->index, value));
}

enum circ_status circ_connection_run(struct circ_connection *connection, struct circ_bind *bind,
                                     const char *doing, struct circ_error *err)
{
    return circ_connection_text(connection, bind, NULL, 0, doing, err);
}

enum circ_status circ_connection_text(struct circ_connection *connection, struct circ_bind *bind,
                                      char *text, size_t size, const char *doing,
                                      struct circ_error *err)
{
    enum circ_status status = CIRC_OK;
    int code = bind->code ? bind->code : sqlite3_step(bind->statement);

    if (size) {
        const unsigned char *found =
            code == SQLITE_ROW ? sqlite3_column_text(bind->statement, 0) : NULL;
        snprintf(text, size, "%s", found ? (const char *)found : "");
    }
    if (code != SQLITE_ROW && code != SQLITE_DONE)
        status = circ_connection_fail(connection, code, doing, err);
    sqlite3_reset(bind->statement);
    sqlite3_clear_bindings(bind->statement);
    return status;
}

enum circ_status circ_connection_begin(struct circ_connection *connection, const char *doing,
                                       struct circ_error *err)
{
    return circ_connection_execute(connection, "BEGIN IMMEDIATE", doing, err);
}

enum circ_status circ_connection_commit(struct circ_connection *connection, const char *doing,
                                        struct circ_error *err)
{
    enum circ_status status = circ_connection_execute(connection, "COMMIT", doing, err);

    if (status)
        circ_connection_rollback(connection);
    return status;
}

void circ_connection_rollback(struct circ_connection *connection)
{
    if (connection->db && !sqlite3_get_autocommit(connection->db))
        sqlite3_exec(connection->db, "ROLLBACK", NULL, NULL, NULL);
}
