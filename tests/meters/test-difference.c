/* circ_difference_take: every grade, at its edges. */
#include "harness/meters/difference.h"
#include "tests/tap.h"

#include <math.h>
#include <string.h>

#define MS INT64_C(1000000)

static const struct circ_channel package = {.name = "package-0",
                                            .unit = CIRC_UNIT_UJ,
                                            .scope = CIRC_SCOPE_PACKAGE,
                                            .scale = 1,
                                            .wrap = 262143328850,
                                            .update_ns = MS,
                                            .power_ceiling_w = 1000,
                                            .parent = -1};
static const struct circ_channel counter = {
    .name = "page-faults", .unit = CIRC_UNIT_COUNT, .scale = 1, .parent = -1};

static struct circ_reading at(int64_t t_ms, uint64_t raw)
{
    return (struct circ_reading){.raw = raw, .t_ns = t_ms * MS, .valid = true};
}

static struct circ_delta take(const struct circ_channel *channel, struct circ_reading before,
                              struct circ_reading after)
{
    return circ_difference_take(channel, &before, &after, 0.05);
}

/* A refused difference has a reason and no value. */
static void refused(struct circ_delta delta, enum circ_grade grade, const char *what)
{
    tap_ok(delta.grade == grade && isnan(delta.value) && isnan(delta.bound) && *delta.reason,
           "%s is %s: %s", what, circ_difference_grade_name(grade), delta.reason);
}

static void accepted(void)
{
    struct circ_delta delta = take(&package, at(0, 1000), at(1000, 50001000));
    tap_ok(delta.grade == CIRC_GRADE_OK && delta.value == 5e7 && delta.duration_ns == 1000 * MS &&
               delta.running == 1 && !delta.wrapped && !*delta.reason,
           "50 J in a second are ok");
    tap_ok(fabs(delta.bound - 1e5) < 1e-6, "its bound is two intervals' worth: 0.1 J at 50 W");

    delta = take(&package, at(0, package.wrap - 1000), at(1000, 2000));
    tap_ok(delta.grade == CIRC_GRADE_OK && delta.wrapped && delta.value == 3000,
           "one wrap at the known range");
    delta = take(&package, at(0, package.wrap), at(1000, 7));
    tap_ok(delta.grade == CIRC_GRADE_OK && delta.value == 7, "a wrap from the very end");

    struct circ_channel scaled = package;
    scaled.scale = 61.03515625;
    scaled.wrap = UINT32_MAX;
    delta = take(&scaled, at(0, UINT32_MAX - 10), at(1000, 100));
    tap_ok(fabs(delta.value - 110 * 61.03515625) < 1e-9, "raw counts wrap before they are scaled");

    delta = take(&counter, at(0, 5), at(1, 5));
    tap_ok(delta.grade == CIRC_GRADE_OK && delta.value == 0 && delta.bound == 0,
           "a counter that is exact at every read may count 0");
}

static void short_windows(void)
{
    struct circ_delta delta = take(&package, at(0, 0), at(39, 39 * 50000));
    tap_ok(delta.grade == CIRC_GRADE_SHORT && delta.value == 39 * 50000 && *delta.reason,
           "39 ms are short of 5 %%: %s", delta.reason);
    tap_ok(fabs(delta.bound - 2 * 50000) < 1, "a short window has its value and its bound");
    delta = take(&package, at(0, 0), at(40, 40 * 50000));
    tap_ok(delta.grade == CIRC_GRADE_OK, "40 ms are enough");
}

static void refusals(void)
{
    struct circ_reading failed = {.valid = false, .t_ns = 5 * MS};
    refused(take(&package, failed, at(1000, 5)), CIRC_GRADE_LOST, "a failed reading before");
    refused(take(&package, at(0, 5), failed), CIRC_GRADE_LOST, "a failed reading after");
    refused(take(&package, at(7, 5), at(7, 5)), CIRC_GRADE_LOST, "no time between");
    refused(take(&package, at(0, 5), at(1, 5)), CIRC_GRADE_NO_TICK, "a counter that did not move");
    refused(take(&counter, at(0, 9), at(1, 8)), CIRC_GRADE_LOST,
            "backwards on a counter that does not wrap");
    refused(take(&package, at(0, 250000000000), at(1000, 1000)), CIRC_GRADE_LOST,
            "backwards, with a wrap that would mean 12 kW");
    refused(take(&package, at(0, package.wrap + 1), at(1000, 5)), CIRC_GRADE_LOST,
            "backwards from beyond the range");

    struct circ_channel unknown = package;
    unknown.wrap = UINT64_MAX;
    refused(take(&unknown, at(0, 9), at(1000, 8)), CIRC_GRADE_AMBIGUOUS,
            "a wrap at an unknown range");
    tap_ok(take(&unknown, at(0, 9), at(1000, 5000009)).grade == CIRC_GRADE_OK,
           "an unknown range does no harm to a counter that rises");

    refused(take(&package, at(0, 0), at(1000, 1001000000)), CIRC_GRADE_AMBIGUOUS,
            "1001 W under a ceiling of 1000 W");
    tap_ok(take(&package, at(0, 0), at(1000, 1000000000)).grade == CIRC_GRADE_OK,
           "1000 W under that ceiling");
    refused(take(&package, at(0, 0), at(262144, 5000000000)), CIRC_GRADE_AMBIGUOUS,
            "a window in which the ceiling makes a full range");
    struct circ_channel little = package;
    little.wrap = 26200000;
    struct circ_delta delta = take(&little, at(0, 0), at(40, 1000000));
    tap_ok(delta.grade == CIRC_GRADE_AMBIGUOUS &&
               strstr(delta.reason, "only 26.2 ms at the 1000 W") &&
               strstr(delta.reason, "after 40 ms"),
           "a little range says so in milliseconds: %s", delta.reason);
    tap_ok(take(&package, at(0, 0), at(262143, 5000000000)).grade == CIRC_GRADE_OK,
           "a millisecond less");

    struct circ_channel unlimited = package;
    unlimited.power_ceiling_w = 0;
    tap_ok(take(&unlimited, at(0, 0), at(1000, 5000000000)).grade == CIRC_GRADE_OK,
           "without a ceiling every power is believed");
}

static void multiplexed(void)
{
    struct circ_reading before = {
        .raw = 100, .t_ns = 0, .enabled_ns = 1000, .running_ns = 500, .valid = true};
    struct circ_reading after = {
        .raw = 350, .t_ns = 10 * MS, .enabled_ns = 5000, .running_ns = 1500, .valid = true};
    struct circ_delta delta = circ_difference_take(&counter, &before, &after, 0.05);
    tap_ok(delta.grade == CIRC_GRADE_OK && delta.value == 1000 && delta.running == 0.25,
           "250 counted in a quarter of the time are 1000");
    after.running_ns = before.running_ns + 4000;
    delta = circ_difference_take(&counter, &before, &after, 0.05);
    tap_ok(delta.value == 250 && delta.running == 1, "counted all the time: not scaled");
    after.running_ns = before.running_ns;
    refused(circ_difference_take(&counter, &before, &after, 0.05), CIRC_GRADE_LOST,
            "an event that never got a counter");
    after.running_ns = before.running_ns - 1;
    refused(circ_difference_take(&counter, &before, &after, 0.05), CIRC_GRADE_LOST,
            "times of counting that go backwards");
}

int main(void)
{
    accepted();
    short_windows();
    refusals();
    multiplexed();
    tap_ok(strcmp(circ_difference_grade_name(CIRC_GRADE_NO_TICK), "no_tick") == 0,
           "grades have the names that the database stores");
    return tap_done();
}
