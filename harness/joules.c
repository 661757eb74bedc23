/* Windows and their statistics. What is in a window is window.c's; whose energy it is, energy.c's.
 */
#include "harness/joules.h"

#include "harness/interrupt.h"
#include "harness/meters/clock.h"
#include "harness/stats.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LEAST_NS   1000000000 /* a window lasts a second at least */
#define UPDATES    100        /* and a hundred updates of the slowest channel, where time allows */
#define GROW       1.2        /* a longer window than the bound asks for: power may fall */
#define WORST      0.5        /* share of an energy that its bound may be */
#define IDLE_WORST 0.1        /* and of the idle power, which is subtracted */
#define MORE_TIME  "; a longer --timeout makes it less"
#define STILL      3   /* windows in which nothing moved, one after the other, end the pass */
#define SPARE      1.6 /* five windows of a second take so many times that, lost ones included */

/* Keeps what became of each meter. */
static void note(void *context, const struct circ_meter *meter, enum circ_status status,
                 const char *message)
{
    struct circ_joules *joules = context;
    if (joules->meter_count == CIRC_JOULES_METERS)
        return;
    struct circ_joules_meter *kept = &joules->meters[joules->meter_count++];
    kept->meter = meter;
    kept->status = status;
    snprintf(kept->detail, sizeof kept->detail, "%s%s%s", status ? message : meter->description,
             !status && *message ? "; " : "", status ? "" : message);
}

enum circ_status circ_joules_open(struct circ_joules *joules, const struct circ_options *options,
                                  struct circ_meter_request request, bool threaded,
                                  struct circ_error *err)
{
    memset(joules, 0, sizeof *joules);
    joules->request = request;
    joules->rule = (struct circ_joules_rule){.error = options->energy_error,
                                             .timeout_s = options->timeout_s,
                                             .trace_hz = options->power_trace_hz,
                                             .seed = options->seed};
    joules->idle = calloc(2, sizeof *joules->idle);
    if (!joules->idle)
        return circ_status_fail(err, CIRC_MEMORY, "no memory for the idle windows");
    const struct circ_watch_rule rule = {.names = (const char *const *)options->meters.items,
                                         .name_count = options->meters.count,
                                         .request = &joules->request,
                                         .tell = note,
                                         .context = joules,
                                         .trace_hz = options->power_trace_hz,
                                         .threaded = threaded};
    struct circ_error why;
    enum circ_status status = circ_watch_open(&joules->watch, &rule, &why);
    if (status == CIRC_ABSENT) {
        snprintf(joules->reason, sizeof joules->reason, "%s", why.message);
        return CIRC_OK;
    }
    if (status) {
        *err = why;
        circ_joules_close(joules);
        return status;
    }
    joules->count = circ_watch_channels(joules->watch, &joules->channels);
    return CIRC_OK;
}

void circ_joules_close(struct circ_joules *joules)
{
    circ_watch_close(joules->watch);
    free(joules->idle);
    joules->watch = NULL;
    joules->idle = NULL;
}

/* Most time of a point's windows. */
static double budget_ns(const struct circ_joules *joules)
{
    double least = SPARE * CIRC_JOULES_WINDOWS * LEAST_NS, given = joules->rule.timeout_s * 1e9;
    return given > least ? given : least;
}

/* How long the first window is: both ends may be off by an update, so the bound asks for two of
 * them over the error. */
static double first_length_ns(const struct circ_joules *joules, double update_ns)
{
    double most = budget_ns(joules) / SPARE / CIRC_JOULES_WINDOWS;
    double length =
        fmax(fmax(LEAST_NS, UPDATES * update_ns), GROW * 2 * update_ns / joules->rule.error);
    return fmin(length, fmax(most, LEAST_NS));
}

static double slowest_update_ns(const struct circ_joules *joules)
{
    double slowest = 0;
    for (int c = 0; c < joules->count; c++)
        slowest = fmax(slowest, (double)joules->channels[c].update_ns);
    return slowest;
}

double circ_joules_point_s(const struct circ_joules *joules)
{
    return joules->watch
               ? CIRC_JOULES_WINDOWS * first_length_ns(joules, slowest_update_ns(joules)) / 1e9
               : 0;
}

