/* From windows to a row: the choice of channels, windows of all of them, sources that disagree. How
 * a joule is made is joules.c's. */
#include "harness/energy.h"

#include "harness/log.h"
#include "harness/marker.h"
#include "harness/meters/choice.h"
#include "harness/meters/topology.h"
#include "harness/meters/clock.h"
#include "harness/meters/conditions.h"
#include "harness/sources.h"
#include "harness/target.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_named(const struct circ_options *options, const char *meter)
{
    return options->meters.count && circ_meters_allows((const char *const *)options->meters.items,
                                                       options->meters.count, meter);
}

enum circ_status circ_energy_open(struct circ_joules *joules, const struct circ_options *options,
                                  struct circ_store *store, const char *campaign,
                                  struct circ_error *err)
{
    struct circ_meter_request request = circ_sources_request(options);
    struct circ_meter_row rows[CIRC_JOULES_METERS];
    enum circ_status status = CIRC_OK;
    request.trace_later = is_named(options, "trace") && !options->meter_trace;
    if (options->marker_command) {
        status = circ_marker_set(options->marker_command, &request.marker_ns, err);
        if (!status)
            status = circ_store_marker(store, campaign, request.marker_ns, err);
    }
    if (!status)
        status = circ_joules_open(joules, options, request, true, err);
    for (int i = 0; i < joules->meter_count && !status; i++) {
        const struct circ_joules_meter *meter = &joules->meters[i];
        rows[i] = (struct circ_meter_row){.meter = meter->meter->name,
                                          .state = meter->status == CIRC_OK        ? "ok"
                                                   : meter->status == CIRC_NOTHING ? "off"
                                                                                   : "absent",
                                          .detail = meter->detail};
        bool given = is_named(options, meter->meter->name) ||
                     circ_meters_given(meter->meter, &joules->request);
        if (meter->status == CIRC_ABSENT && given)
            circ_log_warn("%s", meter->detail); /* and the rows say it */
    }
    return status ? status
                  : circ_store_meters(store, campaign, rows, (size_t)joules->meter_count, err);
}

static enum circ_status choose(const struct circ_joules *joules, const struct circ_target *target,
                               struct circ_chosen *chosen, struct circ_error *err)
{
    bool host = circ_target_is_host(target);
    const struct circ_consumer consumer = {.cpu = host,
                                           .packages = host ? circ_topology_read().packages : 0,
                                           .pci = target->device.pci};
    chosen->count = 0;
    if (target->device.kind == CIRC_EMULATED)
        return circ_status_fail(err, CIRC_ABSENT,
                                "no meter covers this device: the host's joules are not those of "
                                "what is emulated");
    if (!joules->watch)
        return circ_status_fail(err, CIRC_ABSENT, "%s", joules->reason);
    return circ_choice_make(joules->channels, joules->count, &consumer, chosen->items,
                            &chosen->count, err);
}

bool circ_energy_covers(const struct circ_joules *joules, const struct circ_subject *subject)
{
    struct circ_chosen chosen;
    struct circ_error err;
    return joules->watch && !choose(joules, subject->planned->target, &chosen, &err);
}

static bool run_batches(void *context, int64_t batches)
{
    int64_t ns, device_ns;
    return circ_subject_window(context, batches, &ns, &device_ns);
}

static bool contains(const struct circ_chosen *chosen, int channel)
{
    for (int i = 0; i < chosen->count; i++)
        if (chosen->items[i] == channel)
            return true;
    return false;
}

/* Appends a row for every channel of a window. */
static void keep(const struct circ_joules *joules, struct circ_subject *subject,
                 const struct circ_window *window, const struct circ_chosen *chosen, bool used)
{
    bool idle = !window->frames;
    int place = subject->window_place++;
    for (int c = 0; c < joules->count && subject->window_count < subject->window_capacity; c++) {
        const struct circ_channel *channel = &joules->channels[c];
        const struct circ_delta *delta = &window->deltas[c];
        struct circ_energy_window *kept = &subject->windows[subject->window_count++];
        *kept = (struct circ_energy_window){
            .source = channel->source,
            .channel = channel->name,
            .scope = circ_meters_scope_name(channel->scope),
            .pci = channel->pci,
            .grade = circ_difference_grade_name(delta->grade),
            .place = place,
            .idle = idle,
            .chosen = contains(chosen, c),
            .used = used && contains(chosen, c),
            .start_ns = circ_clock_since_epoch_ns(window->before.channels[c].t_ns),
            .duration_ns = delta->duration_ns,
            .frames = window->frames,
            .raw_start = (int64_t)window->before.channels[c].raw,
            .raw_end = (int64_t)window->after.channels[c].raw,
            .energy_uj = isnan(delta->value) ? -1 : delta->value,
            .bound_uj = isnan(delta->bound) ? -1 : delta->bound,
        };
        snprintf(kept->reason, sizeof kept->reason, "%s", delta->reason);
    }
}

