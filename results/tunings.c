/* Writes and reads rows of tunings with kept statements, and reads them from JSON with SQLite's own
 * functions. Whether a tuning's text means anything is its backend's to say. */
#include "results/tunings.h"

#include "results/keys.h"

#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The columns in the order of the statements. A text's size; 0: a number, from least to most.
 * words: the only texts that there are, NULL: any. An optional text may be missing: NULL in the
 * database. */
static const struct {
    const char *name;
    size_t at, size;
    int64_t least, most;
    const char *words;
    bool optional;
} columns[] = {
#define TEXT(member)                                                                               \
    .name = #member, .at = offsetof(struct circ_tuning_row, member),                               \
    .size = sizeof((struct circ_tuning_row *)NULL)->member
#define NUMBER(member) .name = #member, .at = offsetof(struct circ_tuning_row, member)
    {TEXT(backend)},
    {TEXT(device)},
    {TEXT(variant)},
    {TEXT(op), .words = "fc conv"},
    {TEXT(pass), .words = "infer train"},
    {NUMBER(block), .least = 1, .most = INT_MAX},
    {NUMBER(batch), .least = 1, .most = INT_MAX},
    {TEXT(tuning)},
    {TEXT(kind), .words = "measured emulated modelled"},
    {NUMBER(time_ns), .least = 1, .most = INT64_MAX},
    {NUMBER(default_time_ns), .least = 1, .most = INT64_MAX},
    {NUMBER(samples), .least = 1, .most = INT_MAX},
    {TEXT(workload)},
    {TEXT(description), .optional = true},
    {TEXT(version), .optional = true},
    {NUMBER(created_ns), .most = INT64_MAX},
#undef NUMBER
#undef TEXT
};
enum { COUNT = sizeof columns / sizeof *columns };

#define COLUMNS                                                                                    \
    "backend, device, variant, op, pass, block, batch, tuning, kind, time_ns, default_time_ns,"    \
    " samples, workload, description, version, created_ns"

static const char stale_sql[] = "DELETE FROM tuning WHERE key = ? AND created_ns < ?";
/* Not OR IGNORE, which would pass over a row that breaks a CHECK. */
static const char insert_sql[] =
    "INSERT INTO tuning (key, " COLUMNS ") VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
    " ON CONFLICT (key) DO NOTHING";
static const char read_sql[] =
    "SELECT " COLUMNS " FROM tuning ORDER BY backend, device, variant, op, pass, block, batch";
static const char object_sql[] =
    "SELECT CASE WHEN json_valid(?1) THEN json_type(?1) ELSE 'none' END";
static const char value_sql[] = "SELECT json_type(?1, '$.' || ?2), json_extract(?1, '$.' || ?2)";

static void *member(struct circ_tuning_row *row, int column)
{
    return (char *)row + columns[column].at;
}

enum circ_status circ_tunings_insert(struct circ_connection *connection,
                                     const struct circ_tuning_row *row, struct circ_error *err)
{
    struct circ_tuning_row copy = *row;
    struct circ_bind bind;
    char key[CIRC_KEY_SIZE];
    enum circ_status status = circ_keys_tuning(row, key, err);

    if (!status)
        status = circ_connection_prepare(connection, stale_sql, &bind, err);
    if (status)
        return status;
    circ_connection_bind_word(&bind, key);
    circ_connection_bind_number(&bind, row->created_ns);
    status = circ_connection_run(connection, &bind, "replacing a tuning", err);
    if (!status)
        status = circ_connection_prepare(connection, insert_sql, &bind, err);
    if (status)
        return status;
    circ_connection_bind_word(&bind, key);
    for (int i = 0; i < COUNT; i++)
        if (columns[i].size)
            circ_connection_bind_text(&bind, member(&copy, i));
        else
            circ_connection_bind_number(&bind, *(int64_t *)member(&copy, i));
    return circ_connection_run(connection, &bind, "storing a tuning", err);
}

enum circ_status circ_tunings_read(struct circ_connection *connection,
                                   struct circ_tuning_row **rows, int *count,
                                   struct circ_error *err)
{
    struct circ_bind bind;
    int code, room = 0;
    enum circ_status status = circ_connection_prepare(connection, read_sql, &bind, err);

