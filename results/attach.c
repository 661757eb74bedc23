/* Reads the windows of a campaign and adds those of a recording, again and again if need be: what
 * an earlier recording left is replaced. It begins and ends no transaction. */
#include "results/attach.h"

#include "results/insert_energy.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A recording's windows from those of a sweep that read a trace while it was written: the latter
 * are what others are laid by. */
#define ATTACHED(window) "(" window ".source LIKE 'trace:%' AND " window ".raw_start = -1)"

/* Of trial t: whether its figures come of what the sweep itself read. */
#define OWN_FIGURE                                                                                 \
    "EXISTS (SELECT 1 FROM energy_window AS own WHERE own.trial = t.key AND own.used"              \
    " AND NOT " ATTACHED("own") ")"

/* Statements are kept by address, so each is one object. A window is where its chosen channels were
 * read, or all of them where none was chosen. */
static const char laid_sql[] =
    "SELECT w.trial, v.device_kind, coalesce(t.kind, ''),"
    " t.energy_uj_per_frame IS NOT NULL AND (t.energy_source NOT LIKE 'trace:%' OR " OWN_FIGURE
    "), w.place, w.idle,"
    " min(w.start_ns), max(w.duration_ns), max(w.frames)"
    " FROM energy_window AS w JOIN trial AS t ON t.key = w.trial JOIN device AS v ON v.key = "
    "t.device"
    " WHERE t.campaign = ?1 AND w.start_ns IS NOT NULL AND w.place IS NOT NULL"
    " AND NOT " ATTACHED("w") " AND w.duration_ns > 0"
                              " AND (w.chosen OR NOT EXISTS (SELECT 1 FROM energy_window AS x "
                              "WHERE x.trial = w.trial"
                              " AND x.chosen AND NOT " ATTACHED(
                                  "x") ")) GROUP BY w.trial, w.place ORDER BY w.trial, w.place";
static const char forget_sql[] =
    "DELETE FROM energy_window WHERE trial = ? AND " ATTACHED("energy_window");
static const char next_sql[] =
    "SELECT coalesce(max(number), -1) + 1 FROM energy_window WHERE trial = ?";
static const char figure_sql[] =
    "UPDATE trial AS t SET energy_uj_per_frame = ?2, energy_uj_ci_low = ?3, energy_uj_ci_high = ?4,"
    " energy_bound_uj = ?5, power_uw = ?6, power_uw_ci_low = ?7, power_uw_ci_high = ?8,"
    " idle_power_uw = ?9, energy_source = ?10, energy_scope = ?11, energy_kind = ?12,"
    " energy_quality = ?13, energy_reason = ?14, energy_remark = ?15"
    " WHERE key = ?1 AND (energy_uj_per_frame IS NULL OR (energy_source LIKE 'trace:%'"
    " AND NOT " OWN_FIGURE "))";

enum circ_status circ_attach_read(struct circ_connection *connection, const char *campaign,
                                  struct circ_laid_window **windows, size_t *count,
                                  struct circ_error *err)
{
    sqlite3_stmt *statement = NULL;
    size_t capacity = 0;
    enum circ_status status = CIRC_OK;

    *windows = NULL;
    *count = 0;
    int code = sqlite3_prepare_v2(connection->db, laid_sql, -1, &statement, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_bind_text(statement, 1, campaign, -1, SQLITE_STATIC);
    while (code == SQLITE_OK && (code = sqlite3_step(statement)) == SQLITE_ROW) {
        if (*count == capacity) {
            capacity = capacity ? 2 * capacity : 64;
            struct circ_laid_window *grown = realloc(*windows, capacity * sizeof *grown);
            if (!grown) {
                status = circ_status_fail(err, CIRC_MEMORY, "no memory for a campaign's windows");
                break;
            }
            *windows = grown;
        }
        struct circ_laid_window *row = &(*windows)[(*count)++];
        *row = (struct circ_laid_window){.has_energy = sqlite3_column_int(statement, 3),
                                         .place = sqlite3_column_int(statement, 4),
                                         .idle = sqlite3_column_int(statement, 5),
                                         .start_ns = sqlite3_column_int64(statement, 6),
                                         .duration_ns = sqlite3_column_int64(statement, 7),
                                         .frames = sqlite3_column_int64(statement, 8)};
        snprintf(row->trial, sizeof row->trial, "%s", sqlite3_column_text(statement, 0));
        snprintf(row->device_kind, sizeof row->device_kind, "%s",
                 sqlite3_column_text(statement, 1));
        snprintf(row->kind, sizeof row->kind, "%s", sqlite3_column_text(statement, 2));
        code = SQLITE_OK;
    }
    if (!status && code != SQLITE_DONE)
        status = circ_connection_fail(connection, code, "reading a campaign's windows", err);
    sqlite3_finalize(statement);
    return status;
}

/* The row's own figures, unless another source gave them. */
static enum circ_status write_figure(struct circ_connection *connection, const char *trial,
                                     const struct circ_trial *energy, bool *figure,
                                     struct circ_error *err)
{
    struct circ_bind bind;
    enum circ_status status = circ_connection_prepare(connection, figure_sql, &bind, err);

    if (status)
        return status;
    circ_connection_bind_word(&bind, trial);
    circ_connection_bind_real(&bind, energy->energy_uj_per_frame);
    circ_connection_bind_real(&bind, energy->energy_uj_ci_low);
    circ_connection_bind_real(&bind, energy->energy_uj_ci_high);
    circ_connection_bind_real(&bind, energy->energy_bound_uj);
    circ_connection_bind_real(&bind, energy->power_uw);
    circ_connection_bind_real(&bind, energy->power_uw_ci_low);
    circ_connection_bind_real(&bind, energy->power_uw_ci_high);
    circ_connection_bind_real(&bind, energy->idle_power_uw);
    circ_connection_bind_text(&bind, energy->energy_source);
    circ_connection_bind_text(&bind, energy->energy_scope);
    circ_connection_bind_text(&bind, energy->energy_kind);
    circ_connection_bind_text(&bind, energy->energy_quality);
    circ_connection_bind_text(&bind, energy->energy_reason);
    circ_connection_bind_text(&bind, energy->energy_remark);
    status = circ_connection_run(connection, &bind, "storing the energy of a recording", err);
    *figure = !status && sqlite3_changes(connection->db) > 0 && !isnan(energy->energy_uj_per_frame);
    return status;
}

enum circ_status circ_attach_write(struct circ_connection *connection, const char *trial,
                                   const struct circ_trial *energy, bool *figure,
                                   struct circ_error *err)
{
    char text[24];
    struct circ_bind bind;
    enum circ_status status = circ_connection_prepare(connection, forget_sql, &bind, err);

    if (!status) {
        circ_connection_bind_word(&bind, trial);
        status = circ_connection_run(connection, &bind, "forgetting an earlier recording", err);
    }
    if (!status)
        status = circ_connection_prepare(connection, next_sql, &bind, err);
    if (!status) {
        circ_connection_bind_word(&bind, trial);
        status = circ_connection_text(connection, &bind, text, sizeof text,
                                      "numbering the windows of a recording", err);
    }
    if (!status)
        status = circ_insert_energy_windows(connection, trial, energy, atoll(text), err);
    return status ? status : write_figure(connection, trial, energy, figure, err);
}
