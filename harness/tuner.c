/* Coordinate descent over a backend's parameters. Which values there are is the backend's to say,
 * and where winners are kept the command's. */
#include "harness/tuner.h"

#include "harness/meters/clock.h"
#include "harness/interrupt.h"
#include "harness/log.h"
#include "harness/subject.h"
#include "harness/tuned.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS    2
#define SAMPLE_NS 10000000 /* as samples of a sweep last */
#define FEW       5        /* samples of each in a duel, and many where few leave it open */
#define MANY      15
#define GAIN      1.02 /* less is noise */
#define PLAIN     1.10 /* more is not */
#define HOPELESS  2    /* times as long in the first sample: no second one */

/* A candidate that is loaded. Its program keeps the network, so it does not move. */
struct contender {
    struct circ_planned planned;
    struct circ_subject subject;
    int64_t iterations; /* batches of a sample */
};

struct search {
    const struct circ_tuner *tuner;
    const struct circ_planned *planned;
    struct contender *best, *other; /* the fastest so far; the one that is tried */
    char first[CIRC_TUNING_TEXT];   /* the default */
    int64_t until_ns;
    double step; /* of the point's progress, for each parameter of a round */
};

static void say(const struct search *s, double done, const char *text)
{
    char label[256];
    snprintf(label, sizeof label, "%.96s block %d batch %d: %.100s", s->planned->point.workload,
             s->planned->point.block, s->planned->point.batch, text);
    circ_progress_step(s->tuner->progress, done, label);
}

/* Prepares and verifies; false with the subject's status and reason when there is nothing to time.
 */
static bool load(const struct search *s, struct contender *c, const char *text)
{
    circ_subject_release(&c->subject);
    c->planned = *s->planned;
    snprintf(c->planned.tuning, sizeof c->planned.tuning, "%s", text);
    circ_subject_load(&c->subject, &c->planned, s->tuner->session, s->tuner->answer, s->tuner->room,
                      false);
    int64_t ns = 0, device_ns;
    for (c->iterations = 1; c->subject.program && ns < SAMPLE_NS / 2; c->iterations *= 2)
        if (!circ_subject_window(&c->subject, c->iterations, &ns, &device_ns))
            break;
    c->iterations = ns > 0 && ns < SAMPLE_NS ? c->iterations * SAMPLE_NS / (2 * ns) + 1 : 1;
    return c->subject.program != NULL;
}

/* A sample in ns a batch; the other took the caches, so a batch that is not timed goes first. */
static bool sample(struct contender *c, double *each)
{
    int64_t ns, device_ns;
    if ((c->iterations > 1 && !circ_subject_window(&c->subject, 1, &ns, &device_ns)) ||
        !circ_subject_window(&c->subject, c->iterations, &ns, &device_ns))
        return false;
    *each = (double)ns / (double)c->iterations;
    return true;
}

