/* circ_series: energies between moments, against what is known in closed form. */
#include "harness/meters/series.h"
#include "tests/tap.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define S INT64_C(1000000000)

/* As good as exact, and so stated: moments a second apart are believed. */
static const struct circ_channel wall = {.name = "wall",
                                         .unit = CIRC_UNIT_UW,
                                         .scale = 1,
                                         .update_ns = S,
                                         .error = 1e-15,
                                         .power_ceiling_w = 1000};
static const struct circ_channel counter = {
    .name = "counter", .unit = CIRC_UNIT_UJ, .scale = 1, .update_ns = S, .power_ceiling_w = 1000};

static bool near(double got, double want)
{
    return fabs(got - want) <= 1e-9 * fabs(want) + 1e-6;
}

/* Readings of f(t) uW or uJ every interval. */
static void fill(struct circ_series *series, int count, int64_t interval_ns, double (*f)(double t))
{
    for (int i = 0; i < count; i++)
        circ_series_add(series, i * interval_ns, f((double)(i * interval_ns) / 1e9));
}

static double ramp_uw(double t)
{
    return 1e6 * (10 + 2 * t);
}

static double constant_uw(double t)
{
    return 5e7 + 0 * t;
}

static double steady_uj(double t)
{
    return 1e6 + 2e7 * t;
}

static struct circ_delta refused(const struct circ_series *series,
                                 const struct circ_channel *channel, double from_s, double to_s,
                                 enum circ_grade grade, const char *what)
{
    struct circ_delta delta =
        circ_series_between(series, channel, (int64_t)(from_s * 1e9), (int64_t)(to_s * 1e9), 0.02);
    tap_ok(delta.grade == grade && isnan(delta.value) && isnan(delta.bound) && *delta.reason,
           "%s: %s", what, delta.reason);
    return delta;
}

static void powers(void)
{
    struct circ_series series = {.count = 0};
    fill(&series, 101, S, constant_uw);
    struct circ_delta delta = circ_series_between(&series, &wall, 7 * S / 2, 20 * S, 0.02);
    tap_ok(delta.grade == CIRC_GRADE_OK && near(delta.value, 5e7 * 16.5) && near(delta.bound, 0) &&
               delta.duration_ns == 33 * S / 2 && delta.running == 1,
           "a constant power is exact, between readings too");
    struct circ_channel stated = wall;
    stated.error = 0.01;
    delta = circ_series_between(&series, &stated, S, 11 * S, 0.02);
    tap_ok(near(delta.bound, 5e6), "the sensor's own 1 %% of 500 J bounds the error");
    circ_series_free(&series);

    fill(&series, 101, S, ramp_uw);
    delta = circ_series_between(&series, &wall, 10 * S, 90 * S, 0.02);
    tap_ok(delta.grade == CIRC_GRADE_OK && near(delta.value, 1e6 * (800 + 8000)),
           "a ramp is exact by trapezoids");
    tap_ok(near(delta.bound, 80 * 1e6), "its bound is half a step of 2 W in each second");
    delta = circ_series_between(&series, &wall, 10 * S + S / 4, 10 * S + S / 2, 1);
    tap_ok(near(delta.value, 1e6 * 30.75 / 4) && near(delta.bound, 2e6 * 0.625 / 4),
           "a window within one interval, where a step would weigh more");
    circ_series_free(&series);
}

/* A step at any moment between two readings is within the bound, whatever the window. */
static void steps(void)
{
    int bad = 0, tried = 0;
    srand(20);
    for (int i = 0; i < 2000; i++) {
        struct circ_series series = {.count = 0};
        double at = 2 + 6.0 * rand() / (double)RAND_MAX, low = 1e6 * (rand() % 100),
               high = 1e6 * (1 + rand() % 100), from = 1 + 3.0 * rand() / (double)RAND_MAX,
               to = from + 0.1 + 5.0 * rand() / (double)RAND_MAX;
        for (int second = 0; second <= 10; second++)
            circ_series_add(&series, second * S, second < at ? low : high);
        struct circ_delta delta =
            circ_series_between(&series, &wall, (int64_t)(from * 1e9), (int64_t)(to * 1e9), 100);
        double before = fmax(0, fmin(at, to) - from),
               truth = low * before + high * (to - from - before);
        if (delta.grade == CIRC_GRADE_OK) {
            tried++;
            bad += fabs(delta.value - truth) > delta.bound * (1 + 1e-9) + 1;
        }
        circ_series_free(&series);
    }
    tap_ok(tried > 1000 && bad == 0, "%d steps at random moments: none beyond its bound", tried);
}

