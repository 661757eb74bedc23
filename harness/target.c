/* Choosing backends and devices by what the user called them. */
#include "harness/target.h"

#include "backends/core/nearest.h"
#include "harness/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum circ_status unknown(const char *what, const char *word, const char *const *valid,
                                int count, struct circ_error *err)
{
    char list[256] = "";
    for (int i = 0; i < count; i++)
        snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s", i ? ", " : "", valid[i]);
    const char *nearest = circ_nearest_find(word, valid, count);
    return circ_status_fail(err, CIRC_USAGE, "unknown %s '%s'%s%s%s: valid are %s", what, word,
                            nearest ? ", did you mean '" : "", nearest ? nearest : "",
                            nearest ? "'?" : "", list);
}

enum circ_status circ_target_choose(const char *what, const char *word, const char *const *valid,
                                    int count, int *index, struct circ_error *err)
{
    for (*index = 0; *index < count; (*index)++)
        if (!strcmp(word, valid[*index]))
            return CIRC_OK;
    return unknown(what, word, valid, count, err);
}

/* A number, or a part of the device's name or of its platform's. */
static bool is_called(const char *wanted, int number, const char *name, const char *platform)
{
    char *end;
    long asked = strtol(wanted, &end, 10);
    if (*wanted && !*end)
        return asked == number;
    return strcasestr(name, wanted) || strcasestr(platform, wanted);
}

bool circ_target_matches(const char *wanted, const char *backend, const struct circ_device *devices,
                         int index)
{
    const struct circ_device *device = &devices[index];
    const char *colon = strchr(wanted, ':');
    char platform[sizeof device->platform];
    int before = 0; /* devices of this one's platform */
    if (colon && (size_t)(colon - wanted) == strlen(backend) &&
        !strncmp(wanted, backend, strlen(backend)))
        wanted = colon + 1;
    if (is_called(wanted, index, device->name, device->platform))
        return true;
    colon = strchr(wanted, ':');
    if (!colon || !*device->platform)
        return false;
    snprintf(platform, sizeof platform, "%.*s", (int)(colon - wanted), wanted);
    for (int i = 0; i < index; i++)
        before += !strcmp(devices[i].platform, device->platform);
    return strcasestr(device->platform, platform) && is_called(colon + 1, before, device->name, "");
}

/* Appends the devices of one backend; matched says which of the wanted names were of use. */
static enum circ_status add_backend(const struct circ_backend *backend,
                                    const struct circ_names *wanted, bool *matched,
                                    struct circ_target **targets, int *target_count,
                                    struct circ_error *err)
{
    struct circ_device devices[CIRC_MAX_DEVICES];
    struct circ_target target = {.backend = backend};
    int count = 0;
    enum circ_status status = backend->probe(devices, &count, &target.error);
    if (status == CIRC_USAGE) { /* the user's to mend, and nothing to keep as a result */
        *err = target.error;
        return status;
    }
    int room = status ? 1 : count;
    struct circ_target *grown = realloc(*targets, (size_t)(*target_count + room) * sizeof *grown);
    if (!grown)
        return circ_status_fail(err, CIRC_MEMORY, "no memory for the devices");
    *targets = grown;
    if (status) {
        target.status = status;
        snprintf(target.device.name, sizeof target.device.name, "none");
        target.device.threads = 1;
        grown[(*target_count)++] = target;
        return CIRC_OK;
    }
    bool any_usable = false;
    for (int i = 0; i < count; i++)
        any_usable |= !devices[i].status;
    for (int i = 0; i < count; i++) {
        target.device = devices[i];
        target.status = devices[i].status;
        if (target.status)
            circ_status_fail(&target.error, target.status, "%s: %s", devices[i].name,
                             devices[i].reason);
        bool take = !wanted->count && (!target.status || !any_usable);
        for (int w = 0; w < wanted->count; w++)
            if (circ_target_matches(wanted->items[w], backend->name, devices, i))
                take = matched[w] = true;
        if (take)
            grown[(*target_count)++] = target;
        else if (!wanted->count)
            circ_log_warn("%s device %s is left out: %s", backend->name, devices[i].name,
                          devices[i].reason);
    }
    return CIRC_OK;
}

bool circ_target_is_host(const struct circ_target *target)
{
    return target->device.device_kind == CIRC_DEVICE_CPU && target->device.kind == CIRC_MEASURED;
}

enum circ_status circ_target_find(const struct circ_names *backends,
                                  const struct circ_names *wanted, struct circ_target **targets,
                                  int *count, struct circ_error *err)
{
    int known;
    const struct circ_backend *const *list = circ_registry_list(&known);
    const char *names[16];
    for (int i = 0; i < known && i < 16; i++)
        names[i] = list[i]->name;
    *targets = NULL;
    *count = 0;
    bool *matched = calloc((size_t)wanted->count + 1, sizeof *matched);
    enum circ_status status = CIRC_OK;
    if (!matched)
        return circ_status_fail(err, CIRC_MEMORY, "no memory for the devices");
    for (int b = 0; b < backends->count && !status; b++) {
        int index;
        status = circ_target_choose("backend", backends->items[b], names, known, &index, err);
        if (!status)
            status = add_backend(list[index], wanted, matched, targets, count, err);
    }
    for (int w = 0; w < wanted->count && !status; w++)
        if (!matched[w])
            status = circ_status_fail(err, CIRC_USAGE,
                                      "no device matches '%s': `circbench devices` lists them",
                                      wanted->items[w]);
    free(matched);
    return status;
}
