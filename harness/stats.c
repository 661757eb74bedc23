/* Statistics of samples: quantiles, bootstrap intervals of medians, outliers, Mann-Whitney. It
 * judges nothing: what counts as faster is compare's to say.
 *
 * These are our own pages and not a library's: GSL has quantiles, but neither an interval of the
 * median nor an exact U test, and its GPL would cover the program; R and SciPy are no libraries to
 * link.
 *
 * The bootstrap of a median does not need resampling. The median of n draws with replacement from
 * sorted x is x[floor(n U)], where U is the middle order statistic of n uniform numbers, and that
 * is a Beta variate (David and Nagaraja, "Order Statistics", 3rd ed., section 2.3; Efron,
 * "Bootstrap methods", Annals of Statistics 1979, section 3). Each of the 1000 resamples therefore
 * costs the same for 10 samples as for 100,000: about 0.2 ms for an interval, after the sort. */
#include "harness/stats.h"
#include "backends/core/random.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define RESAMPLES  1000
#define CONFIDENCE 0.95

/* The exact null distribution is counted in doubles: C(50, 25) is 1.3e14, below 2^53. */
#define EXACT_LIMIT 25

#define MAD_TO_SIGMA   1.4826 /* for a normal distribution: 1 / quantile(3/4) */
#define OUTLIER_SIGMAS 3

