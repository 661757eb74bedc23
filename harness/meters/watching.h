/* The inside of the watch, for watch.c, which reads, and mark.c, which makes windows of it. */
#ifndef CIRC_WATCHING_H
#define CIRC_WATCHING_H

#include "harness/meters/mark.h"
#include "harness/meters/series.h"

#include <pthread.h>

#define CIRC_WATCH_SOURCES 16

/* While a mark waits for a tick, a channel is read so often in an update interval, and never more
 * often than this. */
#define CIRC_WATCH_SETTLE_PARTS 8
#define CIRC_WATCH_SHORTEST_NS  20000

struct circ_watch_source {
    const struct circ_meter *meter;
    struct circ_meter_session *session; /* owned */
    int first, count;                   /* its channels */
    int64_t period_ns;                  /* INT64_MAX: it need not be read between marks */
    int64_t due_ns;
    int64_t update_ns; /* shortest of its channels */
};

/* What is known of one channel. */
struct circ_watch_state {
    struct circ_reading anchor; /* when its present value was first seen */
    double total;
    /* the first reading that began after the mark that is held */
    uint64_t confirmed_raw;
    bool confirmed;
    int breaks;
    enum circ_grade grade; /* of the last break */
    char reason[160];
    struct circ_series series; /* of a power, or of a counter while it is traced */
};

struct circ_watch {
    struct circ_watch_source sources[CIRC_WATCH_SOURCES];
    int source_count;
    struct circ_channel channels[CIRC_MAX_CHANNELS];
    struct circ_watch_state states[CIRC_MAX_CHANNELS];
    int count;
    int64_t trace_ns; /* between two kept readings of a counter; 0: none are kept */
    struct circ_mark *held;
    bool threaded;
    /* guards all of the above but sources and channels, which stay as they were opened */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    pthread_t thread;
    bool active, ending, started;
};

/* Reads a source now. Hold the lock. */
void circ_watch_look(struct circ_watch *watch, struct circ_watch_source *source);

/* The source of a channel. */
struct circ_watch_source *circ_watch_source(struct circ_watch *watch, int channel);

#endif
