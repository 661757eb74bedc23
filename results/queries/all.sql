-- every column of every trial (v_result whole)
SELECT * FROM v_result
WHERE :campaign IS NULL OR campaign_key = :campaign
ORDER BY started, campaign, workload, device, batch, pass, structure, variant, block
