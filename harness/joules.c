/* Energy windows. Differences are circ_difference_take's, channels are chosen by the meters; this
 * file aligns windows to ticks, counts frames, and summarises. */
#include "harness/joules.h"

#include "harness/counting.h"
#include "harness/interrupt.h"
#include "harness/meters/choice.h"
#include "harness/meters/difference.h"
#include "harness/stats.h"
#include "harness/meters/clock.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WINDOWS    5
#define LEAST_NS   1000000000 /* a window lasts a second at least */
#define UPDATES    100        /* and a hundred updates of the slowest channel */
#define PIECE_NS   50000000   /* run without looking at the clock */
#define PATIENCE   20         /* update intervals to wait for a tick */
#define UNKNOWN_NS 1000000    /* update interval assumed where a channel does not tell */

static bool try_meter(struct circ_joules *joules, const struct circ_meter *meter)
{
    struct circ_error err = {0};
    enum circ_status status =
        meter->open(&joules->session, joules->channels, &joules->count, NULL, &err);
    if (!status) {
        joules->meter = meter;
        status = circ_choice_make(
            joules->channels, joules->count,
            &(struct circ_consumer){.cpu = true, .packages = circ_meters_packages()},
            joules->chosen, &joules->chosen_count, &err);
        if (!status)
            return true;
        circ_joules_close(joules);
    }
    size_t used = strlen(joules->reason);
    snprintf(joules->reason + used, sizeof joules->reason - used, "%s%s", used ? "; " : "",
             err.message);
    return false;
}

void circ_joules_open(struct circ_joules *joules, const struct circ_options *options)
{
    int count;
    const struct circ_meter *const *meters = circ_meters_list(&count);
    memset(joules, 0, sizeof *joules);
    joules->error = options->energy_error;
    joules->idle_power_uw = NAN;
    for (int i = 0; i < count; i++)
        if (meters[i]->energy && circ_counting_allows(options, meters[i]->name) &&
            try_meter(joules, meters[i]))
            return;
    if (!*joules->reason)
        snprintf(joules->reason, sizeof joules->reason, "energy was not asked for: see --meters");
}

void circ_joules_close(struct circ_joules *joules)
{
    if (joules->meter)
        joules->meter->close(joules->session);
    joules->meter = NULL;
}

static int64_t update_ns(const struct circ_joules *joules)
{
    int64_t slowest = 0;
    for (int i = 0; i < joules->chosen_count; i++)
        if (joules->channels[joules->chosen[i]].update_ns > slowest)
            slowest = joules->channels[joules->chosen[i]].update_ns;
    return slowest ? slowest : UNKNOWN_NS;
}

/* Both ends may be off by one update, so the bound asks for 2 updates / error. */
static int64_t window_ns(const struct circ_joules *joules)
{
    int64_t update = update_ns(joules), window = LEAST_NS;
    int64_t bound = (int64_t)(2.0 * (double)update / joules->error) + 1;
    window = UPDATES * update > window ? UPDATES * update : window;
    return bound > window ? bound : window;
}

double circ_joules_point_s(const struct circ_joules *joules)
{
    return joules->meter ? WINDOWS * (double)window_ns(joules) / 1e9 : 0;
}

/* Runs one batch, or lets one millisecond pass. False when the subject broke. */
static bool spend(struct circ_subject *subject, int64_t batches)
{
    int64_t ns, device_ns;
    if (subject)
        return circ_subject_window(subject, batches, &ns, &device_ns);
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    return true;
}

/* Goes on, batch by batch, until the first chosen channel moves, and leaves that reading. Without a
 * tick in a reasonable time it goes on as it is: the difference will say that nothing moved. */
static bool align(struct circ_joules *joules, struct circ_subject *subject, int64_t *batches,
                  struct circ_reading *readings)
{
    int64_t give_up = circ_clock_now_ns() + PATIENCE * update_ns(joules);
    int watched = joules->chosen[0];
    joules->meter->read(joules->session, readings);
    uint64_t first = readings[watched].raw;
    while (readings[watched].valid && readings[watched].raw == first &&
           circ_clock_now_ns() < give_up) {
        if (!spend(subject, 1))
            return false;
        *batches += 1;
        joules->meter->read(joules->session, readings);
    }
    return true;
}

/* Keeps a window of every channel, of the idle machine without a subject; returns the energy of the
 * chosen ones, NaN if one of them has none. */
static double keep(struct circ_joules *joules, struct circ_subject *subject,
                   const struct circ_reading *before, const struct circ_reading *after,
                   int64_t frames, enum circ_grade *worst, char *reason, size_t reason_size)
{
    double sum = 0;
    for (int c = 0; c < joules->count; c++) {
        struct circ_delta delta =
            circ_difference_take(&joules->channels[c], &before[c], &after[c], joules->error);
        bool chosen = false;
        for (int i = 0; i < joules->chosen_count; i++)
            chosen |= joules->chosen[i] == c;
        if (chosen) {
            sum += delta.value;
            if (delta.grade > *worst) {
                *worst = delta.grade;
                snprintf(reason, reason_size, "%s", delta.reason);
            }
        }
        struct circ_energy_window window = {.source = joules->channels[c].source,
                                            .channel = joules->channels[c].name,
                                            .scope =
                                                circ_meters_scope_name(joules->channels[c].scope),
                                            .grade = circ_difference_grade_name(delta.grade),
                                            .idle = !subject,
                                            .duration_ns = delta.duration_ns,
                                            .frames = frames,
                                            .raw_start = (int64_t)before[c].raw,
                                            .raw_end = (int64_t)after[c].raw,
                                            .energy_uj = isnan(delta.value) ? -1 : delta.value,
                                            .bound_uj = isnan(delta.bound) ? -1 : delta.bound};
        if (!subject)
            joules->idle[joules->idle_count++] = window;
        else if (subject->window_count < subject->window_capacity)
            subject->windows[subject->window_count++] = window;
    }
    return sum;
}

