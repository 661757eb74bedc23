/* Sessions and keys of devices, one each a target. It runs nothing on them. */
#include "harness/opened.h"

#include <stdlib.h>

enum circ_status circ_opened_begin(struct circ_opened *opened, struct circ_sweep *sweep,
                                   struct circ_store *store, const struct circ_host *host,
                                   struct circ_error *err)
{
    size_t targets = (size_t)sweep->target_count;
    *opened = (struct circ_opened){.sweep = sweep,
                                   .store = store,
                                   .sessions = calloc(targets, sizeof *opened->sessions),
                                   .keys = calloc(targets, sizeof *opened->keys)};
    if (!opened->sessions || !opened->keys)
        return circ_status_fail(err, CIRC_MEMORY, "no memory for %zu devices", targets);
    return circ_store_host(store, host->facts, host->fact_count, opened->host_key, err);
}

void circ_opened_end(struct circ_opened *opened)
{
    for (int t = 0; opened->sessions && t < opened->sweep->target_count; t++)
        if (opened->sessions[t])
            opened->sweep->targets[t].backend->close(opened->sessions[t]);
    free(opened->sessions);
    free(opened->keys);
    opened->sessions = NULL;
    opened->keys = NULL;
}

static int target_index(const struct circ_opened *opened, const struct circ_planned *planned)
{
    return (int)(planned->target - opened->sweep->targets);
}

struct circ_session *circ_opened_session(struct circ_opened *opened,
                                         const struct circ_planned *planned)
{
    int t = target_index(opened, planned);
    struct circ_target *target = &opened->sweep->targets[t];
    if (!opened->sessions[t] && !target->status) /* one that does not open says so in every row */
        target->status =
            target->backend->open(target->device.name, &opened->sessions[t], &target->error);
    return opened->sessions[t];
}

enum circ_status circ_opened_key(struct circ_opened *opened, const struct circ_planned *planned,
                                 const char **key, struct circ_error *err)
{
    int t = target_index(opened, planned);
    const struct circ_device *device = &planned->target->device;
    *key = opened->keys[t];
    if (**key)
        return CIRC_OK;
    return circ_store_device(
        opened->store, opened->host_key,
        &(struct circ_device_row){planned->point.backend, device->name, device->description,
                                  circ_backend_device_kind_name(device->device_kind),
                                  device->memory_bytes},
        opened->keys[t], err);
}
