/* Marks, and the energy between two of them. It reads through the watch. */
#include "harness/meters/mark.h"

#include "harness/meters/clock.h"
#include "harness/meters/watching.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#define LONGEST_NS 10000000 /* readings are looked for so often at least */

void circ_mark_set(struct circ_watch *watch, struct circ_mark *mark)
{
    pthread_mutex_lock(&watch->lock);
    for (int s = 0; s < watch->source_count; s++)
        circ_watch_look(watch, &watch->sources[s]); /* the mark before this one may settle now */
    mark->t_ns = circ_clock_now_ns();
    for (int c = 0; c < watch->count; c++) {
        struct circ_watch_state *state = &watch->states[c];
        state->confirmed = false;
        mark->channels[c] = (struct circ_mark_channel){.t_ns = mark->t_ns,
                                                       .raw = state->anchor.raw,
                                                       .total = state->total,
                                                       .gain = NAN,
                                                       .breaks = state->breaks,
                                                       .valid = state->anchor.valid};
        if (watch->channels[c].unit == CIRC_UNIT_UW)
            mark->channels[c].t_ns = state->anchor.t_ns;
        /* one that is exact at every read owes nothing */
        if (watch->channels[c].unit != CIRC_UNIT_UJ || watch->channels[c].update_ns == 0)
            mark->channels[c].gain = 0;
    }
    for (int s = 0; s < watch->source_count; s++)
        for (int i = 0;
             circ_watch_is_late(watch, watch->sources[s].first) && i < watch->sources[s].count;
             i++) {
            struct circ_mark_channel *late = &mark->channels[watch->sources[s].first + i];
            late->t_ns = mark->t_ns; /* it is asked for this moment, whenever it answers */
            late->gain = 0;
            late->valid = true;
        }
    watch->held = mark;
    pthread_cond_signal(&watch->changed);
    pthread_mutex_unlock(&watch->lock);
}

bool circ_mark_moved(struct circ_watch *watch, const struct circ_mark *mark, int channel)
{
    pthread_mutex_lock(&watch->lock);
    circ_watch_look(watch, circ_watch_source(watch, channel));
    const struct circ_watch_state *state = &watch->states[channel];
    bool moved = !state->anchor.valid || state->anchor.raw != mark->channels[channel].raw;
    pthread_mutex_unlock(&watch->lock);
    return moved;
}

/* Whether one channel has said all that a mark needs of it, by what was read last. */
static bool has_settled(struct circ_watch *watch, const struct circ_mark *mark, int channel)
{
    const struct circ_watch_source *source = circ_watch_source(watch, channel);
    struct circ_delta delta;
    if (source->meter->between)
        return source->meter->between(source->session, channel - source->first, mark->t_ns - 1,
                                      mark->t_ns, 1, &delta);
    const struct circ_channel *about = &watch->channels[channel];
    if (about->unit == CIRC_UNIT_UW) /* what it is late by comes in later readings */
        return watch->states[channel].anchor.t_ns >= mark->t_ns + circ_series_reach_ns(about);
    return !isnan(mark->channels[channel].gain);
}

bool circ_mark_settle(struct circ_watch *watch, struct circ_mark *mark, const int *channels,
                      int count, int64_t patience_ns)
{
    int64_t give_up = circ_clock_now_ns() + patience_ns;
    for (;;) {
        int64_t pause = LONGEST_NS;
        const struct circ_watch_source *looked = NULL; /* channels of a source come together */
        bool all = true;
        pthread_mutex_lock(&watch->lock);
        for (int i = 0; i < count; i++) {
            struct circ_watch_source *source = circ_watch_source(watch, channels[i]);
            if (has_settled(watch, mark, channels[i]))
                continue;
            if (source != looked) {
                circ_watch_look(watch, source);
                looked = source;
            }
            if (has_settled(watch, mark, channels[i]))
                continue;
            int64_t update = watch->channels[channels[i]].update_ns / CIRC_WATCH_SETTLE_PARTS;
            update = update > CIRC_WATCH_SHORTEST_NS ? update : CIRC_WATCH_SHORTEST_NS;
            pause = update < pause ? update : pause;
            all = false;
        }
        pthread_mutex_unlock(&watch->lock);
        if (all || circ_clock_now_ns() >= give_up)
            return all;
        circ_clock_sleep_ns(pause);
    }
}

static struct circ_delta refuse(enum circ_grade grade, int64_t duration_ns, const char *format, ...)
    CIRC_PRINTF(3, 4);

static struct circ_delta refuse(enum circ_grade grade, int64_t duration_ns, const char *format, ...)
{
    struct circ_delta delta = {
        .grade = grade, .value = NAN, .bound = NAN, .running = 1, .duration_ns = duration_ns};
    va_list args;
    va_start(args, format);
    vsnprintf(delta.reason, sizeof delta.reason, format, args);
    va_end(args);
    return delta;
}

