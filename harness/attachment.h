/* A recording of another machine, set beside the windows of a campaign that is over:
 * `circbench meters --attach`. */
#ifndef CIRC_ATTACHMENT_H
#define CIRC_ATTACHMENT_H

#include "harness/options.h"

/* Reads options->attach (a CSV, see meters/trace.h) by --trace-offset or the campaign's marker,
 * takes the energy of each window of --campaign, stores it, and says how many rows have joules of
 * it now. USAGE: no such campaign; ABSENT: no recording, NOTHING: no window, or none that it
 * covers. */
CIRC_MUST_USE enum circ_status circ_attachment_add(const struct circ_options *options,
                                                     struct circ_error *err);

#endif