void circ_joules_idle(struct circ_joules *joules, bool first)
{
    const struct circ_work nothing = {.run = NULL};
    struct circ_chosen all = {.count = 1}; /* of which one does not matter: all are kept */
    if (!joules->watch)
        return;
    if (first)
        joules->idle_count = 0;
    for (int c = 1; c < joules->count; c++)
        if (joules->channels[c].update_ns > joules->channels[all.items[0]].update_ns)
            all.items[0] = c;
    struct circ_window *window = &joules->idle[joules->idle_count];
    double length = first_length_ns(joules, slowest_update_ns(joules));
    circ_watch_begin(joules->watch);
    bool whole = circ_window_take(joules->watch, &nothing, &all, (int64_t)length,
                                  joules->rule.error, window);
    if (whole) {
        const struct circ_chosen none = {.count = 0};
        circ_window_complete(joules->watch, &none, window, 1, joules->rule.error);
    }
    circ_watch_end(joules->watch);
    joules->idle_count += whole && joules->idle_count < 1 + !first;
}

double circ_joules_idle_power_uw(const struct circ_joules *joules, const struct circ_chosen *chosen)
{
    double sum = 0;
    int known = 0;
    for (int w = 0; w < joules->idle_count; w++) {
        double power = 0, bound = 0;
        for (int i = 0; i < chosen->count; i++) {
            const struct circ_delta *delta = &joules->idle[w].deltas[chosen->items[i]];
            power += delta->value / ((double)delta->duration_ns / 1e9);
            bound += delta->bound / ((double)delta->duration_ns / 1e9);
        }
        if (!(bound <= IDLE_WORST * power)) /* NaN is not either */
            continue;
        sum += power;
        known++;
    }
    return known ? sum / known : NAN;
}

/* A figure that may be off by more than half of itself is none. One that nothing bounds is short,
 * and its reason says so. */
static bool has_energy(const struct circ_window *window)
{
    bool known = window->energy_uj > 0 && window->frames > 0; /* NaN is neither */
    return known && !(window->bound_uj > WORST * window->energy_uj);
}

/* Whether a longer window would have been a better one. */
static bool helps(const struct circ_joules_result *result, const struct circ_window *window)
{
    return window->grade == CIRC_GRADE_SHORT &&
           window->bound_uj > result->error * window->energy_uj;
}

/* Chooses the windows that count: the good ones where there are five, else the short ones too. */
static void choose(struct circ_joules_result *result)
{
    int good = 0;
    for (int w = 0; w < result->count; w++)
        good += has_energy(&result->windows[w]) && result->windows[w].grade == CIRC_GRADE_OK;
    enum circ_grade worst = good >= CIRC_JOULES_WINDOWS ? CIRC_GRADE_OK : CIRC_GRADE_SHORT;
    result->used_count = 0;
    for (int w = 0; w < result->count; w++) {
        const struct circ_window *window = &result->windows[w];
        result->used[w] = has_energy(window) && window->grade <= worst;
        result->used_count += result->used[w];
        if (result->used[w] && window->grade > result->grade) {
            result->grade = window->grade;
            snprintf(result->reason, sizeof result->reason, "%s%s", window->reason,
                     helps(result, window) ? MORE_TIME : "");
        }
    }
}

/* Median of the windows' values, and the interval that holds it whatever the errors within their
 * bounds are. */
static enum circ_status summarise(const struct circ_joules_result *result, bool power,
                                  uint64_t seed, double *median, double *low, double *high,
                                  struct circ_error *err)
{
    double values[CIRC_JOULES_MOST], least[CIRC_JOULES_MOST], most[CIRC_JOULES_MOST];
    struct circ_summary summary;
    size_t count = 0;
    for (int w = 0; w < result->count; w++) {
        const struct circ_window *window = &result->windows[w];
        double by = power ? (double)window->duration_ns / 1e9 : (double)window->frames;
        if (!result->used[w])
            continue;
        values[count] = window->energy_uj / by;
        double bound = isnan(window->bound_uj) ? 0 : window->bound_uj;
        least[count] = fmax(0, window->energy_uj - bound) / by;
        most[count++] = (window->energy_uj + bound) / by;
    }
    enum circ_status status = circ_stats_summarize(values, count, seed, &summary, err);
    *median = summary.median;
    if (!status)
        status = circ_stats_summarize(least, count, seed, &summary, err);
    *low = summary.ci.low;
    if (!status)
        status = circ_stats_summarize(most, count, seed, &summary, err);
    *high = summary.ci.high;
    return status;
}

