-- answers in fixed point: error against the double oracle, its bound, and the SQNR of each layer
SELECT workload, backend, device, structure, tuning, block, block_conv, batch, precision, rel_rms_error,
    error_bound, reason
FROM v_result
WHERE (:campaign IS NULL OR campaign_key = :campaign) AND precision IN ('q16', 'q12', 'q8')
    AND status = 'ok'
ORDER BY workload, backend, device, structure, block, block_conv, batch, precision, tuning