/* One window; NaN when it has no energy. *broken when the subject failed. */
static double measure_window(struct circ_joules *joules, struct circ_subject *subject,
                             int64_t *duration_ns, int64_t *frames, enum circ_grade *worst,
                             char *reason, size_t reason_size, bool *broken)
{
    struct circ_reading before[CIRC_MAX_CHANNELS], after[CIRC_MAX_CHANNELS];
    int64_t batches = 0, batch_ns = 1000000, length = window_ns(joules);
    if (subject)
        batch_ns = (int64_t)subject->sorted[subject->sorted_count / 2];
    if (!align(joules, subject, &batches, before)) {
        *broken = true;
        return NAN;
    }
    batches = 0;
    int64_t start = circ_clock_now_ns(), left = length;
    while (left > 0 && !circ_interrupt_requested()) {
        /* in pieces: the median may be far off on a busy machine, and Ctrl-C waits for a piece */
        int64_t piece = left < PIECE_NS ? left : PIECE_NS;
        int64_t chunk = subject && batch_ns < piece ? piece / (batch_ns > 0 ? batch_ns : 1) : 1;
        if (!spend(subject, chunk)) {
            *broken = true;
            return NAN;
        }
        batches += chunk;
        left = length - (circ_clock_now_ns() - start);
    }
    if (!align(joules, subject, &batches, after)) {
        *broken = true;
        return NAN;
    }
    *frames = subject ? batches * subject->planned->point.batch : 0;
    *duration_ns = after[joules->chosen[0]].t_ns - before[joules->chosen[0]].t_ns;
    return keep(joules, subject, before, after, *frames, worst, reason, reason_size);
}

void circ_joules_idle(struct circ_joules *joules)
{
    enum circ_grade worst = CIRC_GRADE_OK;
    char reason[256];
    int64_t duration, frames;
    bool broken = false;
    if (!joules->meter)
        return;
    joules->idle_count = 0;
    double uj =
        measure_window(joules, NULL, &duration, &frames, &worst, reason, sizeof reason, &broken);
    joules->idle_power_uw = uj / ((double)duration / 1e9);
}

static enum circ_status conclude(struct circ_joules *joules, struct circ_subject *subject,
                                 const double *per_frame, size_t count, enum circ_grade worst,
                                 uint64_t seed, struct circ_error *err)
{
    struct circ_summary summary;
    enum circ_status status = circ_stats_summarize(per_frame, count, seed, &summary, err);
    if (status)
        return status;
    const struct circ_channel *channel = &joules->channels[joules->chosen[0]];
    struct circ_trial *trial = &subject->trial;
    trial->energy_uj_per_frame = summary.median;
    trial->energy_uj_ci_low = summary.ci.low;
    trial->energy_uj_ci_high = summary.ci.high;
    trial->idle_power_uw = joules->idle_power_uw;
    trial->energy_source = channel->source;
    trial->energy_scope = circ_meters_scope_name(channel->scope);
    trial->energy_kind = circ_meters_replayed() ? "emulated" : trial->kind;
    trial->energy_quality = circ_difference_grade_name(worst);
    subject->energy_reason[0] = 0;
    return CIRC_OK;
}

enum circ_status circ_joules_measure(struct circ_joules *joules, struct circ_subject *subject,
                                     uint64_t seed, struct circ_error *err)
{
    const struct circ_target *target = subject->planned->target;
    if (!circ_target_is_host(target)) {
        snprintf(subject->energy_reason, sizeof subject->energy_reason,
                 "no meter covers this device: the host's joules are not %s",
                 target->device.kind == CIRC_EMULATED ? "those of what is emulated" : "its own");
        return CIRC_OK;
    }
    if (!joules->meter) {
        snprintf(subject->energy_reason, sizeof subject->energy_reason, "%s", joules->reason);
        return CIRC_OK;
    }
    subject->window_capacity = (size_t)joules->count * WINDOWS + (size_t)joules->idle_count;
    subject->windows = calloc(subject->window_capacity, sizeof *subject->windows);
    if (!subject->windows)
        return circ_status_fail(err, CIRC_MEMORY, "no memory for energy windows");
    memcpy(subject->windows, joules->idle, (size_t)joules->idle_count * sizeof *joules->idle);
    subject->window_count =
        (size_t)joules->idle_count; /* the idle window serves every point of the group */
    double per_frame[WINDOWS];
    size_t count = 0;
    enum circ_grade worst = CIRC_GRADE_OK;
    bool broken = false;
    for (int w = 0; w < WINDOWS && !circ_interrupt_requested(); w++) {
        int64_t duration, frames = 0;
        double uj = measure_window(joules, subject, &duration, &frames, &worst,
                                   subject->energy_reason, sizeof subject->energy_reason, &broken);
        if (broken)
            return CIRC_OK;
        if (isnan(uj) || uj <= 0 || !frames)
            break;
        per_frame[count++] = uj / (double)frames;
    }
    subject->trial.windows = subject->windows;
    subject->trial.window_count = subject->window_count;
    if (count == WINDOWS)
        return conclude(joules, subject, per_frame, count, worst, seed, err);
    if (!subject->energy_reason[0])
        snprintf(subject->energy_reason, sizeof subject->energy_reason,
                 "only %zu of %d energy windows could be read", count, WINDOWS);
    return CIRC_OK;
}
