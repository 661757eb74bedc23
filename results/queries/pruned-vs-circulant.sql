-- fastest circulant against fastest pruned with the parameter count of the same block
WITH fastest AS (
    SELECT *, row_number() OVER (PARTITION BY campaign_key, workload, device, batch, threads,
        precision, pass, cold, kind, structure, block, block_conv
        ORDER BY time_ns_median, variant) AS place
    FROM v_result
    WHERE (:campaign IS NULL OR campaign_key = :campaign)
        AND structure IN ('circulant', 'pruned') AND status = 'ok')
SELECT c.campaign, c.workload, c.device, c.batch, c.threads, c.pass, c.block, c.block_conv, c.kind,
    c.compression, p.compression AS pruned_compression,
    c.weight_bytes AS circulant_weight_bytes, p.weight_bytes AS pruned_weight_bytes,
    c.time_ns_median AS circulant_time_ns, p.time_ns_median AS pruned_time_ns,
    1.0 * p.time_ns_median / c.time_ns_median AS speedup_vs_pruned,
    1.0 * p.time_ns_ci_low / c.time_ns_ci_high AS speedup_ci_low,
    1.0 * p.time_ns_ci_high / c.time_ns_ci_low AS speedup_ci_high, cold
FROM fastest AS c JOIN fastest AS p USING (campaign_key, workload, device, batch, threads, precision,
    pass, cold, kind, block)
WHERE c.place = 1 AND p.place = 1 AND c.structure = 'circulant' AND p.structure = 'pruned'
    AND c.block_conv IS p.block_conv
ORDER BY c.started, c.campaign, c.workload, c.device, c.batch, c.threads, c.pass, cold, c.block
