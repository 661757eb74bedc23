/* The picture at a glance: time, speed-up and weights against block size, with the table of every
 * number drawn. The drawing itself is chart.js's. */
#include "reports/panel.h"
#include "reports/render.h"
#include "reports/sections.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* What one chart of a panel shows. */
struct view {
    const char *title, *y_title;
    enum circ_quantity quantity;
    size_t value, low, high; /* offsets in struct circ_row; low == value: no interval */
    const char *kind;        /* NULL: the row's */
};

static const struct view views[] = {
    {"Time of a batch", "time (log)", CIRC_QUANTITY_TIME, offsetof(struct circ_row, time_ns_median),
     offsetof(struct circ_row, time_ns_ci_low), offsetof(struct circ_row, time_ns_ci_high), NULL},
    {"Speed-up over dense", "times faster (log)", CIRC_QUANTITY_RATIO,
     offsetof(struct circ_row, speedup_vs_dense), offsetof(struct circ_row, speedup_ci_low),
     offsetof(struct circ_row, speedup_ci_high), NULL},
    {"Weight bytes", "bytes (log)", CIRC_QUANTITY_BYTES, offsetof(struct circ_row, weight_bytes),
     offsetof(struct circ_row, weight_bytes), offsetof(struct circ_row, weight_bytes), "counted"},
};

static double value_at(const struct circ_row *row, size_t offset)
{
    return *(const double *)((const char *)row + offset);
}

/* Circles are circulant, squares pruned, triangles any other structure. */
static int shape_of(const struct circ_row *row)
{
    return strcmp(row->structure, "circulant") == 0 ? 0
           : strcmp(row->structure, "pruned") == 0  ? 1
                                                    : 2;
}

static void add_point(struct circ_document *document, const struct view *view, const char *label,
                      const struct circ_row *row)
{
    double value = value_at(row, view->value), low = NAN, high = NAN;
    /* The fastest dense row is 1 by definition; its own interval is no error of that 1. */
    bool unit = circ_panel_is_dense(row) && view->quantity == CIRC_QUANTITY_RATIO && value == 1;
    if (view->low != view->value && !unit) {
        low = value_at(row, view->low);
        high = value_at(row, view->high);
    }
    char text[CIRC_HUMAN_SIZE], block[32];
    circ_human_format(text, view->quantity, value, low, high);
    circ_panel_block(block, row);
    const char *kind = view->kind ? view->kind : row->kind;
    if (circ_panel_is_dense(row))
        circ_document_point(document, row->block, value, low, high, "%s: %s, %s", label, text,
                            kind);
    else
        circ_document_point(document, row->block, value, low, high, "%s, k = %s: %s, %s", label,
                            block, text, kind);
}

/* Whether an earlier row of the series, with a value, has this row's block. */
static bool has_block(const struct circ_panel *panel, const struct circ_row *first,
                      const struct circ_row *row, const struct view *view)
{
    for (const struct circ_row *other = first; other < row; other++) {
        if (circ_rows_is_ok(other) && circ_panel_same(panel, first, other) &&
            other->block == row->block && isfinite(value_at(other, view->value)))
            return true;
    }
    return false;
}

static void add_chart(struct circ_document *document, const struct circ_panel *panel,
                      const struct view *view)
{
    int next_colour = 2;
    bool used[2] = {false, false};
    circ_document_chart(document, view->quantity, CIRC_TICKS_AT_POINTS, view->title,
                        "block size k (log)", view->y_title);
    for (size_t i = 0; i < panel->count; i++) {
        const struct circ_row *first = &panel->rows[i];
        if (!circ_rows_is_ok(first) || !circ_panel_is_first(panel, first))
            continue;
        int shape = shape_of(first), colour = -1;
        if (!circ_panel_is_dense(first)) {
            colour = shape < 2 && !used[shape] ? shape : next_colour++;
            if (shape < 2)
                used[shape] = true;
        }
        char label[CIRC_PANEL_TEXT];
        circ_panel_label(label, panel, first);
        circ_document_series(document, label, view->kind ? view->kind : first->kind, colour, shape,
                             circ_panel_is_dense(first) ? CIRC_DRAW_LEVEL : CIRC_DRAW_LINE);
        for (const struct circ_row *row = first; row < panel->rows + panel->count; row++) {
            if (!circ_rows_is_ok(row) || !circ_panel_same(panel, first, row) ||
                !isfinite(value_at(row, view->value)))
                continue;
            /* Counted figures are the same however the block was run: one mark for each block. */
            if (!view->kind || !has_block(panel, first, row, view))
                add_point(document, view, label, row);
        }
    }
}

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

static bool has_speedup(const struct circ_panel *panel)
{
    for (size_t i = 0; i < panel->count; i++) {
        if (isfinite(panel->rows[i].speedup_vs_dense))
            return true;
    }
    return false;
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
    bool speedup = has_speedup(panel);
    for (size_t i = 0; i < sizeof views / sizeof *views; i++) {
        struct circ_panel drawn = views[i].kind ? circ_panel_counted(panel) : *panel;
        if (speedup || views[i].quantity != CIRC_QUANTITY_RATIO)
            add_chart(report->document, &drawn, &views[i]);
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