/* Adds a sentence to the remark about the row's joules. */
static void remark(struct circ_subject *subject, const char *sentence)
{
    size_t used = strlen(subject->energy_remark);
    snprintf(subject->energy_remark + used, sizeof subject->energy_remark - used, "%s%s",
             used ? "; " : "", sentence);
    subject->trial.energy_remark = subject->energy_remark;
}

/* Two sources that measure one domain must agree within their bounds, window by window. Each window
 * ends at its own source's ticks, so powers are compared. */
static void compare(const struct circ_joules *joules, struct circ_subject *subject,
                    const struct circ_joules_result *result, int a, int b)
{
    const struct circ_channel *one = &joules->channels[a], *other = &joules->channels[b];
    char sentence[320];
    double first_w = 0, second_w = 0, bound_w = 0;
    int apart = 0, compared = 0;
    for (int w = 0; w < result->count; w++) {
        const struct circ_delta *x = &result->windows[w].deltas[a],
                                *y = &result->windows[w].deltas[b];
        double x_us = (double)x->duration_ns / 1e3, y_us = (double)y->duration_ns / 1e3;
        double x_w = x->value / x_us, y_w = y->value / y_us;
        double within_w = x->bound / x_us + y->bound / y_us;
        if (isnan(x_w) || isnan(y_w) || isnan(within_w))
            continue;
        compared++;
        if (fabs(x_w - y_w) <= within_w)
            continue;
        if (!apart++) {
            first_w = x_w;
            second_w = y_w;
            bound_w = within_w;
        }
    }
    if (!apart)
        return;
    snprintf(sentence, sizeof sentence,
             "%.60s: %.40s and %.40s disagree in %d of %d windows: %.4g W and %.4g W, where %.2g W "
             "would be within their bounds",
             one->name, one->source, other->source, apart, compared, first_w, second_w, bound_w);
    remark(subject, sentence);
}

/* Whether they claim to measure the same thing. */
static bool same_domain(const struct circ_channel *a, const struct circ_channel *b)
{
    return a->scope == b->scope && !strcmp(a->name, b->name) && !strcmp(a->pci, b->pci) &&
           strcmp(a->source, b->source) != 0;
}

static void compare_sources(const struct circ_joules *joules, struct circ_subject *subject,
                            const struct circ_joules_result *result)
{
    for (int a = 0; a < joules->count; a++)
        for (int b = a + 1; b < joules->count; b++)
            if (same_domain(&joules->channels[a], &joules->channels[b]))
                compare(joules, subject, result, a, b);
}

/* Says of windows that were taken and not used why. */
static void tell_unused(struct circ_subject *subject, const struct circ_joules_result *result)
{
    const char *why = NULL;
    char sentence[256];
    int doubtful = 0;
    for (int w = 0; w < result->count; w++)
        if (result->windows[w].grade > CIRC_GRADE_SHORT) {
            doubtful++;
            why = result->windows[w].reason;
        }
    if (!why)
        return;
    snprintf(sentence, sizeof sentence, "%d of %d windows are kept and not used: %s", doubtful,
             result->count, why);
    remark(subject, sentence);
}

/* Powers of every channel from the first window's begin to the last one's end. */
static enum circ_status keep_powers(struct circ_joules *joules, struct circ_subject *subject,
                                    const struct circ_joules_result *result, struct circ_error *err)
{
    if (joules->rule.trace_hz <= 0 || !result->count)
        return CIRC_OK;
    int64_t from = result->windows[0].before.t_ns;
    int64_t to = result->windows[result->count - 1].after.t_ns;
    size_t capacity = 16 + (size_t)(1.5 * joules->rule.trace_hz * (double)(to - from) / 1e9);
    struct circ_series_point *points = malloc(capacity * sizeof *points);
    subject->powers = malloc(capacity * (size_t)joules->count * sizeof *subject->powers);
    if (!points || !subject->powers) {
        free(points);
        return circ_status_fail(err, CIRC_MEMORY, "no memory for a trace of powers");
    }
    for (int c = 0; c < joules->count; c++) {
        size_t count = circ_mark_trace(joules->watch, c, from, to, points, capacity);
        for (size_t i = 0; i < count; i++)
            subject->powers[subject->trial.power_count++] =
                (struct circ_power_sample){.source = joules->channels[c].source,
                                           .channel = joules->channels[c].name,
                                           .t_ns = circ_clock_since_epoch_ns(points[i].t_ns),
                                           .power_uw = points[i].value};
    }
    subject->trial.powers = subject->powers;
    free(points);
    return CIRC_OK;
}