static int rising(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(const double *values, int count)
{
    double sorted[MANY];
    memcpy(sorted, values, (size_t)count * sizeof *sorted);
    qsort(sorted, (size_t)count, sizeof *sorted, rising);
    return sorted[count / 2];
}

/* What a duel came to: medians in ns a batch, of so many samples. */
struct duel {
    double champion_ns, challenger_ns;
    int samples;
};

/* Samples both in turns until it is plain who is faster, at least `least` of each where the first
 * is not hopeless. False when one of them broke: its program is gone. */
static bool fight(struct contender *champion, struct contender *challenger, int least,
                  struct duel *duel)
{
    double a[MANY], b[MANY];
    for (int i = 0; i < MANY; i++) {
        if (!sample(champion, &a[i]) || !sample(challenger, &b[i]))
            return false;
        *duel = (struct duel){median(a, i + 1), median(b, i + 1), i + 1};
        double gain = duel->champion_ns / duel->challenger_ns;
        bool open = gain > 1 / GAIN && gain < PLAIN;
        if ((!i && HOPELESS * gain < 1) || (i + 1 >= least && !open))
            break;
    }
    return true;
}

/* Tries one text against the best so far; *changed when it took its place. DEVICE when the best
 * itself broke. */
static enum circ_status try_text(struct search *s, const char *text, bool *changed,
                                 struct circ_error *err)
{
    struct duel duel;
    say(s, 0, text);
    if (!load(s, s->other, text) || !fight(s->best, s->other, FEW, &duel)) {
        if (!s->best->subject.program)
            return circ_status_fail(err, CIRC_DEVICE, "%.100s broke: %.300s",
                                    s->best->subject.info.tuning, s->best->subject.reason);
        circ_log_warn("%s, block %d, batch %d: skipped %s: %s", s->planned->point.workload,
                      s->planned->point.block, s->planned->point.batch, text,
                      s->other->subject.reason);
        return CIRC_OK;
    }
    if (duel.champion_ns <= GAIN * duel.challenger_ns)
        return CIRC_OK;
    struct contender *winner = s->other;
    s->other = s->best;
    s->best = winner;
    *changed = true;
    return CIRC_OK;
}

/* The texts that differ from the best so far in one parameter; -1 past the last. */
static int propose(const struct search *s, int axis, char texts[CIRC_MAX_TUNINGS][CIRC_TUNING_TEXT])
{
    const struct circ_point *point = &s->planned->point;
    const struct circ_model model = {.network = &s->best->subject.network};
    const struct circ_request request = {.model = &model,
                                         .batch = point->batch,
                                         .threads = point->threads,
                                         .pass = s->planned->pass,
                                         .precision = point->precision,
                                         .variant = point->variant,
                                         .tuning = s->best->subject.info.tuning};
    return s->planned->target->backend->tunings(s->tuner->session, &request, axis, texts);
}

static enum circ_status descend(struct search *s, struct circ_error *err)
{
    char texts[CIRC_MAX_TUNINGS][CIRC_TUNING_TEXT];
    enum circ_status status = CIRC_OK;
    int axes = 0, still = 0; /* parameters in a row that changed nothing */
    while (propose(s, axes, texts) >= 0)
        axes++;
    if (!axes)
        return circ_status_fail(err, CIRC_UNSUP, "%s has no parameters to tune",
                                s->planned->point.variant);
    s->step = 1.0 / (ROUNDS * axes);
    for (int turn = 0; turn < ROUNDS * axes && still < axes && !status; turn++) {
        bool changed = false;
        int count = propose(s, turn % axes, texts);
        for (int i = 0; i < count && !status && circ_clock_now_ns() < s->until_ns; i++)
            status = circ_interrupt_requested() ? circ_status_fail(err, CIRC_STOPPED, "interrupted")
                                                : try_text(s, texts[i], &changed, err);
        still = changed ? 0 : still + 1;
        say(s, s->step, "the next parameter");
    }
    return status;
}

/* The winner against the default, for the evidence. */
static enum circ_status conclude(struct search *s, struct circ_tuning_row *row,
                                 struct circ_error *err)
{
    struct duel duel;
    if (!load(s, s->other, s->first) || !fight(s->other, s->best, MANY, &duel))
        return circ_status_fail(err, CIRC_DEVICE, "it broke in the end: %.200s%.200s",
                                s->best->subject.reason, s->other->subject.reason);
    bool won = duel.champion_ns > GAIN * duel.challenger_ns &&
               strcmp(s->best->subject.info.tuning, s->first) != 0;
    const struct contender *kept = won ? s->best : s->other;
    snprintf(row->tuning, sizeof row->tuning, "%s", kept->subject.info.tuning);
    snprintf(row->kind, sizeof row->kind, "%s", kept->subject.trial.kind);
    row->default_time_ns = (int64_t)(duel.champion_ns + 0.5);
    row->time_ns = won ? (int64_t)(duel.challenger_ns + 0.5) : row->default_time_ns;
    row->samples = duel.samples;
    return CIRC_OK;
}

static void describe(const struct search *s, struct circ_tuning_row *row)
{
    const struct circ_point *point = &s->planned->point;
    const char *op;
    int block;
    circ_tuned_place(&s->best->subject.network, &op, &block);
    *row = (struct circ_tuning_row){.block = block, .batch = point->batch};
    snprintf(row->backend, sizeof row->backend, "%s", point->backend);
    snprintf(row->device, sizeof row->device, "%s", point->device);
    snprintf(row->description, sizeof row->description, "%s",
             s->planned->target->device.description);
    snprintf(row->variant, sizeof row->variant, "%s", point->variant);
    snprintf(row->op, sizeof row->op, "%s", op);
    snprintf(row->pass, sizeof row->pass, "%s", point->pass);
    snprintf(row->workload, sizeof row->workload, "%s", point->workload);
}

enum circ_status circ_tuner_search(const struct circ_tuner *tuner,
                                   const struct circ_planned *planned, struct circ_tuning_row *row,
                                   struct circ_error *err)
{
    struct contender *both = calloc(2, sizeof *both);
    if (!both)
        return circ_status_fail(err, CIRC_MEMORY, "no memory for two candidates");
    struct search s = {.tuner = tuner,
                       .planned = planned,
                       .best = &both[0],
                       .other = &both[1],
                       .until_ns = circ_clock_now_ns() + (int64_t)(1e9 * tuner->timeout_s)};
    enum circ_status status = CIRC_OK;
    double before = tuner->progress->done;
    say(&s, 0, "the default");
    if (!load(&s, s.best, ""))
        status = circ_status_fail(err, s.best->subject.trial.status, "%s", s.best->subject.reason);
    snprintf(s.first, sizeof s.first, "%s", s.best->subject.info.tuning);
    if (!status)
        status = descend(&s, err);
    if (!status) {
        describe(&s, row);
        status = conclude(&s, row, err);
    }
    say(&s, before + 1 - tuner->progress->done, status ? "left out" : "done");
    circ_subject_release(&both[0].subject);
    circ_subject_release(&both[1].subject);
    free(both);
    return status;
}
