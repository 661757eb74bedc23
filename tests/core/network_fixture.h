/* Networks that the tests of core and backends share. */
#ifndef CIRC_NETWORK_FIXTURE_H
#define CIRC_NETWORK_FIXTURE_H

#include "backends/core/network.h"

/* Every operation, for an input of 3 channels of 21 x 17. */
enum { NETWORK_FIXTURE_LAYERS = 13 };
extern const struct circ_layer network_fixture_layers[NETWORK_FIXTURE_LAYERS];

/* The layers strung together, and those that are compressible compressed with block k. Fails as
 * circ_network_begin, _append and _compress do. */
CIRC_MUST_USE enum circ_status network_fixture_build(struct circ_network *net, struct circ_shape in,
                                                     const struct circ_layer *layers, int count,
                                                     enum circ_structure structure, int k,
                                                     struct circ_error *err);

#endif
