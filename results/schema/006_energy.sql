-- The energy pass: which windows of which channels a row's joules come from, their error bound, power,
-- what the machine was like, traces of power, and the meters of a campaign. And counters that say why they have
-- no value.

ALTER TABLE trial ADD COLUMN energy_bound_uj REAL CHECK (energy_bound_uj >= 0); -- per frame
ALTER TABLE trial ADD COLUMN energy_remark TEXT; -- of a row that has energy
ALTER TABLE trial ADD COLUMN power_uw REAL CHECK (power_uw >= 0); -- over the used windows
ALTER TABLE trial ADD COLUMN power_uw_ci_low REAL CHECK (power_uw_ci_low >= 0);
ALTER TABLE trial ADD COLUMN power_uw_ci_high REAL CHECK (power_uw_ci_high >= 0);
ALTER TABLE trial ADD COLUMN temperature_before_mc REAL; -- these four around the energy pass
ALTER TABLE trial ADD COLUMN temperature_after_mc REAL;
ALTER TABLE trial ADD COLUMN frequency_before_khz REAL CHECK (frequency_before_khz >= 0);
ALTER TABLE trial ADD COLUMN frequency_after_khz REAL CHECK (frequency_after_khz >= 0);

ALTER TABLE energy_window ADD COLUMN place INTEGER CHECK (place >= 0); -- one window, all its channels
ALTER TABLE energy_window ADD COLUMN chosen INTEGER CHECK (chosen IN (0, 1)); -- a channel of the row's
ALTER TABLE energy_window ADD COLUMN used INTEGER CHECK (used IN (0, 1)); -- a window of the row's
ALTER TABLE energy_window ADD COLUMN reason TEXT; -- why the grade is not ok
ALTER TABLE energy_window ADD COLUMN pci TEXT; -- the card that was measured; NULL: the machine
ALTER TABLE energy_window ADD COLUMN start_ns INTEGER; -- since the epoch

-- What is known of older windows: those of one channel were taken one after the other, and the energy of
-- a row came from all that had a value, of the channels of its source and scope.
UPDATE energy_window AS w SET place = n.place, chosen = n.chosen, used = n.used
FROM (SELECT x.trial, x.number,
        row_number() OVER (PARTITION BY x.trial, x.source, x.channel ORDER BY x.number) - 1 AS place,
        x.source IS t.energy_source AND x.scope IS t.energy_scope AS chosen,
        t.energy_uj_per_frame IS NOT NULL AND x.grade IN ('ok', 'short') AND NOT x.idle AS used
    FROM energy_window AS x JOIN trial AS t ON t.key = x.trial) AS n
WHERE n.trial = w.trial AND n.number = w.number;

ALTER TABLE counter ADD COLUMN reason TEXT; -- why it has no value, or by which name it was counted

CREATE TABLE power_sample ( -- of the energy pass, kept on request
    trial TEXT NOT NULL REFERENCES trial (key) ON DELETE CASCADE,
    source TEXT NOT NULL,
    channel TEXT NOT NULL,
    t_ns INTEGER NOT NULL, -- since the epoch
    power_uw REAL NOT NULL,
    PRIMARY KEY (trial, source, channel, t_ns)
) STRICT, WITHOUT ROWID;

CREATE TABLE campaign_meter ( -- as last seen
    campaign TEXT NOT NULL REFERENCES campaign (key) ON DELETE CASCADE,
    meter TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('ok', 'absent', 'off')), -- off: not asked for
    detail TEXT, -- what it covers, or why it is not there
    position INTEGER NOT NULL, -- order of display
    PRIMARY KEY (campaign, meter)
) STRICT, WITHOUT ROWID;

ALTER TABLE campaign ADD COLUMN marker_ns INTEGER CHECK (marker_ns > 0); -- since the epoch: what a
    -- recording of another machine is aligned by

-- The windows of each channel by grade, and how many of them a row's energy came from.
CREATE VIEW v_channel AS
SELECT t.campaign AS campaign_key, substr(w.source, 1, instr(w.source || ':', ':') - 1) AS meter, w.source,
    w.channel, w.scope, w.pci, count(*) AS windows, sum(w.chosen AND w.used AND NOT w.idle) AS used,
    avg(w.grade = 'ok') AS share_ok, avg(w.grade = 'short') AS share_short,
    avg(w.grade = 'no_tick') AS share_no_tick, avg(w.grade = 'ambiguous') AS share_ambiguous,
    avg(w.grade = 'lost') AS share_lost, max(w.reason) AS reason
FROM energy_window AS w JOIN trial AS t ON t.key = w.trial
GROUP BY t.campaign, w.source, w.channel, w.scope, w.pci;

