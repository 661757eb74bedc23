-- hardware and software counters and what follows from them, per batch; the reason says why one has no value
SELECT r.campaign, r.workload, r.device, r.batch, r.structure, r.variant, r.block, n.source, n.name,
    n.value, n.unit, n.running, r.cold, n.reason
FROM v_result AS r JOIN counter AS n ON n.trial = r.trial
WHERE :campaign IS NULL OR r.campaign_key = :campaign
ORDER BY r.started, r.campaign, r.workload, r.device, r.batch, r.structure, r.variant, r.block, r.cold,
    n.source LIKE 'group:%' AND n.value IS NULL, n.source LIKE 'group:%' DESC, n.source, n.name
