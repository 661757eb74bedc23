/* What one measurement of one point produced: the hand-over from the runner to the database. Plain
 * data in the units of the columns; strings are borrowed for the call that receives the struct and
 * never NULL unless a comment allows it. */
#ifndef CIRC_TRIAL_H
#define CIRC_TRIAL_H

#include "backends/core/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CIRC_KEY_SIZE 37 /* UUID text and its terminator */

/* One cell of a sweep. Its content hash (UUID version 5) is its key in every database. */
struct circ_point {
    const char *workload, *backend, *device, *structure, *variant, *isa, *precision, *pass;
    const char
        *network;   /* digest of the workload's layers: a name may come to mean another network */
    int block;      /* 1 for dense */
    int block_conv; /* 0 where the workload has no compressible CONV layer: NULL in the database */
    int batch;
    int threads;
    bool cold; /* weights rotated past the last-level cache */
};

struct circ_device_row {
    const char *backend, *name, *description, *device_kind; /* cpu, gpu, fpga, asic */
    int64_t memory_bytes;
};

/* What a search of parameters found for one point of a device: the winner and its evidence. It
 * holds its texts. */
struct circ_tuning_row {
    char backend[32], device[96], variant[32];
    char op[8];   /* fc, conv: of the layer with the most work */
    char pass[8]; /* infer, train */
    int64_t block, batch;
    char tuning[96];                  /* as the rows of a sweep have it */
    char kind[16];                    /* measured, emulated, modelled: of the times */
    int64_t time_ns, default_time_ns; /* of a batch; medians of interleaved samples */
    int64_t samples;                  /* of each */
    char workload[96];
    char description[320], version[64]; /* of the device and of circbench; "" if unknown */
    int64_t created_ns;                 /* since the epoch */
};

/* One host fact, e.g. {"cpu", "AMD EPYC 9R14"}; volatile facts do not identify. */
struct circ_fact {
    const char *key;
    const char *value;
    bool identifies; /* part of the host's key; load average and clock are not */
};

struct circ_campaign {
    const char *name;    /* given by the user, or "" for a generated one */
    const char *command; /* the exact command line that repeats it */
    const char *axes;    /* canonical text of the axes and of every option that changes a result */
    const char *version, *commit, *build; /* of circbench; build: compiler, flags, type */
    const char *warnings;                 /* host warnings, one a line; "" if none */
    int64_t created_ns;                   /* since the epoch */
    uint64_t seed;
};

struct circ_sample {
    int64_t start_ns;       /* monotonic clock, since the campaign began */
    int64_t time_ns;        /* host time of one batch: window / iterations */
    int64_t device_time_ns; /* device clock of one batch, -1 if there is none */
    int iterations;         /* batches in the window */
    bool warmup;            /* taken before the measurement; stored, not used */
    bool outlier;           /* beyond 3 scaled median absolute deviations; flagged, used */
};

struct circ_counter {
    const char *name, *unit, *source; /* "task-clock", "ns", "papi:perf_event" */
    double value;                     /* per batch, after scaling; NaN: could not be counted */
    double running;     /* fraction of the time it was counted, 1 when not multiplexed; NaN */
    const char *reason; /* why it has no value, or by which name it was counted; "" */
};

/* One channel over one window. Channels of a window share its place. */
struct circ_energy_window {
    const char *source, *channel, *scope; /* "powercap:intel-rapl", "package-0", "package" */
    const char *pci;                      /* the card that it measures; "": the machine */
    const char *grade;                    /* ok, short, no_tick, ambiguous, lost */
    char reason[160];                     /* why it is not ok; "" */
    int place;                            /* windows of a trial from 0, idle ones among them */
    bool idle;                            /* taken with nothing running */
    bool chosen;      /* part of the energy of the row, in so far as the window is used for it */
    bool used;        /* the row's energy comes from this window and its like */
    int64_t start_ns; /* since the epoch: a recording of another machine may be set beside it */
    int64_t duration_ns;
    int64_t frames;
    int64_t raw_start, raw_end; /* -1: of a recording that came later, which has none */
    double energy_uj; /* < 0: unknown, stored as NULL */
    double bound_uj;  /* error bound of energy_uj; < 0: unknown */
};

