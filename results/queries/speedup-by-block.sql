-- speed-up over the fastest dense, with its interval, by block size
SELECT campaign, workload, device, batch, threads, pass, structure, variant, block, block_conv, kind,
    dense_variant, speedup_vs_dense, speedup_ci_low, speedup_ci_high, cold
FROM v_result
WHERE (:campaign IS NULL OR campaign_key = :campaign)
    AND structure <> 'dense' AND speedup_vs_dense IS NOT NULL
ORDER BY started, campaign, workload, device, batch, threads, pass, structure, variant, cold, block