static void energies(void)
{
    struct circ_series series = {.count = 0};
    fill(&series, 101, S, steady_uj);
    struct circ_delta delta = circ_series_between(&series, &counter, 10 * S + S / 3, 90 * S, 0.05);
    tap_ok(delta.grade == CIRC_GRADE_OK && fabs(delta.value - 2e7 * (80 - 1 / 3.0)) < 1,
           "accumulated energy is interpolated at both ends");
    tap_ok(near(delta.bound, 4e7), "the bound is what it gained at a tick, twice");
    delta = circ_series_between(&series, &counter, 10 * S, 12 * S, 0.05);
    tap_ok(delta.grade == CIRC_GRADE_SHORT && delta.value > 0 && strstr(delta.reason, "bound"),
           "a short window says so: %s", delta.reason);
    circ_series_free(&series);

    /* A counter that ticks once a second is read ten times as often. */
    int bad = 0;
    srand(21);
    for (int i = 0; i < 401; i++)
        circ_series_add(&series, i * S / 10, 3e7 * (i / 10));
    for (int i = 0; i < 1000; i++) {
        double from = 1 + 10.0 * rand() / (double)RAND_MAX,
               to = from + 1 + 20.0 * rand() / (double)RAND_MAX;
        delta =
            circ_series_between(&series, &counter, (int64_t)(from * 1e9), (int64_t)(to * 1e9), 9);
        bad += delta.grade != CIRC_GRADE_OK || fabs(delta.value - 3e7 * (to - from)) > delta.bound;
    }
    tap_ok(bad == 0, "read more often than it ticks: the truth is within the bound");
    refused(&series, &counter, 5.2, 5.7, CIRC_GRADE_NO_TICK, "within one tick");
    circ_series_free(&series);
}

static void faults(void)
{
    struct circ_series series = {.count = 0};
    refused(&series, &wall, 1, 2, CIRC_GRADE_LOST, "no reading at all");
    fill(&series, 21, S, constant_uw);
    refused(&series, &wall, -1, 2, CIRC_GRADE_LOST, "a window that begins before the readings");
    refused(&series, &wall, 10, 20.5, CIRC_GRADE_LOST, "one that ends after them");
    refused(&series, &wall, 2, 2, CIRC_GRADE_LOST, "one without length");
    tap_ok(circ_series_between(&series, &wall, 10 * S, 20 * S, 1).grade == CIRC_GRADE_OK,
           "one that ends at the last reading is covered");
    tap_ok(!circ_series_add(&series, 20 * S, 1) && !circ_series_add(&series, 19 * S, 1) &&
               series.count == 21,
           "a time that does not rise is refused");
    circ_series_add(&series, 32 * S, 5e7);
    struct circ_delta delta = refused(&series, &wall, 10, 25, CIRC_GRADE_LOST, "a gap of 12 s");
    tap_ok(strstr(delta.reason, "12.000 s"), "which is named");
    circ_series_add(&series, 33 * S, -1);
    refused(&series, &wall, 32, 32.5, CIRC_GRADE_LOST, "a power below zero");
    circ_series_add(&series, 34 * S, 2e9);
    circ_series_add(&series, 35 * S, 0);
    circ_series_add(&series, 36 * S, 0);
    refused(&series, &wall, 34, 35, CIRC_GRADE_AMBIGUOUS, "a reading of 2 kW");
    refused(&series, &wall, 35, 36, CIRC_GRADE_NO_TICK, "nothing but zeros");
    circ_series_free(&series);

    circ_series_add(&series, 0, 100);
    circ_series_add(&series, S, 2e7);
    circ_series_add(&series, 2 * S, 50);
    circ_series_add(&series, 3 * S, 5e9);
    refused(&series, &counter, 0.5, 2, CIRC_GRADE_LOST, "a counter that goes back");
    refused(&series, &counter, 2, 3, CIRC_GRADE_AMBIGUOUS, "5 kJ in a second");
    circ_series_free(&series);
    circ_series_free(&series);
    tap_ok(true, "freed twice");
}

