-- how sure each time is: half-width of its interval, spread and outliers, noisiest first
SELECT r.campaign, r.workload, r.device, r.batch, r.structure, r.variant, r.block, r.samples,
    r.stop_reason, r.noise, r.time_ns_p95 * 1.0 / r.time_ns_median AS p95_over_median,
    sum(s.outlier) AS outliers, sum(s.warmup) AS warmups, r.cold
FROM v_result AS r JOIN sample AS s ON s.trial = r.trial
WHERE :campaign IS NULL OR r.campaign_key = :campaign
GROUP BY r.trial
ORDER BY r.noise DESC
