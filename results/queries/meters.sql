-- energy meters of each campaign, there or not and why, and the windows of each channel by grade
WITH meter AS (
    SELECT campaign AS campaign_key, meter FROM campaign_meter
    UNION SELECT campaign_key, meter FROM v_channel)
SELECT c.name AS campaign, m.meter, coalesce(k.state, 'ok') AS state, k.detail, v.source, v.channel,
    v.scope, v.pci, v.windows, v.used, v.share_ok, v.share_short, v.share_no_tick, v.share_ambiguous,
    v.share_lost, v.reason
FROM meter AS m JOIN campaign AS c ON c.key = m.campaign_key
    LEFT JOIN campaign_meter AS k ON k.campaign = m.campaign_key AND k.meter = m.meter
    LEFT JOIN v_channel AS v ON v.campaign_key = m.campaign_key AND v.meter = m.meter
WHERE :campaign IS NULL OR c.key = :campaign
ORDER BY c.created_ns, c.name, k.position IS NULL, k.position, m.meter, v.source, v.channel, v.pci
