/* Tries events through the meter: alone, to find the name that counts; together, to find what fits
 * on the counters. A try counts known work, so that it costs about a millisecond each. */
#include "harness/countable.h"
#include "harness/log.h"
#include "harness/sources.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a search shares. */
struct search {
    const struct circ_meter *meter;
    struct circ_channel *channels; /* owned; [CIRC_MAX_CHANNELS] */
    int passes;                    /* so far, of all groups */
};

static enum circ_status try_events(const struct search *search, const char *const *names, int count,
                                   struct circ_error *err)
{
    struct circ_meter_session *session;
    const struct circ_meter_request request = {.events = names, .event_count = count};
    int channels;
    enum circ_status status =
        search->meter->open(&session, search->channels, &channels, &request, err);
    if (!status)
        search->meter->close(session);
    return status;
}

/* The first of an event's names that counts. One that is known but does not count says more about
 * this machine than one that is another processor's. */
static enum circ_status choose_name(const struct search *search,
                                    const struct circ_group_event *event,
                                    struct circ_countable_event *chosen, struct circ_error *err)
{
    enum circ_status first = CIRC_OK, status = CIRC_OK;
    struct circ_error reason;
    chosen->pass = -1;
    snprintf(chosen->name, sizeof chosen->name, "%s", event->name);
    for (int a = 0; a < event->alternative_count; a++) {
        status = try_events(search, &event->alternatives[a], 1, &reason);
        if (!status) {
            chosen->alternative = event->alternatives[a];
            snprintf(chosen->channel, sizeof chosen->channel, "%s", search->channels[0].name);
            snprintf(chosen->source, sizeof chosen->source, "%s", search->channels[0].source);
            chosen->unit = search->channels[0].unit;
            *chosen->reason = '\0';
            if (strcmp(chosen->alternative, event->name))
                snprintf(chosen->reason, sizeof chosen->reason, "counted as %s",
                         chosen->alternative);
            return CIRC_OK;
        }
        if (status != CIRC_ABSENT && status != CIRC_USAGE)
            break;
        if (!first || (first == CIRC_USAGE && status == CIRC_ABSENT)) {
            first = status;
            *err = reason;
            snprintf(chosen->reason, sizeof chosen->reason, "%.300s", reason.message);
        }
    }
    if (status == CIRC_ABSENT || status == CIRC_USAGE) {
        if (first == CIRC_USAGE && event->alternative_count > 1)
            snprintf(chosen->reason, sizeof chosen->reason,
                     "none of its %d names is known on this processor, %s and so on",
                     event->alternative_count, event->alternatives[0]);
        return first;
    }
    *err = reason;
    return status;
}

/* Of each metric the first formula whose events all count, or the first at all; and the events
 * that only the others mention. */
static void choose_formulas(struct circ_countable_group *planned)
{
    const struct circ_event_group *group = planned->group;
    uint64_t counted = 0, needed = 0, passed_over = 0;
    for (int e = 0; e < group->event_count; e++)
        counted |= planned->events[e].alternative ? UINT64_C(1) << e : 0;
    counted |= ~UINT64_C(0) << group->event_count; /* what is given is there */
    for (int m = 0, end; m < group->metric_count; m = end) {
        int taken = -1;
        uint64_t mentioned = 0;
        for (end = m;
             end < group->metric_count && !strcmp(group->metrics[end].name, group->metrics[m].name);
             end++) {
            mentioned |= group->metrics[end].uses;
            if (taken < 0 && !(group->metrics[end].uses & ~counted))
                taken = end;
        }
        planned->chosen[taken < 0 ? m : taken] = true;
        needed |= taken < 0 ? mentioned : group->metrics[taken].uses;
        passed_over |= mentioned;
    }
    for (int e = 0; e < group->event_count; e++)
        planned->events[e].spare = passed_over & ~needed & UINT64_C(1) << e;
}

