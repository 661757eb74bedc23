/* The one place where two readings are subtracted. */
#ifndef CIRC_DIFFERENCE_H
#define CIRC_DIFFERENCE_H

#include "harness/meters/meter.h"

enum circ_grade {
    CIRC_GRADE_OK,
    CIRC_GRADE_SHORT,     /* the window is too short for its error bound (see max_error) */
    CIRC_GRADE_NO_TICK,   /* the counter did not move: the energy is unknown, not zero */
    CIRC_GRADE_AMBIGUOUS, /* may have wrapped more than once, wrapped with unknown range, or is
                             implausible */
    CIRC_GRADE_LOST       /* a reading failed, or the counter went backwards without a wrap */
};

struct circ_delta {
    enum circ_grade grade;
    double value; /* in the channel's unit, scaled for multiplexing; NaN unless OK or SHORT */
    double bound; /* largest error of value; NaN unless OK or SHORT, and where nothing bounds it */
    int64_t duration_ns;
    double running; /* fraction counted, 1 when not multiplexed */
    bool wrapped;
    char reason[160]; /* why it is not OK; empty when OK */
};

/* Difference of two readings of one channel, after - before. max_error is the relative error bound
 * that makes a window OK rather than SHORT (0.05 for 5 %). */
struct circ_delta circ_difference_take(const struct circ_channel *channel,
                                       const struct circ_reading *before,
                                       const struct circ_reading *after, double max_error);

/* "ok", "short", "no_tick", "ambiguous", "lost". */
const char *circ_difference_grade_name(enum circ_grade grade);

#endif
