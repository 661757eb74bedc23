/* Statistics of samples. All functions are deterministic for a seed and allocate nothing but
 * scratch. */
#ifndef CIRC_STATS_H
#define CIRC_STATS_H

#include "backends/core/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct circ_interval {
    double low, high;
};

struct circ_summary {
    size_t count;
    double median, min, p95;
    struct circ_interval ci; /* 95 % bootstrap interval of the median */
};

/* Quantile q in [0, 1] of values[count] (count >= 1), linear between order statistics (type 7). */
CIRC_MUST_USE enum circ_status circ_stats_quantile(const double *values, size_t count, double q,
                                                   double *result, struct circ_error *err);

/* Median, minimum, 95th percentile, and the percentile-bootstrap interval of the median. */
CIRC_MUST_USE enum circ_status circ_stats_summarize(const double *values, size_t count,
                                                    uint64_t seed, struct circ_summary *summary,
                                                    struct circ_error *err);

/* A cheap interval of the median for stopping rules: the order statistics of the binomial 95 %
 * interval (exact, distribution-free). sorted must rise. Below 6 values it is the whole range. */
struct circ_interval circ_stats_median_interval(const double *sorted, size_t count);

/* flags[i] = values[i] is further than 3 x 1.4826 x MAD from the median. */
CIRC_MUST_USE enum circ_status circ_stats_outliers(const double *values, size_t count, bool *flags,
                                                   struct circ_error *err);

/* Two-sided Mann-Whitney U test with tie correction: exact for small samples without ties, normal
 * approximation otherwise. *p gets the p-value and *p_min the smallest one that samples of these
 * sizes can reach. */
CIRC_MUST_USE enum circ_status circ_stats_mann_whitney(const double *a, size_t na, const double *b,
                                                       size_t nb, double *p, double *p_min,
                                                       struct circ_error *err);

/* Bootstrap 95 % interval of median(b) / median(a). */
CIRC_MUST_USE enum circ_status circ_stats_ratio_interval(const double *a, size_t na,
                                                         const double *b, size_t nb, uint64_t seed,
                                                         struct circ_interval *interval,
                                                         struct circ_error *err);

#endif
