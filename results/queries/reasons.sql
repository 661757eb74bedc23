-- why points could not be measured, each reason once
SELECT status, backend, structure, count(*) AS points, reason
FROM v_result
WHERE (:campaign IS NULL OR campaign_key = :campaign) AND status <> 'ok'
GROUP BY status, backend, structure, reason
ORDER BY status, backend, structure, points DESC
