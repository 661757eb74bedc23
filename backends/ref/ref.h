/* The backend `ref`: the core's plain reference, one thread. */
#ifndef CIRC_REF_H
#define CIRC_REF_H

#include "backends/backend.h"

extern const struct circ_backend circ_ref_backend;

#endif
