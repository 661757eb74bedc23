/* Order and storage of measurements. How a time or a joule is made is in timing.c, counting.c and
 * joules.c. */
#include "harness/runner.h"

#include "backends/core/random.h"
#include "harness/answer.h"
#include "harness/meters/clock.h"
#include "harness/counting.h"
#include "harness/dump.h"
#include "harness/interrupt.h"
#include "harness/energy.h"
#include "harness/log.h"
#include "harness/opened.h"
#include "harness/progress.h"
#include "harness/roofs.h"
#include "harness/subject.h"
#include "harness/timing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MEMORY_SHARE 0.7 /* of what is available, for the programs of a group */
/* Cold weights fill so many times what the caches hold: caches do not throw out the oldest first,
 * so once would leave some of them there. */
#define COLD_TIMES 2
#define TRIAL_NS   100000000 /* of one rival: enough to tell a third from a half */

/* What lives as long as the run. */
struct run {
    struct circ_runner *runner;
    struct circ_opened opened;
    struct circ_roofs roofs;
    struct circ_answer answer;
    struct circ_joules joules;
    struct circ_progress progress;
    struct circ_random random;
    struct circ_timing_rule rule;
    double time_s;                   /* what a point's samples are thought to take */
    double time_share, energy_share; /* of a point's progress; loading it is the rest */
};

static void label_of(const struct circ_planned *planned, char *label, size_t size)
{
    const struct circ_point *p = &planned->point;
    snprintf(label, size, "%s batch %d, %s", p->workload, p->batch, p->backend);
}

/* The best time of a batch of a loaded subject, in a few runs. */
static int64_t try_batch(struct circ_subject *subject)
{
    int64_t best = INT64_MAX, spent = 0, ns, device_ns;
    for (int i = 0; i < 20 && (i < 3 || spent < TRIAL_NS); i++) {
        if (!circ_subject_window(subject, 1, &ns, &device_ns))
            return INT64_MAX;
        best = ns < best ? ns : best;
        spent += ns;
    }
    return best;
}

/* Prepares and verifies a point as it stands. */
static void reload(struct run *run, struct circ_subject *subject, struct circ_planned *planned)
{
    const struct circ_runner *runner = run->runner;
    int64_t room = (int64_t)(MEMORY_SHARE * (double)runner->host->memory_available_bytes);
    struct circ_session *session = circ_opened_session(&run->opened, planned);
    if (runner->tuned)
        circ_tuned_apply(runner->tuned, planned);
    circ_subject_release(subject);
    circ_subject_load(subject, planned, session, &run->answer, room, runner->options->dump != NULL);
}

/* Prepares and verifies a point; where it stands for several variants, all of them one after the
 * other, and keeps the fastest. One that answers wrong is not kept while another is right, but not
 * passed over in silence. */
static void load_point(struct run *run, struct circ_subject *subject, struct circ_planned *planned)
{
    struct circ_runner *runner = run->runner;
    int best = 0, loaded = 0;
    int64_t best_ns = INT64_MAX;
    for (int r = 0; r < planned->rival_count && planned->rival_count > 1; r++) {
        planned->point.variant = planned->rivals[loaded = r];
        reload(run, subject, planned);
        if (subject->trial.status == CIRC_WRONG || subject->trial.status == CIRC_DEVICE)
            circ_log_warn("%s, batch %d: dense %s: %s", planned->point.workload,
                          planned->point.batch, planned->point.variant, subject->reason);
        if (subject->program && runner->verify_only)
            return;
        int64_t ns = subject->program ? try_batch(subject) : INT64_MAX;
        if (ns < best_ns) {
            best = r;
            best_ns = ns;
        }
    }
    if (planned->rival_count > 1 && best == loaded)
        return;
    if (planned->rival_count > 1)
        planned->point.variant = planned->rivals[best];
    reload(run, subject, planned);
}

