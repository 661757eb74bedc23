/* How near each point comes to what the machine could do at best: its share of the roof by block,
 * and the roofline with the points under it. The roofs are columns of v_result, the ceilings those
 * of v_ceiling; nothing is measured here. */
#include "backends/core/ceiling.h"
#include "reports/panel.h"
#include "reports/sections.h"
#include "reports/select.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const levels[] = {"L1", "L2", "L3", "dram", "memory"};
enum { LEVELS = sizeof levels / sizeof *levels };

/* What one device can do with one ISA row and thread count. */
struct limit {
    char device[96], isa[32];
    double threads;
    double peak, fork_ns; /* GFLOP/s; NaN: unknown */
    double reads[LEVELS]; /* GB/s in the middle of each level; NaN: it has none */
    double values[LEVELS][CIRC_MAX_CEILINGS]; /* GB/s of all sizes of a level, as they come */
    int counts[LEVELS];
};

struct limits {
    struct limit *items; /* owned */
    int count;
};

static bool has_roof(const struct circ_row *row)
{
    return circ_rows_is_ok(row) && isfinite(row->roof_fraction);
}

static void take(struct limit *limit, const char *metric, const char *level, double value)
{
    if (strcmp(metric, "fma_f32") == 0)
        limit->peak = value;
    if (strcmp(metric, "fork_join") == 0)
        limit->fork_ns = value;
    for (int i = 0; i < LEVELS; i++) {
        if (strcmp(metric, "read") == 0 && strcmp(level, levels[i]) == 0 &&
            limit->counts[i] < CIRC_MAX_CEILINGS)
            limit->values[i][limit->counts[i]++] = value;
    }
}

/* The bandwidth of a level is that of the middle one of its sizes: the first ones profit from the
 * level before, the last ones already pay for the next. The reads come by rising size. */
static void settle(struct limits *limits)
{
    for (int l = 0; l < limits->count; l++) {
        struct limit *limit = &limits->items[l];
        for (int i = 0; i < LEVELS; i++)
            limit->reads[i] = limit->counts[i] ? limit->values[i][limit->counts[i] / 2] : NAN;
    }
}

/* A further limit; NULL without memory. */
static struct limit *add_limit(struct limits *limits, const char *device, const char *isa,
                               double threads)
{
    if ((limits->count & (limits->count - 1)) == 0) {
        size_t capacity = limits->count ? 2 * (size_t)limits->count : 1;
        struct limit *items = realloc(limits->items, capacity * sizeof *items);
        if (!items)
            return NULL;
        limits->items = items;
    }
    struct limit *limit = &limits->items[limits->count++];
    *limit = (struct limit){.threads = threads, .peak = NAN, .fork_ns = NAN};
    snprintf(limit->device, sizeof limit->device, "%s", device);
    snprintf(limit->isa, sizeof limit->isa, "%s", isa);
    return limit;
}

/* The ceilings of the campaign's host. Free limits->items, also after a failure. */
static enum circ_status load(struct limits *limits, const struct circ_report *report,
                             struct circ_error *err)
{
    sqlite3_stmt *statement = NULL;
    bool row = false;
    enum circ_status status =
        circ_select_first(report->db,
                          "SELECT d.name, v.isa, v.threads, v.metric, v.level, v.value"
                          " FROM v_ceiling AS v JOIN device AS d ON d.key = v.device_key"
                          " WHERE d.host = (SELECT host FROM campaign WHERE key = :campaign)"
                          " ORDER BY d.name, v.isa, v.threads, v.metric, v.bytes",
                          report->campaign, &statement, &row, err);
    while (status == CIRC_OK && row) {
        const char *device = circ_select_text(statement, 0), *isa = circ_select_text(statement, 1);
        double threads = circ_select_number(statement, 2);
        struct limit *limit = limits->count ? &limits->items[limits->count - 1] : NULL;
        if (!limit || limit->threads != threads || strcmp(limit->device, device) != 0 ||
            strcmp(limit->isa, isa) != 0)
            limit = add_limit(limits, device, isa, threads);
        if (!limit) {
            status = circ_status_fail(err, CIRC_MEMORY, "report: out of memory");
            break;
        }
        take(limit, circ_select_text(statement, 3), circ_select_text(statement, 4),
             circ_select_number(statement, 5));
        status = circ_select_next(statement, &row, err);
    }
    sqlite3_finalize(statement);
    settle(limits);
    return status;
}

