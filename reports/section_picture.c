/* The picture at a glance: time, speed-up and weights against block size, with the table of every
 * number drawn. The drawing itself is chart.js's. */
#include "reports/panel.h"
#include "reports/render.h"
#include "reports/sections.h"
#include "reports/view.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { SPEEDUP = 1 }; /* its place in views */

static const struct circ_view views[] = {
    {"Time of a batch", "time (log)", CIRC_QUANTITY_TIME, offsetof(struct circ_row, time_ns_median),
     offsetof(struct circ_row, time_ns_ci_low), offsetof(struct circ_row, time_ns_ci_high), NULL,
     offsetof(struct circ_row, kind)},
    {"Speed-up over dense", "times faster (log)", CIRC_QUANTITY_RATIO,
     offsetof(struct circ_row, speedup_vs_dense), offsetof(struct circ_row, speedup_ci_low),
     offsetof(struct circ_row, speedup_ci_high), NULL, offsetof(struct circ_row, kind)},
    {"Weight bytes", "bytes (log)", CIRC_QUANTITY_BYTES, offsetof(struct circ_row, weight_bytes),
     offsetof(struct circ_row, weight_bytes), offsetof(struct circ_row, weight_bytes), "counted",
     0},
};

static void add_table(struct circ_document *document, const struct circ_panel *panel,
                      const char *title)
{
    char caption[CIRC_PANEL_TEXT + 64];
    snprintf(caption, sizeof caption, "Numbers of the charts: %s", title);
    circ_document_table(document, true, caption);
    circ_document_column(document, false, "structure");
    circ_document_column(document, true, "block k");
    circ_document_column(document, true, "time of a batch");
    circ_document_column(document, true, "speed-up over dense");
    circ_document_column(document, true, "weight bytes");
    circ_document_column(document, true, "fewer weights");
    circ_document_column(document, false, "kind");
    for (size_t i = 0; i < panel->count; i++) {
        const struct circ_row *row = &panel->rows[i];
        if (!circ_rows_is_ok(row))
            continue;
        char label[CIRC_PANEL_TEXT], block[32];
        bool dense = circ_panel_is_dense(row);
        circ_panel_label(label, panel, row);
        circ_panel_block(block, row);
        circ_document_cell(document, "%s", label);
        circ_document_cell(document, "%s", dense ? "none" : block);
        circ_document_number(document, CIRC_QUANTITY_TIME, row->time_ns_median, row->time_ns_ci_low,
                             row->time_ns_ci_high,
                             strcmp(row->stop_reason, "timeout") == 0 ? "stopped by the timeout"
                                                                      : "");
        bool unit = dense && row->speedup_vs_dense == 1;
        circ_document_number(document, CIRC_QUANTITY_RATIO, row->speedup_vs_dense,
                             unit ? NAN : row->speedup_ci_low, unit ? NAN : row->speedup_ci_high,
                             unit ? "the baseline" : "");
        circ_document_number(document, CIRC_QUANTITY_BYTES, row->weight_bytes, NAN, NAN, "");
        circ_document_number(document, CIRC_QUANTITY_RATIO, row->compression, NAN, NAN, "");
        circ_document_cell(document, "%s", row->kind);
    }
}

static bool has_time(const struct circ_panel *panel)
{
    for (size_t i = 0; i < panel->count; i++) {
        if (circ_rows_is_ok(&panel->rows[i]))
            return true;
    }
    return false;
}

static void add_panel(const struct circ_report *report, const struct circ_panel *panel)
{
    char title[CIRC_PANEL_TEXT];
    circ_panel_title(title, &report->rows, panel->rows, true);
    circ_document_section(report->document, 3, title);
    if (!has_time(panel)) {
        circ_document_paragraph(report->document,
                                "Nothing here has a time; the reasons are under \"Not measured\".");
        return;
    }
    bool speedup = circ_view_has(panel, &views[SPEEDUP]);
    for (size_t i = 0; i < sizeof views / sizeof *views; i++) {
        struct circ_panel drawn = views[i].kind ? circ_panel_counted(panel) : *panel;
        if (i != SPEEDUP || speedup)
            circ_view_add(report->document, &drawn, &views[i]);
    }
    add_table(report->document, panel, title);
    if (!speedup)
        circ_document_note(report->document, CIRC_TONE_WARN,
                           "No dense baseline was measured with the same threads and precision "
                           "(the plain loops of "
                           "ref are none), so there is no speed-up to show.");
}

void circ_section_picture_add(const struct circ_report *report)
{
    const char *reason;
    circ_document_section(report->document, 2, "At a glance");
    if (report->charts)
        circ_document_paragraph(
            report->document,
            "Axes are logarithmic. Bars are 95\u00a0%% intervals, often smaller than the "
            "mark. Filled marks and solid lines are measured (weight bytes: counted), "
            "hollow marks and dashed lines are emulated or modelled. Dense has no block "
            "size: it is the horizontal line.");
    else if (circ_render_html_has_charts(&reason))
        circ_document_paragraph(report->document, "The HTML report draws these numbers as charts.");
    else
        circ_document_note(
            report->document, CIRC_TONE_PLAIN,
            "There are no charts: this program was %s. The tables hold the same numbers.", reason);
    for (size_t start = 0; start < report->rows.count;) {
        struct circ_panel panel = circ_panel_at(&report->rows, start, false);
        add_panel(report, &panel);
        start += panel.count;
    }
}
