-- what is outside the measured window: preparing, transfers, verification
SELECT campaign, workload, device, batch, structure, variant, block, status, prepare_ns, upload_ns,
    download_ns, verify_ns, time_ns_median, cold
FROM v_result
WHERE (:campaign IS NULL OR campaign_key = :campaign) AND status NOT IN ('unsup', 'absent')
ORDER BY started, campaign, workload, device, batch, structure, variant, block, cold
