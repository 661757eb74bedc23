/* Finds the best block of a panel and whether it really beats dense. It words nothing. */
#include "reports/finding.h"

#include <math.h>
#include <string.h>

static bool is_circulant(const struct circ_row *row)
{
    return strcmp(row->structure, "circulant") == 0;
}

/* Low end of the speed-up's interval, the speed-up itself where there is none. */
static double low_of(const struct circ_row *row)
{
    return isfinite(row->speedup_ci_low) ? row->speedup_ci_low : row->speedup_vs_dense;
}

static double high_of(const struct circ_row *row)
{
    return isfinite(row->speedup_ci_high) ? row->speedup_ci_high : row->speedup_vs_dense;
}

static bool is_measured(const struct circ_row *row)
{
    return strcmp(row->kind, "measured") == 0;
}

static bool is_warm(const struct circ_row *row)
{
    return strcmp(row->weights, CIRC_ROWS_WARM) == 0;
}

/* Measured before other kinds, warm weights before cold ones, with a speed-up before without, then
 * the shorter time: a large speed-up over a slow baseline decides nothing. */
static bool is_better(const struct circ_row *row, const struct circ_row *best)
{
    if (!best)
        return true;
    if (is_measured(row) != is_measured(best))
        return is_measured(row);
    if (is_warm(row) != is_warm(best))
        return is_warm(row);
    bool has = isfinite(row->speedup_vs_dense), best_has = isfinite(best->speedup_vs_dense);
    if (has != best_has)
        return has;
    return row->time_ns_median < best->time_ns_median;
}

/* The smallest block of the best row's series that is surely faster, and whether all above it are.
 */
static void find_least(struct circ_finding *finding, const struct circ_panel *panel)
{
    for (size_t i = 0; i < panel->count; i++) {
        const struct circ_row *row = &panel->rows[i];
        if (!is_circulant(row) || !circ_rows_is_ok(row) ||
            !circ_panel_same(panel, row, finding->best))
            continue;
        bool faster = low_of(row) > 1;
        if (faster && !finding->least) {
            finding->least = row;
            finding->all_faster = true;
        }
        if (!faster)
            finding->all_faster = false;
    }
}

struct circ_finding circ_finding_of(const struct circ_panel *panel)
{
    struct circ_finding finding = {.outcome = CIRC_OUTCOME_NO_BLOCK, .first = panel->rows};
    for (size_t i = 0; i < panel->count; i++) {
        const struct circ_row *row = &panel->rows[i];
        bool ok = circ_rows_is_ok(row);
        if (is_circulant(row) && ok && is_better(row, finding.best))
            finding.best = row;
        if (is_circulant(row) && !ok && !finding.failed)
            finding.failed = row;
        if (ok && !is_circulant(row) && !circ_panel_is_dense(row) && is_better(row, finding.rival))
            finding.rival = row;
    }
    if (!finding.best)
        return finding;
    finding.dense = circ_panel_dense(panel, finding.best);
    if (!isfinite(finding.best->speedup_vs_dense)) {
        finding.outcome = CIRC_OUTCOME_NO_DENSE;
        return finding;
    }
    find_least(&finding, panel);
    finding.outcome = low_of(finding.best) > 1    ? CIRC_OUTCOME_FASTER
                      : high_of(finding.best) < 1 ? CIRC_OUTCOME_SLOWER
                                                  : CIRC_OUTCOME_UNCLEAR;
    return finding;
}
