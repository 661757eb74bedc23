/* The backend `cpu`: vector kernels of our own, OpenBLAS for dense layers. */
#ifndef CIRC_CPU_H
#define CIRC_CPU_H

#include "backends/backend.h"

extern const struct circ_backend circ_cpu_backend;

#endif
