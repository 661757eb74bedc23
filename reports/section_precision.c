/* What fewer bits of stored weights give: the time and the error of each such row beside the same
 * point in f32. */
#include "reports/panel.h"
#include "reports/sections.h"

#include <math.h>
#include <string.h>

static bool is_wide(const struct circ_row *row)
{
    return strcmp(row->precision, "f32") == 0;
}

static bool same_number(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

/* The same point in f32; NULL where that was not measured. */
static const struct circ_row *twin_of(const struct circ_rows *rows, const struct circ_row *row)
{
    for (size_t i = 0; i < rows->count; i++) {
        const struct circ_row *twin = &rows->items[i];
        const char *const pairs[][2] = {
            {twin->workload, row->workload}, {twin->backend, row->backend},
            {twin->device, row->device},     {twin->structure, row->structure},
            {twin->variant, row->variant},   {twin->isa, row->isa},
            {twin->pass, row->pass},         {twin->weights, row->weights},
            {twin->kind, row->kind}};
        bool same = is_wide(twin) && circ_rows_is_ok(twin) && twin->block == row->block &&
                    same_number(twin->block_conv, row->block_conv) && twin->batch == row->batch &&
                    twin->threads == row->threads;
        for (size_t p = 0; p < sizeof pairs / sizeof *pairs && same; p++)
            same = strcmp(pairs[p][0], pairs[p][1]) == 0;
        if (same)
            return twin;
    }
    return NULL;
}

static void add_row(const struct circ_report *report, const struct circ_panel *panel,
                    const struct circ_row *row, const struct circ_row *twin)
{
    struct circ_document *document = report->document;
    char title[CIRC_PANEL_TEXT], label[CIRC_PANEL_TEXT], block[32];
    circ_panel_title(title, &report->rows, row, true);
    circ_panel_label(label, panel, row);
    circ_panel_block(block, row);
    circ_document_cell(document, "%s", title);
    circ_document_cell(document, "%s", label);
    circ_document_cell(document, "%s", block);
    circ_document_number(document, CIRC_QUANTITY_TIME, twin->time_ns_median, twin->time_ns_ci_low,
                         twin->time_ns_ci_high, circ_panel_mark(twin));
    circ_document_number(document, CIRC_QUANTITY_TIME, row->time_ns_median, row->time_ns_ci_low,
                         row->time_ns_ci_high, circ_panel_mark(row));
    circ_document_number(document, CIRC_QUANTITY_RATIO, twin->time_ns_median / row->time_ns_median,
                         twin->time_ns_ci_low / row->time_ns_ci_high,
                         twin->time_ns_ci_high / row->time_ns_ci_low, "");
    circ_document_number(document, CIRC_QUANTITY_NUMBER, twin->rel_rms_error, NAN, NAN, "");
    circ_document_number(document, CIRC_QUANTITY_NUMBER, row->rel_rms_error, NAN, NAN, "");
    circ_document_number(document, CIRC_QUANTITY_NUMBER, row->error_bound, NAN, NAN, "");
}

static void begin(struct circ_document *document)
{
    static const char *const names[] = {"workload",     "structure", "block k",
                                        "time in f32",  "time",      "times faster than f32",
                                        "error in f32", "error",     "its bound"};
    circ_document_section(document, 2, "Fewer bits for the weights");
    circ_document_paragraph(
        document, "The same point with weights stored in fewer bits and in 32. In bf16 arithmetic "
                  "is in f32 either way, and what streams from memory may take half the "
                  "time; q16, q12 and q8 compute in fixed point of 16, 12 and 8 bits. The error is "
                  "the relative root mean square against the double "
                  "oracle, which keeps its weights whole.");
    circ_document_table(document, false, "");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        circ_document_column(document, i >= 2, names[i]);
}

void circ_section_precision_add(const struct circ_report *report)
{
    bool begun = false;
    for (size_t start = 0; start < report->rows.count;) {
        struct circ_panel panel = circ_panel_at(&report->rows, start, true);
        for (size_t i = 0; i < panel.count; i++) {
            const struct circ_row *row = &panel.rows[i];
            const struct circ_row *twin =
                circ_rows_is_ok(row) && !is_wide(row) ? twin_of(&report->rows, row) : NULL;
            if (!twin)
                continue;
            if (!begun)
                begin(report->document);
            begun = true;
            add_row(report, &panel, row, twin);
        }
        start += panel.count;
    }
}
