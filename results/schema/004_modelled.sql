-- Modelled rows: a time that no sample made, and the stage of a pipeline that bounds it. SQLite cannot
-- alter a CHECK, so the table is made anew.

DROP VIEW v_result;

CREATE TABLE trial_new ( -- version 4
    key TEXT PRIMARY KEY CHECK (length(key) = 36),
    campaign TEXT NOT NULL REFERENCES campaign (key) ON DELETE CASCADE,
    point TEXT NOT NULL REFERENCES point (key),
    device TEXT NOT NULL REFERENCES device (key),
    status TEXT NOT NULL CHECK (status IN ('ok', 'unsup', 'absent', 'device', 'wrong', 'timeout')),
    reason TEXT,
    kind TEXT CHECK (kind IN ('measured', 'emulated', 'modelled', 'quoted')),
    library TEXT,
    tuning TEXT,
    isa TEXT,
    time_ns_median INTEGER CHECK (time_ns_median > 0),
    time_ns_min INTEGER CHECK (time_ns_min > 0),
    time_ns_p95 INTEGER CHECK (time_ns_p95 > 0),
    time_ns_ci_low INTEGER CHECK (time_ns_ci_low > 0),
    time_ns_ci_high INTEGER CHECK (time_ns_ci_high > 0),
    samples INTEGER CHECK (samples >= 0), -- without warm-up
    stop_reason TEXT CHECK (stop_reason IN ('precise', 'noise', 'timeout', 'modelled')),
    device_time_ns_median INTEGER CHECK (device_time_ns_median >= 0),
    prepare_ns INTEGER CHECK (prepare_ns >= 0),
    upload_ns INTEGER CHECK (upload_ns >= 0),
    download_ns INTEGER CHECK (download_ns >= 0),
    verify_ns INTEGER CHECK (verify_ns >= 0),
    flop_dense INTEGER CHECK (flop_dense >= 0), -- these five per frame
    flop_executed INTEGER CHECK (flop_executed >= 0),
    weight_count INTEGER CHECK (weight_count >= 0),
    weight_count_dense INTEGER CHECK (weight_count_dense >= 0),
    weight_bytes INTEGER CHECK (weight_bytes >= 0),
    cycles REAL CHECK (cycles >= 0), -- these two per batch
    instructions REAL CHECK (instructions >= 0),
    energy_uj_per_frame REAL CHECK (energy_uj_per_frame > 0),
    energy_uj_ci_low REAL CHECK (energy_uj_ci_low >= 0),
    energy_uj_ci_high REAL CHECK (energy_uj_ci_high >= 0),
    idle_power_uw REAL CHECK (idle_power_uw >= 0),
    energy_source TEXT,
    energy_scope TEXT,
    energy_kind TEXT CHECK (energy_kind IN ('measured', 'emulated', 'modelled', 'quoted')),
    energy_quality TEXT,
    energy_reason TEXT,
    flop_roof INTEGER CHECK (flop_roof >= 0), -- per frame
    roof_bytes INTEGER CHECK (roof_bytes >= 0), -- these two per batch
    roof_time_ns REAL CHECK (roof_time_ns > 0),
    roof_bound TEXT CHECK (roof_bound IN ('flop', 'L1', 'L2', 'L3', 'dram', 'memory', 'load',
        'transform', 'multiply', 'inverse', 'store')), -- from load on: a stage of a modelled pipeline
    UNIQUE (campaign, point),
    CONSTRAINT modelled_has_no_samples CHECK (stop_reason IS NOT 'modelled' OR (kind = 'modelled'
        AND samples IS NULL AND time_ns_ci_low IS NULL)),
    CONSTRAINT time_has_kind CHECK (time_ns_median IS NULL OR kind IS NOT NULL), -- both NULL after `check`
    CONSTRAINT failure_has_no_time CHECK (status = 'ok' OR time_ns_median IS NULL),
    CONSTRAINT failure_has_no_energy CHECK (status = 'ok' OR energy_uj_per_frame IS NULL),
    CONSTRAINT energy_has_kind CHECK (energy_uj_per_frame IS NULL OR energy_kind IS NOT NULL)
) STRICT;

INSERT INTO trial_new (
    key, campaign, point, device, status, reason, kind, library, tuning, isa, time_ns_median, time_ns_min,
    time_ns_p95, time_ns_ci_low, time_ns_ci_high, samples, stop_reason, device_time_ns_median, prepare_ns,
    upload_ns, download_ns, verify_ns, flop_dense, flop_executed, weight_count, weight_count_dense,
    weight_bytes, cycles, instructions, energy_uj_per_frame, energy_uj_ci_low, energy_uj_ci_high,
    idle_power_uw, energy_source, energy_scope, energy_kind, energy_quality, energy_reason, flop_roof,
    roof_bytes, roof_time_ns, roof_bound)
SELECT
    key, campaign, point, device, status, reason, kind, library, tuning, isa, time_ns_median, time_ns_min,
    time_ns_p95, time_ns_ci_low, time_ns_ci_high, samples, stop_reason, device_time_ns_median, prepare_ns,
    upload_ns, download_ns, verify_ns, flop_dense, flop_executed, weight_count, weight_count_dense,
    weight_bytes, cycles, instructions, energy_uj_per_frame, energy_uj_ci_low, energy_uj_ci_high,
    idle_power_uw, energy_source, energy_scope, energy_kind, energy_quality, energy_reason, flop_roof,
    roof_bytes, roof_time_ns, roof_bound
FROM trial;
DROP TABLE trial;
ALTER TABLE trial_new RENAME TO trial;
CREATE INDEX trial_point ON trial (point);
CREATE INDEX trial_device ON trial (device);

-- As before.
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
