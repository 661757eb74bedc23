-- the fastest circulant block of each workload, batch and device, with its speed-up and interval
SELECT campaign, workload, device, batch, threads, precision, pass, block, block_conv, variant, kind,
    time_ns_median, dense_variant, speedup_vs_dense, speedup_ci_low, speedup_ci_high, compression, cold
FROM (
    SELECT *, row_number() OVER (PARTITION BY campaign_key, workload, device, batch, threads,
        precision, pass, cold, kind ORDER BY time_ns_median, block) AS place
    FROM v_result
    WHERE (:campaign IS NULL OR campaign_key = :campaign)
        AND structure = 'circulant' AND status = 'ok')
WHERE place = 1
ORDER BY started, campaign, workload, device, batch, threads, pass, cold
