/* Integrates readings that carry their own times. One forward pass: a window is read once, soon
 * after it ended. */
#include "harness/meters/series.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GAP        10       /* update intervals without a reading: what happened is not known */
#define BUSY_NS    10000000 /* a busy machine reads late: a shorter interval counts as this */
#define MOMENTS_NS 50000000 /* moments further apart say nothing of what lies between them */

bool circ_series_add(struct circ_series *series, int64_t t_ns, double value)
{
    if (series->count && t_ns <= series->points[series->count - 1].t_ns)
        return false;
    if (series->count == series->capacity) {
        size_t capacity = series->capacity ? 2 * series->capacity : 1024;
        struct circ_series_point *grown = realloc(series->points, capacity * sizeof *grown);
        if (!grown) {
            series->broken = true;
            return false;
        }
        series->points = grown;
        series->capacity = capacity;
    }
    series->points[series->count++] = (struct circ_series_point){t_ns, value};
    return true;
}

/* The last point at or before a moment, -1 if there is none. */
static ptrdiff_t find(const struct circ_series *series, int64_t t_ns)
{
    size_t low = 0, high = series->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (series->points[middle].t_ns <= t_ns)
            low = middle + 1;
        else
            high = middle;
    }
    return (ptrdiff_t)low - 1;
}

void circ_series_forget(struct circ_series *series, int64_t before_ns)
{
    ptrdiff_t last = find(series, before_ns);
    if (last <= 0)
        return;
    series->count -= (size_t)last;
    memmove(series->points, series->points + last, series->count * sizeof *series->points);
}

void circ_series_free(struct circ_series *series)
{
    free(series->points);
    *series = (struct circ_series){.count = 0};
}

/* The value between two neighbours. */
static double between(const struct circ_series_point *left, int64_t t_ns)
{
    double span = (double)(left[1].t_ns - left->t_ns);
    return left->value + (left[1].value - left->value) * (double)(t_ns - left->t_ns) / span;
}

static struct circ_delta refuse(struct circ_delta delta, enum circ_grade grade,
                                const struct circ_channel *channel, const char *why)
{
    delta.grade = grade;
    delta.value = delta.bound = NAN;
    snprintf(delta.reason, sizeof delta.reason, "%.60s: %.95s", channel->name, why);
    return delta;
}

/* Powers by trapezoids: what lies between two readings is taken to lie between their values. A
 * step between them may have come at any moment: over the whole interval the trapezoid is off by
 * half of it, over a part that a window cuts off by more. */
static void integrate(struct circ_delta *delta, const struct circ_series *series, ptrdiff_t first,
                      ptrdiff_t last, int64_t from_ns, int64_t to_ns)
{
    for (ptrdiff_t i = first; i < last; i++) {
        const struct circ_series_point *left = &series->points[i];
        int64_t start = left->t_ns > from_ns ? left->t_ns : from_ns;
        int64_t end = left[1].t_ns < to_ns ? left[1].t_ns : to_ns;
        double seconds = (double)(end - start) / 1e9, step = left[1].value - left->value;
        double middle = (double)(start - left->t_ns + end - left->t_ns) / 2 /
                        (double)(left[1].t_ns - left->t_ns);
        delta->value += (left->value + step * middle) * seconds;
        delta->bound += fabs(step) * fmax(middle, 1 - middle) * seconds;
    }
}

/* What a counter gained at its next tick after a reading: it may have been behind by as much. A
 * reading may come more often than the counter ticks. otherwise, when no tick has come since. */
static double next_gain(const struct circ_series *series, ptrdiff_t i, double otherwise)
{
    double value = series->points[i].value;
    for (size_t j = (size_t)i + 1; j < series->count; j++)
        if (series->points[j].value != value)
            return series->points[j].value > value ? series->points[j].value - value : otherwise;
    return otherwise;
}

/* Accumulated energy: interpolated at both ends. */
static void subtract(struct circ_delta *delta, const struct circ_series *series, ptrdiff_t first,
                     ptrdiff_t last, int64_t from_ns, int64_t to_ns)
{
    double largest = 0;
    for (ptrdiff_t i = first; i < last; i++)
        largest = fmax(largest, series->points[i + 1].value - series->points[i].value);
    delta->value =
        between(&series->points[last - 1], to_ns) - between(&series->points[first], from_ns);
    delta->bound = next_gain(series, first, largest) + next_gain(series, last - 1, largest);
}

/* Why a pair of neighbouring readings spoils the window; NULL: it does not. */
static const char *find_fault(const struct circ_channel *channel,
                              const struct circ_series_point *left, enum circ_grade *grade,
                              char why[96])
{
    bool power = channel->unit == CIRC_UNIT_UW;
    double ceiling = channel->power_ceiling_w, larger = fmax(left->value, left[1].value) / 1e6;
    *grade = CIRC_GRADE_LOST;
    if (left->value < 0 || left[1].value < 0)
        return power ? "a power below zero" : "an energy below zero";
    if (!power)
        return left[1].value < left->value ? "it went backwards" : NULL;
    int64_t update_ns = channel->update_ns > BUSY_NS ? channel->update_ns : BUSY_NS;
    if (channel->update_ns > 0 && left[1].t_ns - left->t_ns > GAP * update_ns) {
        snprintf(why, 96, "no reading for %.3f s", (double)(left[1].t_ns - left->t_ns) / 1e9);
        return why;
    }
    *grade = CIRC_GRADE_AMBIGUOUS;
    if (ceiling <= 0 || larger <= ceiling)
        return NULL;
    snprintf(why, 96, "%.0f W where at most %.0f W is plausible", larger, ceiling);
    return why;
}

