/* Single layers described on the command line. */
#ifndef CIRC_ADHOC_H
#define CIRC_ADHOC_H

#include "backends/core/network.h"

/* True if spec begins like an ad hoc layer, right or wrong: "fc:" or "conv:". */
bool circ_adhoc_matches(const char *spec);

/* Builds the network of one layer that spec describes, named exactly like spec:
 *   fc:MxN            m x n: M outputs, N inputs
 *   conv:RxSxCxP@HxW  R x S taps, C to P channels, on an input of H x W; stride 1, padding (R-1)/2
 * The layer has a bias, no activation, and is compressible. USAGE for anything else. */
CIRC_MUST_USE enum circ_status circ_adhoc_parse(const char *spec, struct circ_network *net,
                                                struct circ_error *err);

#endif
