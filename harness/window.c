/* Takes one window. How many there are, how long, and what they mean is joules.c's. */
#include "harness/window.h"

#include "harness/interrupt.h"
#include "harness/meters/clock.h"

#include <math.h>

#define PIECE_NS     50000000   /* run without looking at the clock */
#define IDLE_NS      1000000    /* and of the idle machine */
#define ALIGN_TICKS  4          /* update intervals to wait for a tick before and after */
#define SETTLE_NS    50000000   /* but so long at least: readings come late on a busy machine */
#define LATE_NS      5000000000 /* for readings that come with times of their own */
#define BYSTANDER_NS 300000000  /* most time for channels that are only kept beside */

int64_t circ_window_update_ns(const struct circ_channel *channels, const struct circ_chosen *chosen)
{
    int64_t slowest = 0;
    for (int i = 0; i < chosen->count; i++)
        if (channels[chosen->items[i]].update_ns > slowest)
            slowest = channels[chosen->items[i]].update_ns;
    return slowest;
}

static bool spend(const struct circ_work *work, int64_t batches)
{
    if (work->run)
        return work->run(work->context, batches);
    circ_clock_sleep_ns(IDLE_NS);
    return true;
}

/* Lets the work go on, a batch at a time, until the first chosen channel ticks; without a tick in a
 * reasonable time it goes on as it is, and the bound will show it. Where a batch is longer than a
 * tick there is nothing to align. */
static bool align(struct circ_watch *watch, const struct circ_work *work, int channel,
                  int64_t update_ns, struct circ_mark *mark, int64_t *batches)
{
    if (update_ns == 0 || (work->run && work->batch_ns > (double)update_ns))
        return true;
    circ_mark_set(watch, mark);
    int64_t give_up = mark->t_ns + ALIGN_TICKS * update_ns;
    while (!circ_mark_moved(watch, mark, channel) && circ_clock_now_ns() < give_up &&
           !circ_interrupt_requested()) {
        if (!work->run)
            circ_clock_sleep_ns(update_ns / 10);
        else if (!work->run(work->context, 1))
            return false;
        *batches += 1;
    }
    return true;
}

/* Runs for length_ns from start_ns. */
static bool run(const struct circ_work *work, int64_t start_ns, int64_t length_ns, int64_t *batches)
{
    for (int64_t left = length_ns; left > 0;) {
        if (circ_interrupt_requested())
            return false;
        /* in pieces: the time of a batch may be far off on a busy machine, and Ctrl-C waits for one
         */
        double piece = left < PIECE_NS ? (double)left : PIECE_NS;
        int64_t chunk =
            work->batch_ns < piece && work->batch_ns > 0 ? (int64_t)(piece / work->batch_ns) : 1;
        if (!spend(work, work->run ? chunk : 1))
            return false;
        *batches += chunk;
        left = length_ns - (circ_clock_now_ns() - start_ns);
    }
    return true;
}

/* Waits for what the channels have still to say of the window: long for those that count, a tick or
 * two for the others, many of which never move, and of those that are late not at all yet. */
static void settle(struct circ_watch *watch, const struct circ_channel *channels, int count,
                   const struct circ_chosen *chosen, struct circ_mark *after)
{
    int64_t patience = circ_watch_patience_ns(circ_window_update_ns(channels, chosen)), others = 0;
    int all[CIRC_MAX_CHANNELS], prompt = 0;
    for (int c = 0; c < count; c++) {
        if (circ_watch_is_late(watch, c))
            continue;
        all[prompt++] = c;
        others = channels[c].update_ns > others ? channels[c].update_ns : others;
    }
    patience = patience > SETTLE_NS ? patience : SETTLE_NS;
    for (int i = 0; i < chosen->count; i++)
        if ((circ_watch_is_late(watch, chosen->items[i]) ||
             channels[chosen->items[i]].unit == CIRC_UNIT_UW) &&
            patience < LATE_NS)
            patience = LATE_NS;
    circ_mark_settle(watch, after, chosen->items, chosen->count, patience);
    circ_mark_settle(watch, after, all, prompt,
                     3 * others < BYSTANDER_NS ? 3 * others : BYSTANDER_NS);
}

/* Adds up the chosen channels; the worst of them is the window's grade. */
static void add_up(struct circ_window *window, const struct circ_chosen *chosen)
{
    window->grade = CIRC_GRADE_OK;
    window->reason = "";
    window->energy_uj = window->bound_uj = 0;
    for (int i = 0; i < chosen->count; i++) {
        const struct circ_delta *delta = &window->deltas[chosen->items[i]];
        window->energy_uj += delta->value;
        window->bound_uj += delta->bound;
        if (delta->grade > window->grade) {
            window->grade = delta->grade;
            window->reason = delta->reason;
        }
    }
}

bool circ_window_take(struct circ_watch *watch, const struct circ_work *work,
                      const struct circ_chosen *chosen, int64_t length_ns, double max_error,
                      struct circ_window *window)
{
    const struct circ_channel *channels;
    int count = circ_watch_channels(watch, &channels), first = chosen->items[0];
    /* what is sampled, or comes late, has no tick to begin at */
    bool ticks = channels[first].unit == CIRC_UNIT_UJ && !circ_watch_is_late(watch, first);
    int64_t batches = 0, update_ns = ticks ? channels[first].update_ns : 0;
    if (!align(watch, work, first, update_ns, &window->before, &batches))
        return false;
    batches = 0;
    circ_mark_set(watch, &window->before);
    bool whole = run(work, window->before.t_ns, length_ns, &batches) &&
                 align(watch, work, first, update_ns, &window->after, &batches);
    if (!whole)
        return false;
    circ_mark_set(watch, &window->after);
    settle(watch, channels, count, chosen, &window->after);
    for (int c = 0; c < count; c++)
        window->deltas[c] =
            circ_mark_difference(watch, c, &window->before, &window->after, max_error);
    window->frames = work->run ? batches * work->frames : 0;
    window->start_ns = window->before.channels[first].t_ns;
    window->duration_ns = window->after.channels[first].t_ns - window->start_ns;
    add_up(window, chosen);
    return true;
}

void circ_window_complete(struct circ_watch *watch, const struct circ_chosen *chosen,
                          struct circ_window *windows, int window_count, double max_error)
{
    const struct circ_channel *channels;
    int count = circ_watch_channels(watch, &channels), late[CIRC_MAX_CHANNELS], late_count = 0;
    for (int c = 0; c < count; c++) {
        bool counts = false;
        for (int i = 0; i < chosen->count; i++)
            counts |= chosen->items[i] == c;
        if (circ_watch_is_late(watch, c) && !counts)
            late[late_count++] = c;
    }
    if (!late_count || !window_count)
        return;
    circ_mark_settle(watch, &windows[window_count - 1].after, late, late_count, LATE_NS);
    for (int w = 0; w < window_count; w++)
        for (int i = 0; i < late_count; i++)
            windows[w].deltas[late[i]] = circ_mark_difference(watch, late[i], &windows[w].before,
                                                              &windows[w].after, max_error);
}
