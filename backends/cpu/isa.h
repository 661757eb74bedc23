/* The ISA rows: which sets of kernels this build has and which of them this machine runs. */
#ifndef CIRC_ISA_H
#define CIRC_ISA_H

#include "backends/cpu/kernels.h"
#include "backends/cpu/learning.h"

/* Tables that this machine runs, best first; returns their number, at least 1 (scalar). */
int circ_isa_list(const struct circ_kernels *tables[8]);

/* By name among those; NULL for the best. NULL is returned when there is none of that name here. */
const struct circ_kernels *circ_isa_find(const char *name);

/* The training kernels of the same row. */
const struct circ_learning *circ_isa_learning(const struct circ_kernels *kernels);

#endif
