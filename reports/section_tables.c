/* Tables across panels: speed-up by block size and batch, and throughput of the best of each
 * structure. */
#include "reports/panel.h"
#include "reports/sections.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* First row of each (series, batch) of a whole panel, in order: the columns of its matrix. */
static bool starts_column(const struct circ_panel *panel, const struct circ_row *row)
{
    return !circ_panel_is_dense(row) && circ_rows_is_ok(row) && circ_panel_starts(panel, row);
}

static bool same_block(const struct circ_row *a, const struct circ_row *b)
{
    return a->block == b->block &&
           (a->block_conv == b->block_conv || (isnan(a->block_conv) && isnan(b->block_conv)));
}

/* Orders blocks by k, then by the CONV block; a row without one comes first. */
static bool block_less(const struct circ_row *a, const struct circ_row *b)
{
    if (a->block != b->block)
        return a->block < b->block;
    return (isnan(a->block_conv) ? 0 : a->block_conv) < (isnan(b->block_conv) ? 0 : b->block_conv);
}

/* The next larger block behind after (NULL: the smallest) of the compressed rows; NULL at the end.
 */
static const struct circ_row *next_block(const struct circ_panel *panel,
                                         const struct circ_row *after)
{
    const struct circ_row *found = NULL;
    for (size_t i = 0; i < panel->count; i++) {
        const struct circ_row *row = &panel->rows[i];
        if (!circ_panel_is_dense(row) && (!after || block_less(after, row)) &&
            (!found || block_less(row, found)))
            found = row;
    }
    return found;
}

/* The row of a column's series and batch with this block: an ok one, or one that says why not. */
static const struct circ_row *find(const struct circ_panel *panel, const struct circ_row *column,
                                   const struct circ_row *block)
{
    const struct circ_row *failed = NULL;
    for (size_t i = 0; i < panel->count; i++) {
        const struct circ_row *row = &panel->rows[i];
        if (row->batch != column->batch || !same_block(row, block) ||
            strcmp(row->structure, column->structure) != 0)
            continue;
        if (circ_rows_is_ok(row) && circ_panel_same(panel, row, column))
            return row;
        failed = circ_rows_is_ok(row) ? failed : row;
    }
    return failed;
}

static double best_of(const struct circ_panel *panel, const struct circ_row *column)
{
    double best = NAN;
    for (size_t i = 0; i < panel->count; i++) {
        const struct circ_row *row = &panel->rows[i];
        if (circ_rows_is_ok(row) && row->batch == column->batch &&
            circ_panel_same(panel, row, column))
            best = fmax(best, row->speedup_vs_dense);
    }
    return best;
}

static void add_matrix_row(struct circ_document *document, const struct circ_panel *panel,
                           const struct circ_row *block)
{
    char text[32];
    circ_panel_block(text, block);
    circ_document_cell(document, "%s", text);
    const struct circ_row *weights = NULL;
    for (size_t i = 0; i < panel->count && !weights; i++) {
        const struct circ_row *row = &panel->rows[i];
        if (strcmp(row->structure, "circulant") == 0 && same_block(row, block) &&
            isfinite(row->weight_bytes))
            weights = row;
    }
    circ_document_number(document, CIRC_QUANTITY_BYTES, weights ? weights->weight_bytes : NAN, NAN,
                         NAN, "");
    circ_document_number(document, CIRC_QUANTITY_RATIO, weights ? weights->compression : NAN, NAN,
                         NAN, "");
    for (size_t i = 0; i < panel->count; i++) {
        const struct circ_row *column = &panel->rows[i];
        if (!starts_column(panel, column))
            continue;
        const struct circ_row *row = find(panel, column, block);
        if (!row || !circ_rows_is_ok(row)) {
            circ_document_missing(document, row ? row->status : "");
            continue;
        }
        circ_document_number(document, CIRC_QUANTITY_RATIO, row->speedup_vs_dense,
                             row->speedup_ci_low, row->speedup_ci_high,
                             isfinite(row->speedup_vs_dense) ? circ_panel_mark(row)
                                                             : "no dense row");
        if (row->speedup_vs_dense == best_of(panel, column))
            circ_document_strong(document);
    }
}