/* A window that a campaign laid, whatever was read in it: for a recording to be set beside. */
struct circ_laid_window {
    char trial[CIRC_KEY_SIZE];
    char device_kind[8], kind[12]; /* of the trial's device and times */
    bool has_energy;               /* from another source than a recording */
    int place;
    bool idle;
    int64_t start_ns, duration_ns, frames; /* as in circ_energy_window */
};

/* A power of the energy pass, kept with --power-trace. */
struct circ_power_sample {
    const char *source, *channel;
    int64_t t_ns; /* since the epoch */
    double power_uw;
};

/* What the machine was like before and after the energy pass of a point. */
struct circ_conditions {
    double
        temperature_mc;   /* millidegrees Celsius, of the CPU packages, the hottest; NaN: unknown */
    double frequency_khz; /* mean of the CPUs that may run it; NaN: unknown */
};

/* A meter of the campaign, for the report: there, or why not. */
struct circ_meter_row {
    const char *meter;  /* "powercap" */
    const char *state;  /* ok, absent, off (not asked for) */
    const char *detail; /* what it covers, or why it is not there */
};

/* Values of -1 (or NaN in doubles) in optional numbers are stored as NULL. When status is not OK,
 * times, counters and energy are absent: sample_count, counter_count and window_count are 0. */
struct circ_trial {
    struct circ_point point;
    enum circ_status status;
    const char *reason; /* why it is not ok, or a remark on an ok row; "" if none */
    const char *kind;   /* measured, emulated, modelled: of the times, stored only with them */
    const char *library, *tuning; /* "" if none */
    const char *isa; /* the kernel set that really ran; "" if the notion does not apply */

    /* verdict; checked is 0 when the point was never run */
    double rel_rms_error, max_error, error_bound;
    int64_t checked, outputs;

    /* summary of the samples that are not warm-up, per batch */
    int64_t time_ns_median, time_ns_min, time_ns_p95, time_ns_ci_low, time_ns_ci_high;
    int64_t device_time_ns_median;
    const char *stop_reason; /* precise, noise, timeout; "" when not timed */
    int64_t prepare_ns, upload_ns, download_ns, verify_ns;

    /* per frame; see struct circ_counts */
    int64_t flop_dense, flop_executed, weight_count, weight_count_dense, weight_bytes;

    int64_t flop_roof;      /* per frame: what its roof counts */
    int64_t roof_bytes;     /* per batch: what must move, weights and activations once */
    double roof_time_ns;    /* per batch: no program is faster on this machine; NaN: unknown */
    const char *roof_bound; /* flop, L1, L2, L3, dram, memory: the term it comes from; "" */

    double cycles, instructions; /* per batch; NaN when not countable */

    /* per frame, idle included, on the default channel; NaN and a reason when not measured */
    double energy_uj_per_frame, energy_uj_ci_low, energy_uj_ci_high, idle_power_uw;
    /* "" when not measured */
    const char *energy_source, *energy_scope, *energy_kind, *energy_quality;
    const char *energy_reason; /* "" when measured */
    const char *energy_remark; /* sources that disagree, readings not believed; "" if none */
    double energy_bound_uj;    /* per frame: largest error from ticks, sampling and sensor; NaN */
    /* average over the used windows, of the same channels; NaN */
    double power_uw, power_uw_ci_low, power_uw_ci_high;
    struct circ_conditions before, after; /* NaN inside: not readable */

    const struct circ_sample *samples;
    size_t sample_count;
    const struct circ_counter *counters;
    size_t counter_count;
    const struct circ_energy_window *windows;
    size_t window_count;
    const struct circ_power_sample *powers;
    size_t power_count;
};

/* A trial of the point of which nothing is known yet: every optional number unknown, every text "".
 */
struct circ_trial circ_trial_unknown(const struct circ_point *point);

#endif
