/* Loads v_result. Which column goes where is one table; nothing is computed here. */
#include "reports/rows.h"
#include "reports/select.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct column {
    const char *name;
    size_t offset;
    bool text;
};

#define TEXT(name)                                                                                 \
    {                                                                                              \
#name, offsetof(struct circ_row, name), true                                               \
    }
#define NUMBER(name)                                                                               \
    {                                                                                              \
#name, offsetof(struct circ_row, name), false                                              \
    }

static const struct column columns[] = {
    TEXT(workload),
    TEXT(backend),
    TEXT(device),
    TEXT(structure),
    TEXT(variant),
    TEXT(library),
    TEXT(isa),
    TEXT(precision),
    TEXT(pass),
    TEXT(status),
    TEXT(reason),
    TEXT(kind),
    TEXT(stop_reason),
    TEXT(dense_variant),
    TEXT(energy_source),
    TEXT(energy_scope),
    TEXT(energy_kind),
    TEXT(energy_quality),
    TEXT(energy_reason),
    TEXT(energy_remark),
    TEXT(trial),
    {"CASE cold WHEN 1 THEN '" CIRC_ROWS_COLD "' ELSE '" CIRC_ROWS_WARM "' END",
     offsetof(struct circ_row, weights), true},
    NUMBER(block),
    NUMBER(block_conv),
    NUMBER(batch),
    NUMBER(threads),
    NUMBER(time_ns_median),
    NUMBER(time_ns_ci_low),
    NUMBER(time_ns_ci_high),
    NUMBER(samples),
    NUMBER(frames_per_s),
    NUMBER(gflops_dense),
    NUMBER(gflops_executed),
    NUMBER(weight_bytes),
    NUMBER(compression),
    NUMBER(speedup_vs_dense),
    NUMBER(speedup_ci_low),
    NUMBER(speedup_ci_high),
    NUMBER(energy_uj_per_frame),
    NUMBER(energy_uj_ci_low),
    NUMBER(energy_uj_ci_high),
    NUMBER(energy_bound_uj),
    NUMBER(energy_net_uj_per_frame),
    NUMBER(energy_windows),
    NUMBER(energy_gain_vs_dense),
    NUMBER(energy_gain_ci_low),
    NUMBER(energy_gain_ci_high),
    NUMBER(power_uw),
    NUMBER(power_uw_ci_low),
    NUMBER(power_uw_ci_high),
    NUMBER(idle_power_uw),
    NUMBER(idle_share),
    NUMBER(idle_share_ci_low),
    NUMBER(idle_share_ci_high),
    NUMBER(frames_per_j),
    NUMBER(frames_per_j_ci_low),
    NUMBER(frames_per_j_ci_high),
    NUMBER(edp_uj_ns),
    NUMBER(edp_uj_ns_ci_low),
    NUMBER(edp_uj_ns_ci_high),
    NUMBER(gflops_per_w_executed),
    NUMBER(gflops_per_w_executed_ci_low),
    NUMBER(gflops_per_w_executed_ci_high),
    NUMBER(gflops_per_w_dense),
    NUMBER(gflops_per_w_dense_ci_low),
    NUMBER(gflops_per_w_dense_ci_high),
    NUMBER(temperature_before_mc),
    NUMBER(temperature_after_mc),
    NUMBER(frequency_before_khz),
    NUMBER(frequency_after_khz),
    NUMBER(accuracy_top1),
    NUMBER(rel_rms_error),
    NUMBER(error_bound),
    TEXT(roof_bound),
    NUMBER(roof_time_ns),
    NUMBER(roof_fraction),
    NUMBER(flop_roof),
    NUMBER(roof_bytes),
};

enum { COLUMNS = sizeof columns / sizeof *columns };

static const char order[] =
    " FROM v_result WHERE campaign_key = :campaign ORDER BY workload, device, pass, batch,"
    " CASE structure WHEN 'dense' THEN 0 WHEN 'circulant' THEN 1 WHEN 'pruned' THEN 2 ELSE 3 END,"
    " structure, backend, threads, precision, variant, isa, cold, block, block_conv";

static enum circ_status read_row(struct circ_row *row, sqlite3_stmt *statement,
                                 struct circ_error *err)
{
    for (int i = 0; i < COLUMNS; i++) {
        char *field = (char *)row + columns[i].offset;
        if (columns[i].text) {
            char *copy = strdup(circ_select_text(statement, i));
            if (!copy)
                return circ_status_fail(err, CIRC_MEMORY, "report: out of memory");
            *(char **)field = copy;
        } else {
            *(double *)field = circ_select_number(statement, i);
        }
    }
    return CIRC_OK;
}

static enum circ_status add_row(struct circ_rows *rows, sqlite3_stmt *statement,
                                struct circ_error *err)
{
    if ((rows->count & (rows->count - 1)) == 0) {
        size_t capacity = rows->count ? 2 * rows->count : 1;
        struct circ_row *items = realloc(rows->items, capacity * sizeof *items);
        if (!items)
            return circ_status_fail(err, CIRC_MEMORY, "report: out of memory");
        rows->items = items;
    }
    rows->items[rows->count] = (struct circ_row){0};
    return read_row(&rows->items[rows->count++], statement, err);
}

enum circ_status circ_rows_load(struct circ_rows *rows, sqlite3 *db, const char *campaign,
                                struct circ_error *err)
{
    *rows = (struct circ_rows){0};
    char sql[4096] = "SELECT ";
    for (int i = 0; i < COLUMNS; i++) {
        strcat(sql, i ? ", " : "");
        strcat(sql, columns[i].name);
    }
    strcat(sql, order);
    sqlite3_stmt *statement = NULL;
    bool row = false;
    enum circ_status status = circ_select_first(db, sql, campaign, &statement, &row, err);
    while (status == CIRC_OK && row) {
        status = add_row(rows, statement, err);
        if (status == CIRC_OK)
            status = circ_select_next(statement, &row, err);
    }
    sqlite3_finalize(statement);
    return status;
}

void circ_rows_free(struct circ_rows *rows)
{
    for (size_t i = 0; i < rows->count; i++) {
        for (int c = 0; c < COLUMNS; c++) {
            if (columns[c].text)
                free(*(char **)((char *)&rows->items[i] + columns[c].offset));
        }
    }
    free(rows->items);
    *rows = (struct circ_rows){0};
}

bool circ_rows_is_ok(const struct circ_row *row)
{
    return strcmp(row->status, "ok") == 0 && isfinite(row->time_ns_median);
}
