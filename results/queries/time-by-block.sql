-- time of a batch, with its interval, by block size; dense is block 1
SELECT campaign, workload, device, batch, threads, pass, structure, variant, block, block_conv, kind,
    time_ns_median, time_ns_ci_low, time_ns_ci_high, time_ns_min, time_ns_p95, frames_per_s,
    gflops_executed, gflops_dense, cold
FROM v_result
WHERE (:campaign IS NULL OR campaign_key = :campaign) AND status = 'ok'
ORDER BY started, campaign, workload, device, batch, threads, pass, structure = 'dense' DESC,
    structure, variant, cold, block
