/* One window a point and pass under a counting meter, long enough to drown the cost of the
 * readings. */
#include "harness/counting.h"

#include "harness/meters/difference.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WINDOW_NS 50000000 /* 50 ms: readings cost microseconds */

/* What a pass said of one event of one subject. */
struct count {
    double value; /* per batch; NaN unknown */
    double running;
    char reason[160]; /* why it is unknown, where the plan does not know; "" */
};

/* What a group's passes said of a subject. */
struct record {
    struct count events[CIRC_MAX_GROUP_EVENTS];
    double time_ns; /* of a batch, summed over passes */
    int passes;
};

/* A meter while it is open. */
struct opened {
    const struct circ_meter *meter;
    struct circ_meter_session *session;
    struct circ_channel channels[CIRC_MAX_CHANNELS];
    struct circ_reading before[CIRC_MAX_CHANNELS], after[CIRC_MAX_CHANNELS];
    int count;
};

/* Reads the meter round a window of a subject; false when the subject broke. */
static bool count_window(struct opened *opened, struct circ_subject *subject, int64_t *batches,
                         int64_t *ns)
{
    int64_t device_ns, batch_ns = (int64_t)subject->sorted[subject->sorted_count / 2];
    *batches = batch_ns < WINDOW_NS ? WINDOW_NS / (batch_ns > 0 ? batch_ns : 1) : 1;
    opened->meter->read(opened->session, opened->before);
    if (!circ_subject_window(subject, *batches, ns, &device_ns))
        return false;
    opened->meter->read(opened->session, opened->after);
    return true;
}

static struct count count_of(const struct opened *opened, int channel, int64_t batches)
{
    struct circ_delta delta = circ_difference_take(
        &opened->channels[channel], &opened->before[channel], &opened->after[channel], 1);
    struct count count = {.value = delta.value / (double)batches, .running = delta.running};
    snprintf(count.reason, sizeof count.reason, "%s", delta.reason);
    return count;
}

static enum circ_status keep(struct circ_subject *subject, const struct circ_counter *counter,
                             const char *reason, struct circ_error *err)
{
    if (subject->counter_count == CIRC_MAX_COUNTERS)
        return CIRC_OK;
    char *copy = strdup(reason);
    if (!copy)
        return circ_status_fail(err, CIRC_MEMORY, "no memory for the counters");
    subject->counter_reasons[subject->counter_count] = copy;
    subject->counters[subject->counter_count] = *counter;
    subject->counters[subject->counter_count++].reason = copy;
    if (!strcmp(counter->name, "cycles") && isnan(subject->trial.cycles))
        subject->trial.cycles = counter->value;
    if (!strcmp(counter->name, "instructions") && isnan(subject->trial.instructions))
        subject->trial.instructions = counter->value;
    return CIRC_OK;
}

/* The counts of one pass of a group, of one subject. */
static void record_pass(const struct circ_countable_group *planned, int pass,
                        const struct opened *opened, struct record *record, int64_t batches,
                        int64_t ns)
{
    record->time_ns += (double)ns / (double)batches;
    record->passes++;
    for (int e = 0; e < planned->group->event_count; e++) {
        const struct circ_countable_event *event = &planned->events[e];
        for (int c = 0; c < opened->count && event->pass == pass; c++)
            if (!strcmp(opened->channels[c].name, event->channel))
                record->events[e] = count_of(opened, c, batches);
    }
}

/* A pass that does not open any more (a permission lost, a thread gone) has lost its events. */
static void record_failure(const struct circ_countable_group *planned, int pass,
                           struct record *record, const struct circ_error *failure)
{
    for (int e = 0; e < planned->group->event_count; e++)
        if (planned->events[e].pass == pass)
            snprintf(record->events[e].reason, sizeof record->events[e].reason, "%.*s",
                     (int)sizeof record->events[e].reason - 1, failure->message);
}

static enum circ_status count_pass(const struct circ_countable *countable,
                                   const struct circ_countable_group *planned, int pass,
                                   struct opened *opened, struct circ_subject *const *subjects,
                                   struct record *records, int count, struct circ_error *err)
{
    const char *names[CIRC_MAX_GROUP_EVENTS];
    struct circ_meter_request request = {.events = names};
    for (int e = 0; e < planned->group->event_count; e++)
        if (planned->events[e].pass == pass)
            names[request.event_count++] = planned->events[e].alternative;
    opened->meter = countable->meter;
    enum circ_status status =
        opened->meter->open(&opened->session, opened->channels, &opened->count, &request, err);
    if (status == CIRC_MEMORY)
        return status;
    for (int i = 0; i < count; i++) {
        int64_t batches, ns;
        if (status)
            record_failure(planned, pass, &records[i], err);
        else if (subjects[i]->program && count_window(opened, subjects[i], &batches, &ns))
            record_pass(planned, pass, opened, &records[i], batches, ns);
    }
    if (!status)
        opened->meter->close(opened->session);
    return CIRC_OK;
}

static enum circ_status keep_events(const struct circ_countable_group *planned,
                                    const struct record *record, struct circ_subject *subject,
                                    struct circ_error *err)
{
    enum circ_status status = CIRC_OK;
    for (int e = 0; e < planned->group->event_count && !status; e++) {
        const struct circ_countable_event *event = &planned->events[e];
        const struct count *count = &record->events[e];
        if (event->spare)
            continue;
        status = keep(
            subject,
            &(struct circ_counter){
                .name = event->name,
                .unit = circ_meters_unit_name(event->alternative ? event->unit : CIRC_UNIT_COUNT),
                .source = event->alternative ? event->source : planned->source,
                .value = count->value,
                .running = count->running},
            *count->reason ? count->reason : event->reason, err);
    }
    return status;
}