/* Prepares and verifies the points of a part of a group. */
static enum circ_status load(struct run *run, struct circ_subject *subjects,
                             struct circ_planned *const *points, int count, struct circ_error *err)
{
    struct circ_runner *runner = run->runner;
    enum circ_status status = CIRC_OK;
    for (int i = 0; i < count && !status && !circ_interrupt_requested(); i++) {
        char label[160];
        int64_t start = circ_clock_now_ns();
        label_of(points[i], label, sizeof label);
        circ_progress_step(&run->progress, 0, label);
        load_point(run, &subjects[i], points[i]);
        if (runner->options->dump && subjects[i].trial.checked)
            status = circ_dump_write(runner->options->dump, &subjects[i], &run->answer, err);
        if (runner->verify_only) { /* nothing more is asked of it */
            subjects[i].backend->release(subjects[i].program);
            subjects[i].program = NULL;
        }
        if (subjects[i].program && subjects[i].backend->predict)
            circ_subject_predict(&subjects[i]);
        int64_t verify = subjects[i].trial.verify_ns > 0 ? subjects[i].trial.verify_ns : 0;
        runner->verifying_ns += verify;
        runner->preparing_ns += circ_clock_now_ns() - start - verify;
        circ_progress_step(&run->progress, runner->verify_only ? 1 : 0.2, label);
    }
    return status;
}

/* Samples all points of the part in turns, in a new seeded order each round. */
static enum circ_status time_pass(struct run *run, struct circ_subject *subjects, int count,
                                  struct circ_error *err)
{
    char label[160];
    enum circ_status status = CIRC_OK;
    int *order = malloc((size_t)count * sizeof *order), open = 0;
    if (!order)
        return circ_status_fail(err, CIRC_MEMORY, "no memory for the order of %d points", count);
    label_of(subjects[0].planned, label, sizeof label);
    for (int i = 0; i < count && !status && !circ_interrupt_requested(); i++) {
        if (!subjects[i].program)
            continue;
        status = circ_timing_begin(&subjects[i], &run->rule, err);
        if (!subjects[i].finished)
            order[open++] = i;
    }
    const double share = run->time_share;
    double per_second = share / run->time_s;
    while (open && !status && !circ_interrupt_requested()) {
        for (int i = open - 1; i > 0; i--) {
            int other = (int)circ_random_below(&run->random, (uint64_t)i + 1), t = order[i];
            order[i] = order[other];
            order[other] = t;
        }
        int still = 0;
        for (int i = 0; i < open && !status && !circ_interrupt_requested(); i++) {
            struct circ_subject *subject = &subjects[order[i]];
            int64_t before = subject->spent_ns;
            status = circ_timing_step(subject, &run->rule, err);
            double done = (double)(subject->spent_ns - before) / 1e9 * per_second;
            if (subject->finished || done > share - subject->progress)
                done = share - subject->progress; /* a point is never more than one point */
            subject->progress += done;
            circ_progress_step(&run->progress, done, label);
            if (!subject->finished)
                order[still++] = order[i];
        }
        if (!circ_interrupt_requested())
            open = still;
    }
    free(order);
    return status;
}

/* The counter pass: of points that this process computes itself. */
static enum circ_status count_pass(struct run *run, struct circ_subject *subjects, int count,
                                   struct circ_error *err)
{
    struct circ_subject **counted = malloc((size_t)count * sizeof *counted);
    int n = 0;
    if (!counted)
        return circ_status_fail(err, CIRC_MEMORY, "no memory for %d points", count);
    for (int i = 0; i < count; i++)
        if (subjects[i].program && subjects[i].finished && !subjects[i].backend->apart &&
            circ_target_is_host(subjects[i].planned->target))
            counted[n++] = &subjects[i];
    enum circ_status status =
        n ? circ_counting_measure(run->runner->countable, counted, n, err) : CIRC_OK;
    free(counted);
    return status;
}

