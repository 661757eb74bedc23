/* Energy: joules per frame with their source, or the reasons why there are none, each once. */
#include "reports/panel.h"
#include "reports/sections.h"
#include "reports/select.h"

#include <math.h>
#include <stdio.h>

static void add_row(const struct circ_report *report, const struct circ_row *row)
{
    struct circ_document *document = report->document;
    struct circ_panel whole = {.rows = row, .count = 1, .apart = 0};
    char title[CIRC_PANEL_TEXT], label[CIRC_PANEL_TEXT], block[32];
    circ_panel_title(title, &report->rows, row, true);
    circ_panel_label(label, &whole, row);
    circ_panel_block(block, row);
    circ_document_cell(document, "%s", title);
    circ_document_cell(document, "%s", label);
    circ_document_cell(document, "%s", circ_panel_is_dense(row) ? "none" : block);
    circ_document_number(document, CIRC_QUANTITY_ENERGY, row->energy_uj_per_frame,
                         row->energy_uj_ci_low, row->energy_uj_ci_high, "");
    circ_document_number(document, CIRC_QUANTITY_RATIO, row->energy_gain_vs_dense, NAN, NAN, "");
    circ_document_cell(document, "%s", row->energy_kind);
    circ_document_cell(document, "%s, %s", row->energy_source, row->energy_scope);
}

static size_t add_rows(const struct circ_report *report)
{
    static const char *const names[] = {"workload",         "structure",       "block k",
                                        "energy per frame", "gain over dense", "kind",
                                        "source and scope"};
    size_t count = 0;
    for (size_t i = 0; i < report->rows.count; i++) {
        const struct circ_row *row = &report->rows.items[i];
        if (!isfinite(row->energy_uj_per_frame))
            continue;
        if (count++ == 0) {
            circ_document_paragraph(
                report->document,
                "The total of the named scope over whole windows, idle included, divided "
                "by the frames in them; what is modelled was added up instead. Gains compare equal "
                "kinds and scopes only.");
            circ_document_table(report->document, false, "");
            for (size_t c = 0; c < sizeof names / sizeof *names; c++)
                circ_document_column(report->document, c >= 2 && c <= 4, names[c]);
        }
        add_row(report, row);
    }
    return count;
}

enum circ_status circ_section_energy_add(const struct circ_report *report, struct circ_error *err)
{
    struct circ_document *document = report->document;
    circ_document_section(document, 2, "Energy");
    size_t measured = add_rows(report);
    sqlite3_stmt *statement = NULL;
    bool row = false;
    enum circ_status status = circ_select_first(
        report->db,
        "SELECT coalesce(energy_reason, 'no reason given'), count(*) FROM v_result"
        " WHERE campaign_key = :campaign AND status = 'ok' AND energy_uj_per_frame IS NULL"
        " GROUP BY 1 ORDER BY 2 DESC, 1",
        report->campaign, &statement, &row, err);
    if (status == CIRC_OK && row) {
        circ_document_paragraph(document,
                                measured ? "Not measured for the other points:"
                                         : "No point has an energy figure, and none is estimated:");
        circ_document_list(document);
    }
    if (status == CIRC_OK && !row && !measured)
        circ_document_paragraph(document, "No point has a time, so none has an energy figure.");
    while (status == CIRC_OK && row) {
        circ_document_item(document, "%s (%.0f points)", circ_select_text(statement, 0),
                           circ_select_number(statement, 1));
        status = circ_select_next(statement, &row, err);
    }
    sqlite3_finalize(statement);
    return status;
}
