/* Small SELECTs of one campaign or trial: prepare, step, read a column. */
#ifndef CIRC_SELECT_H
#define CIRC_SELECT_H

#include "backends/core/status.h"

#include <sqlite3.h>
#include <stdbool.h>

/* Prepares sql, binds key to its only parameter, :campaign or :trial, and moves to the first row;
 * *row is false where there is none, and after a failure. Free with sqlite3_finalize, also then.
 * IO. */
CIRC_MUST_USE enum circ_status circ_select_first(sqlite3 *db, const char *sql, const char *key,
                                                 sqlite3_stmt **statement, bool *row,
                                                 struct circ_error *err);

/* Moves to the next row; *row is false behind the last one. IO. */
CIRC_MUST_USE enum circ_status circ_select_next(sqlite3_stmt *statement, bool *row,
                                                struct circ_error *err);

/* A column's text, "" for NULL, valid until the next step. */
const char *circ_select_text(sqlite3_stmt *statement, int column);

/* A column's number, NaN for NULL. */
double circ_select_number(sqlite3_stmt *statement, int column);

#endif