/* Of a counter, from its totals at the marks. */
static struct circ_delta count_up(const struct circ_watch *watch, int c,
                                  const struct circ_mark_channel *before,
                                  const struct circ_mark_channel *after, double max_error)
{
    const struct circ_channel *channel = &watch->channels[c];
    const struct circ_watch_state *state = &watch->states[c];
    int64_t duration = after->t_ns - before->t_ns;
    struct circ_delta delta = {.running = 1, .duration_ns = duration};
    if (before->breaks != after->breaks)
        return refuse(state->grade, duration, "%s", state->reason);
    if (!before->valid || !after->valid)
        return refuse(CIRC_GRADE_LOST, duration, "%s could not be read", channel->name);
    delta.value = after->total - before->total;
    delta.wrapped = after->raw < before->raw;
    if (delta.value <= 0 && channel->update_ns > 0)
        return refuse(CIRC_GRADE_NO_TICK, duration, "%s did not move in %.3f s", channel->name,
                      (double)duration / 1e9);
    if (isnan(before->gain) || isnan(after->gain))
        return refuse(CIRC_GRADE_NO_TICK, duration,
                      "%.60s stood still at an end of the window: what it had not counted yet is "
                      "not known",
                      channel->name);
    delta.bound = before->gain + after->gain + channel->scale + channel->error * delta.value;
    if (delta.bound > max_error * delta.value) {
        delta.grade = CIRC_GRADE_SHORT;
        snprintf(delta.reason, sizeof delta.reason,
                 "%.60s: its ticks bound the error of a window of %.3f s at %.1f %%", channel->name,
                 (double)duration / 1e9, 100 * delta.bound / delta.value);
    }
    return delta;
}

struct circ_delta circ_mark_difference(struct circ_watch *watch, int channel,
                                       const struct circ_mark *before,
                                       const struct circ_mark *after, double max_error)
{
    struct circ_watch_source *source = circ_watch_source(watch, channel);
    const struct circ_channel *about = &watch->channels[channel];
    const struct circ_mark_channel *from = &before->channels[channel],
                                   *to = &after->channels[channel];
    struct circ_delta delta;
    pthread_mutex_lock(&watch->lock);
    if (source->meter->between) {
        if (!source->meter->between(source->session, channel - source->first, before->t_ns,
                                    after->t_ns, max_error, &delta))
            delta = refuse(CIRC_GRADE_LOST, after->t_ns - before->t_ns,
                           "%.60s: its readings had not come when the window was long over",
                           about->name);
    } else if (about->unit == CIRC_UNIT_UJ) {
        delta = count_up(watch, channel, from, to, max_error);
    } else if (!from->valid || !to->valid) {
        delta = refuse(CIRC_GRADE_LOST, to->t_ns - from->t_ns, "%s could not be read", about->name);
    } else {
        delta = circ_series_between(&watch->states[channel].series, about, from->t_ns, to->t_ns,
                                    max_error);
    }
    pthread_mutex_unlock(&watch->lock);
    return delta;
}

/* The power between two neighbouring readings, and its midpoint. */
static struct circ_series_point power_at(const struct circ_channel *channel,
                                         const struct circ_series_point *left)
{
    int64_t span = left[1].t_ns - left->t_ns;
    double power = channel->unit == CIRC_UNIT_UW
                       ? (left->value + left[1].value) / 2
                       : (left[1].value - left->value) / ((double)span / 1e9);
    return (struct circ_series_point){left->t_ns + span / 2, power};
}

size_t circ_mark_trace(struct circ_watch *watch, int channel, int64_t from_ns, int64_t to_ns,
                       struct circ_series_point *points, size_t capacity)
{
    const struct circ_series *series = &watch->states[channel].series;
    int64_t last_ns = INT64_MIN, least = watch->trace_ns / 2;
    size_t count = 0;
    pthread_mutex_lock(&watch->lock); /* the thread adds to the series */
    for (size_t i = 0, left = 0; i + 1 < series->count && count < capacity; i++) {
        /* marks read between the turns: pieces much shorter than a turn are joined to the next */
        if (series->points[i + 1].t_ns - series->points[left].t_ns < least)
            continue;
        struct circ_series_point ends[2] = {series->points[left], series->points[i + 1]};
        struct circ_series_point point = power_at(&watch->channels[channel], ends);
        left = i + 1;
        if (point.t_ns < from_ns || point.t_ns >= to_ns || point.t_ns <= last_ns)
            continue;
        points[count++] = point;
        last_ns = point.t_ns;
    }
    pthread_mutex_unlock(&watch->lock);
    return count;
}
