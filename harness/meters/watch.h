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

#include "harness/meters/meter.h"

struct circ_watch;

struct circ_watch_rule {
    const char *const *names; /* of meters that may be opened; none: every energy meter */
    int name_count;
    const struct circ_meter_request *request; /* borrowed until close */
    /* Called for every energy meter of the table with OK, ABSENT and why, or NOTHING where the
     * names leave it out; NULL: nobody asks. */
    void (*tell)(void *context, const struct circ_meter *meter, enum circ_status status,
                 const char *message);
    void *context;
    double trace_hz; /* powers are kept so often for circ_mark_trace; 0: not at all */
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

/* How long a tick of a channel with this update interval is waited for. */
int64_t circ_watch_patience_ns(int64_t update_ns);

/* Whether a channel's readings come late, with times of their own. */
bool circ_watch_is_late(const struct circ_watch *watch, int channel);

/* Watching costs time on some core: it goes on only between these two. */
void circ_watch_begin(struct circ_watch *watch);
void circ_watch_end(struct circ_watch *watch);

/* For a caller without the thread: when the next step is due (INT64_MAX: never), and the step. */
int64_t circ_watch_due_ns(const struct circ_watch *watch);
void circ_watch_step(struct circ_watch *watch);

#endif
