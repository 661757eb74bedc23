/* How a time is made: DESIGN's protocol, steps 3 to 5. */
#include "harness/timing.h"

#include "harness/meters/clock.h"
#include "harness/stats.h"
#include "harness/subject.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SAMPLE_NS   10000000  /* a sample lasts 10 ms: 10^5 times the clock's cost */
#define COLD_NS     100000000 /* a batch this long does not feel the caches that it finds */
#define WARM_UP_NS  50000000  /* clocks and caches settle */
#define MAX_BATCHES 100000000
#define LONGER      1.05 /* a device's time beyond the host's that two clocks do not explain */

static enum circ_status keep(struct circ_subject *subject, struct circ_sample sample,
                             struct circ_error *err)
{
    if (subject->sample_count == subject->sample_capacity) {
        size_t capacity = subject->sample_capacity ? 2 * subject->sample_capacity : 32;
        struct circ_sample *samples = realloc(subject->samples, capacity * sizeof *samples);
        if (samples)
            subject->samples = samples;
        double *sorted = realloc(subject->sorted, capacity * sizeof *sorted);
        if (sorted)
            subject->sorted = sorted;
        if (!samples || !sorted)
            return circ_status_fail(err, CIRC_MEMORY, "no memory for %zu samples", capacity);
        subject->sample_capacity = capacity;
    }
    subject->samples[subject->sample_count++] = sample;
    if (sample.warmup)
        return CIRC_OK;
    size_t at = subject->sorted_count++;
    for (; at && subject->sorted[at - 1] > (double)sample.time_ns; at--)
        subject->sorted[at] = subject->sorted[at - 1];
    subject->sorted[at] = (double)sample.time_ns;
    return CIRC_OK;
}

/* Batches for a window of SAMPLE_NS, with a third to spare, when so many took ns. */
static int longer(int iterations, int64_t ns)
{
    double each = (double)(ns > 0 ? ns : 1) / iterations, wanted = 1.3 * SAMPLE_NS / each + 1;
    return wanted > MAX_BATCHES ? MAX_BATCHES : (int)wanted;
}

/* One sample. Others ran meanwhile and took the caches: a batch that is not timed brings its data
 * back. */
static enum circ_status take(struct circ_subject *subject, const struct circ_timing_rule *rule,
                             bool warmup, struct circ_error *err)
{
    int64_t ns, device_ns = -1;
    if (subject->window_ns < COLD_NS * (int64_t)subject->iterations &&
        !circ_subject_window(subject, 1, &ns, &device_ns))
        return CIRC_OK;
    int64_t start = circ_clock_now_ns();
    if (!circ_subject_window(subject, subject->iterations, &ns, &device_ns))
        return CIRC_OK;
    int64_t each = ns / subject->iterations;
    struct circ_sample sample = {.start_ns = start - rule->epoch_ns,
                                 .time_ns = each > 0 ? each : 1,
                                 .device_time_ns =
                                     device_ns <= 0 ? -1 : device_ns / subject->iterations,
                                 .iterations = subject->iterations,
                                 .warmup = warmup};
    subject->window_ns = ns;
    if (ns < SAMPLE_NS) { /* the guess was too low: this window is no sample, and the next one is
                             longer */
        subject->iterations = longer(subject->iterations, ns);
        sample.warmup = true;
    }
    if (!sample.warmup) {
        subject->spent_ns += ns;
        subject->silent += device_ns == 0;
    }
    return keep(subject, sample, err);
}