/* Adds an event to the first pass of its group that has room for it, or to a new one. */
static enum circ_status place(struct search *search, struct circ_countable_group *planned,
                              int event, struct circ_error *err)
{
    struct circ_countable_event *placed = &planned->events[event];
    int pass = 0;
    for (; pass < planned->pass_count; pass++) {
        const char *names[CIRC_MAX_GROUP_EVENTS];
        int count = 0;
        for (int e = 0; e < event; e++)
            if (planned->events[e].pass == pass)
                names[count++] = planned->events[e].alternative;
        names[count++] = placed->alternative;
        enum circ_status status = try_events(search, names, count, err);
        if (!status)
            break;
        if (status != CIRC_ABSENT && status != CIRC_USAGE)
            return status;
    }
    placed->pass = pass;
    if (pass == planned->pass_count)
        planned->pass_count++;
    int number = search->passes + pass + 1;
    size_t used = strlen(placed->source);
    if (number > 1)
        snprintf(placed->source + used, sizeof placed->source - used, " pass %d", number);
    return CIRC_OK;
}

/* Whether an event that the user named twice, by two names, is there already. */
static bool is_twin(const struct circ_countable_group *planned, int event)
{
    for (int e = 0; e < event; e++)
        if (!strcmp(planned->events[e].channel, planned->events[event].channel))
            return true;
    return false;
}

/* An event that the user named alone must count. */
static enum circ_status choose_single(const struct search *search,
                                      struct circ_countable_group *planned, int event,
                                      struct circ_error *err)
{
    struct circ_countable_event *chosen = &planned->events[event];
    struct circ_event_group *group = NULL;
    struct circ_error cause = {.message = ""}, known;
    enum circ_status status = choose_name(search, &planned->group->events[event], chosen, &cause);
    if (!status) {
        memcpy(chosen->name, chosen->channel, sizeof chosen->name);
        *chosen->reason = '\0';
        chosen->spare = is_twin(planned, event);
        return CIRC_OK;
    }
    /* perhaps a group was meant */
    const char *word = planned->group->events[event].name;
    enum circ_status found = circ_groups_open(&group, word, &known);
    if (!found)
        circ_groups_close(group);
    bool mistyped = found == CIRC_NOTHING && strstr(known.message, "did you mean");
    if (mistyped || (found == CIRC_NOTHING && status == CIRC_USAGE))
        return circ_status_fail_native(err, CIRC_USAGE, cause.native,
                                       "--events: %.200s (as an event: %s)", known.message,
                                       cause.message);
    return circ_status_fail_native(err, status, cause.native, "--events %s", cause.message);
}

static enum circ_status plan_group(struct search *search, struct circ_countable_group *planned,
                                   struct circ_error *err)
{
    const struct circ_event_group *group = planned->group;
    enum circ_status status = CIRC_OK;
    snprintf(planned->source, sizeof planned->source, "group:%s", group->name);
    for (int e = 0; e < group->event_count && !status; e++) {
        status = *group->name ? choose_name(search, &group->events[e], &planned->events[e], err)
                              : choose_single(search, planned, e, err);
        if (*group->name && (status == CIRC_ABSENT || status == CIRC_USAGE))
            status = CIRC_OK; /* missing, as its reason says */
    }
    if (*group->name)
        choose_formulas(planned);
    for (int e = 0; e < group->event_count && !status; e++)
        if (planned->events[e].alternative && !planned->events[e].spare)
            status = place(search, planned, e, err);
    search->passes += planned->pass_count;
    return status;
}

static enum circ_status add_group(struct circ_countable *countable, struct circ_event_group *group,
                                  struct circ_error *err)
{
    enum circ_status status = CIRC_OK;
    for (int i = 0; i < countable->group_count && !status; i++)
        if (!strcmp(countable->groups[i].group->name, group->name))
            status = circ_status_fail(err, CIRC_USAGE, "--events: two groups are called %s: %s, %s",
                                      group->name, countable->groups[i].group->place, group->place);
    if (!status && countable->group_count == CIRC_MAX_GROUPS)
        status =
            circ_status_fail(err, CIRC_USAGE, "--events: %d groups are the most", CIRC_MAX_GROUPS);
    if (status) {
        circ_groups_close(group);
        return status;
    }
    countable->groups[countable->group_count++].group = group;
    return CIRC_OK;
}