/* The ceilings that the row's roof comes from; NULL where they are gone. A library chose its own
 * instructions, and is held to the best there are. */
static const struct limit *limit_of(const struct limits *limits, const struct circ_row *row)
{
    const struct limit *found = NULL;
    for (int l = 0; l < limits->count && has_roof(row); l++) {
        const struct limit *limit = &limits->items[l];
        if (row->threads == limit->threads && strcmp(row->device, limit->device) == 0 &&
            (!row->isa[0] || strcmp(row->isa, limit->isa) == 0) &&
            (!found || limit->peak > found->peak))
            found = limit;
    }
    return found;
}

static double intensity_of(const struct circ_row *row)
{
    return row->flop_roof * row->batch / row->roof_bytes;
}

static double rate_of(const struct circ_row *row)
{
    return row->flop_roof * row->batch / row->time_ns_median;
}

static int shape_of(const struct circ_row *row)
{
    return strcmp(row->structure, "circulant") == 0 ? 0
           : strcmp(row->structure, "pruned") == 0  ? 1
           : circ_panel_is_dense(row)               ? 3
                                                    : 2;
}

static void label_of(char text[CIRC_PANEL_TEXT + 32], const struct circ_panel *panel,
                     const struct circ_row *row)
{
    char label[CIRC_PANEL_TEXT];
    circ_panel_label(label, panel, row);
    snprintf(text, CIRC_PANEL_TEXT + 32, "%s, batch %.0f", label, row->batch);
}

static void add_share_point(struct circ_document *document, const char *label,
                            const struct circ_row *row)
{
    double low = row->roof_time_ns / row->time_ns_ci_high;
    double high = row->roof_time_ns / row->time_ns_ci_low;
    char text[CIRC_HUMAN_SIZE], block[32];
    circ_human_format(text, CIRC_QUANTITY_SHARE, row->roof_fraction, low, high);
    circ_panel_block(block, row);
    circ_document_point(document, row->block, row->roof_fraction, low, high,
                        "%s, k = %s: %s of the roof, which is %s", label, block, text,
                        row->roof_bound);
}

/* Dense has no block: it is in the roofline and in the table. */
static void add_shares(struct circ_document *document, const struct circ_panel *panel)
{
    int colour = 0;
    circ_document_chart(document, CIRC_QUANTITY_SHARE, CIRC_TICKS_AT_POINTS, "Share of the roof",
                        "block size k (log)", "time of the roof / time");
    for (size_t i = 0; i < panel->count; i++) {
        const struct circ_row *first = &panel->rows[i];
        char label[CIRC_PANEL_TEXT + 32];
        if (circ_panel_is_dense(first) || !has_roof(first) || !circ_panel_starts(panel, first))
            continue;
        label_of(label, panel, first);
        circ_document_series(document, label, first->kind, colour++, shape_of(first),
                             CIRC_DRAW_LINE);
        for (const struct circ_row *row = first; row < panel->rows + panel->count; row++) {
            if (has_roof(row) && row->batch == first->batch && circ_panel_same(panel, first, row))
                add_share_point(document, label, row);
        }
    }
}

/* The lines that no point can be above: the peak, and below it each level's bandwidth. */
static void add_bounds(struct circ_document *document, const struct limit *limit, double low,
                       double high)
{
    double ridge = high;
    for (int i = 0; i < LEVELS; i++) {
        double bandwidth = limit->reads[i], end = fmin(limit->peak / bandwidth, high);
        if (!isfinite(bandwidth) || end <= low)
            continue;
        char label[64];
        snprintf(label, sizeof label, "%s %.3g GB/s", levels[i], bandwidth);
        circ_document_series(document, label, "measured", -1, 0, CIRC_DRAW_BOUND);
        circ_document_point(document, low, bandwidth * low, NAN, NAN, "%s", label);
        circ_document_point(document, end, bandwidth * end, NAN, NAN, "%s", label);
        ridge = fmin(ridge, end);
    }
    char label[64];
    snprintf(label, sizeof label, "peak %.3g GFLOP/s", limit->peak);
    circ_document_series(document, label, "measured", -1, 0, CIRC_DRAW_BOUND);
    circ_document_point(document, ridge, limit->peak, NAN, NAN, "%s", label);
    circ_document_point(document, high, limit->peak, NAN, NAN, "%s", label);
}

