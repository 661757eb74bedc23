/* Keeps all energy meters in step: totals across wraps, powers in series, and what a mark waits
 * for. Differences are circ_difference_take's; marks and windows are mark.c's. */
#include "harness/meters/watching.h"

#include "harness/meters/clock.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SAMPLE_NS   10000000  /* powers are sampled at most so often: 100 Hz */
#define LEARN_NS    500000000 /* most time for learning how often the counters move */
#define LEARN_TICKS 4         /* and so many intervals say it */
#define DRAIN_NS    100000000 /* late readings are fetched so often: a pipe holds 64 KiB */

static bool is_timed(const struct circ_watch_source *source)
{
    return source->meter->between != NULL;
}

/* Half the time in which the channel could wrap at its ceiling; INT64_MAX where it cannot. */
static int64_t wrap_period_ns(const struct circ_channel *channel)
{
    if (channel->unit != CIRC_UNIT_UJ || !channel->wrap || channel->wrap == UINT64_MAX ||
        channel->power_ceiling_w <= 0)
        return INT64_MAX;
    double seconds = (double)channel->wrap * channel->scale / 1e6 / channel->power_ceiling_w;
    return seconds > 1e9 ? INT64_MAX : (int64_t)(seconds / 2 * 1e9);
}

static void plan(struct circ_watch *watch, struct circ_watch_source *source)
{
    source->period_ns = is_timed(source) ? DRAIN_NS : INT64_MAX;
    source->update_ns = INT64_MAX;
    for (int c = source->first; c < source->first + source->count; c++) {
        const struct circ_channel *channel = &watch->channels[c];
        int64_t period = wrap_period_ns(channel);
        if (channel->unit == CIRC_UNIT_UW)
            period = channel->update_ns > SAMPLE_NS ? channel->update_ns : SAMPLE_NS;
        if (watch->trace_ns && watch->trace_ns < period)
            period = watch->trace_ns;
        source->period_ns = period < source->period_ns ? period : source->period_ns;
        if (channel->unit == CIRC_UNIT_UJ && channel->update_ns > 0 &&
            channel->update_ns < source->update_ns)
            source->update_ns = channel->update_ns;
    }
}

static void break_off(struct circ_watch_state *state, enum circ_grade grade, const char *reason)
{
    state->breaks++;
    state->grade = grade;
    snprintf(state->reason, sizeof state->reason, "%s", reason);
}

/* A mark that is waited for learns what the channel gained by its next tick. That must be a tick
 * after the mark, whatever kept this process from the processor between a reading and its time: so
 * first comes a reading that began after the mark, and then the tick that changes it. */
static void settle(struct circ_watch *watch, int c, int64_t began_ns)
{
    struct circ_watch_state *state = &watch->states[c];
    struct circ_mark *held = watch->held;
    if (!held || !isnan(held->channels[c].gain) || !state->anchor.valid)
        return;
    if (!state->confirmed && began_ns >= held->t_ns) {
        state->confirmed = true;
        state->confirmed_raw = state->anchor.raw;
    } else if (state->confirmed && state->anchor.raw != state->confirmed_raw) {
        held->channels[c].gain = state->total - held->channels[c].total;
    }
}

/* Takes a reading of a counter. Energy comes in at ticks, so time is counted from the last one that
 * was seen, and a tick stands for one update interval at least. Whether it moved. */
static bool advance(struct circ_watch *watch, int c, const struct circ_reading *reading,
                    int64_t began_ns)
{
    const struct circ_channel *channel = &watch->channels[c];
    struct circ_watch_state *state = &watch->states[c];
    struct circ_reading before = state->anchor;
    if (!reading->valid) {
        char reason[160];
        snprintf(reason, sizeof reason, "%.63s: a reading failed", channel->name);
        if (before.valid)
            break_off(state, CIRC_GRADE_LOST, reason);
        state->anchor.valid = false;
        return false;
    }
    if (before.valid && reading->raw == before.raw && channel->update_ns > 0)
        return false;
    state->anchor = *reading;
    /* its own time may be late by as long as this process was kept from the processor, and the next
     * tick would seem to have come with more power than it had */
    state->anchor.t_ns = began_ns;
    if (!before.valid)
        return true;
    if (reading->t_ns - before.t_ns < channel->update_ns)
        before.t_ns = reading->t_ns - channel->update_ns;
    struct circ_delta delta = circ_difference_take(channel, &before, reading, 1e9);
    if (delta.grade == CIRC_GRADE_OK) {
        state->total += delta.value;
    } else if (delta.grade != CIRC_GRADE_NO_TICK) {
        break_off(state, delta.grade, delta.reason);
    }
    return true;
}