-- Windows in which two sources of one channel differ by more than both their bounds. They are compared as
-- powers, because a window ends at the ticks of its own source.
CREATE VIEW v_disagreement AS
SELECT *, abs(power_uw - other_power_uw) / (bound_uw + other_bound_uw) AS difference_over_bounds
FROM (
    SELECT a.trial, a.place, a.idle, a.channel, a.pci, a.source, 1e9 * a.energy_uj / a.duration_ns AS power_uw,
        1e9 * a.bound_uj / a.duration_ns AS bound_uw, b.source AS other_source,
        1e9 * b.energy_uj / b.duration_ns AS other_power_uw, 1e9 * b.bound_uj / b.duration_ns AS other_bound_uw
    FROM energy_window AS a JOIN energy_window AS b ON b.trial = a.trial AND b.place = a.place
        AND b.channel = a.channel AND b.pci IS a.pci AND b.source > a.source
    WHERE a.grade IN ('ok', 'short') AND b.grade IN ('ok', 'short'))
WHERE abs(power_uw - other_power_uw) > bound_uw + other_bound_uw;

-- As before, with the columns of energy at the end. Intervals of quotients and products divide and
-- multiply the ends: wider than 95 %.
DROP VIEW v_result;
CREATE VIEW v_result AS
-- The baseline is the fastest dense row of each group, found once. The reference's plain loops are no
-- baseline: a speed-up over them would be a false claim.
WITH dense AS MATERIALIZED (
    SELECT * FROM (
        SELECT t.campaign, p.workload, p.device, p.batch, p.threads, p.precision, p.pass, p.cold,
            t.kind, p.variant, t.time_ns_median, t.time_ns_ci_low, t.time_ns_ci_high,
            t.energy_uj_per_frame, t.energy_uj_ci_low, t.energy_uj_ci_high, t.energy_kind,
            t.energy_scope,
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
            FROM energy_window AS w
            WHERE w.trial = t.key AND w.used AND w.chosen AND NOT w.idle AND w.frames > 0)
        WHERE place = (windows + 1) / 2) AS energy_net_uj_per_frame,
    p.cold,
    t.key AS trial,
    c.key AS campaign_key,
    strftime('%Y-%m-%dT%H:%M:%SZ', c.created_ns / 1000000000, 'unixepoch') AS started,
    c.command,
    t.flop_roof,
    t.roof_bytes,
    t.energy_bound_uj,
    t.energy_remark,
    t.power_uw,
    t.power_uw_ci_low,
    t.power_uw_ci_high,
    t.idle_power_uw / t.power_uw AS idle_share,
    t.idle_power_uw / t.power_uw_ci_high AS idle_share_ci_low,
    t.idle_power_uw / t.power_uw_ci_low AS idle_share_ci_high,
    1e6 / t.energy_uj_ci_high AS frames_per_j_ci_low,
    1e6 / t.energy_uj_ci_low AS frames_per_j_ci_high,
    CASE WHEN d.energy_kind = t.energy_kind AND d.energy_scope IS t.energy_scope
        THEN d.energy_uj_ci_low / t.energy_uj_ci_high END AS energy_gain_ci_low,
    CASE WHEN d.energy_kind = t.energy_kind AND d.energy_scope IS t.energy_scope
        THEN d.energy_uj_ci_high / t.energy_uj_ci_low END AS energy_gain_ci_high,
    t.energy_uj_per_frame * t.time_ns_median / p.batch AS edp_uj_ns,
    t.energy_uj_ci_low * t.time_ns_ci_low / p.batch AS edp_uj_ns_ci_low,
    t.energy_uj_ci_high * t.time_ns_ci_high / p.batch AS edp_uj_ns_ci_high,
    1e-3 * t.flop_executed / t.energy_uj_per_frame AS gflops_per_w_executed,
    1e-3 * t.flop_executed / t.energy_uj_ci_high AS gflops_per_w_executed_ci_low,
    1e-3 * t.flop_executed / t.energy_uj_ci_low AS gflops_per_w_executed_ci_high,
    1e-3 * t.flop_dense / t.energy_uj_per_frame AS gflops_per_w_dense,
    1e-3 * t.flop_dense / t.energy_uj_ci_high AS gflops_per_w_dense_ci_low,
    1e-3 * t.flop_dense / t.energy_uj_ci_low AS gflops_per_w_dense_ci_high,
    (SELECT nullif(count(DISTINCT w.place), 0) FROM energy_window AS w
        WHERE w.trial = t.key AND w.used AND w.chosen AND NOT w.idle) AS energy_windows,
    t.temperature_before_mc,
    t.temperature_after_mc,
    t.frequency_before_khz,
    t.frequency_after_khz
FROM trial AS t
JOIN campaign AS c ON c.key = t.campaign
JOIN point AS p ON p.key = t.point
JOIN device AS v ON v.key = t.device
LEFT JOIN verdict AS j ON j.trial = t.key
LEFT JOIN dense AS d ON d.campaign = t.campaign AND d.workload = p.workload AND d.device = p.device
    AND d.batch = p.batch AND d.threads = p.threads AND d.precision = p.precision
    AND d.pass = p.pass AND d.cold = p.cold AND d.kind = t.kind AND t.status = 'ok';
