/* One SQLite connection with what every user of it needs: the checks at opening, prepared
 * statements that are kept, transactions, and SQLite's codes turned into sentences. It knows no
 * table. */
#ifndef CIRC_CONNECTION_H
#define CIRC_CONNECTION_H

#include "backends/core/status.h"

#include <sqlite3.h>
#include <stddef.h>
#include <stdint.h>

#define CIRC_CONNECTION_BUSY_MS    10000
#define CIRC_CONNECTION_STATEMENTS 32

enum circ_connection_mode { CIRC_CONNECTION_READ, CIRC_CONNECTION_WRITE, CIRC_CONNECTION_MEMORY };

struct circ_connection {
    sqlite3 *db;
    char *path; /* as given, for messages; owned */
    struct {
        const char *sql;
        sqlite3_stmt *statement;
    } kept[CIRC_CONNECTION_STATEMENTS];
};

/* A statement under binding: parameters in order, the first failure kept in code. */
struct circ_bind {
    sqlite3_stmt *statement;
    int index;
    int code;
};

/* Opens path into a zeroed connection. A file opened for writing is created when absent, and is in
 * WAL mode afterwards unless its file system cannot do that. application_id is what our files
 * carry: a database that holds anything and carries another is refused before it is touched. Errors
 * as circ_store_open; close the connection even then. */
CIRC_MUST_USE enum circ_status circ_connection_open(struct circ_connection *connection,
                                                    const char *path,
                                                    enum circ_connection_mode mode,
                                                    int32_t application_id, struct circ_error *err);
void circ_connection_close(struct circ_connection *connection);

/* Turns the SQLite code of a failed call into status and sentence; doing completes "while ...". */
enum circ_status circ_connection_fail(struct circ_connection *connection, int code,
                                      const char *doing, struct circ_error *err);

/* Runs statements without results. */
CIRC_MUST_USE enum circ_status circ_connection_execute(struct circ_connection *connection,
                                                       const char *sql, const char *doing,
                                                       struct circ_error *err);

/* The integer in the first row and column; *value is 0 without a row. */
CIRC_MUST_USE enum circ_status circ_connection_integer(struct circ_connection *connection,
                                                       const char *sql, int64_t *value,
                                                       struct circ_error *err);

/* Starts binding a statement that is prepared at its first use and kept until close. sql is
 * recognised by its address: it must be a constant of the program. Finish with run, or with text
 * after which the statement is reset too. */
CIRC_MUST_USE enum circ_status circ_connection_prepare(struct circ_connection *connection,
                                                       const char *sql, struct circ_bind *bind,
                                                       struct circ_error *err);
/* NULL and "" are bound as NULL. */
void circ_connection_bind_text(struct circ_bind *bind, const char *text);
/* Bound as they are. */
void circ_connection_bind_word(struct circ_bind *bind, const char *text);
void circ_connection_bind_number(struct circ_bind *bind, int64_t value);
/* Negative (and NaN) is bound as NULL. */
void circ_connection_bind_count(struct circ_bind *bind, int64_t value);
void circ_connection_bind_real(struct circ_bind *bind, double value);

/* Steps a statement that returns no rows, and resets it. */
CIRC_MUST_USE enum circ_status circ_connection_run(struct circ_connection *connection,
                                                   struct circ_bind *bind, const char *doing,
                                                   struct circ_error *err);
/* Steps once and resets; copies the text of the first column, cut at size, or "" without a row. */
CIRC_MUST_USE enum circ_status circ_connection_text(struct circ_connection *connection,
                                                    struct circ_bind *bind, char *text, size_t size,
                                                    const char *doing, struct circ_error *err);

/* BEGIN IMMEDIATE, COMMIT; both name what they are for. Rollback is harmless outside a transaction.
 */
CIRC_MUST_USE enum circ_status circ_connection_begin(struct circ_connection *connection,
                                                     const char *doing, struct circ_error *err);
CIRC_MUST_USE enum circ_status circ_connection_commit(struct circ_connection *connection,
                                                      const char *doing, struct circ_error *err);
void circ_connection_rollback(struct circ_connection *connection);

#endif