/* A power that steps, seen as the mean over a second before each reading. */
static void lags(void)
{
    int beyond = 0, tried = 0;
    struct circ_channel mean = wall;
    mean.lag_ns = S;
    mean.update_ns = S / 10;
    srand(22);
    for (int i = 0; i < 500; i++) {
        struct circ_series series = {.count = 0};
        double at = 3 + 6.0 * rand() / (double)RAND_MAX, low = 1e6 * (rand() % 100),
               high = 1e6 * (1 + rand() % 100), from = 3 + 3.0 * rand() / (double)RAND_MAX,
               to = from + 0.1 + 3.0 * rand() / (double)RAND_MAX;
        for (int j = 0; j <= 120; j++) {
            double after = fmin(1, fmax(0, j / 10.0 - at));
            circ_series_add(&series, j * S / 10, low * (1 - after) + high * after);
        }
        struct circ_delta delta =
            circ_series_between(&series, &mean, (int64_t)(from * 1e9), (int64_t)(to * 1e9), 100);
        double before = fmax(0, fmin(at, to) - from),
               truth = low * before + high * (to - from - before);
        if (delta.grade == CIRC_GRADE_OK) {
            tried++;
            beyond += fabs(delta.value - truth) > delta.bound * (1 + 1e-9) + 1;
        }
        circ_series_free(&series);
    }
    tap_ok(tried > 400 && beyond == 0, "%d steps seen by a mean: none beyond its bound", tried);

    struct circ_series series = {.count = 0};
    fill(&series, 21, S, constant_uw);
    series.points[14].value = 6e7;
    mean.update_ns = S;
    struct circ_delta delta = circ_series_between(&series, &mean, 5 * S, 10 * S, 0.02);
    tap_ok(delta.grade == CIRC_GRADE_OK && near(delta.bound, 0),
           "a power that stands still hides nothing");
    delta = circ_series_between(&series, &mean, 5 * S, 11 * S, 1);
    tap_ok(near(delta.value, 3e8) && near(delta.bound, 2 * 2 * 1e7),
           "10 W more within the reach of its end: 2 x 2 s of them");
    circ_series_free(&series);
}

/* Moments too far apart to say what lies between them. */
static void moments(void)
{
    struct circ_series series = {.count = 0};
    struct circ_channel power = wall;
    power.error = 0;
    fill(&series, 101, S / 25, constant_uw);
    power.update_ns = S / 25;
    tap_ok(circ_series_between(&series, &power, S, 3 * S, 0.02).grade == CIRC_GRADE_OK,
           "every 40 ms will do");
    power.update_ns = S / 10;
    struct circ_delta delta = circ_series_between(&series, &power, S, 3 * S, 0.02);
    tap_ok(delta.grade == CIRC_GRADE_SHORT && near(delta.value, 1e8) &&
               strstr(delta.reason, "100 ms apart") && !strstr(delta.reason, "state"),
           "of a sensor that measures every 100 ms: %s", delta.reason);
    circ_series_free(&series);
    fill(&series, 101, S / 10, constant_uw);
    strcpy(power.source, "exec:meter");
    power.update_ns = S / 25;
    delta = circ_series_between(&series, &power, S, 3 * S, 0.02);
    tap_ok(delta.grade == CIRC_GRADE_SHORT && strstr(delta.reason, "100 ms apart") &&
               strstr(delta.reason, "(`# channel NAME_w error 2%`)"),
           "a command's: %s", delta.reason);
    power.error = 0.01;
    tap_ok(circ_series_between(&series, &power, S, 3 * S, 0.02).grade == CIRC_GRADE_OK,
           "its error is stated: good");
    circ_series_free(&series);

    /* sampled late by a busy machine */
    fill(&series, 11, S / 1000, constant_uw);
    circ_series_add(&series, 11 * S / 100, 5e7);
    circ_series_add(&series, 22 * S / 100, 5e7);
    circ_series_add(&series, 221 * S / 1000, 5e7);
    power.update_ns = S / 1000;
    tap_ok(circ_series_between(&series, &power, S / 1000, S / 10, 0.02).grade == CIRC_GRADE_OK,
           "a gap of 100 ms, though updates come every millisecond");
    refused(&series, &power, 0.1, 0.2, CIRC_GRADE_LOST, "one of 110 ms");
    circ_series_free(&series);
}

static void forgetting(void)
{
    struct circ_series series = {.count = 0};
    fill(&series, 3000, S, constant_uw);
    size_t capacity = series.capacity;
    circ_series_forget(&series, 2000 * S + 1);
    tap_ok(series.points[0].t_ns == 2000 * S && series.count == 1000 && series.capacity == capacity,
           "what came before is dropped, the reading round the moment kept");
    tap_ok(circ_series_between(&series, &wall, 2000 * S + 1, 2100 * S, 1).grade == CIRC_GRADE_OK,
           "a window from that moment on is still covered");
    circ_series_forget(&series, 5 * S);
    tap_ok(series.count == 1000, "nothing more to drop");
    circ_series_forget(&series, 9000 * S);
    tap_ok(series.count == 1 && series.points[0].t_ns == 2999 * S, "the last reading stays");
    circ_series_free(&series);
}

int main(void)
{
    powers();
    steps();
    energies();
    faults();
    lags();
    moments();
    forgetting();
    return tap_done();
}
