/* What a model predicts for hardware that is not here, and what others have published for such
 * hardware: side by side, and never divided by one another. */
#include "reports/sections.h"
#include "reports/select.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { WORDS = 6 }; /* columns of text before those of numbers */

static void add_row(struct circ_document *document, sqlite3_stmt *statement)
{
    static const enum circ_quantity quantities[] = {CIRC_QUANTITY_TIME,   CIRC_QUANTITY_ENERGY,
                                                    CIRC_QUANTITY_POWER,  CIRC_QUANTITY_NUMBER,
                                                    CIRC_QUANTITY_NUMBER, CIRC_QUANTITY_RATIO};
    for (int i = 0; i < WORDS; i++)
        circ_document_cell(document, "%s", circ_select_text(statement, i));
    for (size_t i = 0; i < sizeof quantities / sizeof *quantities; i++) {
        double value = circ_select_number(statement, WORDS + (int)i);
        if (isfinite(value))
            circ_document_number(document, quantities[i], value, NAN, NAN, "");
        else
            circ_document_missing(document, "");
    }
}

static void begin(struct circ_document *document)
{
    static const char *const names[] = {"workload",        "device",
                                        "structure",       "precision",
                                        "P and D",         "bound by",
                                        "time of a batch", "energy per frame",
                                        "power",           "dense-equivalent GOP/s",
                                        "GOP/s/W",         "speed-up over modelled dense"};
    circ_document_section(document, 2, "Modelled, not measured");
    circ_document_paragraph(
        document, "Hardware that is not here, by a model: operations, words and bytes are counted, "
                  "cycles and joules follow from the figures of the device, some of which are "
                  "assumptions (circbench devices -b model shows each with its source or "
                  "reasoning). P butterflies stand side by side, D stages of a transform are in "
                  "flight: the fastest pair that fits the device and its power budget. The answers "
                  "were computed here, in the same fixed point, and verified.");
    circ_document_table(document, false, "");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        circ_document_column(document, i >= WORDS, names[i]);
}

/* Figures that speak of a modelled workload, or of CirCNN itself. */
static enum circ_status add_quoted(const struct circ_report *report, struct circ_error *err)
{
    static const char *const names[] = {"system",       "what",   "device", "process",
                                        "how obtained", "source", "value"};
    struct circ_document *document = report->document;
    sqlite3_stmt *statement = NULL;
    bool row = false;
    enum circ_status status = circ_select_first(
        report->db,
        "SELECT system || coalesce(', ' || workload, ''), metric, coalesce(device_kind, ''),"
        " coalesce(CAST(process_nm AS INTEGER) || ' nm', ''), obtained,"
        " source || coalesce(', ' || place, ''), printf('%g %s', value, unit) FROM quoted WHERE"
        " workload IS NULL OR workload IN (SELECT workload FROM v_result WHERE"
        " campaign_key = :campaign AND kind = 'modelled') ORDER BY system, workload, metric",
        report->campaign, &statement, &row, err);
    if (status == CIRC_OK && row) {
        circ_document_paragraph(
            document, "What others have published is quoted below for comparison by eye: other "
                      "designs, other counts of what is included, other networks where none is "
                      "named. Nothing here is divided by it.");
        circ_document_table(document, false, "Quoted from the literature");
        for (size_t i = 0; i < sizeof names / sizeof *names; i++)
            circ_document_column(document, i == 6, names[i]);
    }
    while (status == CIRC_OK && row) {
        for (int i = 0; i < 7; i++)
            circ_document_cell(document, "%s", circ_select_text(statement, i));
        status = circ_select_next(statement, &row, err);
    }
    sqlite3_finalize(statement);
    return status;
}

enum circ_status circ_section_modelled_add(const struct circ_report *report, struct circ_error *err)
{
    sqlite3_stmt *statement = NULL;
    bool row = false, any = false;
    /* 1 uJ a ns is 1000 W, in uW; 10^9 operations a second over W */
    enum circ_status status = circ_select_first(
        report->db,
        "SELECT workload || ', batch ' || batch, device, CASE structure WHEN 'dense' THEN 'dense'"
        " ELSE structure || ', k = ' || block || CASE WHEN block_conv <> block THEN '/' ||"
        " block_conv ELSE '' END END, precision, coalesce(tuning, ''), coalesce(roof_bound, ''),"
        " time_ns_median, energy_uj_per_frame,"
        " energy_uj_per_frame * batch / time_ns_median * 1e9, gflops_dense,"
        " gflops_dense / (energy_uj_per_frame * batch / time_ns_median * 1e3), speedup_vs_dense"
        " FROM v_result WHERE campaign_key = :campaign AND status = 'ok' AND kind = 'modelled'"
        " ORDER BY workload, batch, device, precision, structure = 'dense' DESC, block, block_conv",
        report->campaign, &statement, &row, err);
    while (status == CIRC_OK && row) {
        if (!any)
            begin(report->document);
        any = true;
        add_row(report->document, statement);
        status = circ_select_next(statement, &row, err);
    }
    sqlite3_finalize(statement);
    return any && status == CIRC_OK ? add_quoted(report, err) : status;
}
