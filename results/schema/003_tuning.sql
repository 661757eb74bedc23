-- Tunings: the parameters that won a search, with their evidence.

CREATE TABLE tuning ( -- version 5, of backend, device, variant, op, pass, block and batch
    key TEXT PRIMARY KEY CHECK (length(key) = 36),
    backend TEXT NOT NULL,
    device TEXT NOT NULL, -- by name, of whichever host: it may have been imported
    variant TEXT NOT NULL,
    op TEXT NOT NULL CHECK (op IN ('fc', 'conv')), -- of the layer with the most work
    pass TEXT NOT NULL CHECK (pass IN ('infer', 'train')),
    block INTEGER NOT NULL CHECK (block >= 1), -- of that layer
    batch INTEGER NOT NULL CHECK (batch >= 1),
    tuning TEXT NOT NULL, -- what won, as rows have it
    kind TEXT NOT NULL CHECK (kind IN ('measured', 'emulated', 'modelled')), -- of the times
    time_ns INTEGER NOT NULL CHECK (time_ns > 0), -- of a batch, median; interleaved with the next
    default_time_ns INTEGER NOT NULL CHECK (default_time_ns > 0), -- with the backend's own choice
    samples INTEGER NOT NULL CHECK (samples >= 1), -- of each
    workload TEXT NOT NULL, -- what ran
    description TEXT, -- of the device: its driver
    version TEXT, -- of circbench, and its commit
    created_ns INTEGER NOT NULL CHECK (created_ns >= 0) -- since the epoch; a newer search replaces
) STRICT, WITHOUT ROWID;
