/* Powers of one channel while it is watched: over the last interval, over all of them, and the
 * most. */
#ifndef CIRC_POWER_H
#define CIRC_POWER_H

#include "harness/meters/difference.h"
#include "harness/meters/mark.h"

#include <stdint.h>

#define CIRC_POWER_WORST 0.5 /* a bound beyond this share of the power: it is not known */

enum { CIRC_POWER_TICKS = 8 };

/* Zeroed, it has seen nothing. */
struct circ_power {
    double uw, bound_uw;   /* of the last interval, or of the last ticks; NaN: unknown */
    enum circ_grade grade; /* SHORT where it is of the last ticks */
    char reason[160];      /* why it is not OK; else "" */
    double mean_uw;        /* since the first tick; NaN: unknown */
    double most_uw;        /* of those known to CIRC_POWER_WORST; NaN: none was */
    double sum_uj, sum_s;  /* what the mean is of */
    bool begun;            /* most_uw and mean_uw are set */
    struct circ_power_tick {
        int64_t from_ns, by_ns; /* the tick came between these two marks */
        double total_uj;        /* that it brought the counter to */
    } ticks[CIRC_POWER_TICKS];  /* the last one first */
    int tick_count;
};

/* Takes the interval between two marks. delta is the channel's difference between them; counter:
 * of a counter that ticks, whose totals the marks hold. */
void circ_power_take(struct circ_power *power, const struct circ_delta *delta, bool counter,
                     const struct circ_mark_channel *before, const struct circ_mark_channel *after);

/* The counter was left alone for a while: what comes next has nothing to do with earlier ticks. */
void circ_power_part(struct circ_power *power);

#endif
