-- The first schema. Each migration runs in one transaction, so it holds no BEGIN, COMMIT or PRAGMA; a
-- published migration is never edited, the next one changes what it made.
--
-- Keys are UUID text: version 5 (a hash of the content) where equal content is one row in every file,
-- version 4 (random) where each row is an event of its own. So files merge by INSERT OR IGNORE.
-- Units are in the names. Unknown is NULL, never 0 and never ''.

CREATE TABLE host ( -- version 5, of the identifying facts
    key TEXT PRIMARY KEY CHECK (length(key) = 36)
) STRICT, WITHOUT ROWID;

CREATE TABLE host_fact ( -- as last seen
    host TEXT NOT NULL REFERENCES host (key) ON DELETE CASCADE,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    identifies INTEGER NOT NULL CHECK (identifies IN (0, 1)),
    position INTEGER NOT NULL, -- order of display
    PRIMARY KEY (host, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE device ( -- version 5, of host, backend, name, description and kind
    key TEXT PRIMARY KEY CHECK (length(key) = 36),
    host TEXT NOT NULL REFERENCES host (key) ON DELETE CASCADE,
    backend TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT,
    device_kind TEXT NOT NULL CHECK (device_kind IN ('cpu', 'gpu', 'fpga', 'asic')),
    memory_bytes INTEGER CHECK (memory_bytes >= 0)
) STRICT, WITHOUT ROWID;
CREATE INDEX device_host ON device (host);

CREATE TABLE campaign ( -- version 4
    key TEXT PRIMARY KEY CHECK (length(key) = 36),
    host TEXT NOT NULL REFERENCES host (key),
    name TEXT NOT NULL UNIQUE CHECK (name NOT IN ('', 'latest')),
    command TEXT NOT NULL,
    axes TEXT NOT NULL,
    version TEXT,
    commit_id TEXT,
    build TEXT,
    warnings TEXT, -- one a line
    created_ns INTEGER NOT NULL CHECK (created_ns >= 0), -- since the epoch
    seed TEXT NOT NULL CHECK (seed NOT GLOB '*[^0-9]*') -- 64 bits unsigned: more than INTEGER holds
) STRICT;
CREATE INDEX campaign_host ON campaign (host);

CREATE TABLE campaign_fact ( -- the host's facts when the campaign began
    campaign TEXT NOT NULL REFERENCES campaign (key) ON DELETE CASCADE,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    position INTEGER NOT NULL,
    PRIMARY KEY (campaign, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE point ( -- version 5, of all the other columns
    key TEXT PRIMARY KEY CHECK (length(key) = 36),
    workload TEXT NOT NULL,
    network TEXT, -- digest of its layers
    backend TEXT NOT NULL,
    device TEXT NOT NULL,
    structure TEXT NOT NULL,
    variant TEXT,
    isa TEXT, -- asked for; what ran is trial.isa
    precision TEXT NOT NULL,
    pass TEXT NOT NULL CHECK (pass IN ('infer', 'train')),
    block INTEGER NOT NULL CHECK (block >= 1),
    block_conv INTEGER CHECK (block_conv >= 1), -- NULL: no compressible CONV layer
    batch INTEGER NOT NULL CHECK (batch >= 1),
    threads INTEGER NOT NULL CHECK (threads >= 1),
    cold INTEGER NOT NULL CHECK (cold IN (0, 1))
) STRICT, WITHOUT ROWID;

CREATE TABLE trial ( -- version 4
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
    stop_reason TEXT CHECK (stop_reason IN ('precise', 'noise', 'timeout')),
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
    UNIQUE (campaign, point),
    CONSTRAINT time_has_kind CHECK (time_ns_median IS NULL OR kind IS NOT NULL), -- both NULL after `check`
    CONSTRAINT failure_has_no_time CHECK (status = 'ok' OR time_ns_median IS NULL),
    CONSTRAINT failure_has_no_energy CHECK (status = 'ok' OR energy_uj_per_frame IS NULL),
    CONSTRAINT energy_has_kind CHECK (energy_uj_per_frame IS NULL OR energy_kind IS NOT NULL)
) STRICT;
CREATE INDEX trial_point ON trial (point);
CREATE INDEX trial_device ON trial (device);

CREATE TABLE sample (
    trial TEXT NOT NULL REFERENCES trial (key) ON DELETE CASCADE,
    number INTEGER NOT NULL, -- in the order taken, from 0
    start_ns INTEGER NOT NULL, -- since the campaign began
    time_ns INTEGER NOT NULL CHECK (time_ns >= 0), -- of one batch
    device_time_ns INTEGER CHECK (device_time_ns >= 0),
    iterations INTEGER NOT NULL CHECK (iterations >= 1),
    warmup INTEGER NOT NULL CHECK (warmup IN (0, 1)),
    outlier INTEGER NOT NULL CHECK (outlier IN (0, 1)),
    PRIMARY KEY (trial, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE counter (
    trial TEXT NOT NULL REFERENCES trial (key) ON DELETE CASCADE,
    source TEXT NOT NULL,
    name TEXT NOT NULL,
    unit TEXT NOT NULL,
    value REAL, -- per batch, scaled for multiplexing; NULL: could not be counted
    running REAL CHECK (running BETWEEN 0 AND 1), -- fraction of the time it was counted
    PRIMARY KEY (trial, source, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE energy_window (
    trial TEXT NOT NULL REFERENCES trial (key) ON DELETE CASCADE,
    number INTEGER NOT NULL, -- in the order taken, from 0
    source TEXT NOT NULL,
    channel TEXT NOT NULL,
    scope TEXT NOT NULL,
    grade TEXT NOT NULL CHECK (grade IN ('ok', 'short', 'no_tick', 'ambiguous', 'lost')),
    idle INTEGER NOT NULL CHECK (idle IN (0, 1)),
    duration_ns INTEGER NOT NULL CHECK (duration_ns >= 0),
    frames INTEGER NOT NULL CHECK (frames >= 0),
    raw_start INTEGER NOT NULL, -- readings as the counter gave them
    raw_end INTEGER NOT NULL,
    energy_uj REAL CHECK (energy_uj >= 0),
    bound_uj REAL CHECK (bound_uj >= 0), -- error bound of energy_uj
    PRIMARY KEY (trial, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE verdict ( -- only of points that ran
    trial TEXT PRIMARY KEY REFERENCES trial (key) ON DELETE CASCADE,
    rel_rms_error REAL, -- NULL: the answer held NaN or infinity
    max_error REAL,
    error_bound REAL,
    checked INTEGER NOT NULL CHECK (checked > 0),
    outputs INTEGER NOT NULL CHECK (outputs >= checked)
) STRICT, WITHOUT ROWID;

CREATE TABLE accuracy (
    trial TEXT PRIMARY KEY REFERENCES trial (key) ON DELETE CASCADE,
    data_set TEXT NOT NULL,
    images INTEGER NOT NULL CHECK (images > 0),
    top1 REAL NOT NULL CHECK (top1 BETWEEN 0 AND 1)
) STRICT, WITHOUT ROWID;

CREATE TABLE quoted ( -- figures read in the literature, version 5
    key TEXT PRIMARY KEY CHECK (length(key) = 36),
    system TEXT NOT NULL,
    workload TEXT,
    metric TEXT NOT NULL,
    value REAL NOT NULL,
    unit TEXT NOT NULL,
    scope TEXT CHECK (scope IN ('chip', 'board', 'package')),
    device_kind TEXT CHECK (device_kind IN ('cpu', 'gpu', 'fpga', 'asic')),
    process_nm REAL,
    year INTEGER,
    source TEXT NOT NULL,
    place TEXT, -- page or table
    obtained TEXT NOT NULL CHECK (obtained IN ('abstract', 'full', 'secondary', 'derived'))
) STRICT, WITHOUT ROWID;

-- One row a trial. The first columns, up to accuracy_top1, are a contract: names and order stay, new
-- columns go to the end. README.md says what each one means and when it is NULL.
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
    NULL AS roof_time_ns,
    NULL AS roof_bound,
    NULL AS roof_fraction,
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
    c.command
FROM trial AS t
JOIN campaign AS c ON c.key = t.campaign
JOIN point AS p ON p.key = t.point
JOIN device AS v ON v.key = t.device
LEFT JOIN verdict AS j ON j.trial = t.key
LEFT JOIN dense AS d ON d.campaign = t.campaign AND d.workload = p.workload AND d.device = p.device
    AND d.batch = p.batch AND d.threads = p.threads AND d.precision = p.precision
    AND d.pass = p.pass AND d.cold = p.cold AND d.kind = t.kind AND t.status = 'ok';
