/* The energy of some work: how many windows it gets, how long, and what they mean per frame. */
#ifndef CIRC_JOULES_H
#define CIRC_JOULES_H

#include "harness/options.h"
#include "harness/window.h"

#define CIRC_JOULES_WINDOWS 5  /* good ones that a point needs */
#define CIRC_JOULES_METERS  16 /* of the table */
#define CIRC_JOULES_MOST    40 /* that it may take until it has them */

struct circ_joules_rule {
    double error;     /* relative error bound that makes a window good: --energy-error */
    double timeout_s; /* most time of one point's windows: --timeout, at least what five of a second
                         take */
    double trace_hz;  /* --power-trace */
    uint64_t seed;
};

/* A meter of the table, for the campaign. */
struct circ_joules_meter {
    const struct circ_meter *meter;
    enum circ_status status; /* OK, ABSENT, or NOTHING: not asked for */
    char detail[512];        /* what it covers, or why it is not there */
};

struct circ_joules {
    struct circ_watch *watch; /* owned; NULL: no energy can be measured, and reason says why */
    const struct circ_channel *channels;
    int count;
    struct circ_joules_rule rule;
    struct circ_meter_request request;
    struct circ_joules_meter meters[CIRC_JOULES_METERS];
    int meter_count;
    struct circ_window *idle; /* owned: [2], before the group and after it */
    int idle_count;
    char reason[512];
};

/* What the windows of some work came to. */
struct circ_joules_result {
    struct circ_window *windows; /* owned, in the order taken */
    bool used[CIRC_JOULES_MOST]; /* which of them the figures below come from */
    int count, used_count;
    double error;          /* what was asked for */
    enum circ_grade grade; /* the worst of those used */
    /* per frame, NaN without five windows; the interval is the bootstrap's of the median, at its
     * low end of the least that the windows can hold, at its high end of the most */
    double energy_uj, low_uj, high_uj, bound_uj;
    double power_uw, power_low_uw, power_high_uw; /* the same of the average power */
    char reason[512];                             /* why there is no figure, or why it is not ok */
    bool broken;                                  /* the work failed, or was interrupted */
};

/* Opens every energy meter that options allow and that is here. USAGE and MEMORY are errors; what
 * is absent is none: reason says why. */
CIRC_MUST_USE enum circ_status circ_joules_open(struct circ_joules *joules,
                                                const struct circ_options *options,
                                                struct circ_meter_request request, bool threaded,
                                                struct circ_error *err);
void circ_joules_close(struct circ_joules *joules);

/* Seconds that the pass takes for a point, 0 without a meter; a group has idle windows beside. */
double circ_joules_point_s(const struct circ_joules *joules);

/* A window of the idle machine, before a group and after it; at most two are kept. The first of a
 * group forgets those of the group before. */
void circ_joules_idle(struct circ_joules *joules, bool first);

/* Mean power of the chosen channels over the idle windows, of those that know it within 10 %; NaN
 * for none. */
double circ_joules_idle_power_uw(const struct circ_joules *joules,
                                 const struct circ_chosen *chosen);

/* Windows of some work, growing until five are within the error or the time is over. MEMORY. */
CIRC_MUST_USE enum circ_status circ_joules_take(struct circ_joules *joules,
                                                const struct circ_work *work,
                                                const struct circ_chosen *chosen,
                                                struct circ_joules_result *result,
                                                struct circ_error *err);

/* The two halves of it, for windows that come from elsewhere: an empty result, and the figures from
 * energy, bound, frames, duration and grade of its windows. MEMORY. */
CIRC_MUST_USE enum circ_status circ_joules_begin(struct circ_joules_result *result, double error,
                                                 struct circ_error *err);
CIRC_MUST_USE enum circ_status circ_joules_summarise(struct circ_joules_result *result,
                                                     uint64_t seed, struct circ_error *err);
void circ_joules_free(struct circ_joules_result *result);

#endif
