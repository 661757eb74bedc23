-- what warm caches hide: each point with warm and with cold weights, and the ratio of its times
SELECT campaign, workload, device, batch, threads, precision, pass, structure, variant, isa, block,
    block_conv, kind, weight_bytes, time_ns_median AS warm_ns, cold_ns,
    1.0 * cold_ns / time_ns_median AS cold_over_warm,
    1.0 * cold_low_ns / time_ns_ci_high AS ratio_ci_low,
    1.0 * cold_high_ns / time_ns_ci_low AS ratio_ci_high,
    speedup_vs_dense AS warm_speedup_vs_dense, cold_speedup_vs_dense
FROM v_result AS w JOIN (
    SELECT campaign_key, workload, backend, device, batch, threads, precision, pass, kind, structure,
        variant, block, block_conv AS cold_block_conv, isa AS cold_isa, time_ns_median AS cold_ns,
        time_ns_ci_low AS cold_low_ns, time_ns_ci_high AS cold_high_ns,
        speedup_vs_dense AS cold_speedup_vs_dense
    FROM v_result WHERE cold AND time_ns_median IS NOT NULL
) USING (campaign_key, workload, backend, device, batch, threads, precision, pass, kind, structure,
    variant, block)
WHERE (:campaign IS NULL OR campaign_key = :campaign) AND NOT cold AND time_ns_median IS NOT NULL
    AND cold_isa IS isa AND cold_block_conv IS block_conv
ORDER BY started, campaign, workload, device, batch, threads, pass, structure = 'dense' DESC,
    structure, variant, isa, block, block_conv
