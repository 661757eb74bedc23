/* The contract between the runner and whatever counts: time, PAPI, powercap. A meter is one
 * `const struct circ_meter` in a file of its own and one line in the table of meters.c.
 *
 * A meter returns raw readings; only circ_difference_take (difference.h) subtracts them. A failed
 * read is a reading with valid = false, never a zero. Sysfs paths go through
 * circ_meters_sysfs_root(). */
#ifndef CIRC_METER_H
#define CIRC_METER_H

#include "backends/core/status.h"

#include <stdbool.h>
#include <stdint.h>

#define CIRC_MAX_CHANNELS 64
#define CIRC_MAX_PACKAGES 64 /* physical packages in a mask */

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
    char name[64];       /* "package-0", "task-clock" */
    char source[48];     /* "powercap", "papi:perf_event" */
    enum circ_unit unit; /* of value = raw * scale */
    enum circ_scope scope;
    double scale;      /* unit per raw count */
    uint64_t wrap;     /* raw counts until it starts again at 0; 0: does not wrap, UINT64_MAX: range
                          unknown */
    int64_t update_ns; /* how often the counter moves; 0: at every read */
    double power_ceiling_w; /* above this a difference is not believed; 0: no ceiling */
    int parent;  /* index of the channel whose counter contains it, -1 if none: never add the two */
    int package; /* physical package, -1 if not tied to one */
};

struct circ_reading {
    uint64_t raw;
    int64_t t_ns;                    /* CLOCK_MONOTONIC when it was read */
    uint64_t enabled_ns, running_ns; /* multiplexing; both 0 when the source does not multiplex */
    bool valid;
};

struct circ_meter_session;

struct circ_meter {
    const char *name;
    const char *description;

    /* OK, or ABSENT with why and the lines to paste; opens nothing that stays open. After OK,
     * err->message is empty or says what of the meter is missing here, and why. */
    enum circ_status (*probe)(struct circ_error *err);

    /* Opens the channels of this meter into channels[CIRC_MAX_CHANNELS]. Counters of scope PROCESS
     * cover all threads alive at the call, so open after the warm-up has created them.
     * events[event_count] names what to count, for a meter that has `events`; NULL and 0 stand for
     * its own choice. USAGE names an unknown event, ABSENT one that cannot be counted here. Called
     * from one thread at a time. */
    enum circ_status (*open)(struct circ_meter_session **session, struct circ_channel *channels,
                             int *count, const char *const *events, int event_count,
                             struct circ_error *err);
    /* Reads every channel, in the order of open, into readings[count]. From the thread that opened.
     */
    void (*read)(struct circ_meter_session *session, struct circ_reading *readings);
    void (*close)(struct circ_meter_session *session); /* NULL allowed */
    bool energy; /* belongs to the energy pass; the others to the counter pass */
    bool events; /* open() takes names of events; the other meters ignore them */
};

/* The meters of this build; *count gets their number. */
const struct circ_meter *const *circ_meters_list(int *count);
const struct circ_meter *circ_meters_find(const char *name);

/* "/sys", or CIRCBENCH_SYSFS when it is set: it replaces /sys whole, and rows made under it are
 * `emulated`. */
const char *circ_meters_sysfs_root(void);
bool circ_meters_replayed(void);

/* Packages of the CPUs in this thread's affinity mask, bit i for package i; 0 when sysfs does not
 * say. */
uint64_t circ_meters_packages(void);

/* Chooses the channels whose sum is the energy of the packages in the mask: the package channels of
 * one source (several dies of a package are siblings and all taken), never a nested domain, never
 * psys. Mask 0, packages unknown, takes all of them. Writes their indices into chosen[count].
 * ABSENT names a package that no channel measures: a partial sum is not an energy. */
CIRC_MUST_USE enum circ_status circ_meters_default_energy(const struct circ_channel *channels,
                                                          int count, uint64_t packages, int *chosen,
                                                          int *chosen_count,
                                                          struct circ_error *err);

const char *circ_meters_scope_name(enum circ_scope scope);
const char *circ_meters_unit_name(enum circ_unit unit);

#endif