static int compare_doubles(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/* A sorted copy, owned by the caller. USAGE for no values or one that is not finite. */
static enum circ_status sorted_copy(const double *values, size_t count, double **sorted,
                                    struct circ_error *err)
{
    *sorted = NULL;
    if (count == 0)
        return circ_status_fail(err, CIRC_USAGE, "statistics: no samples");
    for (size_t i = 0; i < count; i++)
        if (!isfinite(values[i]))
            return circ_status_fail(err, CIRC_USAGE,
                                    "statistics: sample %zu is not a finite number", i);
    double *copy = malloc(count * sizeof *copy);
    if (!copy)
        return circ_status_fail(err, CIRC_MEMORY, "statistics: no memory for %zu samples", count);
    memcpy(copy, values, count * sizeof *copy);
    qsort(copy, count, sizeof *copy, compare_doubles);
    *sorted = copy;
    return CIRC_OK;
}

/* Type 7 of Hyndman and Fan, "Sample quantiles in statistical packages", 1996. */
static double quantile(const double *sorted, size_t count, double q)
{
    double position = q * (double)(count - 1);
    size_t index = (size_t)position;
    if (index + 1 >= count)
        return sorted[count - 1];
    double fraction = position - (double)index;
    return sorted[index] + fraction * (sorted[index + 1] - sorted[index]);
}

enum circ_status circ_stats_quantile(const double *values, size_t count, double q, double *result,
                                     struct circ_error *err)
{
    double *sorted;
    if (!(q >= 0 && q <= 1))
        return circ_status_fail(err, CIRC_USAGE, "statistics: quantile %g is not in [0, 1]", q);
    enum circ_status status = sorted_copy(values, count, &sorted, err);
    if (status != CIRC_OK)
        return status;
    *result = quantile(sorted, count, q);
    free(sorted);
    return CIRC_OK;
}

/* Uniform in (0, 1): never 0, so that its logarithm is finite. */
static double uniform(struct circ_random *random)
{
    return ((double)(circ_random_next(random) >> 11) + 0.5) * 0x1p-53;
}

static double normal(struct circ_random *random)
{
    double radius = sqrt(-2 * log(uniform(random)));
    return radius * cos(6.283185307179586 * uniform(random));
}

/* Gamma variate of shape >= 1 and scale 1: Marsaglia and Tsang, ACM TOMS 26(3), 2000. */
static double gamma_variate(struct circ_random *random, double shape)
{
    double d = shape - 1.0 / 3, c = 1 / sqrt(9 * d);
    for (;;) {
        double x = normal(random);
        double v = 1 + c * x;
        v = v * v * v;
        if (v > 0 && log(uniform(random)) < 0.5 * x * x + d - d * v + d * log(v))
            return d * v;
    }
}

static double pick(const double *sorted, size_t count, double u)
{
    size_t index = (size_t)(u * (double)count);
    return sorted[index < count ? index : count - 1];
}

/* The median of one resample of sorted[count]. */
static double resampled_median(const double *sorted, size_t count, struct circ_random *random)
{
    size_t rank = (count + 1) / 2; /* of the lower middle, from 1 */
    double below = gamma_variate(random, (double)rank);
    double above = gamma_variate(random, (double)(count - rank + 1));
    double u = below / (below + above); /* Beta(rank, count - rank + 1) */
    double low = pick(sorted, count, u);
    if (count % 2)
        return low;
    /* Given u, those above it are uniform on (u, 1); the upper middle is the least of them. */
    double next = 1 - (1 - u) * pow(uniform(random), 1.0 / (double)(count - rank));
    return low + 0.5 * (pick(sorted, count, next) - low);
}

static struct circ_interval percentile_interval(double values[RESAMPLES])
{
    qsort(values, RESAMPLES, sizeof *values, compare_doubles);
    return (struct circ_interval){quantile(values, RESAMPLES, (1 - CONFIDENCE) / 2),
                                  quantile(values, RESAMPLES, (1 + CONFIDENCE) / 2)};
}

enum circ_status circ_stats_summarize(const double *values, size_t count, uint64_t seed,
                                      struct circ_summary *summary, struct circ_error *err)
{
    double *sorted, medians[RESAMPLES];
    enum circ_status status = sorted_copy(values, count, &sorted, err);
    if (status != CIRC_OK)
        return status;
    struct circ_random random = circ_random_seed(seed, 0);
    for (int i = 0; i < RESAMPLES; i++)
        medians[i] = resampled_median(sorted, count, &random);
    *summary = (struct circ_summary){.count = count,
                                     .median = quantile(sorted, count, 0.5),
                                     .min = sorted[0],
                                     .p95 = quantile(sorted, count, 0.95),
                                     .ci = percentile_interval(medians)};
    free(sorted);
    return CIRC_OK;
}

enum circ_status circ_stats_ratio_interval(const double *a, size_t na, const double *b, size_t nb,
                                           uint64_t seed, struct circ_interval *interval,
                                           struct circ_error *err)
{
    double *sorted_a, *sorted_b = NULL, ratios[RESAMPLES];
    enum circ_status status = sorted_copy(a, na, &sorted_a, err);
    if (status == CIRC_OK)
        status = sorted_copy(b, nb, &sorted_b, err);
    if (status == CIRC_OK && sorted_a[0] <= 0)
        status = circ_status_fail(err, CIRC_USAGE,
                                  "statistics: a ratio needs positive samples below the line");
    if (status != CIRC_OK)
        goto done;
    struct circ_random random_a = circ_random_seed(seed, 1);
    struct circ_random random_b = circ_random_seed(seed, 2);
    for (int i = 0; i < RESAMPLES; i++)
        ratios[i] =
            resampled_median(sorted_b, nb, &random_b) / resampled_median(sorted_a, na, &random_a);
    *interval = percentile_interval(ratios);
done:
    free(sorted_b);
    free(sorted_a);
    return status;
}

/* Order statistics r and count + 1 - r cover the median with probability 1 - 2 P(Binomial(count,
 * 1/2) < r) (David and Nagaraja, section 7.1); the largest r that keeps 95 % is taken. */
struct circ_interval circ_stats_median_interval(const double *sorted, size_t count)
{
    const double tail = (1 - CONFIDENCE) / 2;
    size_t rank = 0; /* from 0: the interval is sorted[rank], sorted[count - 1 - rank] */
    if (count == 0)
        return (struct circ_interval){NAN, NAN};
    if (count > 1000) {
        /* 2^-count leaves the range of doubles; the normal limit is within one rank by then. */
        double position = 0.5 * ((double)count - 1 - 1.959964 * sqrt((double)count));
        rank = (size_t)floor(position);
    } else {
        double term = ldexp(1, -(int)count), sum = term;
        while (rank + 1 < count &&
               sum + term * (double)(count - rank) / (double)(rank + 1) <= tail) {
            term *= (double)(count - rank) / (double)(rank + 1);
            sum += term;
            rank++;
        }
    }
    return (struct circ_interval){sorted[rank], sorted[count - 1 - rank]};
}

enum circ_status circ_stats_outliers(const double *values, size_t count, bool *flags,
                                     struct circ_error *err)
{
    double *scratch;
    enum circ_status status = sorted_copy(values, count, &scratch, err);
    if (status != CIRC_OK)
        return status;
    double median = quantile(scratch, count, 0.5);
    for (size_t i = 0; i < count; i++)
        scratch[i] = fabs(values[i] - median);
    qsort(scratch, count, sizeof *scratch, compare_doubles);
    double limit = OUTLIER_SIGMAS * MAD_TO_SIGMA * quantile(scratch, count, 0.5);
    for (size_t i = 0; i < count; i++)
        flags[i] = fabs(values[i] - median) > limit;
    free(scratch);
    return CIRC_OK;
}

/* P(U <= u) for samples of m and n without ties. The numbers of arrangements with U = 0, 1, ... are
 * the coefficients of the Gaussian binomial, prod_i (1 - q^(n+i)) / (1 - q^i) (Mann and Whitney,
 * 1947). */
static double exact_tail(size_t m, size_t n, size_t u)
{
    double ways[EXACT_LIMIT * EXACT_LIMIT + 1] = {1};
    size_t size = m * n + 1;
    double below = 0, all = 0;
    for (size_t i = 1; i <= m; i++) {
        for (size_t j = size; j-- > n + i;)
            ways[j] -= ways[j - n - i];
        for (size_t j = i; j < size; j++)
            ways[j] += ways[j - i];
    }
    for (size_t j = 0; j < size; j++) {
        all += ways[j];
        below += j <= u ? ways[j] : 0;
    }
    return below / all;
}

/* U of sorted a over sorted b: pairs with a > b, ties as half; *ties gets the sum of t^3 - t over
 * the groups of t equal values in both. */
static double count_pairs(const double *a, size_t na, const double *b, size_t nb, double *ties)
{
    double u = 0;
    size_t i = 0, j = 0;
    *ties = 0;
    while (i < na || j < nb) {
        double value = j == nb || (i < na && a[i] < b[j]) ? a[i] : b[j];
        size_t from_i = i, from_j = j;
        while (i < na && a[i] == value)
            i++;
        while (j < nb && b[j] == value)
            j++;
        double of_a = (double)(i - from_i), of_b = (double)(j - from_j), t = of_a + of_b;
        u += of_a * ((double)from_j + 0.5 * of_b);
        *ties += t * t * t - t;
    }
    return u;
}

enum circ_status circ_stats_mann_whitney(const double *a, size_t na, const double *b, size_t nb,
                                         double *p, double *p_min, struct circ_error *err)
{
    double *sorted_a, *sorted_b = NULL, ties;
    enum circ_status status = sorted_copy(a, na, &sorted_a, err);
    if (status == CIRC_OK)
        status = sorted_copy(b, nb, &sorted_b, err);
    if (status != CIRC_OK)
        goto done;
    double m = (double)na, n = (double)nb, total = m + n;
    double u = count_pairs(sorted_a, na, sorted_b, nb, &ties);
    u = fmin(u, m * n - u);
    /* Complete separation, either way: 2 of C(m + n, m) arrangements. */
    *p_min = fmin(1, 2 * exp(lgamma(m + 1) + lgamma(n + 1) - lgamma(total + 1)));
    if (ties == 0 && na <= EXACT_LIMIT && nb <= EXACT_LIMIT) {
        *p = fmin(1, 2 * exact_tail(na, nb, (size_t)u));
        goto done;
    }
    double variance = m * n / 12 * (total + 1 - ties / (total * (total - 1)));
    double distance = fmax(0, 0.5 * m * n - u - 0.5); /* with the correction for continuity */
    *p = variance > 0 ? erfc(distance / sqrt(2 * variance)) : 1;
    *p = fmin(1, fmax(*p, *p_min));
done:
    free(sorted_b);
    free(sorted_a);
    return status;
}
