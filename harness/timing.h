/* The time pass: calibration, warm-up, samples, and the rule that ends them. */
#ifndef CIRC_TIMING_H
#define CIRC_TIMING_H

#include "backends/core/status.h"

#include <stdbool.h>
#include <stdint.h>

struct circ_subject;

struct circ_timing_rule {
    int samples;       /* at least so many */
    double min_time_s; /* in at least so much time */
    double max_noise;  /* half-width of the median's 95 % interval that is precise enough */
    double timeout_s;  /* and at most so much time */
    int64_t epoch_ns;  /* start_ns of samples counts from here */
};

/* Finds how many batches make a sample of 10 ms, and takes warm-up samples (stored, not used). Ends
 * the point with TIMEOUT when one batch alone is longer than the limit. MEMORY. */
CIRC_MUST_USE enum circ_status circ_timing_begin(struct circ_subject *subject,
                                                 const struct circ_timing_rule *rule,
                                                 struct circ_error *err);

/* Takes one sample, and decides whether it was the last. MEMORY. */
CIRC_MUST_USE enum circ_status circ_timing_step(struct circ_subject *subject,
                                                const struct circ_timing_rule *rule,
                                                struct circ_error *err);

/* Summarises the samples into the trial: median, interval, outliers flagged. */
CIRC_MUST_USE enum circ_status circ_timing_end(struct circ_subject *subject, uint64_t seed,
                                               struct circ_error *err);

#endif
