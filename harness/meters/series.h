/* Readings with times of their own, and the energy between two moments. */
#ifndef CIRC_SERIES_H
#define CIRC_SERIES_H

#include "harness/meters/difference.h"

#include <stddef.h>

struct circ_series_point {
    int64_t t_ns;
    double value; /* uJ since some start, or uW */
};

struct circ_series {
    struct circ_series_point *points; /* owned; times rise */
    size_t count, capacity;
    bool broken; /* memory ran out: what follows is missing */
};

/* Appends a reading; false when its time does not rise, or memory is out. Of accumulated energy a
 * value that falls is kept and found by between. */
bool circ_series_add(struct circ_series *series, int64_t t_ns, double value);

/* Drops what ended before a moment. */
void circ_series_forget(struct circ_series *series, int64_t before_ns);
void circ_series_free(struct circ_series *series); /* harmless on a zeroed one */

/* How far beyond a window the readings of a channel say something of it. */
int64_t circ_series_reach_ns(const struct circ_channel *channel);

/* The energy of channel (unit UJ or UW; error, update_ns, lag_ns, power_ceiling_w count) between
 * two moments that the series covers. Power is integrated by trapezoids; the bound is half of every
 * step between neighbours times its length (of an interval that the window cuts, as much as a step
 * at its worst moment would make), plus what a lag hides (a mean over the time before its reading
 * may have its window that far away, at either end), plus the sensor's own error. A momentary power
 * whose readings lie more than 50 ms apart is SHORT at best unless its channel states an error:
 * nothing else bounds what it does between them. Accumulated energy is interpolated at both ends;
 * the bound is what the counter gained at its next tick after each of them. LOST: not covered,
 * backwards, or powers with a gap of more than ten update intervals and 100 ms; NO_TICK: nothing
 * came; AMBIGUOUS: above the ceiling. */
struct circ_delta circ_series_between(const struct circ_series *series,
                                      const struct circ_channel *channel, int64_t from_ns,
                                      int64_t to_ns, double max_error);

#endif
