/* Known answers, agreement with brute force, coverage of the intervals on simulated data. */
#include "backends/core/random.h"
#include "harness/stats.h"
#include "tests/tap.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEED 20240607

static struct circ_error err;

static bool near(double got, double want, double tolerance)
{
    return fabs(got - want) <= tolerance;
}

static int rising(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/* Skewed as timings are: 100 + an exponential of mean 5, whose median is known. */
static double timing(struct circ_random *random)
{
    double u = ((double)(circ_random_next(random) >> 11) + 0.5) * 0x1p-53;
    return 100 - 5 * log(u);
}

static const double true_median = 100 + 5 * 0.69314718055994531;

static void quantiles(void)
{
    const double values[] = {4, 1, 3, 2}, one[] = {7}, bad[] = {1, NAN};
    double result = 0;
    struct circ_summary summary;
    tap_ok(circ_stats_quantile(values, 4, 0.5, &result, &err) == CIRC_OK && result == 2.5,
           "the median of an even number lies between the two");
    tap_ok(circ_stats_quantile(values, 4, 0.95, &result, &err) == CIRC_OK &&
               near(result, 3.85, 1e-12),
           "type 7, as R and NumPy have it");
    tap_ok(circ_stats_quantile(values, 4, 1, &result, &err) == CIRC_OK && result == 4 &&
               circ_stats_quantile(values, 4, 0, &result, &err) == CIRC_OK && result == 1,
           "the ends");
    tap_ok(circ_stats_quantile(values, 0, 0.5, &result, &err) == CIRC_USAGE &&
               circ_stats_quantile(values, 4, 1.5, &result, &err) == CIRC_USAGE &&
               circ_stats_quantile(bad, 2, 0.5, &result, &err) == CIRC_USAGE,
           "nothing, a wrong quantile, not a number: refused");
    tap_ok(circ_stats_summarize(one, 1, SEED, &summary, &err) == CIRC_OK && summary.median == 7 &&
               summary.min == 7 && summary.p95 == 7 && summary.ci.low == 7 && summary.ci.high == 7,
           "one sample is its own summary");
    tap_ok(circ_stats_summarize(values, 4, SEED, &summary, &err) == CIRC_OK &&
               summary.median == 2.5 && summary.min == 1 && summary.count == 4,
           "four samples");
}

/* The medians of resamples drawn in full, sorted. */
static bool draw_in_full(const double *values, size_t count, double *medians, size_t resamples)
{
    double draw[100];
    struct circ_random random = circ_random_seed(SEED, 99);
    for (size_t i = 0; i < resamples; i++) {
        for (size_t j = 0; j < count; j++)
            draw[j] = values[circ_random_below(&random, count)];
        qsort(draw, count, sizeof *draw, rising);
        medians[i] = 0.5 * (draw[(count - 1) / 2] + draw[count / 2]);
    }
    qsort(medians, resamples, sizeof *medians, rising);
    return count <= 100;
}

/* The ends of the interval must lie where the resamples drawn in full have 2.5 % outside, give or
 * take what 1000 resamples leave open: three standard errors are 1.5 %. */
static void bootstrap(void)
{
    static const size_t counts[] = {2, 9, 10, 31, 100};
    enum { RESAMPLES = 20000 };
    static double medians[RESAMPLES];
    double values[100];
    struct circ_random random = circ_random_seed(SEED, 1);
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
        struct circ_summary summary = {0}, again = {0};
        size_t count = counts[c];
        for (size_t i = 0; i < count; i++)
            values[i] = timing(&random);
        bool done = draw_in_full(values, count, medians, RESAMPLES) &&
                    circ_stats_summarize(values, count, SEED, &summary, &err) == CIRC_OK &&
                    circ_stats_summarize(values, count, SEED, &again, &err) == CIRC_OK;
        tap_ok(done && summary.ci.low >= medians[RESAMPLES / 100] &&
                   summary.ci.low <= medians[RESAMPLES / 25] &&
                   summary.ci.high >= medians[RESAMPLES - RESAMPLES / 25] &&
                   summary.ci.high <= medians[RESAMPLES - RESAMPLES / 100],
               "%zu samples: [%.3f, %.3f], every resample drawn in full [%.3f, %.3f]", count,
               summary.ci.low, summary.ci.high, medians[RESAMPLES / 40],
               medians[RESAMPLES - RESAMPLES / 40]);
        tap_ok(summary.ci.low == again.ci.low && summary.ci.high == again.ci.high,
               "%zu samples: the same again for the same seed", count);
    }
}

