/* Moments of the watch, and the energy of a channel between two of them.
 *
 * A counter that ticks says at a mark what it was at its last tick. What it gains by its next tick
 * is the most that it may have been behind, whatever the power did meanwhile: so a mark is
 * `settled` when the channel has moved once more, and the gain is the mark's part of the error
 * bound. */
#ifndef CIRC_MARK_H
#define CIRC_MARK_H

#include "harness/meters/difference.h"
#include "harness/meters/series.h"
#include "harness/meters/watch.h"

#include <stddef.h>

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
void circ_mark_set(struct circ_watch *watch, struct circ_mark *mark);

/* Whether a channel has moved since the mark: reads now. */
bool circ_mark_moved(struct circ_watch *watch, const struct circ_mark *mark, int channel);

/* Waits until the listed channels of the mark have settled, patience_ns at most. */
bool circ_mark_settle(struct circ_watch *watch, struct circ_mark *mark, const int *channels,
                      int count, int64_t patience_ns);

/* The energy of a channel between two marks. A window whose ends have not settled is SHORT. */
struct circ_delta circ_mark_difference(struct circ_watch *watch, int channel,
                                       const struct circ_mark *before,
                                       const struct circ_mark *after, double max_error);

/* Powers of a channel between two moments, at most capacity of them: midpoints of neighbouring
 * readings. Needs trace_hz. */
size_t circ_mark_trace(struct circ_watch *watch, int channel, int64_t from_ns, int64_t to_ns,
                       struct circ_series_point *points, size_t capacity);

#endif
