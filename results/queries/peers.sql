-- our circulant CPU kernels against each peer on the same processor: newest times and their ratios
WITH newest AS ( -- of each way to compute a point, with its fastest instruction set
    SELECT *, row_number() OVER (PARTITION BY workload, backend, device, structure, variant, block,
        block_conv, batch, threads, precision, pass, cold, kind
        ORDER BY started DESC, campaign_key, time_ns_median) AS place
    FROM v_result
    WHERE (:campaign IS NULL OR campaign_key = :campaign)
        AND time_ns_median IS NOT NULL AND backend <> 'ref' AND structure <> 'pruned')
SELECT o.workload, o.device, o.batch, o.threads, o.precision, o.pass, o.cold, o.block, o.block_conv,
    p.structure AS peer_structure, p.backend AS peer_backend, p.variant AS peer_variant,
    p.library AS peer_library,
    o.time_ns_median, p.time_ns_median AS peer_time_ns,
    1.0 * p.time_ns_median / o.time_ns_median AS speedup,
    1.0 * p.time_ns_ci_low / o.time_ns_ci_high AS speedup_ci_low,
    1.0 * p.time_ns_ci_high / o.time_ns_ci_low AS speedup_ci_high,
    1.0 * p.time_ns_min / o.time_ns_min AS speedup_of_minima,
    p.campaign_key = o.campaign_key AS same_campaign
FROM newest AS o JOIN newest AS p USING (workload, device, batch, threads, precision, pass, cold, kind)
WHERE o.place = 1 AND p.place = 1 AND o.backend = 'cpu' AND o.variant = 'fused'
    AND (p.structure = 'dense' OR (p.block = o.block AND p.block_conv IS o.block_conv
        AND (p.backend, p.variant) <> ('cpu', 'fused')))
ORDER BY o.workload, o.device, o.batch, o.threads, o.precision, o.pass, o.cold, o.block, o.block_conv,
    peer_structure, peer_backend, peer_variant
