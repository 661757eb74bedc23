-- energy-delay product: joules of a frame x seconds of a frame, least first within each group
SELECT campaign, workload, device, batch, threads, pass, precision, cold, structure, variant, block,
    block_conv, energy_kind, energy_source, energy_scope, energy_uj_per_frame,
    1.0 * time_ns_median / batch AS time_ns_per_frame, edp_uj_ns, edp_uj_ns_ci_low, edp_uj_ns_ci_high,
    row_number() OVER (PARTITION BY campaign_key, workload, device, batch, threads, pass, precision,
        cold, kind, energy_kind, energy_scope ORDER BY edp_uj_ns) AS place
FROM v_result
WHERE (:campaign IS NULL OR campaign_key = :campaign) AND edp_uj_ns IS NOT NULL
ORDER BY started, campaign, workload, device, batch, threads, pass, precision, cold, kind, energy_kind,
    energy_scope, place
