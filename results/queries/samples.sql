-- samples of each point: how many were used, warm-up, outliers, and their range
SELECT r.campaign, r.workload, r.device, r.batch, r.structure, r.variant, r.block,
    count(*) FILTER (WHERE NOT s.warmup) AS used,
    count(*) FILTER (WHERE s.warmup) AS warmups,
    count(*) FILTER (WHERE s.outlier) AS outliers,
    sum(s.iterations) AS iterations,
    min(s.time_ns) FILTER (WHERE NOT s.warmup) AS time_ns_min,
    max(s.time_ns) FILTER (WHERE NOT s.warmup) AS time_ns_max,
    r.stop_reason, r.cold
FROM v_result AS r JOIN sample AS s ON s.trial = r.trial
WHERE :campaign IS NULL OR r.campaign_key = :campaign
GROUP BY r.trial
ORDER BY r.started, r.campaign, r.workload, r.device, r.batch, r.structure, r.variant, r.block, r.cold
