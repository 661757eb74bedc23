-- errors against the oracle and what they were held to, nearest to the bound first
SELECT campaign, workload, backend, device, batch, structure, variant, isa, precision, block,
    block_conv, status, rel_rms_error, error_bound, rel_rms_error / error_bound AS error_over_bound,
    max_error, checked, outputs, cold
FROM v_result
WHERE (:campaign IS NULL OR campaign_key = :campaign) AND checked IS NOT NULL
ORDER BY status = 'ok', error_over_bound DESC
