-- traces of power, where they were kept (sweep --power-trace)
SELECT r.campaign, r.workload, r.device, r.batch, r.threads, r.pass, r.precision, r.cold, r.structure,
    r.variant, r.block, r.block_conv, r.energy_kind, s.source, s.channel, s.t_ns, s.power_uw
FROM v_result AS r JOIN power_sample AS s ON s.trial = r.trial
WHERE :campaign IS NULL OR r.campaign_key = :campaign
ORDER BY r.started, r.campaign, r.workload, r.device, r.batch, r.threads, r.pass, r.precision, r.structure,
    r.variant, r.cold, r.block, s.source, s.channel, s.t_ns
