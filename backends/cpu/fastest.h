/* Choosing by trial: how long a step takes here, for steps that can be had in several forms. */
#ifndef CIRC_FASTEST_H
#define CIRC_FASTEST_H

#include "backends/cpu/step.h"

/* Sets *seconds to the best of a few runs of thread 0's share, on an input of the layer's own size.
 * MEMORY. */
CIRC_MUST_USE enum circ_status circ_fastest_time(const struct circ_step *step, double *seconds,
                                               struct circ_error *err);

/* The faster of *best, which took *best_seconds, and candidate; the other is freed. *best may be
 * NULL. On failure candidate is freed and *best is left as it was. MEMORY. */
CIRC_MUST_USE enum circ_status circ_fastest_keep(struct circ_step **best, double *best_seconds,
                                               struct circ_step *candidate, struct circ_error *err);

#endif
