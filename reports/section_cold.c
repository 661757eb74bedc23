/* Warm and cold weights side by side, by block: what the caches do for each structure. It is there
 * only where a campaign measured both. */
#include "reports/panel.h"
#include "reports/sections.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static void add_row(struct circ_document *document, const struct circ_panel *panel,
                    const struct circ_row *warm, const struct circ_row *cold)
{
    char label[CIRC_PANEL_TEXT], block[32];
    circ_panel_label(label, panel, warm);
    circ_panel_block(block, warm);
    circ_document_cell(document, "%s", label);
    circ_document_cell(document, "%.0f", warm->batch);
    circ_document_cell(document, "%s", circ_panel_is_dense(warm) ? "none" : block);
    circ_document_number(document, CIRC_QUANTITY_BYTES, warm->weight_bytes, NAN, NAN, "");
    circ_document_number(document, CIRC_QUANTITY_TIME, warm->time_ns_median, warm->time_ns_ci_low,
                         warm->time_ns_ci_high, circ_panel_mark(warm));
    char remark[CIRC_PANEL_TEXT];
    bool other = strcmp(warm->variant, cold->variant) != 0;
    snprintf(remark, sizeof remark, "%s%s%s%s", circ_panel_mark(cold),
             other && circ_panel_mark(cold)[0] ? ", " : "", other ? "with " : "",
             other ? cold->variant : "");
    circ_document_number(document, CIRC_QUANTITY_TIME, cold->time_ns_median, cold->time_ns_ci_low,
                         cold->time_ns_ci_high, remark);
    circ_document_number(document, CIRC_QUANTITY_RATIO, cold->time_ns_median / warm->time_ns_median,
                         cold->time_ns_ci_low / warm->time_ns_ci_high,
                         cold->time_ns_ci_high / warm->time_ns_ci_low, "");
    const struct circ_row *both[] = {warm, cold};
    for (int i = 0; i < 2; i++) {
        const struct circ_row *row = both[i];
        bool unit = circ_panel_is_dense(row) && row->speedup_vs_dense == 1; /* no error of that 1 */
        circ_document_number(document, CIRC_QUANTITY_RATIO, row->speedup_vs_dense,
                             unit ? NAN : row->speedup_ci_low, unit ? NAN : row->speedup_ci_high,
                             unit ? "the baseline" : "");
    }
}

static void add_table(const struct circ_report *report, const struct circ_panel *panel)
{
    static const char *const names[] = {"structure",    "batch",         "block k",
                                        "weight bytes", "warm",          "cold",
                                        "cold / warm",  "speed-up warm", "speed-up cold"};
    struct circ_panel both = circ_panel_any_weights(panel);
    char title[CIRC_PANEL_TEXT];
    circ_panel_title(title, &report->rows, panel->rows, false);
    circ_document_table(report->document, false, title);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        circ_document_column(report->document, i > 0, names[i]);
    for (size_t i = 0; i < panel->count; i++) {
        const struct circ_row *cold = circ_panel_cold(panel, &panel->rows[i]);
        if (cold)
            add_row(report->document, &both, &panel->rows[i], cold);
    }
}

static bool has_both(const struct circ_panel *panel)
{
    for (size_t i = 0; i < panel->count; i++) {
        if (circ_panel_cold(panel, &panel->rows[i]))
            return true;
    }
    return false;
}

void circ_section_cold_add(const struct circ_report *report)
{
    bool begun = false;
    for (size_t start = 0; start < report->rows.count;) {
        struct circ_panel panel = circ_panel_at(&report->rows, start, true);
        start += panel.count;
        if (!has_both(&panel))
            continue;
        if (!begun) {
            circ_document_section(report->document, 2, "Warm and cold weights");
            circ_document_paragraph(
                report->document,
                "Warm: each batch finds the weights where the batch before it left them, which "
                "flatters whatever fits in a cache. Cold: batches take turns over copies of the "
                "weights that fill twice the caches, so that every weight comes from memory; "
                "activations are warm in both. A program that does other things between its "
                "batches lies between these. Each speed-up is over the fastest "
                "dense of its own kind.");
        }
        begun = true;
        add_table(report, &panel);
    }
}
