-- what could not be measured, and why
SELECT campaign, status, workload, backend, device, batch, pass, precision, structure, variant, isa,
    block, block_conv, reason, rel_rms_error, error_bound, cold
FROM v_result
WHERE (:campaign IS NULL OR campaign_key = :campaign) AND status <> 'ok'
ORDER BY started, campaign, status, workload, device, batch, structure, variant, block
