/* Writes and reads rows of ceilings with kept statements. What is best is the view v_ceiling's
 * affair. */
#include "results/ceilings.h"

#include <stdio.h>

static const char insert_sql[] =
    "INSERT INTO ceiling (device, isa, threads, metric, bytes, measured_ns, level, value, unit)"
    " VALUES (?,?,?,?,?,?,?,?,?)";
static const char best_sql[] =
    "SELECT metric, unit, level, bytes, value FROM v_ceiling"
    " WHERE device_key = ? AND isa = ? AND threads = ? ORDER BY metric, bytes";

enum circ_status circ_ceilings_insert(struct circ_connection *connection, const char *device,
                                      const char *isa, int threads, const struct circ_ceiling *rows,
                                      int count, int64_t measured_ns, struct circ_error *err)
{
    enum circ_status status = CIRC_OK;

    for (int i = 0; i < count && !status; i++) {
        struct circ_bind bind;

        status = circ_connection_prepare(connection, insert_sql, &bind, err);
        if (status)
            break;
        circ_connection_bind_word(&bind, device);
        circ_connection_bind_word(&bind, isa);
        circ_connection_bind_number(&bind, threads);
        circ_connection_bind_word(&bind, rows[i].metric);
        circ_connection_bind_number(&bind, rows[i].bytes);
        circ_connection_bind_number(&bind, measured_ns);
        circ_connection_bind_text(&bind, rows[i].level);
        circ_connection_bind_real(&bind, rows[i].value);
        circ_connection_bind_word(&bind, rows[i].unit);
        status = circ_connection_run(connection, &bind, "storing a ceiling", err);
    }
    return status;
}

static void copy(char *to, size_t size, sqlite3_stmt *statement, int column)
{
    const unsigned char *text = sqlite3_column_text(statement, column);

    snprintf(to, size, "%s", text ? (const char *)text : "");
}

enum circ_status circ_ceilings_best(struct circ_connection *connection, const char *device,
                                    const char *isa, int threads,
                                    struct circ_ceiling rows[CIRC_MAX_CEILINGS], int *count,
                                    struct circ_error *err)
{
    struct circ_bind bind;
    int code;
    enum circ_status status = circ_connection_prepare(connection, best_sql, &bind, err);

    *count = 0;
    if (status)
        return status;
    circ_connection_bind_word(&bind, device);
    circ_connection_bind_word(&bind, isa);
    circ_connection_bind_number(&bind, threads);
    while ((code = sqlite3_step(bind.statement)) == SQLITE_ROW && *count < CIRC_MAX_CEILINGS) {
        struct circ_ceiling *row = &rows[(*count)++];

        copy(row->metric, sizeof row->metric, bind.statement, 0);
        copy(row->unit, sizeof row->unit, bind.statement, 1);
        copy(row->level, sizeof row->level, bind.statement, 2);
        row->bytes = sqlite3_column_int64(bind.statement, 3);
        row->value = sqlite3_column_double(bind.statement, 4);
    }
    if (code != SQLITE_DONE && code != SQLITE_ROW)
        status = circ_connection_fail(connection, code, "reading the ceilings", err);
    sqlite3_reset(bind.statement);
    return status;
}