static void add_points(struct circ_document *document, const struct circ_panel *panel,
                       const struct limits *limits, const struct limit *limit)
{
    int colour = 0;
    for (size_t i = 0; i < panel->count; i++) {
        const struct circ_row *first = &panel->rows[i];
        char label[CIRC_PANEL_TEXT + 32];
        if (!has_roof(first) || !circ_panel_starts(panel, first))
            continue;
        int own = circ_panel_is_dense(first) ? -1 : colour++; /* as in the chart beside it */
        if (limit_of(limits, first) != limit)
            continue;
        label_of(label, panel, first);
        circ_document_series(document, label, first->kind, own, shape_of(first), CIRC_DRAW_POINTS);
        for (const struct circ_row *row = first; row < panel->rows + panel->count; row++) {
            if (limit_of(limits, row) != limit || row->batch != first->batch ||
                !circ_panel_same(panel, first, row))
                continue;
            char share[CIRC_HUMAN_SIZE], block[32];
            circ_human_format(share, CIRC_QUANTITY_SHARE, row->roof_fraction, NAN, NAN);
            circ_panel_block(block, row);
            circ_document_point(document, intensity_of(row), rate_of(row), NAN, NAN,
                                "%s, k = %s: %.3g GFLOP/s at %.3g FLOP a byte, %s of the roof (%s)",
                                label, circ_panel_is_dense(row) ? "none" : block, rate_of(row),
                                intensity_of(row), share, row->roof_bound);
        }
    }
}

static void add_roofline(struct circ_document *document, const struct circ_panel *panel,
                         const struct limits *limits, const struct limit *limit)
{
    double low = INFINITY, high = 0;
    for (size_t i = 0; i < panel->count; i++) {
        if (limit_of(limits, &panel->rows[i]) == limit) {
            low = fmin(low, intensity_of(&panel->rows[i]));
            high = fmax(high, intensity_of(&panel->rows[i]));
        }
    }
    if (!(low <= high) || !isfinite(limit->peak))
        return;
    for (int i = 0; i < LEVELS; i++) { /* every corner of the roof, with room for its names */
        low = fmin(low, limit->peak / limit->reads[i] / 3);
        high = fmax(high, limit->peak / limit->reads[i]);
    }
    char title[160];
    snprintf(title, sizeof title, "Roofline, %s, %.0f thread%s", limit->isa, limit->threads,
             limit->threads == 1 ? "" : "s");
    circ_document_chart(document, CIRC_QUANTITY_NUMBER, CIRC_TICKS_ROUND, title,
                        "FLOP a byte that must move (log)", "GFLOP/s (log)");
    add_bounds(document, limit, low / 1.5, high * 1.5);
    add_points(document, panel, limits, limit);
}

static void add_table(struct circ_document *document, const struct circ_panel *panel,
                      const char *title)
{
    static const char *const names[] = {"structure",       "batch",    "block k",
                                        "time of a batch", "its roof", "share",
                                        "bound by",        "GFLOP/s",  "FLOP a byte"};
    char caption[CIRC_PANEL_TEXT + 64];
    snprintf(caption, sizeof caption, "Numbers of the charts: %s", title);
    circ_document_table(document, true, caption);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        circ_document_column(document, i != 0 && i != 6, names[i]);
    for (size_t i = 0; i < panel->count; i++) {
        const struct circ_row *row = &panel->rows[i];
        if (!has_roof(row))
            continue;
        char label[CIRC_PANEL_TEXT], block[32];
        circ_panel_label(label, panel, row);
        circ_panel_block(block, row);
        circ_document_cell(document, "%s", label);
        circ_document_cell(document, "%.0f", row->batch);
        circ_document_cell(document, "%s", circ_panel_is_dense(row) ? "none" : block);
        circ_document_number(document, CIRC_QUANTITY_TIME, row->time_ns_median, row->time_ns_ci_low,
                             row->time_ns_ci_high, circ_panel_mark(row));
        circ_document_number(document, CIRC_QUANTITY_TIME, row->roof_time_ns, NAN, NAN, "");
        circ_document_number(document, CIRC_QUANTITY_SHARE, row->roof_fraction, NAN, NAN, "");
        circ_document_cell(document, "%s", row->roof_bound);
        circ_document_number(document, CIRC_QUANTITY_NUMBER, rate_of(row), NAN, NAN, "");
        circ_document_number(document, CIRC_QUANTITY_NUMBER, intensity_of(row), NAN, NAN, "");
    }
}

