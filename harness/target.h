/* The devices that a sweep uses: the choice of -b and -d among what is here. */
#ifndef CIRC_TARGET_H
#define CIRC_TARGET_H

#include "backends/registry.h"
#include "harness/axes.h"

/* A device that the sweep uses, or the reason why its backend has none. */
struct circ_target {
    const struct circ_backend *backend;
    struct circ_device device;
    enum circ_status status; /* OK, or ABSENT with the reason in error */
    struct circ_error error;
};

/* Whether -d's word asks for devices[index], the backend's. It is a number, a name of the device or
 * of its platform, platform:number, platform:name, and backend: before each of these; names match
 * by any part, without regard to case, and a number after a platform counts its devices alone. */
bool circ_target_matches(const char *wanted, const char *backend, const struct circ_device *devices,
                         int index);

/* The devices of the named backends that -d asks for, all of them when wanted is empty. A backend
 * that is absent is one target that says so. A device that cannot be used is a target with its
 * reason when -d asks for it or the backend has no other; otherwise it is left out, which a warning
 * says. *targets is owned by the caller (free), also after a failure. USAGE names an unknown
 * backend or a device that nothing matches; MEMORY. */
CIRC_MUST_USE enum circ_status circ_target_find(const struct circ_names *backends,
                                                const struct circ_names *wanted,
                                                struct circ_target **targets, int *count,
                                                struct circ_error *err);

/* Whether the device is the host's processor itself, of which the host's counters and meters speak:
 * no GPU, and nothing that is emulated. */
bool circ_target_is_host(const struct circ_target *target);

/* Position of word among the valid ones, or USAGE with the nearest and all of them; what names the
 * axis. */
CIRC_MUST_USE enum circ_status circ_target_choose(const char *what, const char *word,
                                                  const char *const *valid, int count, int *index,
                                                  struct circ_error *err);

#endif
