/* One array of an answer that the oracle computed, and the judgement of one against it. */
#ifndef CIRC_CORE_EXPECTED_H
#define CIRC_CORE_EXPECTED_H

#include "backends/core/judge.h"

struct circ_expected {
    double *want;  /* owned */
    double *slack; /* owned, or NULL: how far each value may lie from want because a ReLU or a
                    * maximum was so close to its kink that rounding decides it */
    int64_t count;
    double scale; /* RMS that the values have when the terms of their sums do not cancel */
    double bound; /* relative RMS error allowed, of the larger of rms(want) and scale */
};

/* Where the values of an array to judge come from: got[], or the differences (before[] - got[]) /
 * rate where before is not NULL. All borrowed. */
struct circ_observed {
    const float *got, *before;
    float rate;
};

/* Sets count, and want to zeros. False: no memory. Free with circ_expected_free, also then. */
CIRC_MUST_USE bool circ_expected_create(struct circ_expected *expected, int64_t count);
void circ_expected_free(struct circ_expected *expected); /* a zeroed one allowed */

/* Adds |values[count]| to the slack of the values from number first on. False: no memory. */
CIRC_MUST_USE bool circ_expected_loosen(struct circ_expected *expected, int64_t first,
                                        const double *values, int64_t count);

/* Compares count observed values with those expected, which repeat where they are fewer: frames of
 * a batch. */
struct circ_verdict circ_expected_judge(const struct circ_expected *expected,
                                        const struct circ_observed *observed, int64_t count);

#endif
