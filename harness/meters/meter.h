/* The contract between the runner and whatever counts: time, PAPI, powercap. A meter is one
 * `const struct circ_meter` in a file of its own and one line in the table of meters.c.
 *
 * A meter returns raw readings; only circ_difference_take (difference.h) subtracts them. A failed read is
 * a reading with valid = false, never a zero. Sysfs paths go through circ_meters_sysfs_root(). */
#ifndef CIRC_METER_H
#define CIRC_METER_H

#include "backends/core/status.h"

#include <stdbool.h>
#include <stdint.h>

#define CIRC_MAX_CHANNELS 64

enum circ_unit { CIRC_UNIT_NS, CIRC_UNIT_UJ, CIRC_UNIT_COUNT };

enum circ_scope {
    CIRC_SCOPE_PROCESS, /* this process's threads */
    CIRC_SCOPE_CORE,
    CIRC_SCOPE_UNCORE,
    CIRC_SCOPE_PACKAGE,
    CIRC_SCOPE_DRAM,
    CIRC_SCOPE_PSYS,
    CIRC_SCOPE_GPU,
    CIRC_SCOPE_BOARD
};

struct circ_channel {
    char name[64];        /* "package-0", "task-clock" */
    char source[48];      /* "powercap", "papi:perf_event" */
    enum circ_unit unit;  /* of value = raw * scale */
    enum circ_scope scope;
    double scale;         /* unit per raw count */
    uint64_t wrap;        /* raw counts until it starts again at 0; 0: does not wrap, UINT64_MAX: range unknown */
    int64_t update_ns;    /* how often the counter moves; 0: at every read */
    double power_ceiling_w; /* above this a difference is not believed; 0: no ceiling */
    int parent;           /* index of the channel that contains it, -1 if none: never add the two */
    int package;          /* physical package, -1 if not tied to one */
};

struct circ_reading {
    uint64_t raw;
    int64_t t_ns;                     /* CLOCK_MONOTONIC when it was read */
    uint64_t enabled_ns, running_ns;  /* multiplexing; both 0 when the source does not multiplex */
    bool valid;
};

struct circ_meter_session;

struct circ_meter {
    const char *name;
    const char *description;

    /* OK, or ABSENT with why and the lines to paste; opens nothing that stays open. */
    enum circ_status (*probe)(struct circ_error *err);

    /* Opens the channels of this meter. Counters of scope PROCESS cover all threads alive at the call. */
    enum circ_status (*open)(struct circ_meter_session **session, struct circ_channel *channels,
                             int *count, struct circ_error *err);
    /* Reads every channel, in the order of open, into readings[count]. */
    void (*read)(struct circ_meter_session *session, struct circ_reading *readings);
    void (*close)(struct circ_meter_session *session); /* NULL allowed */
    bool energy; /* belongs to the energy pass; the others to the counter pass */
};

/* The meters of this build; *count gets their number. */
const struct circ_meter *const *circ_meters_list(int *count);
const struct circ_meter *circ_meters_find(const char *name);

/* "/sys", or CIRCBENCH_SYSFS when it is set: it replaces /sys whole, and rows made under it are
 * `emulated`. */
const char *circ_meters_sysfs_root(void);
bool circ_meters_replayed(void);

const char *circ_meters_scope_name(enum circ_scope scope);
const char *circ_meters_unit_name(enum circ_unit unit);

#endif
