-- one line a trial: time with its interval, speed-up, weight and error
SELECT campaign, workload, device, batch, structure, variant, block, block_conv, status, kind,
    time_ns_median / 1e3 AS time_us_median,
    time_ns_ci_low / 1e3 AS time_us_ci_low,
    time_ns_ci_high / 1e3 AS time_us_ci_high,
    frames_per_s, speedup_vs_dense, dense_variant, compression, weight_bytes, rel_rms_error
FROM v_result
WHERE :campaign IS NULL OR campaign_key = :campaign
ORDER BY started, campaign, workload, device, batch, pass, structure = 'dense' DESC, structure,
    variant, block