/* Everything that is measured, on points that are loaded and right. */
static enum circ_status measure(struct run *run, struct circ_subject *subjects, int count,
                                struct circ_error *err)
{
    const struct circ_options *options = run->runner->options;
    int64_t start = circ_clock_now_ns();
    enum circ_status status = time_pass(run, subjects, count, err);
    bool metered = false;
    for (int i = 0; i < count; i++)
        metered |= subjects[i].program && subjects[i].finished &&
                   circ_energy_covers(&run->joules, &subjects[i]);
    if (!status)
        status = count_pass(run, subjects, count, err);
    if (metered && !circ_interrupt_requested())
        circ_joules_idle(&run->joules, true);
    for (int i = 0; i < count && !status; i++)
        if (subjects[i].program && subjects[i].finished) {
            status = circ_energy_measure(&run->joules, &subjects[i], err);
            circ_progress_step(&run->progress, run->energy_share, "energy");
        }
    if (metered && !circ_interrupt_requested())
        circ_joules_idle(&run->joules, false);
    for (int i = 0; i < count && !status; i++) {
        if (!subjects[i].program || !subjects[i].finished)
            continue;
        circ_energy_conclude(&run->joules, &subjects[i]);
        status = circ_timing_end(&subjects[i], options->seed, err);
        /* an energy pass cut short is a reason to measure the point again */
        subjects[i].complete = !run->joules.watch || !circ_interrupt_requested();
    }
    run->runner->measuring_ns += circ_clock_now_ns() - start;
    return status;
}

/* Stores what is complete: every point, or after an interrupt those that were, or needed no
 * measuring. */
static enum circ_status store(struct run *run, struct circ_subject *subjects, int count,
                              struct circ_error *err)
{
    struct circ_runner *runner = run->runner;
    enum circ_status status = circ_store_begin(runner->store, err);
    for (int i = 0; i < count && !status; i++) {
        struct circ_subject *subject = &subjects[i];
        if (!subject->planned || (subject->program && !subject->complete))
            continue;
        const char *key;
        status = circ_opened_key(&run->opened, subject->planned, &key, err);
        if (!status)
            status = circ_store_trial(runner->store, runner->campaign, key, &subject->trial, err);
        runner->points++;
        enum circ_status result = subject->trial.status;
        runner->failed += result == CIRC_WRONG || result == CIRC_DEVICE;
        runner->refused += result == CIRC_UNSUP || result == CIRC_ABSENT;
    }
    if (!status)
        return circ_store_commit(runner->store, err);
    circ_store_rollback(runner->store);
    return status;
}

/* How many of the points fit in memory together, the host's or the device's; at least one. One that
 * does not fit alone is refused when it is loaded, and takes none. */
static int fitting(const struct run *run, struct circ_planned *const *points, int count)
{
    if (run->runner->verify_only) /* one at a time */
        return count;
    double used[2] = {0, 0}; /* of the host, of a device */
    int fit = 0;
    for (; fit < count; fit++) {
        const struct circ_device *device = &points[fit]->target->device;
        double room =
            MEMORY_SHARE * (double)(device->own_memory ? device->memory_bytes
                                                       : run->runner->host->memory_available_bytes);
        double own = (double)circ_subject_footprint(points[fit]);
        used[device->own_memory] += own > room ? 0 : own;
        if (fit && used[device->own_memory] > room)
            break;
    }
    return fit;
}

static enum circ_status run_part(struct run *run, struct circ_planned *const *points, int count,
                                 bool cut, struct circ_error *err)
{
    struct circ_subject *subjects = calloc((size_t)count, sizeof *subjects);
    if (!subjects)
        return circ_status_fail(err, CIRC_MEMORY, "no memory for %d points", count);
    enum circ_status status = load(run, subjects, points, count, err);
    if (!status && !run->runner->verify_only && !circ_interrupt_requested())
        status = measure(run, subjects, count, err);
    for (int i = 0; i < count && cut; i++)
        if (subjects[i].program)
            circ_subject_remark(&subjects[i],
                                "its group did not fit in memory and was measured in parts");
    if (!status)
        status = circ_roofs_set(&run->roofs, subjects, count, err);
    if (!status)
        status = store(run, subjects, count, err);
    for (int i = 0; i < count; i++)
        circ_subject_release(&subjects[i]);
    free(subjects);
    return status;
}