int64_t circ_series_reach_ns(const struct circ_channel *channel)
{
    bool lags = channel->unit == CIRC_UNIT_UW && channel->lag_ns > 0;
    return lags ? channel->lag_ns + channel->update_ns : 0;
}

/* A power that lags may show the energy of a window that lies earlier by as much: either end is
 * wrong by no more than the lag times what the power strayed round the window. */
static double hidden_by_lag(const struct circ_series *series, const struct circ_channel *channel,
                            int64_t from_ns, int64_t to_ns)
{
    int64_t reach_ns = circ_series_reach_ns(channel);
    double least = INFINITY, largest = 0;
    ptrdiff_t first = find(series, from_ns - reach_ns), last = find(series, to_ns + reach_ns) + 1;
    for (ptrdiff_t i = first < 0 ? 0 : first; i <= last && i < (ptrdiff_t)series->count; i++) {
        least = fmin(least, series->points[i].value);
        largest = fmax(largest, series->points[i].value);
    }
    return 2 * (double)reach_ns / 1e9 * (largest - least);
}

/* How far apart the moments lie that a power was seen at: its readings, or where these come more
 * often its updates. */
static double moments_ns(const struct circ_series *series, const struct circ_channel *channel,
                         ptrdiff_t first, ptrdiff_t last)
{
    double apart =
        (double)(series->points[last].t_ns - series->points[first].t_ns) / (double)(last - first);
    return fmax(apart, (double)channel->update_ns);
}

/* The grade of a good window: SHORT where nothing bounds its error well enough. */
static void judge_bound(struct circ_delta *delta, const struct circ_series *series,
                        const struct circ_channel *channel, ptrdiff_t first, ptrdiff_t last,
                        double max_error)
{
    bool momentary = channel->unit == CIRC_UNIT_UW && channel->lag_ns == 0 && channel->error == 0;
    bool described =
        strncmp(channel->source, "exec", 4) == 0 || strncmp(channel->source, "trace", 5) == 0;
    double apart_ns = moments_ns(series, channel, first, last);
    if (momentary && apart_ns > MOMENTS_NS) {
        delta->grade = CIRC_GRADE_SHORT;
        delta->bound = NAN; /* there is none */
        snprintf(delta->reason, sizeof delta->reason,
                 "%.22s: a power seen at moments %.0f ms apart, and nothing says how far it strays "
                 "between them%s",
                 channel->name, apart_ns / 1e6,
                 described ? ": state an error (`# channel NAME_w error 2%`)" : "");
    } else if (delta->bound > max_error * delta->value) {
        delta->grade = CIRC_GRADE_SHORT;
        snprintf(delta->reason, sizeof delta->reason,
                 "%s: readings %.0f ms apart bound the error at %.1f %%", channel->name,
                 (double)delta->duration_ns / 1e6 / (double)(last - first),
                 100 * delta->bound / delta->value);
    }
}

struct circ_delta circ_series_between(const struct circ_series *series,
                                      const struct circ_channel *channel, int64_t from_ns,
                                      int64_t to_ns, double max_error)
{
    struct circ_delta delta = {.running = 1, .duration_ns = to_ns - from_ns};
    ptrdiff_t first = find(series, from_ns), last = find(series, to_ns - 1) + 1;
    bool power = channel->unit == CIRC_UNIT_UW;
    if (to_ns <= from_ns)
        return refuse(delta, CIRC_GRADE_LOST, channel, "no time passed between the readings");
    if (series->broken)
        return refuse(delta, CIRC_GRADE_LOST, channel, "memory ran out for its readings");
    if (first < 0 || last >= (ptrdiff_t)series->count)
        return refuse(delta, CIRC_GRADE_LOST, channel, "its readings do not cover the window");
    for (ptrdiff_t i = first; i < last; i++) {
        char why[96];
        enum circ_grade grade;
        const char *fault = find_fault(channel, &series->points[i], &grade, why);
        if (fault)
            return refuse(delta, grade, channel, fault);
    }
    (power ? integrate : subtract)(&delta, series, first, last, from_ns, to_ns);
    if (delta.value <= 0)
        return refuse(delta, CIRC_GRADE_NO_TICK, channel,
                      power ? "it read 0 W all the time" : "it did not move in the window");
    if (circ_series_reach_ns(channel) > 0)
        delta.bound += hidden_by_lag(series, channel, from_ns, to_ns);
    delta.bound += channel->error * delta.value;
    double watts = delta.value / 1e6 / ((double)delta.duration_ns / 1e9);
    if (channel->power_ceiling_w > 0 && watts > channel->power_ceiling_w) {
        char why[96];
        snprintf(why, sizeof why, "%.0f W where at most %.0f W is plausible", watts,
                 channel->power_ceiling_w);
        return refuse(delta, CIRC_GRADE_AMBIGUOUS, channel, why);
    }
    judge_bound(&delta, series, channel, first, last, max_error);
    return delta;
}