/* Reads a source, under the lock. */
void circ_watch_look(struct circ_watch *watch, struct circ_watch_source *source)
{
    struct circ_reading readings[CIRC_MAX_CHANNELS];
    int64_t now = circ_clock_now_ns();
    source->meter->read(source->session, readings);
    for (int i = 0; i < source->count && !is_timed(source); i++) {
        const struct circ_channel *channel = &watch->channels[source->first + i];
        struct circ_watch_state *state = &watch->states[source->first + i];
        bool power = channel->unit == CIRC_UNIT_UW;
        if (!power) {
            if (advance(watch, source->first + i, &readings[i], now) && watch->trace_ns)
                circ_series_add(&state->series, readings[i].t_ns, state->total);
            settle(watch, source->first + i, now);
            continue;
        }
        state->anchor = readings[i];
        if (readings[i].valid)
            circ_series_add(&state->series, readings[i].t_ns,
                            (double)readings[i].raw * channel->scale);
    }
    source->due_ns = source->period_ns > INT64_MAX - now ? INT64_MAX : now + source->period_ns;
}

static bool is_waiting(const struct circ_watch *watch, const struct circ_watch_source *source)
{
    for (int c = source->first; watch->held && c < source->first + source->count; c++)
        if (isnan(watch->held->channels[c].gain))
            return true;
    return false;
}

/* When a source is to be read: in its turn, or sooner while a mark waits for its next tick. */
static int64_t due_of(const struct circ_watch *watch, const struct circ_watch_source *source,
                      int64_t now)
{
    if (now >= watch->held_until_ns || source->update_ns == INT64_MAX || !is_waiting(watch, source))
        return source->due_ns;
    int64_t pause = source->update_ns / CIRC_WATCH_SETTLE_PARTS;
    int64_t soon = now + (pause > CIRC_WATCH_SHORTEST_NS ? pause : CIRC_WATCH_SHORTEST_NS);
    return soon < source->due_ns ? soon : source->due_ns;
}

static int64_t due(const struct circ_watch *watch, int64_t now)
{
    int64_t first = INT64_MAX;
    for (int s = 0; watch->active && s < watch->source_count; s++) {
        int64_t at = due_of(watch, &watch->sources[s], now);
        first = at < first ? at : first;
    }
    return first;
}

/* Reads what is due, and what a mark waits for. */
static void step(struct circ_watch *watch)
{
    int64_t now = circ_clock_now_ns();
    bool waiting = now < watch->held_until_ns;
    for (int s = 0; watch->active && s < watch->source_count; s++) {
        struct circ_watch_source *source = &watch->sources[s];
        if (now >= source->due_ns ||
            (waiting && source->update_ns != INT64_MAX && is_waiting(watch, source)))
            circ_watch_look(watch, source);
    }
}

static void *keep_watch(void *argument)
{
    struct circ_watch *watch = argument;
    pthread_mutex_lock(&watch->lock);
    while (!watch->ending) {
        int64_t at = due(watch, circ_clock_now_ns());
        if (at == INT64_MAX) {
            pthread_cond_wait(&watch->changed, &watch->lock);
            continue;
        }
        struct timespec until = {.tv_sec = at / 1000000000, .tv_nsec = at % 1000000000};
        pthread_cond_timedwait(&watch->changed, &watch->lock, &until);
        if (!watch->ending)
            step(watch);
    }
    pthread_mutex_unlock(&watch->lock);
    return NULL;
}

static void tell(const struct circ_watch_rule *rule, const struct circ_meter *meter,
                 enum circ_status status, const char *message)
{
    if (rule->tell)
        rule->tell(rule->context, meter, status, message);
}