static void add_matrix(const struct circ_report *report, const struct circ_panel *panel)
{
    struct circ_document *document = report->document;
    char title[CIRC_PANEL_TEXT];
    circ_panel_title(title, &report->rows, panel->rows, false);
    circ_document_table(document, false, title);
    circ_document_column(document, true, "block k");
    circ_document_column(document, true, "circulant weights");
    circ_document_column(document, true, "fewer weights");
    for (size_t i = 0; i < panel->count; i++) {
        if (!starts_column(panel, &panel->rows[i]))
            continue;
        char label[CIRC_PANEL_TEXT], column[CIRC_PANEL_TEXT + 32];
        circ_panel_label(label, panel, &panel->rows[i]);
        snprintf(column, sizeof column, "%s, batch %.0f", label, panel->rows[i].batch);
        circ_document_column(document, true, column);
    }
    for (const struct circ_row *block = next_block(panel, NULL); block;
         block = next_block(panel, block))
        add_matrix_row(document, panel, block);
}

static void add_throughput_row(struct circ_document *document, const struct circ_report *report,
                               const struct circ_panel *panel, const struct circ_row *row)
{
    char title[CIRC_PANEL_TEXT], label[CIRC_PANEL_TEXT], block[32];
    circ_panel_title(title, &report->rows, row, true);
    circ_panel_label(label, panel, row);
    circ_panel_block(block, row);
    circ_document_cell(document, "%s", title);
    circ_document_cell(document, "%s", label);
    circ_document_cell(document, "%s", circ_panel_is_dense(row) ? "none" : block);
    circ_document_number(document, CIRC_QUANTITY_TIME, row->time_ns_median, row->time_ns_ci_low,
                         row->time_ns_ci_high, circ_panel_mark(row));
    double batch_ns = row->batch * 1e9;
    circ_document_number(document, CIRC_QUANTITY_RATE, row->frames_per_s,
                         batch_ns / row->time_ns_ci_high, batch_ns / row->time_ns_ci_low, "");
    circ_document_number(document, CIRC_QUANTITY_NUMBER, row->gflops_executed, NAN, NAN, "");
    circ_document_number(document, CIRC_QUANTITY_NUMBER, row->gflops_dense, NAN, NAN, "");
    circ_document_number(document, CIRC_QUANTITY_BYTES, row->weight_bytes, NAN, NAN, "");
    if (isfinite(row->accuracy_top1))
        circ_document_cell(document, "%.2f %%", 100 * row->accuracy_top1);
    else
        circ_document_missing(document, "");
}

static void add_throughput(const struct circ_report *report)
{
    struct circ_document *document = report->document;
    circ_document_section(document, 2, "Whole networks, end to end");
    circ_document_paragraph(document,
                            "The fastest row of each structure, the whole workload from input to "
                            "output with activations staying on the device. The two rates count "
                            "what was really computed and what dense would have computed.");
    circ_document_table(document, false, "");
    static const char *const names[] = {"workload",
                                        "structure",
                                        "block k",
                                        "time of a batch",
                                        "frames/s",
                                        "GFLOP/s executed",
                                        "GFLOP/s dense-equivalent",
                                        "weight bytes",
                                        "top-1 accuracy"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        circ_document_column(document, i >= 2, names[i]);
    for (size_t start = 0; start < report->rows.count;) {
        struct circ_panel panel = circ_panel_at(&report->rows, start, false);
        for (size_t i = 0; i < panel.count; i++) {
            const struct circ_row *first = &panel.rows[i], *best = first;
            if (!circ_rows_is_ok(first) || !circ_panel_is_first(&panel, first))
                continue;
            for (size_t j = i; j < panel.count; j++) {
                const struct circ_row *row = &panel.rows[j];
                if (circ_rows_is_ok(row) && circ_panel_same(&panel, row, first) &&
                    row->time_ns_median < best->time_ns_median)
                    best = row;
            }
            add_throughput_row(document, report, &panel, best);
        }
        start += panel.count;
    }
}

void circ_section_tables_add(const struct circ_report *report)
{
    circ_document_section(report->document, 2, "Speed-up by block size and batch");
    circ_document_paragraph(
        report->document,
        "Times faster than the fastest dense row with the same batch, device, threads "
        "and precision; the best of each column stands out. A dash was not measured.");
    for (size_t start = 0; start < report->rows.count;) {
        struct circ_panel panel = circ_panel_at(&report->rows, start, true);
        if (next_block(&panel, NULL))
            add_matrix(report, &panel);
        start += panel.count;
    }
    add_throughput(report);
}