enum circ_status circ_joules_summarise(struct circ_joules_result *result, uint64_t seed,
                                       struct circ_error *err)
{
    choose(result);
    if (result->used_count < CIRC_JOULES_WINDOWS) {
        const char *why = "", *remedy = "";
        for (int w = 0; w < result->count; w++) {
            if (result->windows[w].grade == CIRC_GRADE_OK)
                continue;
            why = result->windows[w].reason;
            remedy = helps(result, &result->windows[w]) ? MORE_TIME : "";
        }
        snprintf(result->reason, sizeof result->reason,
                 "only %d of %d energy windows are of use, where %d are needed%s%s%s",
                 result->used_count, result->count, CIRC_JOULES_WINDOWS, *why ? ": " : "", why,
                 remedy);
        result->used_count = 0;
        memset(result->used, 0, sizeof result->used);
        return CIRC_OK;
    }
    for (int w = 0; w < result->count; w++) {
        const struct circ_window *window = &result->windows[w];
        double bound = window->bound_uj / (double)window->frames;
        if (result->used[w] && !isnan(bound) && !(result->bound_uj >= bound))
            result->bound_uj = bound;
    }
    enum circ_status status =
        summarise(result, false, seed, &result->energy_uj, &result->low_uj, &result->high_uj, err);
    if (!status)
        status = summarise(result, true, seed, &result->power_uw, &result->power_low_uw,
                           &result->power_high_uw, err);
    return status;
}

/* A window that was too short says how long the next one must be; it gets as much as the time that
 * is left allows for five. */
static double grow(const struct circ_window *window, double length_ns, double error, double left_ns)
{
    if (window->grade != CIRC_GRADE_SHORT || !(window->energy_uj > 0))
        return length_ns;
    double wanted = length_ns * GROW * window->bound_uj / (error * window->energy_uj);
    double most = left_ns / CIRC_JOULES_WINDOWS;
    return fmax(length_ns, fmin(wanted, most));
}

enum circ_status circ_joules_begin(struct circ_joules_result *result, double error,
                                   struct circ_error *err)
{
    *result = (struct circ_joules_result){.error = error,
                                          .energy_uj = NAN,
                                          .low_uj = NAN,
                                          .high_uj = NAN,
                                          .bound_uj = NAN,
                                          .power_uw = NAN,
                                          .power_low_uw = NAN,
                                          .power_high_uw = NAN};
    result->windows = calloc(CIRC_JOULES_MOST, sizeof *result->windows);
    return result->windows ? CIRC_OK
                           : circ_status_fail(err, CIRC_MEMORY, "no memory for energy windows");
}

enum circ_status circ_joules_take(struct circ_joules *joules, const struct circ_work *work,
                                  const struct circ_chosen *chosen,
                                  struct circ_joules_result *result, struct circ_error *err)
{
    double budget = budget_ns(joules), update = 0;
    int64_t start = circ_clock_now_ns();
    int good = 0, dead = 0;
    enum circ_status status = circ_joules_begin(result, joules->rule.error, err);
    if (status)
        return status;
    update = (double)circ_window_update_ns(joules->channels, chosen);
    double length = first_length_ns(joules, update);
    circ_watch_begin(joules->watch);
    while (good < CIRC_JOULES_WINDOWS && dead < CIRC_JOULES_WINDOWS &&
           result->count < CIRC_JOULES_MOST) {
        double left = budget - (double)(circ_clock_now_ns() - start);
        if (result->count >= CIRC_JOULES_WINDOWS && left < length)
            break;
        struct circ_window *window = &result->windows[result->count];
        result->broken = circ_interrupt_requested() ||
                         !circ_window_take(joules->watch, work, chosen, (int64_t)length,
                                           joules->rule.error, window);
        if (result->broken)
            break;
        result->count++;
        good += window->grade == CIRC_GRADE_OK && has_energy(window);
        dead = has_energy(window) ? 0 : dead + 1;
        if (dead == STILL && window->grade == CIRC_GRADE_NO_TICK)
            break;
        left = budget - (double)(circ_clock_now_ns() - start);
        length = grow(window, length, joules->rule.error, left);
    }
    if (!result->broken)
        circ_window_complete(joules->watch, chosen, result->windows, result->count,
                             joules->rule.error);
    circ_watch_end(joules->watch);
    return result->broken ? CIRC_OK : circ_joules_summarise(result, joules->rule.seed, err);
}

void circ_joules_free(struct circ_joules_result *result)
{
    free(result->windows);
    result->windows = NULL;
}
