-- stored weights, without bias, by block size
SELECT DISTINCT campaign, workload, structure, block, block_conv, precision, weight_count,
    weight_bytes, compression
FROM v_result
WHERE (:campaign IS NULL OR campaign_key = :campaign) AND weight_count IS NOT NULL
ORDER BY started, campaign, workload, structure = 'dense' DESC, structure, block
