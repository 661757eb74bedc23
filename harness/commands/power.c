/* Makes powers of a watched channel's energies. Energies are mark.c's, and it prints nothing.
 *
 * A counter may tick more slowly than somebody looks. What it gained in such an interval says
 * nothing of the power in it; from tick to tick it does, as well as the ticks' moments are known.
 */
#include "harness/commands/power.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define WELL 0.15 /* ticks are added until the bound is that share of the power */

static bool is_known(double uw, double bound_uw)
{
    return !isnan(uw) && bound_uw <= CIRC_POWER_WORST * uw;
}

static void begin(struct circ_power *power)
{
    if (!power->begun)
        power->mean_uw = power->most_uw = NAN;
    power->begun = true;
}

void circ_power_part(struct circ_power *power)
{
    power->tick_count = 0;
}

static void push(struct circ_power *power, int64_t from_ns, int64_t by_ns, double total_uj)
{
    memmove(power->ticks + 1, power->ticks, sizeof power->ticks - sizeof *power->ticks);
    power->ticks[0] = (struct circ_power_tick){from_ns, by_ns, total_uj};
    power->tick_count += power->tick_count < CIRC_POWER_TICKS;
}

/* Counts from tick to tick, so that intervals without one count too. */
static void add_ticks(struct circ_power *power, const struct circ_delta *delta,
                      const struct circ_mark_channel *before, const struct circ_mark_channel *after)
{
    if (before->breaks != after->breaks || !before->valid || !after->valid) {
        circ_power_part(power);
        return;
    }
    if (after->total <= before->total)
        return;
    /* both ends have settled, so the first is as good as a tick */
    if (!power->tick_count && is_known(delta->value, delta->bound))
        push(power, before->t_ns, before->t_ns, before->total);
    if (power->tick_count) {
        power->sum_uj += after->total - power->ticks[0].total_uj;
        power->sum_s += (double)(after->t_ns - power->ticks[0].by_ns) / 1e9;
    }
    push(power, before->t_ns, after->t_ns, after->total);
}

/* Energy from tick to tick over the time between them, of which each end is known to lie between
 * two marks. */
static bool span_ticks(const struct circ_power_tick *first, const struct circ_power_tick *last,
                       double *uw, double *bound_uw)
{
    double longest = (double)(last->by_ns - first->from_ns) / 1e9;
    double shortest = (double)(last->from_ns - first->by_ns) / 1e9;
    double gained = last->total_uj - first->total_uj;
    if (shortest <= 0)
        return false;
    *uw = gained / ((longest + shortest) / 2);
    *bound_uw = gained / shortest - *uw; /* the larger side */
    return is_known(*uw, *bound_uw);
}

/* The power over the fewest ticks that say it well, or over all if none do; false: they say too
 * little, or none came for much longer than they had taken. */
static bool use_ticks(struct circ_power *power, int64_t now_ns)
{
    const struct circ_power_tick *last = power->ticks;
    double uw = NAN, bound = NAN;
    int used = 0;
    for (int i = 1; i < power->tick_count && !(bound <= WELL * uw); i++)
        if (span_ticks(&power->ticks[i], last, &uw, &bound))
            used = i;
    if (!used || !span_ticks(&power->ticks[used], last, &uw, &bound))
        return false;
    int64_t span_ns = last->by_ns - power->ticks[used].from_ns;
    if (now_ns - last->by_ns > 2 * span_ns / used)
        return false;
    power->uw = uw;
    power->bound_uw = bound;
    power->grade = CIRC_GRADE_SHORT;
    snprintf(power->reason, sizeof power->reason, "mean from tick to tick, over %.3g s",
             (double)span_ns / 1e9);
    return true;
}

void circ_power_take(struct circ_power *power, const struct circ_delta *delta, bool counter,
                     const struct circ_mark_channel *before, const struct circ_mark_channel *after)
{
    double seconds = (double)delta->duration_ns / 1e9;
    begin(power);
    power->grade = delta->grade;
    power->uw = seconds > 0 ? delta->value / seconds : NAN;
    power->bound_uw = seconds > 0 ? delta->bound / seconds : NAN;
    snprintf(power->reason, sizeof power->reason, "%s", delta->reason);
    bool broken = delta->grade == CIRC_GRADE_LOST || delta->grade == CIRC_GRADE_AMBIGUOUS;
    if (counter) {
        add_ticks(power, delta, before, after);
    } else if (is_known(power->uw, power->bound_uw)) {
        power->sum_uj += delta->value;
        power->sum_s += seconds;
    }
    if (!broken && !is_known(power->uw, power->bound_uw) &&
        !(counter && use_ticks(power, after->t_ns)))
        power->uw = power->bound_uw = NAN;
    if (is_known(power->uw, power->bound_uw) && !(power->most_uw >= power->uw))
        power->most_uw = power->uw;
    if (power->sum_s > 0)
        power->mean_uw = power->sum_uj / power->sum_s;
}
