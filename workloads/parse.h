/* The text format of networks; workloads/README.md has its grammar. */
#ifndef CIRC_PARSE_H
#define CIRC_PARSE_H

#include "backends/core/network.h"

/* Parses text (NUL-terminated) into net. source names it in messages ("lenet.net"). USAGE reads
 * "SOURCE:LINE: what is wrong, what would be right". */
CIRC_MUST_USE enum circ_status circ_parse_network(const char *text, const char *source,
                                                  struct circ_network *net, struct circ_error *err);

#endif