enum circ_status circ_timing_begin(struct circ_subject *subject,
                                   const struct circ_timing_rule *rule, struct circ_error *err)
{
    int64_t limit = (int64_t)(rule->timeout_s * 1e9), ns = subject->first_ns, device_ns;
    if (ns > limit) {
        char message[128];
        snprintf(message, sizeof message, "one batch takes %.1f s and --timeout is %g s",
                 (double)ns / 1e9, rule->timeout_s);
        circ_subject_fail(subject, CIRC_TIMEOUT, message);
        return CIRC_OK;
    }
    /* the first run paid for cold caches: time a second one unless that alone is long */
    if (ns < SAMPLE_NS && !circ_subject_window(subject, 1, &ns, &device_ns))
        return CIRC_OK;
    subject->iterations = ns < SAMPLE_NS ? longer(1, ns) : 1;
    int64_t warm_until = circ_clock_now_ns() + WARM_UP_NS;
    do {
        enum circ_status status = take(subject, rule, true, err);
        if (status || subject->finished)
            return status;
    } while (subject->window_ns < SAMPLE_NS ||
             (subject->iterations > 1 && circ_clock_now_ns() < warm_until));
    return CIRC_OK;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double spread(const double *sorted, size_t count)
{
    return (sorted[count - 1 - count / 4] - sorted[count / 4]) / sorted[count / 2];
}

/* The noise has stabilised when the later half of the samples spreads as much as all of them, or
 * when twice as many samples have not narrowed the interval: more would buy little, and nothing
 * decided. */
static bool noise_stable(const struct circ_subject *subject)
{
    size_t count = subject->sorted_count, half = count / 2, taken = 0;
    double *early = malloc(2 * half * sizeof *early), *late = early ? early + half : NULL;
    if (!early)
        return true;
    for (size_t i = 0; i < subject->sample_count; i++) {
        if (subject->samples[i].warmup)
            continue;
        if (taken < half)
            early[taken] = (double)subject->samples[i].time_ns;
        else if (taken >= count - half)
            late[taken - (count - half)] = (double)subject->samples[i].time_ns;
        taken++;
    }
    qsort(early, half, sizeof *early, compare);
    qsort(late, half, sizeof *late, compare);
    double all = spread(subject->sorted, count), recent = spread(late, half);
    struct circ_interval before = circ_stats_median_interval(early, half);
    struct circ_interval now = circ_stats_median_interval(subject->sorted, count);
    free(early);
    return fabs(recent - all) <= 0.25 * all ||
           now.high - now.low >= 0.8 * (before.high - before.low);
}

enum circ_status circ_timing_step(struct circ_subject *subject, const struct circ_timing_rule *rule,
                                  struct circ_error *err)
{
    enum circ_status status = take(subject, rule, false, err);
    if (status || subject->finished)
        return status;
    double spent = (double)subject->spent_ns / 1e9;
    size_t count = subject->sorted_count;
    const char *reason = NULL;
    if (count >= (size_t)rule->samples && spent >= rule->min_time_s) {
        struct circ_interval interval = circ_stats_median_interval(subject->sorted, count);
        if ((interval.high - interval.low) / 2 <= rule->max_noise * subject->sorted[count / 2])
            reason = "precise";
        else if (count >= 2 * (size_t)rule->samples && spent >= 2 * rule->min_time_s &&
                 noise_stable(subject))
            reason = "noise";
    }
    if (!reason && spent >= rule->timeout_s)
        reason = "timeout";
    if (reason) {
        subject->trial.stop_reason = reason;
        subject->finished = true;
    }
    return CIRC_OK;
}

static enum circ_status median_of_device(struct circ_subject *subject, double *scratch,
                                         struct circ_error *err)
{
    size_t count = 0;
    double median;
    for (size_t i = 0; i < subject->sample_count; i++)
        if (!subject->samples[i].warmup && subject->samples[i].device_time_ns >= 0)
            scratch[count++] = (double)subject->samples[i].device_time_ns;
    if (!count)
        return CIRC_OK;
    enum circ_status status = circ_stats_quantile(scratch, count, 0.5, &median, err);
    if (!status)
        subject->trial.device_time_ns_median = (int64_t)llround(median);
    return status;
}

/* The host's clock is the row's. The device's cannot say more than that, and says less by what a
 * launch and its end take: where that is most of the time, the row is about them. */
static void compare_clocks(struct circ_subject *subject)
{
    double host = (double)subject->trial.time_ns_median;
    double device = (double)subject->trial.device_time_ns_median;
    if (subject->silent)
        circ_subject_remark(subject,
                            "the device's clock told nothing of use in %d of %zu samples (no time, "
                            "or an end before the start)",
                            subject->silent, subject->sorted_count);
    if (device > LONGER * host)
        circ_subject_remark(subject,
                            "the device's clock says %.0f %% more than the host's, so it cannot be "
                            "right",
                            100 * (device / host - 1));
    else if (device > 0 && device < host / 2)
        circ_subject_remark(subject,
                            "the device works for %.0f %% of the time: launching and waiting take "
                            "the rest",
                            100 * device / host);
}

enum circ_status circ_timing_end(struct circ_subject *subject, uint64_t seed,
                                 struct circ_error *err)
{
    struct circ_summary summary;
    size_t count = subject->sorted_count;
    double *times = malloc(count * sizeof *times);
    bool *outliers = malloc(count * sizeof *outliers);
    enum circ_status status = CIRC_OK;
    if (!times || !outliers) {
        status = circ_status_fail(err, CIRC_MEMORY, "no memory for %zu samples", count);
        goto done;
    }
    size_t n = 0;
    for (size_t i = 0; i < subject->sample_count; i++)
        if (!subject->samples[i].warmup)
            times[n++] = (double)subject->samples[i].time_ns;
    status = circ_stats_outliers(times, count, outliers, err);
    if (!status)
        status = circ_stats_summarize(times, count, seed, &summary, err);
    if (status)
        goto done;
    n = 0;
    for (size_t i = 0; i < subject->sample_count; i++)
        if (!subject->samples[i].warmup)
            subject->samples[i].outlier = outliers[n++];
    struct circ_trial *trial = &subject->trial;
    trial->time_ns_median = (int64_t)llround(summary.median);
    trial->time_ns_min = (int64_t)llround(summary.min);
    trial->time_ns_p95 = (int64_t)llround(summary.p95);
    /* below six samples no 95 % interval of a median exists: their range, and of one sample nothing
     */
    struct circ_interval ci =
        count < 6 ? (struct circ_interval){summary.min, subject->sorted[count - 1]} : summary.ci;
    trial->time_ns_ci_low = count > 1 ? (int64_t)llround(ci.low) : -1;
    trial->time_ns_ci_high = count > 1 ? (int64_t)llround(ci.high) : -1;
    trial->samples = subject->samples;
    trial->sample_count = subject->sample_count;
    status = median_of_device(subject, times, err);
    if (!status)
        compare_clocks(subject);
done:
    free(outliers);
    free(times);
    return status;
}
