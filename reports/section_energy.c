/* Energy: joules per frame against block size with their source, bound and interval, what follows
 * from them, or the reasons why there are none, each once. Traces are section_power.c's, the meters
 * section_meters.c's. */
#include "reports/panel.h"
#include "reports/sections.h"
#include "reports/select.h"
#include "reports/view.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define FIELD(name) offsetof(struct circ_row, name)

static const struct circ_view views[] = {
    {"Energy of a frame, idle included", "energy (log)", CIRC_QUANTITY_ENERGY,
     FIELD(energy_uj_per_frame), FIELD(energy_uj_ci_low), FIELD(energy_uj_ci_high), NULL,
     FIELD(energy_kind)},
    {"Energy gain over dense", "times less (log)", CIRC_QUANTITY_RATIO, FIELD(energy_gain_vs_dense),
     FIELD(energy_gain_ci_low), FIELD(energy_gain_ci_high), NULL, FIELD(energy_kind)},
    {"Energy-delay product of a frame", "energy x time (log)", CIRC_QUANTITY_EDP, FIELD(edp_uj_ns),
     FIELD(edp_uj_ns_ci_low), FIELD(edp_uj_ns_ci_high), NULL, FIELD(energy_kind)},
};

static bool has_energy(const struct circ_row *row)
{
    return circ_rows_is_ok(row) && isfinite(row->energy_uj_per_frame);
}

/* What an emulated joule is, before any is shown. */
static void add_banner(const struct circ_report *report)
{
    size_t emulated = 0, all = 0;
    for (size_t i = 0; i < report->rows.count; i++) {
        const struct circ_row *row = &report->rows.items[i];
        all += has_energy(row);
        emulated += has_energy(row) && strcmp(row->energy_kind, "emulated") == 0;
    }
    if (emulated == 0)
        return;
    char which[96];
    snprintf(which, sizeof which,
             emulated == all ? "All energy here is emulated" : "Of %zu energies %zu are emulated",
             all, emulated);
    circ_document_note(report->document, CIRC_TONE_WARN,
                       "%s: the counters were those of a replayed or simulated machine. Such "
                       "figures show how the meters work and say nothing about this processor; "
                       "they are never compared with measured ones.",
                       which);
}

static void add_name(struct circ_document *document, const struct circ_panel *panel,
                     const struct circ_row *row)
{
    char label[CIRC_PANEL_TEXT], block[32];
    circ_panel_label(label, panel, row);
    circ_panel_block(block, row);
    circ_document_cell(document, "%s", label);
    circ_document_cell(document, "%s", circ_panel_is_dense(row) ? "none" : block);
}

static void add_columns(struct circ_document *document, const char *const *names, size_t count,
                        size_t text_from)
{
    for (size_t i = 0; i < count; i++)
        circ_document_column(document, i > 0 && i < text_from, names[i]);
}

static void add_joules_row(struct circ_document *document, const struct circ_panel *panel,
                           const struct circ_row *row)
{
    double net = row->energy_net_uj_per_frame;
    bool unit = circ_panel_is_dense(row) && row->energy_gain_vs_dense == 1;
    add_name(document, panel, row);
    circ_document_number(document, CIRC_QUANTITY_ENERGY, row->energy_uj_per_frame,
                         row->energy_uj_ci_low, row->energy_uj_ci_high, "");
    circ_document_number(document, CIRC_QUANTITY_SHARE,
                         row->energy_bound_uj / row->energy_uj_per_frame, NAN, NAN, "");
    circ_document_number(document, CIRC_QUANTITY_ENERGY, row->energy_uj_per_frame - net, NAN, NAN,
                         "");
    circ_document_number(document, CIRC_QUANTITY_ENERGY, net, NAN, NAN, "");
    circ_document_number(document, CIRC_QUANTITY_RATIO, row->energy_gain_vs_dense,
                         unit ? NAN : row->energy_gain_ci_low,
                         unit ? NAN : row->energy_gain_ci_high, unit ? "the baseline" : "");
    circ_document_cell(document, "%s", row->energy_kind);
    if (isfinite(row->energy_windows))
        circ_document_cell(document, "%s, %.0f", row->energy_quality, row->energy_windows);
    else
        circ_document_cell(document, "%s", row->energy_quality);
    circ_document_cell(document, "%s, %s", row->energy_source, row->energy_scope);
}

