-- points that no other of their group beats in both time and energy, or in time, energy and weight bytes
WITH point AS (
    SELECT * FROM v_result
    WHERE (:campaign IS NULL OR campaign_key = :campaign) AND energy_uj_per_frame IS NOT NULL
        AND time_ns_median IS NOT NULL AND weight_bytes IS NOT NULL),
better AS ( -- what is nowhere worse and somewhere better
    SELECT p.trial, count(*) FILTER (WHERE o.time_ns_median < p.time_ns_median
            OR o.energy_uj_per_frame < p.energy_uj_per_frame) AS in_two,
        count(*) FILTER (WHERE o.weight_bytes <= p.weight_bytes AND (o.time_ns_median < p.time_ns_median
            OR o.energy_uj_per_frame < p.energy_uj_per_frame OR o.weight_bytes < p.weight_bytes)) AS in_three
    FROM point AS p JOIN point AS o USING (campaign_key, workload, device, batch, threads, pass, precision,
        cold, kind, energy_kind, energy_scope)
    WHERE o.time_ns_median <= p.time_ns_median AND o.energy_uj_per_frame <= p.energy_uj_per_frame
    GROUP BY p.trial)
SELECT campaign, workload, device, batch, threads, pass, precision, cold, structure, variant, isa, block,
    block_conv, kind, energy_kind, energy_source, energy_scope, time_ns_median, energy_uj_per_frame,
    weight_bytes, NOT in_two AS best_in_time_energy, NOT in_three AS best_in_time_energy_weight
FROM point JOIN better USING (trial)
WHERE NOT in_two OR NOT in_three
ORDER BY started, campaign, workload, device, batch, threads, pass, precision, cold, kind, energy_kind,
    energy_scope, time_ns_median
