-- Ceilings, and what a row's roof is made of.

CREATE TABLE ceiling ( -- every measurement of a ceiling; v_ceiling has the best
    device TEXT NOT NULL REFERENCES device (key) ON DELETE CASCADE,
    isa TEXT NOT NULL,
    threads INTEGER NOT NULL CHECK (threads >= 1),
    metric TEXT NOT NULL, -- fma_f32, fma_f16, dot_bf16, read, fork_join
    bytes INTEGER NOT NULL CHECK (bytes >= 0), -- working set of all threads; 0: it has none
    measured_ns INTEGER NOT NULL CHECK (measured_ns >= 0), -- since the epoch
    level TEXT, -- what holds a thread's part of the working set: L1, L2, L3, dram, memory
    value REAL NOT NULL CHECK (value > 0),
    unit TEXT NOT NULL CHECK (unit IN ('GFLOP/s', 'GB/s', 'ns')),
    PRIMARY KEY (device, isa, threads, metric, bytes, measured_ns)
) STRICT, WITHOUT ROWID;

-- The best ever measured: of a time the least, of a rate the greatest.
CREATE VIEW v_ceiling AS
SELECT device AS device_key, isa, threads, metric, bytes, max(level) AS level,
    CASE unit WHEN 'ns' THEN min(value) ELSE max(value) END AS value, unit,
    count(*) AS measurements, max(measured_ns) AS measured_ns
FROM ceiling
GROUP BY device, isa, threads, metric, bytes;

ALTER TABLE trial ADD COLUMN flop_roof INTEGER CHECK (flop_roof >= 0); -- per frame
ALTER TABLE trial ADD COLUMN roof_bytes INTEGER CHECK (roof_bytes >= 0); -- these three per batch
ALTER TABLE trial ADD COLUMN roof_time_ns REAL CHECK (roof_time_ns > 0);
ALTER TABLE trial ADD COLUMN roof_bound TEXT
    CHECK (roof_bound IN ('flop', 'L1', 'L2', 'L3', 'dram', 'memory'));

-- As before, with the roof's columns filled and its two parts at the end.
DROP VIEW v_result;
CREATE VIEW v_result AS
-- The baseline is the fastest dense row of each group, found once. The reference's plain loops are no
-- baseline: a speed-up over them would be a false claim.
WITH dense AS MATERIALIZED (
    SELECT * FROM (
        SELECT t.campaign, p.workload, p.device, p.batch, p.threads, p.precision, p.pass, p.cold,
            t.kind, p.variant, t.time_ns_median, t.time_ns_ci_low, t.time_ns_ci_high,
            t.energy_uj_per_frame, t.energy_kind, t.energy_scope,
            row_number() OVER (PARTITION BY t.campaign, p.workload, p.device, p.batch, p.threads,
                p.precision, p.pass, p.cold, t.kind ORDER BY t.time_ns_median, p.variant) AS place
        FROM point AS p CROSS JOIN trial AS t ON t.point = p.key
        WHERE p.structure = 'dense' AND p.backend <> 'ref' AND t.time_ns_median IS NOT NULL)
    WHERE place = 1)
SELECT
    c.name AS campaign,
    p.workload,
    p.backend,
    p.device,
    v.device_kind,
    p.structure,
    p.variant,
    t.library,
    t.tuning,
    CASE WHEN t.status IN ('unsup', 'absent') THEN coalesce(t.isa, p.isa) ELSE t.isa END AS isa,
    p.block,
    p.block_conv,
    p.batch,
    p.threads,
    p.precision,
    p.pass,
    t.status,
    t.reason,
    t.kind,
    j.rel_rms_error,
    t.time_ns_median,
    t.time_ns_min,
    t.time_ns_p95,
    t.time_ns_ci_low,
    t.time_ns_ci_high,
    t.samples,
    t.stop_reason,
    t.device_time_ns_median,
    t.prepare_ns,
    t.upload_ns,
    t.download_ns,
    p.batch * 1e9 / t.time_ns_median AS frames_per_s,
    t.flop_dense,
    t.flop_executed,
    1.0 * t.flop_dense * p.batch / t.time_ns_median AS gflops_dense,
    1.0 * t.flop_executed * p.batch / t.time_ns_median AS gflops_executed,
    t.weight_count,
    t.weight_bytes,
    1.0 * t.weight_count_dense / t.weight_count AS compression,
    t.cycles,
    t.instructions,
    t.energy_uj_per_frame,
    t.energy_uj_ci_low,
    t.energy_uj_ci_high,
    t.energy_source,
    t.energy_scope,
    t.energy_kind,
    t.energy_quality,
    t.energy_reason,
    t.idle_power_uw,
    1e6 / t.energy_uj_per_frame AS frames_per_j,
    1.0 * d.time_ns_median / t.time_ns_median AS speedup_vs_dense,
    CASE WHEN d.energy_kind = t.energy_kind AND d.energy_scope IS t.energy_scope
        THEN d.energy_uj_per_frame / t.energy_uj_per_frame END AS energy_gain_vs_dense,
    t.roof_time_ns,
    t.roof_bound,
    t.roof_time_ns / t.time_ns_median AS roof_fraction,
    NULL AS accuracy_top1,
    d.variant AS dense_variant,
    1.0 * d.time_ns_ci_low / t.time_ns_ci_high AS speedup_ci_low,
    1.0 * d.time_ns_ci_high / t.time_ns_ci_low AS speedup_ci_high,
    t.verify_ns,
    j.max_error,
    j.error_bound,
    j.checked,
    j.outputs,
    (t.time_ns_ci_high - t.time_ns_ci_low) / (2.0 * t.time_ns_median) AS noise,
    t.energy_uj_per_frame - t.idle_power_uw * (
        SELECT s FROM ( -- seconds a frame of the median window, as the energy is the median window's
            SELECT w.duration_ns * 1e-9 / w.frames AS s, row_number() OVER (ORDER BY
                w.duration_ns * 1.0 / w.frames) AS place, count(*) OVER () AS windows
            FROM energy_window AS w WHERE w.trial = t.key AND w.idle = 0 AND w.frames > 0
                AND w.grade IN ('ok', 'short') AND w.source = t.energy_source
                AND w.scope = t.energy_scope)
        WHERE place = (windows + 1) / 2) AS energy_net_uj_per_frame,
    p.cold,
    t.key AS trial,
    c.key AS campaign_key,
    strftime('%Y-%m-%dT%H:%M:%SZ', c.created_ns / 1000000000, 'unixepoch') AS started,
    c.command,
    t.flop_roof,
    t.roof_bytes
FROM trial AS t
JOIN campaign AS c ON c.key = t.campaign
JOIN point AS p ON p.key = t.point
JOIN device AS v ON v.key = t.device
LEFT JOIN verdict AS j ON j.trial = t.key
LEFT JOIN dense AS d ON d.campaign = t.campaign AND d.workload = p.workload AND d.device = p.device
    AND d.batch = p.batch AND d.threads = p.threads AND d.precision = p.precision
    AND d.pass = p.pass AND d.cold = p.cold AND d.kind = t.kind AND t.status = 'ok';
