-- worst error of each backend, structure and instruction set, with counts
SELECT backend, structure, variant, isa, precision, count(*) AS points,
    sum(status = 'ok') AS ok,
    sum(status IN ('wrong', 'device', 'timeout')) AS failed,
    sum(status IN ('unsup', 'absent')) AS not_offered,
    max(rel_rms_error) AS worst_rel_rms_error,
    max(rel_rms_error / error_bound) AS worst_over_bound,
    sum(checked) AS outputs_checked
FROM v_result
WHERE :campaign IS NULL OR campaign_key = :campaign
GROUP BY backend, structure, variant, isa, precision
ORDER BY backend, structure, variant, isa