/* Groups in the order of their words, then the single events as a group without a name. */
static enum circ_status read_words(struct circ_countable *countable, const char *const *words,
                                   int count, struct circ_error *err)
{
    struct circ_event_group *group;
    const char **events = calloc((size_t)count, sizeof *events);
    int event_count = 0;
    enum circ_status status = CIRC_OK;
    if (!events)
        return circ_status_fail(err, CIRC_MEMORY, "--events: out of memory");
    for (int i = 0; i < count && !status; i++) {
        status = circ_groups_open(&group, words[i], err);
        if (!status) {
            status = add_group(countable, group, err);
        } else if (status == CIRC_NOTHING) {
            events[event_count++] = words[i];
            status = CIRC_OK;
        }
    }
    if (!status && event_count)
        status = circ_groups_make(&group, events, event_count, err);
    if (!status && event_count)
        status = add_group(countable, group, err);
    free(events);
    return status;
}

/* Of the meters that may count, the one of events, and the others with their channels. What is not
 * here is passed over (doctor says why), unless the user asked for it by name. */
static enum circ_status find_meters(struct circ_countable *countable,
                                    const struct circ_options *options, struct circ_error *err)
{
    int count;
    const struct circ_meter *const *meters = circ_meters_list(&count);
    enum circ_status status = CIRC_OK;
    countable->meters = calloc((size_t)count, sizeof *countable->meters);
    if (!countable->meters)
        return circ_status_fail(err, CIRC_MEMORY, "no memory for %d meters", count);
    for (int i = 0; i < count && !status; i++) {
        const struct circ_meter *meter = meters[i];
        struct circ_countable_meter *plain = &countable->meters[countable->meter_count];
        if (meter->energy || !circ_meters_allows((const char *const *)options->meters.items,
                                                 options->meters.count, meter->name))
            continue;
        if (meter->events) {
            countable->meter = meter;
            if (options->meters.count && meter->probe(NULL, err))
                circ_log_warn("%s", err->message); /* the rows say it of each event */
            continue;
        }
        struct circ_meter_session *session;
        struct circ_channel *channels = calloc(CIRC_MAX_CHANNELS, sizeof *channels);
        if (!channels)
            return circ_status_fail(err, CIRC_MEMORY, "no memory for the channels of %s",
                                    meter->name);
        *plain = (struct circ_countable_meter){.meter = meter, .channels = channels};
        countable->meter_count++;
        status = meter->open(&session, channels, &plain->count, NULL, err);
        if (!status)
            meter->close(session);
        else if (status == CIRC_ABSENT)
            status = CIRC_OK; /* its count is 0 */
    }
    return status;
}

enum circ_status circ_countable_plan(struct circ_countable *countable,
                                     const struct circ_meter *meter, struct circ_error *err)
{
    struct search search = {.meter = meter,
                            .channels = calloc(CIRC_MAX_CHANNELS, sizeof *search.channels)};
    enum circ_status status = CIRC_OK;
    if (!search.channels)
        return circ_status_fail(err, CIRC_MEMORY, "no memory for the channels of %s", meter->name);
    countable->meter = meter;
    for (int i = 0; i < countable->group_count && !status; i++)
        status = plan_group(&search, &countable->groups[i], err);
    free(search.channels);
    return status;
}

enum circ_status circ_countable_find(struct circ_countable *countable,
                                     const struct circ_options *options, struct circ_error *err)
{
    static const char *const usual[] = {"default"};
    bool named = options->events.count > 0;
    *countable =
        (struct circ_countable){.groups = calloc(CIRC_MAX_GROUPS, sizeof *countable->groups)};
    enum circ_status status = CIRC_OK;
    if (!countable->groups)
        return circ_status_fail(err, CIRC_MEMORY, "no memory for the groups of counters");
    status = circ_sources_check(options, err);
    if (!status)
        status = named ? read_words(countable, (const char *const *)options->events.items,
                                    options->events.count, err)
                       : read_words(countable, usual, 1, err);
    if (!status)
        status = find_meters(countable, options, err);
    if (!status && countable->meter)
        status = circ_countable_plan(countable, countable->meter, err);
    if (status)
        circ_countable_free(countable);
    return status;
}

void circ_countable_free(struct circ_countable *countable)
{
    for (int i = 0; i < countable->group_count; i++)
        circ_groups_close(countable->groups[i].group);
    for (int i = 0; i < countable->meter_count; i++)
        free(countable->meters[i].channels);
    free(countable->groups);
    free(countable->meters);
    *countable = (struct circ_countable){.group_count = 0};
}
