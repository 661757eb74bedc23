/* The contract between the harness and whatever counts: time, events, energy. A meter is one
 * `const struct circ_meter` in a file of its own and one line in the table of meters.c.
 *
 * A meter returns raw readings; only circ_difference_take (difference.h) subtracts them, and only
 * circ_series_between (series.h) integrates what came with times of its own. A failed read is a
 * reading with valid = false, never a zero. Sysfs paths go through circ_meters_sysfs_root(), times
 * through clock.h. */
#ifndef CIRC_METER_H
#define CIRC_METER_H

#include "backends/core/status.h"

#include <stdbool.h>
#include <stdint.h>

#define CIRC_MAX_CHANNELS 128
#define CIRC_MAX_PACKAGES 64 /* physical packages in a mask */

enum circ_unit {
    CIRC_UNIT_NS,
    CIRC_UNIT_UJ, /* accumulated energy */
    CIRC_UNIT_UW, /* power at the moment of reading, to be integrated; never subtracted */
    CIRC_UNIT_COUNT
};

enum circ_scope {
    CIRC_SCOPE_PROCESS, /* this process's threads */
    CIRC_SCOPE_CORE,
    CIRC_SCOPE_UNCORE,
    CIRC_SCOPE_PACKAGE,
    CIRC_SCOPE_DRAM,
    CIRC_SCOPE_PSYS,
    CIRC_SCOPE_GPU,  /* the chip of a graphics card */
    CIRC_SCOPE_BOARD /* a whole card (channel.pci names it), or the whole machine (pci is "") */
};

struct circ_channel {
    char name[64];       /* "package-0", "task-clock": two sources that measure one domain call it
                            alike, which is how they are compared */
    char source[48];     /* "powercap:intel-rapl", "papi:perf_event": the meter's name, then more */
    char pci[16];        /* "0000:65:00.0": the card it measures; "": the machine */
    enum circ_unit unit; /* of value = raw * scale */
    enum circ_scope scope;
    double scale;      /* unit per raw count */
    uint64_t wrap;     /* raw counts until it starts again at 0; 0: does not wrap, UINT64_MAX: range
                          unknown */
    int64_t update_ns; /* how often the counter moves; 0: at every read */
    int64_t lag_ns;    /* a power is a mean over up to so long before its reading; 0: momentary */
    double error;      /* relative, of the sensor, where maker or user states it; 0: not stated */
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
struct circ_delta;

/* What the user asks of meters. Everything is borrowed for as long as the meter is open. */
struct circ_meter_request {
    const char *const *events; /* names of events and of groups (groups/); NULL: the choice of a
                                  meter that has `events` */
    int event_count;
    const char *command; /* of exec: prints `t_ns channel value` lines; NULL: none */
    const char *trace;   /* of trace: a CSV file; NULL: none */
    bool trace_later; /* there is none yet: windows are laid for one that is recorded meanwhile */
    double trace_offset_s;    /* clock of the trace minus this machine's */
    const char *trace_marker; /* channel of the marker's lines, which say the offset; NULL: as above
                               */
    int64_t marker_ns;        /* the marker's moment, since the epoch; 0: none was set */
};

struct circ_meter {
    const char *name;
    const char *description; /* what it would cover, as doctor prints it */

    /* OK, or ABSENT with why and the lines to paste; opens nothing that stays open. After OK,
     * err->message is empty or says what of the meter is missing here, and why. Here and in open
     * request may be NULL: nothing is asked. */
    enum circ_status (*probe)(const struct circ_meter_request *request, struct circ_error *err);

    /* Opens the channels of this meter into channels[CIRC_MAX_CHANNELS]. Counters of scope PROCESS
     * cover all threads alive at the call, so open after the warm-up has created them. USAGE names
     * an unknown event, ABSENT one that cannot be counted here. Called from one thread at a time.
     */
    enum circ_status (*open)(struct circ_meter_session **session, struct circ_channel *channels,
                             int *count, const struct circ_meter_request *request,
                             struct circ_error *err);
    /* Reads every channel, in the order of open, into readings[count]. One call at a time: of an
     * energy meter from any thread, of the others from the one that opened it. */
    void (*read)(struct circ_meter_session *session, struct circ_reading *readings);
    /* Optional, of a meter whose readings come late and with times of their own (exec, trace): the
     * energy of a channel between two moments of CLOCK_MONOTONIC. False while the readings have not
     * reached to_ns and may still do so. May be called from any thread, not beside read. */
    bool (*between)(struct circ_meter_session *session, int channel, int64_t from_ns, int64_t to_ns,
                    double max_error, struct circ_delta *delta);
    void (*close)(struct circ_meter_session *session); /* NULL allowed */
    bool energy; /* belongs to the energy pass; the others to the counter pass */
    bool events; /* open() takes names of events; the other meters ignore them */
    /* Its hardware is not every machine's, or its file or command is the user's: nobody misses it.
     */
    bool optional;
};

/* The meters of this build; *count gets their number. */
const struct circ_meter *const *circ_meters_list(int *count);
const struct circ_meter *circ_meters_find(const char *name);

/* Whether the names that a user gave, none for all of them, allow a meter. */
bool circ_meters_allows(const char *const *names, int count, const char *meter);

/* "/sys", or CIRCBENCH_SYSFS when it is set: it replaces /sys whole, and rows made under it are
 * `emulated`. */
const char *circ_meters_sysfs_root(void);
bool circ_meters_replayed(void);

/* Whether the request holds what this meter alone needs: a command, a file. request may be NULL. */
bool circ_meters_given(const struct circ_meter *meter, const struct circ_meter_request *request);

const char *circ_meters_scope_name(enum circ_scope scope);
const char *circ_meters_unit_name(enum circ_unit unit);

#endif
