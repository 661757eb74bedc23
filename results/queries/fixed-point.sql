-- rows in fixed point: error against the double oracle, its bound, and the SQNR of each layer
SELECT workload, backend, device, structure, variant, tuning, block, block_conv, batch, precision, pass,
    kind, status, rel_rms_error, error_bound, weight_bytes, reason
FROM v_result
WHERE (:campaign IS NULL OR campaign_key = :campaign) AND precision IN ('q16', 'q12', 'q8')
    AND status <> 'unsup'
ORDER BY workload, backend, device, structure, variant, block, block_conv, batch, precision
