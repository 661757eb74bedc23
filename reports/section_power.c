/* Power over time, where the campaign kept it: a chart for each point, and the numbers of each
 * channel. The samples are thinned for drawing; the database has all of them. */
#include "reports/panel.h"
#include "reports/sections.h"
#include "reports/select.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MOST_CHARTS = 12 }; /* more are too many to look at, and a heavy page */

/* "lenet, batch 1: circulant, k = 8". */
static void name(char text[3 * CIRC_PANEL_TEXT], const struct circ_report *report,
                 const struct circ_panel *panel, const struct circ_row *row)
{
    char title[CIRC_PANEL_TEXT], label[CIRC_PANEL_TEXT], block[32];
    circ_panel_title(title, &report->rows, row, true);
    circ_panel_label(label, panel, row);
    circ_panel_block(block, row);
    snprintf(text, 3 * CIRC_PANEL_TEXT, "%s: %s%s%s", title, label,
             circ_panel_is_dense(row) ? "" : ", k = ", circ_panel_is_dense(row) ? "" : block);
}

static const char *kind_of(const struct circ_row *row)
{
    return row->energy_kind[0] ? row->energy_kind : row->kind;
}

/* Mean, least and greatest power in 200 steps of the trial's time. *drawn: there was something. */
static enum circ_status add_chart(const struct circ_report *report, const struct circ_panel *panel,
                                  const struct circ_row *row, bool *drawn, struct circ_error *err)
{
    static const char sql[] =
        "WITH span AS (SELECT min(t_ns) AS first, max(t_ns) + 1 AS last FROM power_sample"
        " WHERE trial = :trial)"
        " SELECT channel, source, 1e-9 * (avg(t_ns) - first), avg(power_uw), min(power_uw),"
        " max(power_uw) FROM power_sample, span WHERE trial = :trial"
        " GROUP BY source, channel, (t_ns - first) * 200 / (last - first) ORDER BY 2, 1, 3";
    struct circ_document *document = report->document;
    sqlite3_stmt *statement = NULL;
    char before[128] = "", title[3 * CIRC_PANEL_TEXT];
    int colour = 0;
    enum circ_status status =
        circ_select_first(report->db, sql, row->trial, &statement, drawn, err);
    if (status == CIRC_OK && *drawn) {
        name(title, report, panel, row);
        circ_document_chart(document, CIRC_QUANTITY_POWER, CIRC_TICKS_LINEAR, title,
                            "seconds since the first sample", "power");
    }
    for (bool more = *drawn; status == CIRC_OK && more;) {
        char label[128];
        snprintf(label, sizeof label, "%.63s, %.60s", circ_select_text(statement, 0),
                 circ_select_text(statement, 1));
        if (strcmp(label, before) != 0)
            circ_document_series(document, label, kind_of(row), colour++, 0, CIRC_DRAW_TRACE);
        snprintf(before, sizeof before, "%s", label);
        circ_document_point(document, circ_select_number(statement, 2),
                            circ_select_number(statement, 3), circ_select_number(statement, 4),
                            circ_select_number(statement, 5), "%s", "");
        status = circ_select_next(statement, &more, err);
    }
    sqlite3_finalize(statement);
    return status;
}

static enum circ_status add_numbers(const struct circ_report *report,
                                    const struct circ_panel *panel, const struct circ_row *row,
                                    struct circ_error *err)
{
    struct circ_document *document = report->document;
    sqlite3_stmt *statement = NULL;
    bool more = false;
    enum circ_status status = circ_select_first(
        report->db,
        "SELECT channel, source, count(*), max(t_ns) - min(t_ns), min(power_uw), avg(power_uw),"
        " max(power_uw) FROM power_sample WHERE trial = :trial GROUP BY source, channel"
        " ORDER BY 2, 1",
        row->trial, &statement, &more, err);
    while (status == CIRC_OK && more) {
        static const enum circ_quantity quantities[] = {CIRC_QUANTITY_COUNT, CIRC_QUANTITY_TIME,
                                                        CIRC_QUANTITY_POWER, CIRC_QUANTITY_POWER,
                                                        CIRC_QUANTITY_POWER};
        char text[3 * CIRC_PANEL_TEXT];
        name(text, report, panel, row);
        circ_document_cell(document, "%s", text);
        circ_document_cell(document, "%s", kind_of(row));
        for (int i = 0; i < 2; i++)
            circ_document_cell(document, "%s", circ_select_text(statement, i));
        for (int i = 0; i < 5; i++)
            circ_document_number(document, quantities[i], circ_select_number(statement, 2 + i), NAN,
                                 NAN, "");
        status = circ_select_next(statement, &more, err);
    }
    sqlite3_finalize(statement);
    return status;
}

/* Adds the charts, or the rows of the table, of all points. */
static enum circ_status add_all(const struct circ_report *report, bool charts,
                                struct circ_error *err)
{
    enum circ_status status = CIRC_OK;
    int count = 0;
    for (size_t start = 0; start < report->rows.count && status == CIRC_OK;) {
        struct circ_panel panel = circ_panel_at(&report->rows, start, false);
        for (size_t i = 0; i < panel.count && status == CIRC_OK; i++) {
            bool drawn = false;
            if (!charts)
                status = add_numbers(report, &panel, &panel.rows[i], err);
            else if (count < MOST_CHARTS)
                status = add_chart(report, &panel, &panel.rows[i], &drawn, err);
            count += drawn;
        }
        start += panel.count;
    }
    return status;
}

enum circ_status circ_section_power_add(const struct circ_report *report, struct circ_error *err)
{
    static const char *const names[] = {"point", "kind",  "channel", "source", "samples",
                                        "over",  "least", "mean",    "most"};
    struct circ_document *document = report->document;
    sqlite3_stmt *statement = NULL;
    bool row = false;
    enum circ_status status = circ_select_first(
        report->db,
        "SELECT count(DISTINCT s.trial) FROM power_sample AS s JOIN trial AS t ON t.key = s.trial"
        " WHERE t.campaign = :campaign",
        report->campaign, &statement, &row, err);
    double traces = status == CIRC_OK && row ? circ_select_number(statement, 0) : 0;
    sqlite3_finalize(statement);
    if (traces == 0)
        return status;
    circ_document_section(document, 3, "Power over time");
    circ_document_paragraph(
        document,
        "The energy pass of each point, from its first window to its last; circbench query power "
        "has every sample.%s",
        report->charts ? " Drawn are the mean of short stretches, and the band from their least to "
                         "their greatest sample."
                       : "");
    if (report->charts && traces > MOST_CHARTS)
        circ_document_paragraph(document, "There are charts of the first %d of %.0f points.",
                                MOST_CHARTS, traces);
    status = add_all(report, true, err);
    circ_document_table(document, true, "Numbers of the traces");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        circ_document_column(document, i >= 4, names[i]);
    return status == CIRC_OK ? add_all(report, false, err) : status;
}
