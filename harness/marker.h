/* The marker: a moment that this machine and another's recording both know. */
#ifndef CIRC_MARKER_H
#define CIRC_MARKER_H

#include "backends/core/status.h"

#include <stdint.h>

/* Runs the command, which makes the other machine write its marker's line, and says when that was:
 * the middle of the time that it took, since the epoch. USAGE: the command fails, or has not ended
 * after 10 s (it and what it began are ended then). */
CIRC_MUST_USE enum circ_status circ_marker_set(const char *command, int64_t *marker_ns,
                                               struct circ_error *err);

#endif
