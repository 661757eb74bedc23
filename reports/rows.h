/* The rows of v_result of one campaign, in memory, in the order in which a report speaks of them.
 */
#ifndef CIRC_ROWS_H
#define CIRC_ROWS_H

#include "backends/core/status.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>

#define CIRC_ROWS_WARM "warm weights"
#define CIRC_ROWS_COLD "cold weights"

/* Named as the columns, but for weights. Text that is NULL is "", a number that is NULL is NaN. */
struct circ_row {
    char *workload, *backend, *device, *structure, *variant, *library, *isa, *precision, *pass;
    char *status, *reason, *kind, *stop_reason, *dense_variant;
    char *energy_source, *energy_scope, *energy_kind, *energy_quality, *energy_reason;
    char *energy_remark, *trial;
    char *weights; /* CIRC_ROWS_WARM or CIRC_ROWS_COLD, from the column cold */
    double block, block_conv, batch, threads;
    double time_ns_median, time_ns_ci_low, time_ns_ci_high, samples, frames_per_s;
    double gflops_dense, gflops_executed, weight_bytes, compression;
    double speedup_vs_dense, speedup_ci_low, speedup_ci_high;
    double energy_uj_per_frame, energy_uj_ci_low, energy_uj_ci_high, energy_bound_uj;
    double energy_net_uj_per_frame, energy_windows;
    double energy_gain_vs_dense, energy_gain_ci_low, energy_gain_ci_high;
    double power_uw, power_uw_ci_low, power_uw_ci_high;
    double idle_power_uw, idle_share, idle_share_ci_low, idle_share_ci_high;
    double frames_per_j, frames_per_j_ci_low, frames_per_j_ci_high;
    double edp_uj_ns, edp_uj_ns_ci_low, edp_uj_ns_ci_high;
    double gflops_per_w_executed, gflops_per_w_executed_ci_low, gflops_per_w_executed_ci_high;
    double gflops_per_w_dense, gflops_per_w_dense_ci_low, gflops_per_w_dense_ci_high;
    double temperature_before_mc, temperature_after_mc, frequency_before_khz, frequency_after_khz;
    double accuracy_top1, rel_rms_error, error_bound;
    char *roof_bound;
    double roof_time_ns, roof_fraction, flop_roof, roof_bytes;
};

/* Sorted by workload, device, pass, batch, then structure (dense, circulant, others), how it was
 * run, block. */
struct circ_rows {
    struct circ_row *items;
    size_t count;
};

/* Reads the rows of a campaign (its key). Free with circ_rows_free, also after a failure. IO,
 * MEMORY. */
CIRC_MUST_USE enum circ_status circ_rows_load(struct circ_rows *rows, sqlite3 *db,
                                              const char *campaign, struct circ_error *err);
void circ_rows_free(struct circ_rows *rows);

/* Whether the row was measured, emulated or modelled with success. */
bool circ_rows_is_ok(const struct circ_row *row);

#endif
