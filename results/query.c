/* Runs canned and free SELECTs and prints their rows. Nothing can be changed through it: SQLite's
 * authorizer refuses everything but reading, on handles that could write too. */
#include "results/query.h"

#include "backends/core/nearest.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define MAX_QUERIES 128

extern const struct circ_query circ_query_embedded[];
extern const int circ_query_embedded_count;

const struct circ_query *circ_query_list(int *count)
{
    *count = circ_query_embedded_count;
    return circ_query_embedded;
}

enum circ_status circ_query_find(const char *name, const struct circ_query **query,
                                 struct circ_error *err)
{
    const char *names[MAX_QUERIES];
    const char *nearest;
    int count = circ_query_embedded_count < MAX_QUERIES ? circ_query_embedded_count : MAX_QUERIES;

    *query = NULL;
    for (int i = 0; i < count; i++) {
        names[i] = circ_query_embedded[i].name;
        if (!strcmp(names[i], name)) {
            *query = &circ_query_embedded[i];
            return CIRC_OK;
        }
    }
    nearest = circ_nearest_find(name, names, (size_t)count);
    return circ_status_fail(
        err, CIRC_USAGE, "query '%.100s': unknown%s%s%s: `circbench query --list` shows them all",
        name, nearest ? ", did you mean '" : "", nearest ? nearest : "", nearest ? "'" : "");
}

static int authorize(void *unused, int action, const char *a, const char *b, const char *c,
                     const char *d)
{
    (void)unused, (void)a, (void)b, (void)c, (void)d;
    return action == SQLITE_SELECT || action == SQLITE_READ || action == SQLITE_FUNCTION ||
                   action == SQLITE_RECURSIVE
               ? SQLITE_OK
               : SQLITE_DENY;
}

static enum circ_status refuse_change(struct circ_error *err)
{
    return circ_status_fail_native(err, CIRC_USAGE, SQLITE_AUTH,
                                   "SQL: only one SELECT that reads is run: nothing can be changed "
                                   "here");
}

/* Prepares the one statement in sql. */
static enum circ_status prepare(sqlite3 *db, const char *sql, sqlite3_stmt **statement,
                                struct circ_error *err)
{
    const char *tail = NULL;
    sqlite3_stmt *more = NULL;
    int code = sqlite3_prepare_v2(db, sql, -1, statement, &tail);

    if ((code & 0xff) == SQLITE_AUTH)
        return refuse_change(err);
    if ((code & 0xff) == SQLITE_ERROR)
        return circ_status_fail_native(err, CIRC_USAGE, code,
                                       "SQL: %s: see `circbench query --list`, or `circbench query "
                                       "--sql \"SELECT sql FROM sqlite_schema\"` for tables and "
                                       "columns",
                                       sqlite3_errmsg(db));
    if ((code & 0xff) == SQLITE_NOMEM)
        return circ_status_fail_native(err, CIRC_MEMORY, code, "SQL: out of memory");
    if (code)
        return circ_status_fail_native(err, CIRC_IO, code, "SQL: %s", sqlite3_errmsg(db));
    if (!*statement)
        return circ_status_fail(err, CIRC_USAGE, "SQL: empty: give one SELECT");
    /* What follows the statement may be blank or a comment, which prepare to nothing. */
    code = sqlite3_prepare_v2(db, tail, -1, &more, NULL);
    sqlite3_finalize(more);
    return code || more
               ? circ_status_fail(err, CIRC_USAGE,
                                  "SQL: more than one statement: give one SELECT at a time")
               : CIRC_OK;
}

/* SELECT * FROM (the statement's own text) WHERE condition. The line feeds end comments. */
static enum circ_status prepare_where(sqlite3 *db, const char *where, sqlite3_stmt **statement,
                                      struct circ_error *err)
{
    const char *inner = sqlite3_sql(*statement);
    size_t length = strlen(inner);
    char *sql;
    enum circ_status status;

    if (length && inner[length - 1] == ';')
        length--;
    sql = sqlite3_mprintf("SELECT * FROM (\n%.*s\n) WHERE %s", (int)length, inner, where);
    sqlite3_finalize(*statement);
    *statement = NULL;
    if (!sql)
        return circ_status_fail(err, CIRC_MEMORY, "SQL: out of memory");
    status = prepare(db, sql, statement, err);
    sqlite3_free(sql);
    return status;
}

static enum circ_status bind_campaign(sqlite3_stmt *statement, const char *campaign,
                                      struct circ_error *err)
{
    int parameters = sqlite3_bind_parameter_count(statement);
    int index = sqlite3_bind_parameter_index(statement, ":campaign");