static void add_panel(const struct circ_report *report, const struct circ_panel *panel,
                      const struct limits *limits)
{
    struct circ_document *document = report->document;
    char title[CIRC_PANEL_TEXT];
    bool blocks = false;
    for (size_t i = 0; i < panel->count; i++)
        blocks |= has_roof(&panel->rows[i]) && !circ_panel_is_dense(&panel->rows[i]);
    circ_panel_title(title, &report->rows, panel->rows, false);
    circ_document_section(document, 3, title);
    if (blocks)
        add_shares(document, panel);
    for (int l = 0; l < limits->count; l++)
        add_roofline(document, panel, limits, &limits->items[l]);
    add_table(document, panel, title);
}

/* Whether some row of the report lies under these ceilings. */
static bool is_used(const struct circ_report *report, const struct limits *limits,
                    const struct limit *limit)
{
    for (size_t i = 0; i < report->rows.count; i++) {
        if (limit_of(limits, &report->rows.items[i]) == limit)
            return true;
    }
    return false;
}

static bool has_level(const struct limits *limits, int level)
{
    for (int l = 0; l < limits->count; l++) {
        if (limits->items[l].counts[level])
            return true;
    }
    return false;
}

static void add_limits(const struct circ_report *report, const struct limits *limits)
{
    struct circ_document *document = report->document;
    static const char *const names[] = {"ISA", "threads", "peak GFLOP/s", "start of all threads"};
    circ_document_table(document, false, "What the machine can do at best");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        circ_document_column(document, i > 0, names[i]);
    for (int i = 0; i < LEVELS; i++) {
        char name[32];
        snprintf(name, sizeof name, "%s GB/s", levels[i]);
        if (has_level(limits, i))
            circ_document_column(document, true, name);
    }
    for (int l = 0; l < limits->count; l++) {
        const struct limit *limit = &limits->items[l];
        if (!is_used(report, limits, limit))
            continue;
        circ_document_cell(document, "%s", limit->isa);
        circ_document_cell(document, "%.0f", limit->threads);
        circ_document_number(document, CIRC_QUANTITY_NUMBER, limit->peak, NAN, NAN, "");
        circ_document_number(document, CIRC_QUANTITY_TIME, limit->fork_ns, NAN, NAN, "");
        for (int i = 0; i < LEVELS; i++) {
            if (has_level(limits, i))
                circ_document_number(document, CIRC_QUANTITY_NUMBER, limit->reads[i], NAN, NAN, "");
        }
    }
}

enum circ_status circ_section_roof_add(const struct circ_report *report, struct circ_error *err)
{
    struct circ_document *document = report->document;
    struct limits limits = {0};
    bool any = false;
    enum circ_status status = load(&limits, report, err);
    for (size_t i = 0; i < report->rows.count; i++)
        any |= has_roof(&report->rows.items[i]);
    circ_document_section(document, 2, "Beside the machine's limit");
    if (!any)
        circ_document_paragraph(document, "No point has a roof: only backends whose ceilings "
                                          "circbench roof can measure have one, and only points "
                                          "that have a time.");
    else
        circ_document_paragraph(
            document,
            "The roof of a point is the time that no program could beat here: what it must compute "
            "over the measured peak, or what it must move over the bandwidth measured at a working "
            "set of that size, whichever is longer, summed over the layers. The share is the "
            "roof's time over the time; what is missing to 100\u00a0%% is what better code could "
            "gain. A complex product counts 6 operations here, since three real products "
            "suffice. The lines of the roofline are the bandwidths in the middle of each cache "
            "level; a point is held to the bandwidth at its own size.");
    if (status == CIRC_OK && any)
        add_limits(report, &limits);
    for (size_t start = 0; start < report->rows.count && any && status == CIRC_OK;) {
        struct circ_panel panel = circ_panel_at(&report->rows, start, true);
        bool roofs = false;
        for (size_t i = 0; i < panel.count; i++)
            roofs |= has_roof(&panel.rows[i]);
        if (roofs)
            add_panel(report, &panel, &limits);
        start += panel.count;
    }
    free(limits.items);
    return status;
}
