-- windows in which two sources of one channel differ by more than both their error bounds
SELECT r.campaign, r.workload, r.device, r.batch, r.threads, r.pass, r.precision, r.cold, r.structure,
    r.variant, r.block, r.block_conv, r.energy_kind, w.place, w.idle, w.channel, w.pci, w.source,
    w.power_uw, w.bound_uw, w.other_source, w.other_power_uw, w.other_bound_uw, w.difference_over_bounds
FROM v_disagreement AS w JOIN v_result AS r ON r.trial = w.trial
WHERE :campaign IS NULL OR r.campaign_key = :campaign
ORDER BY r.started, r.campaign, r.workload, r.device, r.batch, r.threads, r.pass, r.precision, r.structure,
    r.variant, r.cold, r.block, w.place, w.channel, w.source, w.other_source
