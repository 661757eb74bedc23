-- what the machine can do at best, as circbench roof measured it
SELECT d.backend, d.name AS device, v.isa, v.threads, v.metric, v.level, v.bytes, v.value, v.unit,
    v.measurements, strftime('%Y-%m-%dT%H:%M:%SZ', v.measured_ns / 1000000000, 'unixepoch') AS last
FROM v_ceiling AS v JOIN device AS d ON d.key = v.device_key
WHERE :campaign IS NULL OR d.host = (SELECT host FROM campaign WHERE key = :campaign)
ORDER BY d.backend, d.name, v.isa, v.threads, v.metric, v.bytes