    if (parameters > (index ? 1 : 0))
        return circ_status_fail(err, CIRC_USAGE,
                                "SQL: a parameter without a value: only :campaign, the campaign's "
                                "key, can be used");
    if (index && sqlite3_bind_text(statement, index, campaign, -1, SQLITE_TRANSIENT))
        return circ_status_fail(err, CIRC_MEMORY, "SQL: out of memory");
    return CIRC_OK;
}

static enum circ_status read_cell(sqlite3_stmt *statement, int column, struct circ_cell *cell,
                                  struct circ_error *err)
{
    switch (sqlite3_column_type(statement, column)) {
    case SQLITE_INTEGER:
        *cell = (struct circ_cell){.type = CIRC_CELL_INTEGER,
                                   .integer = sqlite3_column_int64(statement, column)};
        return CIRC_OK;
    case SQLITE_FLOAT:
        *cell = (struct circ_cell){.type = CIRC_CELL_REAL,
                                   .real = sqlite3_column_double(statement, column)};
        return CIRC_OK;
    case SQLITE_NULL:
        *cell = (struct circ_cell){.type = CIRC_CELL_NULL};
        return CIRC_OK;
    case SQLITE_BLOB:
        return circ_status_fail(err, CIRC_USAGE,
                                "SQL: column %s holds a blob, which no format prints: use hex(...)",
                                sqlite3_column_name(statement, column));
    default:
        *cell = (struct circ_cell){.type = CIRC_CELL_TEXT,
                                   .text = (const char *)sqlite3_column_text(statement, column)};
        return cell->text ? CIRC_OK : circ_status_fail(err, CIRC_MEMORY, "SQL: out of memory");
    }
}

static enum circ_status print_rows(sqlite3 *db, sqlite3_stmt *statement, struct circ_writer *writer,
                                   struct circ_cell *cells, int64_t *rows, struct circ_error *err)
{
    int columns = sqlite3_column_count(statement);
    enum circ_status status = CIRC_OK;
    int code;

    while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
        for (int i = 0; i < columns && !status; i++)
            status = read_cell(statement, i, &cells[i], err);
        if (!status)
            status = circ_format_row(writer, cells, err);
        if (status)
            return status;
        ++*rows;
    }
    if (code == SQLITE_DONE)
        return CIRC_OK;
    if ((code & 0xff) == SQLITE_AUTH) /* VACUUM is only refused here */
        return refuse_change(err);
    /* ERROR at this stage is the query's doing: a function's argument, an overflow. */
    return circ_status_fail_native(err, (code & 0xff) == SQLITE_ERROR ? CIRC_USAGE : CIRC_IO, code,
                                   "SQL: %s after %lld rows: check the query's expressions and the "
                                   "database file",
                                   sqlite3_errmsg(db), (long long)*rows);
}

/* The writer borrows the names from the statement, which outlives it. */
static enum circ_status print(sqlite3 *db, sqlite3_stmt *statement, enum circ_format format,
                              FILE *file, int64_t *rows, struct circ_error *err)
{
    int columns = sqlite3_column_count(statement);
    const char **names = calloc((size_t)columns + 1, sizeof *names);
    struct circ_cell *cells = calloc((size_t)columns + 1, sizeof *cells);
    struct circ_writer *writer = NULL;
    enum circ_status status = CIRC_OK;

    if (!names || !cells)
        status = circ_status_fail(err, CIRC_MEMORY, "out of memory for %d columns", columns);
    for (int i = 0; i < columns && !status; i++)
        if (!(names[i] = sqlite3_column_name(statement, i)))
            status = circ_status_fail(err, CIRC_MEMORY, "out of memory for %d columns", columns);
    if (!status)
        status = circ_format_begin(&writer, file, format, "result", names, columns, err);
    if (!status) {
        enum circ_status ended;

        status = print_rows(db, statement, writer, cells, rows, err);
        ended = circ_format_end(writer, status ? NULL : err);
        if (!status)
            status = ended;
    }
    free(cells);
    free(names);
    return status;
}

enum circ_status circ_query_run(struct circ_store *store, const char *sql, const char *where,
                                const char *campaign, enum circ_format format, FILE *file,
                                int64_t *rows, struct circ_error *err)
{
    sqlite3 *db = circ_store_handle(store);
    sqlite3_stmt *statement = NULL;
    enum circ_status status;

    *rows = 0;
    sqlite3_set_authorizer(db, authorize, NULL);
    status = prepare(db, sql, &statement, err);
    if (!status && where && *where)
        status = prepare_where(db, where, &statement, err);
    if (!status)
        status = bind_campaign(statement, campaign, err);
    if (!status)
        status = print(db, statement, format, file, rows, err);
    sqlite3_finalize(statement);
    sqlite3_set_authorizer(db, NULL, NULL);
    return status;
}