/* Why a metric has no value: the event that has none, or the formula. */
static void explain(const struct circ_countable_group *planned, const struct record *record,
                    int metric, char reason[160])
{
    const struct circ_event_group *group = planned->group;
    for (int e = 0; e < group->event_count; e++)
        if (group->metrics[metric].uses & UINT64_C(1) << e && isnan(record->events[e].value)) {
            snprintf(reason, 160, "%s has no count", planned->events[e].name);
            return;
        }
    snprintf(reason, 160, "%.120s: a division by zero, or below 0", group->metrics[metric].formula);
}

static enum circ_status keep_metrics(const struct circ_countable_group *planned,
                                     const struct record *record, struct circ_subject *subject,
                                     struct circ_error *err)
{
    const struct circ_event_group *group = planned->group;
    const struct circ_trial *trial = &subject->trial;
    const double batch = trial->point.batch;
    const double given[CIRC_GIVEN_COUNT] = {
        [CIRC_GIVEN_TIME_NS] = record->passes ? record->time_ns / record->passes : NAN,
        [CIRC_GIVEN_BATCH] = batch,
        [CIRC_GIVEN_THREADS] = trial->point.threads,
        [CIRC_GIVEN_FLOP_EXECUTED] =
            trial->flop_executed < 0 ? NAN : (double)trial->flop_executed * batch,
        [CIRC_GIVEN_FLOP_DENSE] = trial->flop_dense < 0 ? NAN : (double)trial->flop_dense * batch,
    };
    double values[CIRC_MAX_GROUP_EVENTS];
    enum circ_status status = CIRC_OK;
    for (int e = 0; e < group->event_count; e++)
        values[e] = record->events[e].value;
    for (int m = 0; m < group->metric_count && !status; m++) {
        char reason[160] = "";
        double running = 1;
        if (!planned->chosen[m])
            continue;
        for (int e = 0; e < group->event_count; e++)
            if (group->metrics[m].uses & UINT64_C(1) << e && record->events[e].running < running)
                running = record->events[e].running;
        double value = circ_groups_metric(group, m, values, given);
        if (!(value >= 0)) { /* what counts is never negative, and is not stored so */
            value = NAN;
            explain(planned, record, m, reason);
        }
        status = keep(subject,
                      &(struct circ_counter){.name = group->metrics[m].name,
                                             .unit = group->metrics[m].unit,
                                             .source = planned->source,
                                             .value = value,
                                             .running = isnan(value) ? NAN : running},
                      reason, err);
    }
    return status;
}

static enum circ_status count_group(const struct circ_countable *countable,
                                    const struct circ_countable_group *planned,
                                    struct opened *opened, struct circ_subject *const *subjects,
                                    int count, struct circ_error *err)
{
    struct record *records = calloc((size_t)count, sizeof *records);
    enum circ_status status = CIRC_OK;
    if (!records)
        return circ_status_fail(err, CIRC_MEMORY, "no memory for the counts of %d points", count);
    for (int i = 0; i < count; i++)
        for (int e = 0; e < CIRC_MAX_GROUP_EVENTS; e++)
            records[i].events[e].value = records[i].events[e].running = NAN;
    for (int pass = 0; pass < planned->pass_count && !status; pass++)
        status = count_pass(countable, planned, pass, opened, subjects, records, count, err);
    for (int i = 0; i < count && !status; i++) {
        if (!subjects[i]->program) /* it broke in a window */
            continue;
        status = keep_events(planned, &records[i], subjects[i], err);
        if (!status)
            status = keep_metrics(planned, &records[i], subjects[i], err);
    }
    free(records);
    return status;
}

/* A meter that counts without being told what: its channels as they are. */
static enum circ_status count_plain(const struct circ_countable_meter *plain, struct opened *opened,
                                    struct circ_subject *const *subjects, int count,
                                    struct circ_error *err)
{
    opened->meter = plain->meter;
    if (!plain->count ||
        plain->meter->open(&opened->session, opened->channels, &opened->count, NULL, err))
        return CIRC_OK; /* it was there when the run began: what is lost is no row */
    enum circ_status status = CIRC_OK;
    for (int i = 0; i < count && !status; i++) {
        int64_t batches, ns;
        if (!subjects[i]->program || !count_window(opened, subjects[i], &batches, &ns))
            continue;
        for (int c = 0; c < opened->count && c < plain->count && !status; c++) {
            const struct circ_channel *channel = &plain->channels[c];
            struct count counted = count_of(opened, c, batches);
            status = keep(subjects[i],
                          &(struct circ_counter){.name = channel->name,
                                                 .unit = circ_meters_unit_name(channel->unit),
                                                 .source = channel->source,
                                                 .value = counted.value,
                                                 .running = counted.running},
                          counted.reason, err);
        }
    }
    opened->meter->close(opened->session);
    return status;
}

enum circ_status circ_counting_measure(const struct circ_countable *countable,
                                       struct circ_subject *const *subjects, int count,
                                       struct circ_error *err)
{
    struct opened *opened = calloc(1, sizeof *opened);
    enum circ_status status = CIRC_OK;
    if (!opened)
        return circ_status_fail(err, CIRC_MEMORY, "no memory for the counters' channels");
    for (int i = 0; i < countable->meter_count && !status; i++)
        status = count_plain(&countable->meters[i], opened, subjects, count, err);
    for (int i = 0; i < countable->group_count && !status && countable->meter; i++)
        status = count_group(countable, &countable->groups[i], opened, subjects, count, err);
    for (int i = 0; i < count; i++) {
        if (!subjects[i]->program)
            continue;
        subjects[i]->trial.counters = subjects[i]->counters;
        subjects[i]->trial.counter_count = subjects[i]->counter_count;
    }
    free(opened);
    return status;
}
