/* One window a point under all counting meters, long enough to drown the cost of the readings. */
#include "backends/core/nearest.h"
#include "harness/counting.h"

#include "harness/meters/difference.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define WINDOW_NS 50000000 /* 50 ms: readings cost microseconds */

static enum circ_status check_names(const struct circ_options *options, struct circ_error *err)
{
    const char *names[CIRC_MAX_METERS + 1] = {"none"};
    int count;
    const struct circ_meter *const *meters = circ_meters_list(&count);
    for (int i = 0; i < count && i < CIRC_MAX_METERS; i++)
        names[i + 1] = meters[i]->name;
    for (int m = 0; m < options->meters.count; m++) {
        const char *word = options->meters.items[m];
        bool known = false;
        for (int i = 0; i <= count && !known; i++)
            known = !strcmp(names[i], word);
        if (!known) {
            const char *nearest = circ_nearest_find(word, names, count + 1);
            return circ_status_fail(err, CIRC_USAGE,
                                    "unknown meter '%s'%s%s%s: `circbench doctor` lists them, none "
                                    "turns all off",
                                    word, nearest ? ", did you mean '" : "", nearest ? nearest : "",
                                    nearest ? "'?" : "");
        }
    }
    return CIRC_OK;
}

enum circ_status circ_counting_open(struct circ_counting *counting,
                                    const struct circ_options *options, struct circ_error *err)
{
    int count;
    const struct circ_meter *const *meters = circ_meters_list(&count);
    const struct circ_meter_request request = {.events = (const char *const *)options->events.items,
                                               .event_count = options->events.count};
    memset(counting, 0, sizeof *counting);
    enum circ_status status = check_names(options, err);
    for (int i = 0; i < count && !status; i++) {
        const struct circ_meter *meter = meters[i];
        if (meter->energy || !circ_meters_allows((const char *const *)options->meters.items,
                                                 options->meters.count, meter->name))
            continue;
        struct circ_channel *channels = calloc(CIRC_MAX_CHANNELS, sizeof *channels);
        if (!channels)
            return circ_status_fail(err, CIRC_MEMORY, "no memory for the channels of %s",
                                    meter->name);
        int slot = counting->open_count;
        counting->open[slot].meter = meter;
        counting->open[slot].channels = channels;
        status = meter->open(&counting->open[slot].session, channels, &counting->open[slot].count,
                             meter->events ? &request : NULL, err);
        if (status) {
            free(channels);
            /* what is not here is not an error, unless the user asked for it by name */
            bool asked = options->meters.count || (meter->events && options->events.count);
            if (status == CIRC_ABSENT && !asked)
                status = CIRC_OK;
        } else {
            counting->open_count++;
        }
    }
    if (status)
        circ_counting_close(counting);
    return status;
}

void circ_counting_close(struct circ_counting *counting)
{
    for (int i = 0; i < counting->open_count; i++) {
        counting->open[i].meter->close(counting->open[i].session);
        free(counting->open[i].channels);
    }
    counting->open_count = 0;
}

static void keep(struct circ_subject *subject, const struct circ_channel *channel,
                 const struct circ_delta *delta, int64_t batches)
{
    if (subject->counter_count == CIRC_MAX_COUNTERS)
        return;
    double value = delta->value / (double)batches;
    subject->counters[subject->counter_count++] =
        (struct circ_counter){.name = channel->name,
                              .unit = circ_meters_unit_name(channel->unit),
                              .source = channel->source,
                              .value = value,
                              .running = delta->running};
    if (!strcmp(channel->name, "cycles"))
        subject->trial.cycles = value;
    if (!strcmp(channel->name, "instructions"))
        subject->trial.instructions = value;
}

void circ_counting_measure(struct circ_counting *counting, struct circ_subject *subject)
{
    struct circ_reading before[CIRC_MAX_CHANNELS], after[CIRC_MAX_CHANNELS];
    int64_t batch_ns = (int64_t)subject->sorted[subject->sorted_count / 2], ns, device_ns;
    int64_t batches = batch_ns < WINDOW_NS ? WINDOW_NS / (batch_ns > 0 ? batch_ns : 1) : 1;
    for (int i = 0; i < counting->open_count; i++) { /* one meter at a time: none counts another */
        struct circ_meter_session *session = counting->open[i].session;
        counting->open[i].meter->read(session, before);
        if (!circ_subject_window(subject, batches, &ns, &device_ns))
            return;
        counting->open[i].meter->read(session, after);
        for (int c = 0; c < counting->open[i].count; c++) {
            const struct circ_channel *channel = &counting->open[i].channels[c];
            struct circ_delta delta = circ_difference_take(channel, &before[c], &after[c], 1);
            keep(subject, channel, &delta, batches);
        }
    }
    subject->trial.counters = subject->counters;
    subject->trial.counter_count = subject->counter_count;
}