void circ_energy_set(struct circ_trial *trial, const struct circ_joules_result *result,
                     const struct circ_channel *channel, const char *kind)
{
    trial->energy_uj_per_frame = result->energy_uj;
    trial->energy_uj_ci_low = result->low_uj;
    trial->energy_uj_ci_high = result->high_uj;
    trial->energy_bound_uj = result->bound_uj;
    trial->power_uw = result->power_uw;
    trial->power_uw_ci_low = result->power_low_uw;
    trial->power_uw_ci_high = result->power_high_uw;
    trial->energy_source = channel->source;
    trial->energy_scope = circ_meters_scope_name(channel->scope);
    trial->energy_kind = kind;
    trial->energy_quality = circ_difference_grade_name(result->grade);
}

static enum circ_status fill(struct circ_joules *joules, struct circ_subject *subject,
                             const struct circ_joules_result *result,
                             const struct circ_chosen *chosen, struct circ_error *err)
{
    struct circ_trial *trial = &subject->trial;
    const struct circ_channel *channel = &joules->channels[chosen->items[0]];
    /* room for the idle windows too: conclude adds the second one */
    subject->window_capacity = (size_t)joules->count * (size_t)(result->count + 2);
    subject->windows = calloc(subject->window_capacity, sizeof *subject->windows);
    if (!subject->windows)
        return circ_status_fail(err, CIRC_MEMORY, "no memory for energy windows");
    if (joules->idle_count)
        keep(joules, subject, &joules->idle[0], chosen, false);
    for (int w = 0; w < result->count; w++)
        keep(joules, subject, &result->windows[w], chosen, result->used[w]);
    compare_sources(joules, subject, result);
    if (!result->used_count) {
        snprintf(subject->energy_reason, sizeof subject->energy_reason, "%s", result->reason);
        return keep_powers(joules, subject, result, err);
    }
    if (*result->reason)
        remark(subject, result->reason);
    tell_unused(subject, result);
    circ_energy_set(trial, result, channel, circ_meters_replayed() ? "emulated" : trial->kind);
    return keep_powers(joules, subject, result, err);
}

enum circ_status circ_energy_measure(struct circ_joules *joules, struct circ_subject *subject,
                                     struct circ_error *err)
{
    struct circ_error why;
    if (choose(joules, subject->planned->target, &subject->energy_channels, &why)) {
        snprintf(subject->energy_reason, sizeof subject->energy_reason, "%s", why.message);
        return CIRC_OK;
    }
    const struct circ_work work = {.run = run_batches,
                                   .context = subject,
                                   .batch_ns = subject->sorted[subject->sorted_count / 2],
                                   .frames = subject->planned->point.batch};
    struct circ_joules_result result;
    circ_conditions_read(&subject->trial.before.temperature_mc,
                         &subject->trial.before.frequency_khz);
    enum circ_status status =
        circ_joules_take(joules, &work, &subject->energy_channels, &result, err);
    circ_conditions_read(&subject->trial.after.temperature_mc, &subject->trial.after.frequency_khz);
    if (!status && !result.broken)
        status = fill(joules, subject, &result, &subject->energy_channels, err);
    circ_joules_free(&result);
    return status;
}

void circ_energy_conclude(const struct circ_joules *joules, struct circ_subject *subject)
{
    if (!subject->windows)
        return;
    for (int w = 1; w < joules->idle_count; w++)
        keep(joules, subject, &joules->idle[w], &subject->energy_channels, false);
    subject->trial.windows = subject->windows;
    subject->trial.window_count = subject->window_count;
    if (!isnan(subject->trial.energy_uj_per_frame))
        subject->trial.idle_power_uw = circ_joules_idle_power_uw(joules, &subject->energy_channels);
}