static void add_joules(struct circ_document *document, const struct circ_panel *panel,
                       const char *title)
{
    static const char *const names[] = {
        "structure",       "block k", "energy per frame", "bound \u00b1",    "of it idle", "net",
        "gain over dense", "kind",    "grade, windows",   "source and scope"};
    char caption[CIRC_PANEL_TEXT + 32];
    snprintf(caption, sizeof caption, "Joules: %s", title);
    circ_document_table(document, false, caption);
    add_columns(document, names, sizeof names / sizeof *names, 7);
    for (size_t i = 0; i < panel->count; i++) {
        if (has_energy(&panel->rows[i]))
            add_joules_row(document, panel, &panel->rows[i]);
    }
}

/* "45.0 -> 61.0 °C"; missing where neither is known. */
static void add_change(struct circ_document *document, double before, double after, double unit,
                       const char *name)
{
    if (!isfinite(before) && !isfinite(after))
        circ_document_missing(document, "");
    else if (isfinite(before) && isfinite(after))
        circ_document_cell(document, "%.3g \u2192 %.3g %s", before / unit, after / unit, name);
    else
        circ_document_cell(document, "%.3g %s %s", isfinite(before) ? before / unit : after / unit,
                           name, isfinite(before) ? "before" : "after");
}

static void add_rates_row(struct circ_document *document, const struct circ_panel *panel,
                          const struct circ_row *row, bool conditions)
{
    add_name(document, panel, row);
    circ_document_number(document, CIRC_QUANTITY_POWER, row->power_uw, row->power_uw_ci_low,
                         row->power_uw_ci_high, "");
    circ_document_number(document, CIRC_QUANTITY_SHARE, row->idle_share, row->idle_share_ci_low,
                         row->idle_share_ci_high, "");
    circ_document_number(document, CIRC_QUANTITY_RATE, row->frames_per_j, row->frames_per_j_ci_low,
                         row->frames_per_j_ci_high, "");
    circ_document_number(document, CIRC_QUANTITY_EDP, row->edp_uj_ns, row->edp_uj_ns_ci_low,
                         row->edp_uj_ns_ci_high, "");
    circ_document_number(document, CIRC_QUANTITY_NUMBER, row->gflops_per_w_executed,
                         row->gflops_per_w_executed_ci_low, row->gflops_per_w_executed_ci_high, "");
    circ_document_number(document, CIRC_QUANTITY_NUMBER, row->gflops_per_w_dense,
                         row->gflops_per_w_dense_ci_low, row->gflops_per_w_dense_ci_high, "");
    if (!conditions)
        return;
    add_change(document, row->temperature_before_mc, row->temperature_after_mc, 1e3, "°C");
    add_change(document, row->frequency_before_khz, row->frequency_after_khz, 1e6, "GHz");
}

static void add_rates(struct circ_document *document, const struct circ_panel *panel,
                      const char *title)
{
    static const char *const names[] = {"structure",
                                        "block k",
                                        "average power",
                                        "idle share",
                                        "frames per joule",
                                        "energy x time",
                                        "GFLOP/s per W executed",
                                        "GFLOP/s per W dense-equivalent",
                                        "temperature",
                                        "frequency"};
    enum { NAMES = sizeof names / sizeof *names };
    char caption[CIRC_PANEL_TEXT + 48];
    bool conditions = false;
    for (size_t i = 0; i < panel->count; i++) {
        const struct circ_row *row = &panel->rows[i];
        conditions |=
            has_energy(row) &&
            (isfinite(row->temperature_before_mc) || isfinite(row->temperature_after_mc) ||
             isfinite(row->frequency_before_khz) || isfinite(row->frequency_after_khz));
    }
    snprintf(caption, sizeof caption, "What follows from them: %s", title);
    circ_document_table(document, true, caption);
    add_columns(document, names, conditions ? NAMES : NAMES - 2, NAMES);
    for (size_t i = 0; i < panel->count; i++) {
        if (has_energy(&panel->rows[i]))
            add_rates_row(document, panel, &panel->rows[i], conditions);
    }
}

