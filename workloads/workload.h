/* What is computed: networks by name, ad hoc layers, network files, and their seeded inputs. */
#ifndef CIRC_WORKLOAD_H
#define CIRC_WORKLOAD_H

#include "backends/core/network.h"

struct circ_builtin {
    const char *name;
    const char *description; /* shape and provenance in one line: the file's first comment */
    const char *text;        /* the network file itself */
};

/* Networks built into the binary from workloads/networks/, in a fixed order. */
const struct circ_builtin *circ_workload_list(int *count);

/* Resolves what -w was given, dense: a built-in name; fc:MxN (m x n: outputs x inputs);
 * conv:RxSxCxP@HxW; or the path of a network file (contains '/' or ends in ".net"). Ad hoc layers
 * have a bias and no activation, stride 1 and padding (r-1)/2. USAGE names the thing, its place
 * (file, line) and the nearest valid choice. */
CIRC_MUST_USE enum circ_status circ_workload_find(const char *spec, struct circ_network *net,
                                                  struct circ_error *err);

/* Seeded input [batch][C][H][W], uniform in [-1, 1), the same for equal shapes and seed, and frame
 * b the same for every batch that contains it. */
void circ_workload_input(const struct circ_network *net, int batch, uint64_t seed, float *input);

/* The same for targets [batch][outputs] to learn. */
void circ_workload_target(const struct circ_network *net, int batch, uint64_t seed, float *target);

#endif
