/* Keeps all energy meters in step: totals across wraps, powers in series, and what a mark waits
 * for. Differences are circ_difference_take's; marks and windows are mark.c's. */
#include "harness/meters/watching.h"

#include "harness/meters/clock.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SAMPLE_NS   10000000   /* powers are sampled at most so often: 100 Hz */
#define COUNTER_NS  20000000   /* counters are looked at so often at least: 50 Hz */
#define DRAIN_NS    100000000  /* late readings are fetched so often */
#define PATIENCE    40         /* update intervals that the next tick is waited for, */
#define PATIENCE_NS 2000000000 /* but no longer than this, or three of them where they are long */
#define LEARN_NS    500000000  /* most time for learning how often the counters move, */
#define LEARN_MOST  4500000000 /* and for those that a row's joules may come from */
#define LEARN_PAUSE 10000000   /* between two looks at a slow one */
#define LEARN_TICKS 4          /* so many intervals say it */

static bool is_timed(const struct circ_watch_source *source)
{
    return source->meter->between != NULL;
}

/* Half the time in which the counter could wrap at its ceiling; but so often at least that it
 * cannot step back, or leap, by more than it gains in a moment, without being seen. */
static int64_t wrap_period_ns(const struct circ_channel *channel)
{
    if (!channel->wrap || channel->wrap == UINT64_MAX || channel->power_ceiling_w <= 0)
        return COUNTER_NS;
    double seconds = (double)channel->wrap * channel->scale / 1e6 / channel->power_ceiling_w;
    return seconds / 2 * 1e9 > COUNTER_NS ? COUNTER_NS : (int64_t)(seconds / 2 * 1e9);
}