static enum circ_status run_group(struct run *run, const struct circ_group *group,
                                  struct circ_error *err)
{
    struct circ_planned **points = malloc((size_t)group->count * sizeof *points);
    enum circ_status status = CIRC_OK;
    int count = 0;
    if (!points)
        return circ_status_fail(err, CIRC_MEMORY, "no memory for %d points", group->count);
    for (int i = 0; i < group->count; i++) {
        struct circ_planned *planned = &run->runner->sweep->points[group->first + i];
        if (!planned->skip)
            points[count++] = planned;
    }
    for (int at = 0; at < count && !status && !circ_interrupt_requested();) {
        int fit = fitting(run, points + at, count - at);
        bool cut = fit < count;
        if (cut && !at)
            circ_log_warn("%s, batch %d: %d points do not fit in memory together and are measured "
                          "in parts; their ratios share less drift",
                          points[0]->point.workload, points[0]->point.batch, count);
        status = run_part(run, points + at, fit, cut, err);
        at += fit;
    }
    free(points);
    return status;
}

static enum circ_status begin(struct run *run, struct circ_error *err)
{
    struct circ_runner *runner = run->runner;
    for (int i = 0; i < runner->sweep->point_count; i++)
        if (runner->sweep->points[i].point.cold)
            runner->sweep->points[i].cold_bytes = COLD_TIMES * runner->host->caches_bytes;
    enum circ_status status =
        circ_opened_begin(&run->opened, runner->sweep, runner->store, runner->host, err);
    run->roofs = (struct circ_roofs){
        .opened = &run->opened, .host = runner->host, .quiet = runner->options->quiet};
    return status;
}

enum circ_status circ_runner_run(struct circ_runner *runner, struct circ_error *err)
{
    const struct circ_options *options = runner->options;
    int64_t start = circ_clock_now_ns();
    struct run run = {.runner = runner, .random = circ_random_seed(options->seed, 0x5a3b1e)};
    run.rule = (struct circ_timing_rule){options->samples, options->min_time_s, options->max_noise,
                                         options->timeout_s, start};
    int left = 0;
    for (int g = 0; g < runner->sweep->group_count; g++)
        for (int i = 0; i < runner->sweep->groups[g].count; i++)
            left += !runner->sweep->points[runner->sweep->groups[g].first + i].skip;
    circ_answer_begin(&run.answer, options->seed);
    enum circ_status status = CIRC_OK;
    if (!runner->verify_only)
        status = circ_energy_open(&run.joules, options, runner->store, runner->campaign, err);
    double energy_s = circ_joules_point_s(&run.joules);
    if (!status)
        status = begin(&run, err);
    if (!status && !runner->verify_only)
        status = circ_roofs_prepare(&run.roofs, runner->sweep, err);
    circ_progress_begin(
        &run.progress, left,
        runner->verify_only ? 0 : circ_sweep_estimate_s(runner->sweep, options, energy_s),
        options->quiet);
    run.time_s = 1.5 * options->min_time_s + 0.01 * options->samples; /* 10 ms a sample at least */
    run.time_share = 0.8 * run.time_s / (run.time_s + energy_s);
    run.energy_share = 0.8 - run.time_share;
    for (int g = 0; g < runner->sweep->group_count && !status && !circ_interrupt_requested(); g++)
        status = run_group(&run, &runner->sweep->groups[g], err);
    circ_progress_end(&run.progress);
    circ_joules_close(&run.joules);
    circ_answer_free(&run.answer);
    circ_opened_end(&run.opened);
    runner->preparing_ns += run.roofs.spent_ns;
    circ_roofs_end(&run.roofs);
    runner->total_ns = circ_clock_now_ns() - runner->began_ns;
    if (!status && circ_interrupt_requested())
        status = circ_status_fail(err, CIRC_STOPPED, "interrupted");
    return status;
}
