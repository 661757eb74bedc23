/* Finding and measuring ceilings. What is computed from them is roof.c's affair. */
#include "harness/limits.h"

#include "harness/meters/clock.h"
#include "harness/log.h"
#include "harness/roof.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_TURNS 2 /* measurements in one command: a third would say the same */

const char *circ_limits_isa(const struct circ_backend *backend, const char *isa)
{
    const char *names[CIRC_MAX_VARIANTS];
    if (isa && *isa)
        return isa;
    return backend->isas(names) ? names[0] : "";
}

static struct circ_limit *find(const struct circ_limits *limits, const struct circ_target *target,
                               const char *isa, int threads)
{
    const char *row = circ_limits_isa(target->backend, isa);
    for (int i = 0; i < limits->count; i++) {
        struct circ_limit *limit = &limits->items[i];
        if (limit->target == target && limit->threads == threads && !strcmp(limit->isa, row))
            return limit;
    }
    return NULL;
}

const struct circ_limit *circ_limits_find(const struct circ_limits *limits,
                                          const struct circ_target *target, const char *isa,
                                          int threads)
{
    return find(limits, target, isa, threads);
}

static enum circ_status measure(struct circ_limit *limit, const struct circ_limits_place *place,
                                struct circ_error *err)
{
    const struct circ_backend *backend = limit->target->backend;
    if (!place->quiet)
        circ_log_note("measuring the ceilings of %s, %d thread%s%s", limit->isa, limit->threads,
                      limit->threads == 1 ? "" : "s", limit->turns ? ", again" : "");
    limit->turns++;
    enum circ_status status = backend->ceilings(place->session, limit->isa, limit->threads,
                                                limit->ceilings, &limit->count, err);
    if (status) {
        /* what a device does not offer, the rows of a sweep say themselves */
        if (status != CIRC_UNSUP || place->again)
            circ_log_warn("%s, so there is no roof to compare with", err->message);
        limit->count = 0;
        return CIRC_OK;
    }
    for (int i = 0; i < limit->count; i++) {
        struct circ_ceiling *ceiling = &limit->ceilings[i];
        if (ceiling->bytes)
            snprintf(ceiling->level, sizeof ceiling->level, "%s",
                     circ_roof_level(&place->host->caches, ceiling->bytes, limit->threads));
    }
    status = circ_store_ceilings_add(place->store, place->device_key, limit->isa, limit->threads,
                                     limit->ceilings, limit->count, circ_clock_epoch_ns(), err);
    return status ? status
                  : circ_store_ceilings_best(place->store, place->device_key, limit->isa,
                                             limit->threads, limit->ceilings, &limit->count, err);
}

enum circ_status circ_limits_add(struct circ_limits *limits, const struct circ_target *target,
                                 const char *isa, int threads,
                                 const struct circ_limits_place *place, struct circ_error *err)
{
    struct circ_limit *limit = find(limits, target, isa, threads);
    if (limit)
        return place->again && limit->turns < MOST_TURNS ? measure(limit, place, err) : CIRC_OK;
    struct circ_limit *grown = realloc(limits->items, (size_t)(limits->count + 1) * sizeof *grown);
    if (!grown)
        return circ_status_fail(err, CIRC_MEMORY, "no memory for the ceilings");
    limits->items = grown;
    limit = &grown[limits->count++];
    *limit = (struct circ_limit){
        .target = target, .isa = circ_limits_isa(target->backend, isa), .threads = threads};
    enum circ_status status = circ_store_ceilings_best(
        place->store, place->device_key, limit->isa, threads, limit->ceilings, &limit->count, err);
    return status || (limit->count && !place->again) ? status : measure(limit, place, err);
}

void circ_limits_free(struct circ_limits *limits)
{
    free(limits->items);
    *limits = (struct circ_limits){0};
}
