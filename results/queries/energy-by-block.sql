-- energy of a frame, with its interval and source, by block size; or why there is none
SELECT campaign, workload, device, batch, threads, structure, variant, block, block_conv, energy_kind,
    energy_source, energy_scope, energy_quality, energy_uj_per_frame, energy_uj_ci_low,
    energy_uj_ci_high, energy_net_uj_per_frame, idle_power_uw, frames_per_j, energy_gain_vs_dense,
    energy_reason, cold
FROM v_result
WHERE (:campaign IS NULL OR campaign_key = :campaign) AND status = 'ok'
ORDER BY started, campaign, workload, device, batch, threads, structure = 'dense' DESC, structure,
    variant, cold, block
