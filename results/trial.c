/* The trial of which nothing is known. */
#include "results/trial.h"

#include <math.h>

struct circ_trial circ_trial_unknown(const struct circ_point *point)
{
    return (struct circ_trial){
        .point = *point,
        .reason = "",
        .kind = "",
        .library = "",
        .tuning = "",
        .isa = "",
        .stop_reason = "",
        .rel_rms_error = NAN,
        .max_error = NAN,
        .error_bound = NAN,
        .time_ns_median = -1,
        .time_ns_min = -1,
        .time_ns_p95 = -1,
        .time_ns_ci_low = -1,
        .time_ns_ci_high = -1,
        .device_time_ns_median = -1,
        .prepare_ns = -1,
        .upload_ns = -1,
        .download_ns = -1,
        .verify_ns = -1,
        .flop_dense = -1,
        .flop_executed = -1,
        .weight_count = -1,
        .weight_count_dense = -1,
        .weight_bytes = -1,
        .flop_roof = -1,
        .roof_bytes = -1,
        .roof_time_ns = NAN,
        .roof_bound = "",
        .cycles = NAN,
        .instructions = NAN,
        .energy_uj_per_frame = NAN,
        .energy_uj_ci_low = NAN,
        .energy_uj_ci_high = NAN,
        .idle_power_uw = NAN,
        .energy_source = "",
        .energy_scope = "",
        .energy_kind = "",
        .energy_quality = "",
        .energy_reason = "",
    };
}