static enum circ_status open_sources(struct circ_watch *watch, const struct circ_watch_rule *rule,
                                     struct circ_error *err)
{
    char first[200] = "", others[160] = ""; /* why the first one is absent, and names of the rest */
    int count;
    const struct circ_meter *const *meters = circ_meters_list(&count);
    for (int i = 0; i < count; i++) {
        struct circ_channel channels[CIRC_MAX_CHANNELS];
        struct circ_watch_source *source = &watch->sources[watch->source_count];
        struct circ_error why = {0};
        if (!meters[i]->energy)
            continue;
        if (!circ_meters_allows(rule->names, rule->name_count, meters[i]->name)) {
            tell(rule, meters[i], CIRC_NOTHING, "not asked for");
            continue;
        }
        *source = (struct circ_watch_source){.meter = meters[i], .first = watch->count};
        enum circ_status status =
            meters[i]->open(&source->session, channels, &source->count, rule->request, &why);
        if (status == CIRC_USAGE || status == CIRC_MEMORY) {
            *err = why;
            return status;
        }
        if (!status && (source->count > CIRC_MAX_CHANNELS - watch->count ||
                        watch->source_count + 1 == CIRC_WATCH_SOURCES)) {
            /* the narrow sources come first: what is left out here is a server's many sensors */
            meters[i]->close(source->session);
            status = circ_status_fail(&why, CIRC_ABSENT, "%s: more than %d channels in all",
                                      meters[i]->name, CIRC_MAX_CHANNELS);
        }
        tell(rule, meters[i], status, why.message);
        if (status) {
            size_t used = strlen(others);
            if (!*first)
                snprintf(first, sizeof first, "%.*s", (int)strcspn(why.message, "\n"), why.message);
            else
                snprintf(others + used, sizeof others - used, "%s%s", used ? ", " : "",
                         meters[i]->name);
            continue;
        }
        watch->source_count++;
        for (int c = 0; c < source->count; c++) {
            channels[c].parent += channels[c].parent < 0 ? 0 : watch->count;
            watch->channels[watch->count + c] = channels[c];
        }
        watch->count += source->count;
        plan(watch, source);
    }
    if (!watch->source_count && !*first)
        return circ_status_fail(err, CIRC_ABSENT, "energy was not asked for: see --meters");
    if (!watch->source_count)
        return circ_status_fail(err, CIRC_ABSENT, "%s%s%s%s", first,
                                *others ? "; nor is there " : "", others,
                                *others ? " (circbench doctor says why)" : "");
    return CIRC_OK;
}

/* How often counters move is a matter of the machine as much as of the meter: those that are seen
 * to move more slowly than they are said to are taken at their deed. */
static void learn(struct circ_watch *watch)
{
    int64_t first_ns[CIRC_MAX_CHANNELS] = {0}, last_ns[CIRC_MAX_CHANNELS] = {0};
    int64_t seen[CIRC_MAX_CHANNELS], end = circ_clock_now_ns() + LEARN_NS, pause;
    int ticks[CIRC_MAX_CHANNELS] = {0};
    for (int c = 0; c < watch->count; c++)
        seen[c] = -1;
    do {
        pause = INT64_MAX;
        for (int s = 0; s < watch->source_count; s++)
            if (watch->sources[s].update_ns != INT64_MAX)
                circ_watch_look(watch, &watch->sources[s]);
        for (int c = 0; c < watch->count; c++) {
            const struct circ_channel *channel = &watch->channels[c];
            const struct circ_reading *anchor = &watch->states[c].anchor;
            if (channel->unit != CIRC_UNIT_UJ || channel->update_ns <= 0 ||
                ticks[c] > LEARN_TICKS || circ_watch_is_late(watch, c))
                continue;
            pause = channel->update_ns < pause ? channel->update_ns : pause;
            if (anchor->valid && seen[c] >= 0 && (uint64_t)seen[c] != anchor->raw) {
                if (ticks[c]++ == 0)
                    first_ns[c] = anchor->t_ns;
                last_ns[c] = anchor->t_ns;
            }
            seen[c] = anchor->valid ? (int64_t)anchor->raw : -1;
        }
        if (pause != INT64_MAX)
            circ_clock_sleep_ns(pause / 4 > CIRC_WATCH_SHORTEST_NS ? pause / 4
                                                                   : CIRC_WATCH_SHORTEST_NS);
    } while (pause != INT64_MAX && circ_clock_now_ns() < end);
    for (int c = 0; c < watch->count; c++)
        if (ticks[c] > 1) {
            int64_t interval = (last_ns[c] - first_ns[c]) / (ticks[c] - 1);
            if (interval > 2 * watch->channels[c].update_ns)
                watch->channels[c].update_ns = interval;
        }
    for (int s = 0; s < watch->source_count; s++)
        plan(watch, &watch->sources[s]);
}