static void add_panel(const struct circ_report *report, const struct circ_panel *panel)
{
    char title[CIRC_PANEL_TEXT];
    circ_panel_title(title, &report->rows, panel->rows, true);
    circ_document_section(report->document, 3, title);
    for (size_t i = 0; i < sizeof views / sizeof *views; i++) {
        if (circ_view_has(panel, &views[i]))
            circ_view_add(report->document, panel, &views[i]);
    }
    add_joules(report->document, panel, title);
    add_rates(report->document, panel, title);
}

static size_t add_panels(const struct circ_report *report)
{
    size_t count = 0;
    for (size_t start = 0; start < report->rows.count;) {
        struct circ_panel panel = circ_panel_at(&report->rows, start, false);
        start += panel.count;
        if (!circ_view_has(&panel, &views[0]))
            continue;
        if (count++ == 0)
            circ_document_paragraph(
                report->document,
                "The total of the named scope over whole windows, idle included, divided by the "
                "frames in them: median of the windows and its interval. The bound is the largest "
                "error that ticks, sampling and the sensor allow. Idle is the power of the same "
                "counters with nothing running, over the time of a frame; net is the rest. What is "
                "modelled was added up instead. Gains compare equal kinds and scopes only; the "
                "interval of a gain, a rate or a product is that of its ends, wider than "
                "95\u00a0%%.");
        add_panel(report, &panel);
    }
    return count;
}

/* A list of the texts that a SELECT yields with their numbers of points, under a line that opens
 * it. */
static enum circ_status add_list(const struct circ_report *report, const char *sql,
                                 const char *opening, size_t *count, struct circ_error *err)
{
    struct circ_document *document = report->document;
    sqlite3_stmt *statement = NULL;
    bool row = false;
    enum circ_status status =
        circ_select_first(report->db, sql, report->campaign, &statement, &row, err);
    if (status == CIRC_OK && row) {
        circ_document_paragraph(document, "%s", opening);
        circ_document_list(document);
    }
    for (*count = 0; status == CIRC_OK && row; ++*count) {
        double points = circ_select_number(statement, 1);
        circ_document_item(document, "%s (%.0f point%s)", circ_select_text(statement, 0), points,
                           points == 1 ? "" : "s");
        status = circ_select_next(statement, &row, err);
    }
    sqlite3_finalize(statement);
    return status;
}

enum circ_status circ_section_energy_add(const struct circ_report *report, struct circ_error *err)
{
    size_t remarks, reasons = 0;
    circ_document_section(report->document, 2, "Energy");
    add_banner(report);
    size_t measured = add_panels(report);
    enum circ_status status =
        add_list(report,
                 "SELECT energy_remark, count(*) FROM v_result WHERE campaign_key = :campaign AND"
                 " energy_remark IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1",
                 "What was noticed while measuring:", &remarks, err);
    if (status == CIRC_OK)
        status = add_list(
            report,
            "SELECT coalesce(energy_reason, 'no reason given'), count(*) FROM v_result"
            " WHERE campaign_key = :campaign AND status = 'ok' AND energy_uj_per_frame IS NULL"
            " GROUP BY 1 ORDER BY 2 DESC, 1",
            measured ? "Not measured for the other points:"
                     : "No point has an energy figure, and none is estimated:",
            &reasons, err);
    if (status == CIRC_OK && !reasons && !measured)
        circ_document_paragraph(report->document,
                                "No point has a time, so none has an energy figure.");
    return status;
}
