/* The energy meters, open together and watched: counters are read often enough that no wrap is
 * missed, powers are sampled and integrated, and whoever wants the energy of a window sets a mark
 * at each of its ends.
 *
 * A counter that ticks says at a mark what it was at its last tick. What it gains by its next tick
 * is the most that it may have been behind, whatever the power did meanwhile: so a mark is
 * `settled` when every channel has moved once more, and the gain is the mark's part of the error
 * bound. */
#ifndef CIRC_WATCH_H
#define CIRC_WATCH_H

#include "harness/meters/difference.h"
#include "harness/meters/series.h"

struct circ_watch;

struct circ_watch_rule {
    bool (*allows)(const void *context, const char *meter); /* NULL: every energy meter */
    const void *context;
    const struct circ_meter_request *request; /* borrowed until close */
    double trace_hz; /* powers are kept so often for circ_watch_trace; 0: not at all */
    bool threaded;   /* false: the caller calls circ_watch_step when circ_watch_due_ns has come */
};

/* Opens every energy meter that the rule allows and that is here. ABSENT names the reasons when
 * none is; USAGE (a meter's own), MEMORY. */
CIRC_MUST_USE enum circ_status circ_watch_open(struct circ_watch **watch,
                                               const struct circ_watch_rule *rule,
                                               struct circ_error *err);
void circ_watch_close(struct circ_watch *watch); /* NULL allowed */

/* All channels, in the order of the table of meters. Borrowed until close. */
int circ_watch_channels(const struct circ_watch *watch, const struct circ_channel **channels);

/* Watching costs time on some core: it goes on only between these two. */
void circ_watch_begin(struct circ_watch *watch);
void circ_watch_end(struct circ_watch *watch);

/* One moment, of all channels. */
struct circ_mark {
    int64_t t_ns;
    struct circ_mark_channel {
        int64_t t_ns; /* of the reading */
        uint64_t raw; /* as the counter gave it */
        double total; /* uJ since the watch was opened, wraps counted */
        double gain;  /* uJ gained by the next tick; NaN: not settled */
        int breaks;   /* readings lost or doubtful so far: equal at both ends of a good window */
        bool valid;
    } channels[CIRC_MAX_CHANNELS];
};

/* Reads now. The watch keeps hold of the mark until it has settled, or until the next mark, or
 * until circ_watch_end. */
void circ_watch_mark(struct circ_watch *watch, struct circ_mark *mark);

/* Whether a channel has moved since the mark: reads now. */
bool circ_watch_moved(struct circ_watch *watch, const struct circ_mark *mark, int channel);

/* Waits until the listed channels of the mark have settled, patience_ns at most. */
bool circ_watch_settle(struct circ_watch *watch, struct circ_mark *mark, const int *channels,
                       int count, int64_t patience_ns);

/* The energy of a channel between two marks. A window whose ends have not settled is SHORT. */
struct circ_delta circ_watch_delta(struct circ_watch *watch, int channel,
                                   const struct circ_mark *before, const struct circ_mark *after,
                                   double max_error);

/* Powers of a channel between two moments, at most capacity of them: midpoints of neighbouring
 * readings. Needs trace_hz. */
size_t circ_watch_trace(struct circ_watch *watch, int channel, int64_t from_ns, int64_t to_ns,
                        struct circ_series_point *points, size_t capacity);

/* For a caller without the thread: when the next step is due (INT64_MAX: never), and the step. */
int64_t circ_watch_due_ns(const struct circ_watch *watch);
void circ_watch_step(struct circ_watch *watch);

#endif
