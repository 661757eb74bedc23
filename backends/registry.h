/* The list of backends. Adding one is one line in registry.c. */
#ifndef CIRC_REGISTRY_H
#define CIRC_REGISTRY_H

#include "backends/backend.h"

/* The backends of this build in display order; *count gets their number. */
const struct circ_backend *const *circ_registry_list(int *count);

/* By name, or NULL. */
const struct circ_backend *circ_registry_find(const char *name);

#endif
