/* What the oracle expects of an array. Within its slack every value is right. */
#include "backends/core/expected.h"

#include <math.h>
#include <stdlib.h>

bool circ_expected_create(struct circ_expected *expected, int64_t count)
{
    expected->count = count;
    expected->want = calloc((size_t)count, sizeof *expected->want);
    return expected->want;
}

void circ_expected_free(struct circ_expected *expected)
{
    free(expected->want);
    free(expected->slack);
    *expected = (struct circ_expected){.want = NULL};
}

bool circ_expected_loosen(struct circ_expected *expected, int64_t first, const double *values,
                          int64_t count)
{
    if (!expected->slack)
        expected->slack = calloc((size_t)expected->count, sizeof *expected->slack);
    for (int64_t i = 0; expected->slack && i < count; i++)
        expected->slack[first + i] += fabs(values[i]);
    return expected->slack;
}

struct circ_verdict circ_expected_judge(const struct circ_expected *expected,
                                        const struct circ_observed *o, int64_t count)
{
    struct circ_tally tally = {0};
    for (int64_t i = 0; i < count; i++) {
        int64_t at = i % expected->count;
        float got = o->before ? (o->before[i] - o->got[i]) / o->rate : o->got[i];
        double want = expected->want[at], slack = expected->slack ? expected->slack[at] : 0;
        double error = (double)got - want; /* within the slack it is right */
        want = fabs(error) <= slack ? (double)got : error > 0 ? want + slack : want - slack;
        circ_judge_count(&tally, got, want);
    }
    return circ_judge_conclude(&tally, expected->scale, expected->bound);
}