static void plan(struct circ_watch *watch, struct circ_watch_source *source)
{
    source->period_ns = is_timed(source) ? DRAIN_NS : INT64_MAX;
    source->update_ns = INT64_MAX;
    for (int c = source->first; c < source->first + source->count; c++) {
        const struct circ_channel *channel = &watch->channels[c];
        int64_t period = channel->unit == CIRC_UNIT_UJ    ? wrap_period_ns(channel)
                         : channel->update_ns > SAMPLE_NS ? channel->update_ns
                                                          : SAMPLE_NS;
        if (is_timed(source))
            period = DRAIN_NS;
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
    if (!held || !isnan(held->channels[c].gain) || !state->anchor.valid ||
        state->breaks != held->channels[c].breaks) /* what is doubtful bounds nothing */
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

int64_t circ_watch_patience_ns(int64_t update_ns)
{
    int64_t many = PATIENCE * update_ns, few = 3 * update_ns;
    int64_t most = few > PATIENCE_NS ? few : PATIENCE_NS;
    return many < most ? many : most;
}

/* How soon the source is to be read again for the mark that waits: by the quickest channel that has
 * not settled and may still; INT64_MAX for none. */
static int64_t pace(const struct circ_watch *watch, const struct circ_watch_source *source,
                    int64_t now)
{
    int64_t shortest = INT64_MAX;
    for (int c = source->first; watch->held && c < source->first + source->count; c++) {
        int64_t update = watch->channels[c].update_ns;
        if (isnan(watch->held->channels[c].gain) &&
            now < watch->held->t_ns + circ_watch_patience_ns(update) && update < shortest)
            shortest = update;
    }
    if (shortest == INT64_MAX)
        return shortest;
    int64_t pause = shortest / CIRC_WATCH_SETTLE_PARTS;
    return pause > CIRC_WATCH_SHORTEST_NS ? pause : CIRC_WATCH_SHORTEST_NS;
}

/* When a source is to be read: in its turn, or sooner while a mark waits for its next tick. */
static int64_t due_of(const struct circ_watch *watch, const struct circ_watch_source *source,
                      int64_t now)
{
    int64_t pause = pace(watch, source, now);
    return pause < source->due_ns - now ? now + pause : source->due_ns;
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
    for (int s = 0; watch->active && s < watch->source_count; s++) {
        struct circ_watch_source *source = &watch->sources[s];
        if (now >= source->due_ns || pace(watch, source, now) != INT64_MAX)
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

/* Why no meter is here: the most telling reason, and the names of the others. */
struct absence {
    int weight; /* of the reason: 3, of a meter that the user set up; 2, of one that is found and
                   cannot be read; 1, of the first in the table; 0: there is none */
    char meter[32], reason[240], others[160];
};

static void name_other(struct absence *absence, const char *meter)
{
    size_t used = strlen(absence->others);
    snprintf(absence->others + used, sizeof absence->others - used, "%s%s", used ? ", " : "",
             meter);
}

static void miss(struct absence *absence, const struct circ_meter_request *request,
                 const struct circ_meter *meter, const struct circ_error *why)
{
    int weight = circ_meters_given(meter, request)               ? 3
                 : why->native == EACCES || why->native == EPERM ? 2
                                                                 : 1;
    if (weight <= absence->weight) {
        name_other(absence, meter->name);
        return;
    }
    if (absence->weight)
        name_other(absence, absence->meter);
    absence->weight = weight;
    snprintf(absence->meter, sizeof absence->meter, "%s", meter->name);
    snprintf(absence->reason, sizeof absence->reason, "%.*s", (int)strcspn(why->message, "\n"),
             why->message);
}

static enum circ_status open_sources(struct circ_watch *watch, const struct circ_watch_rule *rule,
                                     struct circ_error *err)
{
    struct absence absence = {.weight = 0};
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
            miss(&absence, rule->request, meters[i], &why);
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
    if (!watch->source_count && !absence.weight)
        return circ_status_fail(err, CIRC_ABSENT, "energy was not asked for: see --meters");
    if (!watch->source_count)
        return circ_status_fail(err, CIRC_ABSENT, "%s%s%s%s", absence.reason,
                                *absence.others ? "; nor is there " : "", absence.others,
                                *absence.others ? " (circbench doctor says why)" : "");
    return CIRC_OK;
}

/* Ticks of a channel while it is learnt how often they come. */
struct lesson {
    bool wanted, seen;
    uint64_t raw;
    int ticks;
    int64_t first_ns, last_ns;
};

/* Takes what was read last; whether more is to be learnt of the channel. */
static bool attend(struct lesson *lesson, const struct circ_reading *anchor, bool slow,
                   enum circ_scope scope)
{
    if (!lesson->wanted || lesson->ticks > LEARN_TICKS)
        return false;
    if (lesson->seen && anchor->valid && anchor->raw != lesson->raw) {
        lesson->first_ns = lesson->ticks++ ? lesson->first_ns : anchor->t_ns;
        lesson->last_ns = anchor->t_ns;
    }
    lesson->seen = anchor->valid;
    lesson->raw = anchor->raw;
    bool counts = scope == CIRC_SCOPE_PACKAGE || scope == CIRC_SCOPE_BOARD;
    return !slow || (counts && lesson->ticks < 2);
}

/* How often counters move is a matter of the machine as much as of the meter: those that are seen
 * to move more slowly than they are said to are taken at their deed. */
static enum circ_status learn(struct circ_watch *watch, struct circ_error *err)
{
    struct lesson *lessons = calloc(CIRC_MAX_CHANNELS, sizeof *lessons);
    int64_t start = circ_clock_now_ns(), pause;
    if (!lessons)
        return circ_status_fail(err, CIRC_MEMORY, "no memory for watching the meters");
    for (int c = 0; c < watch->count; c++)
        lessons[c].wanted = watch->channels[c].unit == CIRC_UNIT_UJ &&
                            watch->channels[c].update_ns > 0 && !circ_watch_is_late(watch, c);
    do {
        bool slow = circ_clock_now_ns() - start > LEARN_NS;
        pause = INT64_MAX;
        for (int s = 0; s < watch->source_count; s++)
            if (watch->sources[s].update_ns != INT64_MAX)
                circ_watch_look(watch, &watch->sources[s]);
        for (int c = 0; c < watch->count; c++) {
            int64_t quarter = watch->channels[c].update_ns / 4;
            if (attend(&lessons[c], &watch->states[c].anchor, slow, watch->channels[c].scope))
                pause = slow ? LEARN_PAUSE : quarter < pause ? quarter : pause;
        }
        if (pause != INT64_MAX)
            circ_clock_sleep_ns(pause > CIRC_WATCH_SHORTEST_NS ? pause : CIRC_WATCH_SHORTEST_NS);
    } while (pause != INT64_MAX && circ_clock_now_ns() < start + LEARN_MOST);
    for (int c = 0; c < watch->count; c++) {
        const struct lesson *lesson = &lessons[c];
        int64_t interval =
            lesson->ticks > 1 ? (lesson->last_ns - lesson->first_ns) / (lesson->ticks - 1) : 0;
        if (interval > 2 * watch->channels[c].update_ns)
            watch->channels[c].update_ns = interval;
    }
    for (int s = 0; s < watch->source_count; s++)
        plan(watch, &watch->sources[s]);
    free(lessons);
    return CIRC_OK;
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
    if (!status)
        status = learn(watch, err);
    if (status) {
        circ_watch_close(watch);
        return status;
    }
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