    *rows = NULL;
    *count = 0;
    if (status)
        return status;
    while ((code = sqlite3_step(bind.statement)) == SQLITE_ROW) {
        if (*count == room) {
            room = room ? 2 * room : 16;
            struct circ_tuning_row *grown = realloc(*rows, (size_t)room * sizeof *grown);
            if (!grown) {
                status = circ_status_fail(err, CIRC_MEMORY, "no memory for %d tunings", room);
                break;
            }
            *rows = grown;
        }
        struct circ_tuning_row *row = &(*rows)[(*count)++];
        for (int i = 0; i < COUNT; i++) {
            const unsigned char *text = sqlite3_column_text(bind.statement, i);
            if (columns[i].size)
                snprintf(member(row, i), columns[i].size, "%s", text ? (const char *)text : "");
            else
                *(int64_t *)member(row, i) = sqlite3_column_int64(bind.statement, i);
        }
    }
    if (!status && code != SQLITE_DONE)
        status = circ_connection_fail(connection, code, "reading the tunings", err);
    sqlite3_reset(bind.statement);
    return status;
}

/* Whether text is one of the words between blanks. */
static bool among(const char *words, const char *text)
{
    size_t length = strlen(text);

    for (const char *at = words; (at = strstr(at, text)); at += length)
        if (length && !strchr(text, ' ') && (at == words || at[-1] == ' ') &&
            (at[length] == ' ' || !at[length]))
            return true;
    return false;
}

/* The value of one key; statement holds its JSON type and itself. */
static enum circ_status take(sqlite3_stmt *statement, int column, struct circ_tuning_row *row,
                             struct circ_error *err)
{
    const char *type = (const char *)sqlite3_column_text(statement, 0);
    const char *name = columns[column].name;

    if (columns[column].size) {
        const char *text = (const char *)sqlite3_column_text(statement, 1);
        bool none = !type || !strcmp(type, "null") || !text || !*text;
        if (none && columns[column].optional)
            return CIRC_OK;
        if (none || strcmp(type, "text") || strlen(text) >= columns[column].size)
            return circ_status_fail(err, CIRC_USAGE, "\"%s\" is not a text of at most %zu bytes",
                                    name, columns[column].size - 1);
        if (columns[column].words && !among(columns[column].words, text))
            return circ_status_fail(err, CIRC_USAGE, "\"%s\" is \"%s\" and not one of: %s", name,
                                    text, columns[column].words);
        strcpy(member(row, column), text);
        return CIRC_OK;
    }
    int64_t value = sqlite3_column_int64(statement, 1);
    if (!type || strcmp(type, "integer") || value < columns[column].least ||
        value > columns[column].most)
        return circ_status_fail(err, CIRC_USAGE, "\"%s\" is not a whole number from %lld to %lld",
                                name, (long long)columns[column].least,
                                (long long)columns[column].most);
    *(int64_t *)member(row, column) = value;
    return CIRC_OK;
}

enum circ_status circ_tunings_parse(struct circ_connection *connection, const char *line,
                                    struct circ_tuning_row *row, struct circ_error *err)
{
    struct circ_bind bind;
    char type[16];
    enum circ_status status = circ_connection_prepare(connection, object_sql, &bind, err);

    *row = (struct circ_tuning_row){0};
    if (status)
        return status;
    circ_connection_bind_word(&bind, line);
    status = circ_connection_text(connection, &bind, type, sizeof type, "reading JSON", err);
    if (!status && strcmp(type, "object"))
        status = circ_status_fail(err, CIRC_USAGE, "it is not a JSON object");
    for (int i = 0; i < COUNT && !status; i++) {
        status = circ_connection_prepare(connection, value_sql, &bind, err);
        if (status)
            break;
        circ_connection_bind_word(&bind, line);
        circ_connection_bind_word(&bind, columns[i].name);
        int code = bind.code ? bind.code : sqlite3_step(bind.statement);
        status = code == SQLITE_ROW ? take(bind.statement, i, row, err)
                                    : circ_connection_fail(connection, code, "reading JSON", err);
        sqlite3_reset(bind.statement);
    }
    return status;
}