static enum circ_status start(struct circ_watch *watch, struct circ_error *err)
{
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&watch->lock, NULL);
    pthread_cond_init(&watch->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    watch->started =
        watch->threaded && pthread_create(&watch->thread, NULL, keep_watch, watch) == 0;
    return watch->started == watch->threaded
               ? CIRC_OK
               : circ_status_fail(err, CIRC_MEMORY, "energy: no thread for watching the counters");
}

enum circ_status circ_watch_open(struct circ_watch **opened, const struct circ_watch_rule *rule,
                                 struct circ_error *err)
{
    struct circ_watch *watch = calloc(1, sizeof *watch);
    if (!watch)
        return circ_status_fail(err, CIRC_MEMORY, "no memory for watching the meters");
    watch->threaded = rule->threaded;
    watch->trace_ns = rule->trace_hz > 0 ? (int64_t)(1e9 / rule->trace_hz) : 0;
    enum circ_status status = start(watch, err);
    if (!status)
        status = open_sources(watch, rule, err);
    if (status) {
        circ_watch_close(watch);
        return status;
    }
    learn(watch);
    *opened = watch;
    return CIRC_OK;
}

void circ_watch_close(struct circ_watch *watch)
{
    if (!watch)
        return;
    if (watch->started) {
        pthread_mutex_lock(&watch->lock);
        watch->ending = true;
        pthread_cond_signal(&watch->changed);
        pthread_mutex_unlock(&watch->lock);
        pthread_join(watch->thread, NULL);
    }
    for (int s = 0; s < watch->source_count; s++)
        watch->sources[s].meter->close(watch->sources[s].session);
    for (int c = 0; c < watch->count; c++)
        circ_series_free(&watch->states[c].series);
    pthread_cond_destroy(&watch->changed);
    pthread_mutex_destroy(&watch->lock);
    free(watch);
}

int circ_watch_channels(const struct circ_watch *watch, const struct circ_channel **channels)
{
    *channels = watch->channels;
    return watch->count;
}

static int place_of(const struct circ_watch *watch, int channel)
{
    int s = 0;
    while (channel >= watch->sources[s].first + watch->sources[s].count)
        s++;
    return s;
}

struct circ_watch_source *circ_watch_source(struct circ_watch *watch, int channel)
{
    return &watch->sources[place_of(watch, channel)];
}

bool circ_watch_is_late(const struct circ_watch *watch, int channel)
{
    return is_timed(&watch->sources[place_of(watch, channel)]);
}

void circ_watch_begin(struct circ_watch *watch)
{
    pthread_mutex_lock(&watch->lock);
    for (int c = 0; c < watch->count; c++) {
        watch->states[c].anchor.valid = false; /* nobody saw what went on since the last time */
        watch->states[c].series.count = 0;
    }
    watch->active = true;
    watch->held = NULL;
    for (int s = 0; s < watch->source_count; s++)
        circ_watch_look(watch, &watch->sources[s]);
    pthread_cond_signal(&watch->changed);
    pthread_mutex_unlock(&watch->lock);
}

void circ_watch_end(struct circ_watch *watch)
{
    pthread_mutex_lock(&watch->lock);
    watch->active = false;
    watch->held = NULL;
    pthread_mutex_unlock(&watch->lock);
}

int64_t circ_watch_due_ns(const struct circ_watch *watch)
{
    return due(watch, circ_clock_now_ns());
}

void circ_watch_step(struct circ_watch *watch)
{
    pthread_mutex_lock(&watch->lock);
    step(watch);
    pthread_mutex_unlock(&watch->lock);
}