/* How often 95 % intervals hold the true value: 400 simulated trials have a standard error of 1.1
 * %. The bootstrap of a median is known to run a few per cent short or over at small counts. */
static void coverage(void)
{
    static const size_t counts[] = {10, 25, 60};
    const int trials = 400;
    double a[60], b[60];
    struct circ_random random = circ_random_seed(SEED, 2);
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
        size_t count = counts[c];
        int by_bootstrap = 0, by_order = 0, by_ratio = 0;
        for (int trial = 0; trial < trials; trial++) {
            struct circ_summary summary;
            struct circ_interval ratio;
            for (size_t i = 0; i < count; i++) {
                a[i] = timing(&random);
                b[i] = 2 * timing(&random);
            }
            if (circ_stats_summarize(a, count, (uint64_t)trial, &summary, &err) != CIRC_OK ||
                circ_stats_ratio_interval(a, count, b, count, (uint64_t)trial, &ratio, &err) !=
                    CIRC_OK)
                break;
            qsort(a, count, sizeof *a, rising);
            struct circ_interval order = circ_stats_median_interval(a, count);
            by_bootstrap += summary.ci.low <= true_median && true_median <= summary.ci.high;
            by_order += order.low <= true_median && true_median <= order.high;
            by_ratio += ratio.low <= 2 && 2 <= ratio.high;
        }
        tap_ok(by_bootstrap >= 0.90 * trials && by_bootstrap <= 0.99 * trials,
               "%zu samples: the bootstrap covers %.1f %%", count, 100.0 * by_bootstrap / trials);
        tap_ok(by_order >= 0.93 * trials, "%zu samples: the order statistics cover %.1f %%", count,
               100.0 * by_order / trials);
        tap_ok(by_ratio >= 0.90 * trials, "%zu samples: the ratio's interval covers %.1f %%", count,
               100.0 * by_ratio / trials);
    }
}

static void order_statistics(void)
{
    /* Ranks of the 95 % interval, as tables of the sign test give them. */
    static const struct {
        size_t count, low, high; /* from 1 */
    } rows[] = {{5, 1, 5},   {6, 1, 6},    {8, 1, 8},     {9, 2, 8},       {10, 2, 9},
                {20, 6, 15}, {50, 18, 33}, {100, 40, 61}, {1000, 469, 532}};
    double *values = calloc(100000, sizeof *values);
    bool agree = values != NULL;
    for (size_t i = 0; values && i < 100000; i++)
        values[i] = (double)(i + 1);
    for (size_t i = 0; agree && i < sizeof rows / sizeof *rows; i++) {
        struct circ_interval found = circ_stats_median_interval(values, rows[i].count);
        agree = found.low == (double)rows[i].low && found.high == (double)rows[i].high;
        if (!agree)
            tap_note("%zu: [%g, %g]", rows[i].count, found.low, found.high);
    }
    tap_ok(agree, "the order statistics are those of the tables");
    struct circ_summary summary = {0};
    if (values) {
        struct circ_interval found = circ_stats_median_interval(values, 100000);
        tap_ok(found.low == 49690 && found.high == 50311, "100,000 samples: ranks %.0f and %.0f",
               found.low, found.high);
        tap_ok(circ_stats_summarize(values, 100000, SEED, &summary, &err) == CIRC_OK &&
                   near(summary.ci.low, 49690, 40) && near(summary.ci.high, 50311, 40),
               "the bootstrap of as many agrees: [%.0f, %.0f]", summary.ci.low, summary.ci.high);
    }
    free(values);
}

