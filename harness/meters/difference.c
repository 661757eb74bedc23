/* Subtracts two readings and grades the result. Every wrap, tick and scaling rule is here and
 * nowhere else. */
#include "harness/meters/difference.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

static struct circ_delta refuse(struct circ_delta delta, enum circ_grade grade, const char *format,
                                ...) CIRC_PRINTF(3, 4);

static struct circ_delta refuse(struct circ_delta delta, enum circ_grade grade, const char *format,
                                ...)
{
    va_list args;
    delta.grade = grade;
    delta.value = delta.bound = NAN;
    va_start(args, format);
    vsnprintf(delta.reason, sizeof delta.reason, format, args);
    va_end(args);
    return delta;
}

/* Raw counts between the readings, one wrap included. Grades what cannot be subtracted. */
static struct circ_delta subtract(struct circ_delta delta, const struct circ_channel *channel,
                                  uint64_t before, uint64_t after)
{
    if (after >= before) {
        delta.value = (double)(after - before);
        return delta;
    }
    if (channel->wrap == 0)
        return refuse(delta, CIRC_GRADE_LOST,
                      "%s went backwards, and it is a counter that does not wrap", channel->name);
    if (channel->wrap == UINT64_MAX)
        return refuse(delta, CIRC_GRADE_AMBIGUOUS,
                      "%s wrapped, and the range at which it wraps is unknown", channel->name);
    if (before > channel->wrap)
        return refuse(delta, CIRC_GRADE_LOST, "%s went backwards from beyond its range",
                      channel->name);
    delta.wrapped = true;
    delta.value = (double)(channel->wrap - before) + (double)after;
    return delta;
}

/* "26.2 ms", or seconds where there are some. */
static void print_span(double seconds, char *text, size_t size)
{
    bool short_one = seconds < 1;
    snprintf(text, size, "%.3g %s", short_one ? 1e3 * seconds : seconds, short_one ? "ms" : "s");
}

/* Whether the power that the difference means, and the time in which it might have wrapped unseen,
 * can be believed. Microjoules over nanoseconds are kilowatts. */
static struct circ_delta judge_power(struct circ_delta delta, const struct circ_channel *channel)
{
    double seconds = (double)delta.duration_ns / 1e9;
    double watts = delta.value / 1e6 / seconds;
    double ceiling = channel->power_ceiling_w;
    if (watts > ceiling && delta.wrapped)
        return refuse(delta, CIRC_GRADE_LOST,
                      "%s went backwards, and a wrap would mean %.0f W where at most %.0f W is "
                      "plausible",
                      channel->name, watts, ceiling);
    if (watts > ceiling)
        return refuse(delta, CIRC_GRADE_AMBIGUOUS, "%s: %.0f W where at most %.0f W is plausible",
                      channel->name, watts, ceiling);
    if (channel->wrap == 0 || channel->wrap == UINT64_MAX)
        return delta;
    double range_uj = (double)channel->wrap * channel->scale;
    if (ceiling * seconds * 1e6 >= range_uj) {
        char range[24], span[24];
        print_span(range_uj / 1e6 / ceiling, range, sizeof range);
        print_span(seconds, span, sizeof span);
        return refuse(delta, CIRC_GRADE_AMBIGUOUS,
                      "%.28s may have wrapped unseen: its range lasts only %s at the %.0f W "
                      "believed of it, and this machine read it after %s",
                      channel->name, range, ceiling, span);
    }
    return delta;
}

/* Scales a multiplexed count by the time that it was enabled over the time that it was counting. */
static struct circ_delta scale_up(struct circ_delta delta, const struct circ_channel *channel,
                                  const struct circ_reading *before,
                                  const struct circ_reading *after)
{
    if (after->enabled_ns < before->enabled_ns || after->running_ns < before->running_ns)
        return refuse(delta, CIRC_GRADE_LOST, "%s: its times of counting went backwards",
                      channel->name);
    uint64_t enabled = after->enabled_ns - before->enabled_ns;
    uint64_t running = after->running_ns - before->running_ns;
    if (enabled == 0 || running >= enabled)
        return delta;
    if (running == 0)
        return refuse(delta, CIRC_GRADE_LOST, "%s was never counted in the window: too many events",
                      channel->name);
    delta.running = (double)running / (double)enabled;
    delta.value /= delta.running;
    return delta;
}

struct circ_delta circ_difference_take(const struct circ_channel *channel,
                                       const struct circ_reading *before,
                                       const struct circ_reading *after, double max_error)
{
    struct circ_delta delta = {.grade = CIRC_GRADE_OK, .value = NAN, .bound = NAN, .running = 1};
    if (!before->valid || !after->valid)
        return refuse(delta, CIRC_GRADE_LOST, "%s: the reading %s the window failed", channel->name,
                      before->valid ? "after" : "before");
    delta.duration_ns = after->t_ns - before->t_ns;
    if (delta.duration_ns <= 0)
        return refuse(delta, CIRC_GRADE_LOST, "%s: no time passed between the readings",
                      channel->name);
    delta = subtract(delta, channel, before->raw, after->raw);
    if (delta.grade != CIRC_GRADE_OK)
        return delta;
    /* A counter that is exact at every read may well say 0; one that ticks has said nothing yet. */
    if (delta.value == 0 && channel->update_ns > 0)
        return refuse(delta, CIRC_GRADE_NO_TICK,
                      "%s did not move in %.3f ms; it moves every %.3f ms or slower", channel->name,
                      (double)delta.duration_ns / 1e6, (double)channel->update_ns / 1e6);
    delta.value *= channel->scale;
    delta = scale_up(delta, channel, before, after);
    if (delta.grade == CIRC_GRADE_OK && channel->unit == CIRC_UNIT_UJ &&
        channel->power_ceiling_w > 0)
        delta = judge_power(delta, channel);
    if (delta.grade != CIRC_GRADE_OK)
        return delta;
    /* Each end may be one interval away from its tick. */
    double relative = 2.0 * (double)channel->update_ns / (double)delta.duration_ns;
    delta.bound = relative * delta.value;
    if (relative > max_error) {
        delta.grade = CIRC_GRADE_SHORT;
        snprintf(delta.reason, sizeof delta.reason,
                 "%s: a window of %.3f ms bounds the error at %.1f %%; %.3f ms would do",
                 channel->name, (double)delta.duration_ns / 1e6, 100 * relative,
                 2.0 * (double)channel->update_ns / 1e6 / max_error);
    }
    return delta;
}

const char *circ_difference_grade_name(enum circ_grade grade)
{
    static const char *const names[] = {
        [CIRC_GRADE_OK] = "ok",           [CIRC_GRADE_SHORT] = "short",
        [CIRC_GRADE_NO_TICK] = "no_tick", [CIRC_GRADE_AMBIGUOUS] = "ambiguous",
        [CIRC_GRADE_LOST] = "lost",
    };
    return (size_t)grade < sizeof names / sizeof *names ? names[grade] : "lost";
}
