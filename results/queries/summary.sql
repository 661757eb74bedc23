-- one line a trial for reading: time with the half-width of its interval, speed-up, weight
SELECT workload, backend,
    -- which one, where the backend has several in this campaign
    iif((SELECT count(DISTINCT p.device) FROM trial AS t JOIN point AS p ON p.key = t.point
        WHERE t.campaign = campaign_key AND p.backend = v_result.backend) > 1, device, NULL) AS device, batch, threads, structure,
    variant || coalesce(' ' || isa, '') || iif(cold, ' cold', '') AS variant,
    CASE WHEN block_conv <> block THEN block || '/' || block_conv ELSE block END AS block,
    CASE WHEN status = 'ok' AND kind <> 'measured' THEN kind ELSE status END AS status,
    iif(time_ns_median IS NULL, NULL, CAST(printf('%.4g', time_ns_median / 1e3) AS REAL)) AS time_us,
    round(50.0 * (time_ns_ci_high - time_ns_ci_low) / time_ns_median, 1) AS ci_pct,
    iif(speedup_vs_dense IS NULL, NULL, CAST(printf('%.3g', speedup_vs_dense) AS REAL)) AS speedup,
    round(100.0 * roof_fraction) AS roof_pct,
    round(weight_bytes / 1024.0, 2) AS weight_kib
FROM v_result
WHERE :campaign IS NULL OR campaign_key = :campaign
ORDER BY started, campaign, workload, device, batch, threads, pass, backend,
    structure = 'dense' DESC, structure, v_result.variant, v_result.block, block_conv, isa, cold
