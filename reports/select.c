/* Runs the report's SELECTs. It knows no table. */
#include "reports/select.h"

#include <math.h>
#include <stddef.h>

static enum circ_status fail(sqlite3 *db, struct circ_error *err)
{
    int code = sqlite3_extended_errcode(db);
    enum circ_status status = code == SQLITE_NOMEM ? CIRC_MEMORY : CIRC_IO;
    return circ_status_fail_native(err, status, code, "report: reading the database failed: %s",
                                   sqlite3_errmsg(db));
}

enum circ_status circ_select_first(sqlite3 *db, const char *sql, const char *key,
                                   sqlite3_stmt **statement, bool *row, struct circ_error *err)
{
    *row = false;
    if (sqlite3_prepare_v2(db, sql, -1, statement, NULL) != SQLITE_OK)
        return fail(db, err);
    if (sqlite3_bind_parameter_count(*statement) > 0 &&
        sqlite3_bind_text(*statement, 1, key, -1, SQLITE_TRANSIENT) != SQLITE_OK)
        return fail(db, err);
    return circ_select_next(*statement, row, err);
}

enum circ_status circ_select_next(sqlite3_stmt *statement, bool *row, struct circ_error *err)
{
    int code = sqlite3_step(statement);
    *row = code == SQLITE_ROW;
    return code == SQLITE_ROW || code == SQLITE_DONE ? CIRC_OK
                                                     : fail(sqlite3_db_handle(statement), err);
}

const char *circ_select_text(sqlite3_stmt *statement, int column)
{
    const char *text = (const char *)sqlite3_column_text(statement, column);
    return text ? text : "";
}

double circ_select_number(sqlite3_stmt *statement, int column)
{
    return sqlite3_column_type(statement, column) == SQLITE_NULL
               ? NAN
               : sqlite3_column_double(statement, column);
}
