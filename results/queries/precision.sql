-- spectra stored in fewer bits against the same point in f32: time, error and bytes of each
WITH newest AS (
    SELECT *, row_number() OVER (PARTITION BY workload, backend, device, structure, variant, isa, block,
        block_conv, batch, threads, precision, pass, cold, kind
        ORDER BY started DESC, campaign_key) AS place
    FROM v_result
    WHERE (:campaign IS NULL OR campaign_key = :campaign) AND time_ns_median IS NOT NULL)
SELECT n.workload, n.backend, n.device, n.structure, n.variant, n.isa, n.block, n.block_conv, n.batch,
    n.threads, n.pass, n.cold, n.precision,
    w.time_ns_median AS f32_time_ns, n.time_ns_median,
    1.0 * n.time_ns_median / w.time_ns_median AS time_over_f32,
    1.0 * n.time_ns_ci_low / w.time_ns_ci_high AS time_over_f32_ci_low,
    1.0 * n.time_ns_ci_high / w.time_ns_ci_low AS time_over_f32_ci_high,
    1.0 * n.time_ns_min / w.time_ns_min AS minima_over_f32,
    w.speedup_vs_dense * w.time_ns_median / n.time_ns_median AS speedup_vs_dense_f32,
    w.rel_rms_error AS f32_rel_rms_error, n.rel_rms_error, n.error_bound,
    w.weight_bytes AS f32_weight_bytes, n.weight_bytes,
    n.campaign_key = w.campaign_key AS same_campaign
FROM newest AS n JOIN newest AS w USING (workload, backend, device, structure, block, batch, threads,
    pass, cold, kind)
WHERE n.place = 1 AND w.place = 1 AND w.precision = 'f32' AND n.precision <> 'f32'
    AND n.variant IS w.variant AND n.isa IS w.isa AND n.block_conv IS w.block_conv
ORDER BY n.workload, n.backend, n.device, n.structure, n.variant, n.isa, n.batch, n.threads, n.pass,
    n.cold, n.block, n.block_conv, n.precision
