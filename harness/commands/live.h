/* Live watts of every energy channel that is here: `circbench meters --watch`. */
#ifndef CIRC_LIVE_H
#define CIRC_LIVE_H

#include "harness/options.h"

/* Prints the mean power of each channel over every interval on stdout, until Ctrl-C, until --count
 * intervals are over or until nobody reads: redrawn in place on a terminal, else a line an
 * interval, or rows in the format of -o. A channel without a power says why in its place. ABSENT
 * names the reasons when no energy meter is here. */
CIRC_MUST_USE enum circ_status circ_live_run(const struct circ_options *options,
                                             struct circ_error *err);

#endif