static void outliers(void)
{
    const double values[] = {10, 11, 9, 10, 12, 8, 10, 60};
    bool flags[8];
    tap_ok(circ_stats_outliers(values, 8, flags, &err) == CIRC_OK && flags[7] &&
               !memchr(flags, true, 7),
           "60 among values of 8 to 12 is flagged, and nothing else");
}

/* Two-sided p by listing all choices of na ranks among na + nb. */
static double enumerate(size_t na, size_t nb, double u)
{
    unsigned total = (unsigned)(na + nb);
    double extreme = 0, all = 0, centre = 0.5 * (double)(na * nb);
    for (unsigned long mask = 0; mask < 1UL << total; mask++) {
        if ((size_t)__builtin_popcountl(mask) != na)
            continue;
        double wins = 0, others = 0;
        for (unsigned bit = 0; bit < total; bit++)
            if (mask >> bit & 1)
                wins += others;
            else
                others++;
        all++;
        extreme += fabs(wins - centre) >= fabs(u - centre);
    }
    return extreme / all;
}

static void mann_whitney(void)
{
    /* The example in SciPy's documentation of mannwhitneyu: U = 17, p = 0.1111 exactly. */
    const double males[] = {19, 22, 16, 29, 24}, females[] = {20, 11, 17, 12};
    double p = 0, p_min = 0;
    bool done = circ_stats_mann_whitney(males, 5, females, 4, &p, &p_min, &err) == CIRC_OK;
    tap_ok(done && near(p, 1.0 / 9, 1e-12) && near(p_min, 2.0 / 126, 1e-12),
           "the published example: p = %.6f, at least %.6f", p, p_min);
    for (size_t na = 2; na <= 6; na += 2) {
        size_t nb = 7;
        bool agree = true;
        for (size_t shift = 0; shift <= nb; shift++) {
            double a[6], b[7];
            for (size_t i = 0; i < na; i++)
                a[i] = (double)(shift + i) + 0.5; /* in a block between the b */
            for (size_t i = 0; i < nb; i++)
                b[i] = (double)(i + (i >= shift ? na : 0));
            double want = enumerate(na, nb, (double)(na * shift));
            agree = agree && circ_stats_mann_whitney(a, na, b, nb, &p, &p_min, &err) == CIRC_OK &&
                    near(p, want, 1e-12);
        }
        tap_ok(agree, "%zu against %zu samples: every enumerated p", na, nb);
    }
    double a[25], b[25], tied[40];
    for (int i = 0; i < 25; i++) {
        a[i] = i;
        b[i] = i + 100;
    }
    tap_ok(circ_stats_mann_whitney(a, 25, b, 25, &p, &p_min, &err) == CIRC_OK &&
               near(p / p_min, 1, 1e-9) && near(p_min * 126410606437752.0, 2, 1e-6),
           "the largest exact case: separation is 2 of C(50, 25)");
    const double with_ties[] = {1, 2, 2, 3, 4, 4, 5}, other[] = {3, 4, 4, 5, 6, 7, 7, 8};
    /* By hand: U = 8, ties 84, sigma 8.532292, z = (28 - 8 - 0.5) / sigma. */
    done = circ_stats_mann_whitney(with_ties, 7, other, 8, &p, &p_min, &err) == CIRC_OK;
    tap_ok(done && near(p, 0.022287319014553, 1e-12), "ties: the corrected normal limit, p = %.6f",
           p);
    for (int i = 0; i < 40; i++)
        tied[i] = 3;
    tap_ok(circ_stats_mann_whitney(tied, 40, tied, 40, &p, &p_min, &err) == CIRC_OK && p == 1,
           "all equal: no difference");
    tap_ok(circ_stats_mann_whitney(a, 1, b, 1, &p, &p_min, &err) == CIRC_OK && p == 1 && p_min == 1,
           "one against one can show nothing");
    tap_ok(circ_stats_mann_whitney(a, 0, b, 1, &p, &p_min, &err) == CIRC_USAGE,
           "nothing against something is refused");
}

int main(void)
{
    tap_note("seed %d", SEED);
    quantiles();
    bootstrap();
    order_statistics();
    coverage();
    outliers();
    mann_whitney();
    return tap_done();
}
