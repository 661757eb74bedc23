-- what warm caches hide: each point with warm and with cold weights, and the ratio of its times
WITH pair AS ( -- the fastest dense library may be another one when cold: each has its own then
    SELECT w.*, c.variant AS cold_variant, c.time_ns_median AS cold_ns,
        c.time_ns_ci_low AS cold_low_ns, c.time_ns_ci_high AS cold_high_ns,
        c.speedup_vs_dense AS cold_speedup_vs_dense,
        row_number() OVER (PARTITION BY w.trial ORDER BY c.variant <> w.variant) AS place
    FROM v_result AS w JOIN v_result AS c USING (campaign_key, workload, backend, device, batch, threads,
        precision, pass, kind, structure, block)
    WHERE (:campaign IS NULL OR campaign_key = :campaign) AND NOT w.cold AND c.cold
        AND w.time_ns_median IS NOT NULL AND c.time_ns_median IS NOT NULL
        AND c.isa IS w.isa AND c.block_conv IS w.block_conv AND (c.variant = w.variant
            OR (structure = 'dense' AND w.speedup_vs_dense = 1 AND c.speedup_vs_dense = 1)))
SELECT campaign, workload, backend, device, batch, threads, precision, pass, structure, variant, isa,
    block, block_conv, kind, weight_bytes, time_ns_median AS warm_ns, cold_ns,
    1.0 * cold_ns / time_ns_median AS cold_over_warm,
    1.0 * cold_low_ns / time_ns_ci_high AS ratio_ci_low,
    1.0 * cold_high_ns / time_ns_ci_low AS ratio_ci_high,
    speedup_vs_dense AS warm_speedup_vs_dense, cold_speedup_vs_dense, cold_variant
FROM pair
WHERE place = 1
ORDER BY started, campaign, workload, device, batch, threads, pass, structure = 'dense' DESC,
    structure, variant, isa, block, block_conv
