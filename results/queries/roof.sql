-- how near each point comes to what the machine could do at best: time of the roof / time
SELECT workload, device, structure, variant || coalesce(' ' || isa, '') || iif(cold, ' cold', '') AS variant, threads, batch,
    CASE WHEN block_conv <> block THEN block || '/' || block_conv ELSE block END AS block,
    round(roof_fraction, 3) AS roof_fraction, roof_bound, round(roof_time_ns, 1) AS roof_time_ns, time_ns_median,
    round(1.0 * flop_roof * batch / time_ns_median, 2) AS gflops_roof, roof_bytes
FROM v_result
WHERE (:campaign IS NULL OR campaign_key = :campaign) AND roof_time_ns IS NOT NULL
ORDER BY started, campaign, workload, device, structure, v_result.variant, isa, cold, threads, batch,
    v_result.block, block_conv
