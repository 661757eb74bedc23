-- energy of a frame by block size: total, net of idle, bound, power, rates a watt; or why there is none
SELECT campaign, workload, device, batch, threads, pass, precision, structure, variant, block, block_conv,
    energy_kind, energy_source, energy_scope, energy_quality, energy_windows, energy_uj_per_frame,
    energy_uj_ci_low, energy_uj_ci_high, energy_bound_uj, energy_net_uj_per_frame, power_uw,
    power_uw_ci_low, power_uw_ci_high, idle_power_uw, idle_share, frames_per_j, frames_per_j_ci_low,
    frames_per_j_ci_high, gflops_per_w_executed, gflops_per_w_dense, energy_gain_vs_dense,
    energy_gain_ci_low, energy_gain_ci_high, energy_reason, energy_remark, cold
FROM v_result
WHERE (:campaign IS NULL OR campaign_key = :campaign) AND status = 'ok'
ORDER BY started, campaign, workload, device, batch, threads, pass, precision, structure = 'dense' DESC,
    structure, variant, cold, block
