/* Search over P and D. What a pair costs is estimate.c's. */
#include "backends/model/search.h"

#include <stdio.h>
#include <string.h>

#define LARGEST_PARALLEL                                                                           \
    4096              /* of networks that no block limits: more than any device multiplies */
#define AS_FAST 1.001 /* a thousandth of a modelled time means nothing */

/* Why a pair does not fit, as a part of a sentence; false if it does. */
static bool exceeds(const struct circ_estimate_case *about, const struct circ_estimate *e,
                    char *why, size_t size)
{
    const struct circ_figure *figures = about->device->figures;
    double memory = figures[CIRC_FIGURE_ONCHIP_MEMORY].value;
    double budget = figures[CIRC_FIGURE_POWER_BUDGET].value;
    if (e->multipliers > e->multipliers_there)
        snprintf(why, size, "needs %.0f multipliers of %.0f", e->multipliers, e->multipliers_there);
    else if (e->buffer_bits > memory)
        snprintf(why, size, "needs %.3g Mbit on chip of %.3g", e->buffer_bits / 1e6, memory / 1e6);
    else if (e->power_w > budget)
        snprintf(why, size, "takes %.3g W of %.3g", e->power_w, budget);
    else
        return false;
    return true;
}

static int most_parallel(const struct circ_network *network)
{
    int most = circ_pipeline_most_parallel(network);
    return most ? most : LARGEST_PARALLEL;
}

static bool better(const struct circ_estimate *a, const struct circ_estimate *b)
{
    if (a->time_ns * AS_FAST < b->time_ns || b->time_ns * AS_FAST < a->time_ns)
        return a->time_ns < b->time_ns;
    if (a->energy_uj != b->energy_uj)
        return a->energy_uj < b->energy_uj;
    return a->multipliers < b->multipliers;
}

/* What keeps a pair beyond the chosen one from being it. */
static enum circ_status limit(const struct circ_estimate_case *about,
                              const struct circ_estimate *chosen, int parallel, int depth,
                              bool useful, char *why, size_t size, struct circ_error *err)
{
    struct circ_estimate e;
    if (!useful) {
        snprintf(why, size, "no block is large enough");
        return CIRC_OK;
    }
    enum circ_status status = circ_estimate_make(about, parallel, depth, &e, err);
    if (!status && !exceeds(about, &e, why, size))
        snprintf(why, size, better(&e, chosen) ? "would be better" : "is no better");
    return status;
}

static enum circ_status explain(const struct circ_estimate_case *about,
                                struct circ_search_result *r, struct circ_error *err)
{
    int p = r->parallel, d = r->depth;
    enum circ_status status =
        limit(about, &r->estimate, 2 * p, d, 2 * p <= most_parallel(about->network),
              r->parallel_limit, sizeof r->parallel_limit, err);
    return status ? status
                  : limit(about, &r->estimate, p, d + 1,
                          d + 1 <= circ_pipeline_most_depth(about->network), r->depth_limit,
                          sizeof r->depth_limit, err);
}

enum circ_status circ_search_one(const struct circ_estimate_case *about, int parallel, int depth,
                                 struct circ_search_result *result, struct circ_error *err)
{
    char why[96];
    int p = most_parallel(about->network), d = circ_pipeline_most_depth(about->network);
    memset(result, 0, sizeof *result);
    if (parallel > p || depth > d)
        return circ_status_fail(err, CIRC_UNSUP,
                                "p%d d%d: %s has use for at most p%d d%d: P is at most half the "
                                "complex length of its largest block, D its stages",
                                parallel, depth, about->network->name, p, d);
    enum circ_status status = circ_estimate_make(about, parallel, depth, &result->estimate, err);
    if (status)
        return status;
    if (exceeds(about, &result->estimate, why, sizeof why))
        return circ_status_fail(err, CIRC_UNSUP,
                                "%s: p%d d%d %s: choose less, or leave the choice "
                                "to the search",
                                about->device->device, parallel, depth, why);
    result->parallel = parallel;
    result->depth = depth;
    result->tried = result->fitted = 1;
    return explain(about, result, err);
}

enum circ_status circ_search_best(const struct circ_estimate_case *about,
                                  struct circ_search_result *result, struct circ_error *err)
{
    char why[96], first[96] = "";
    int most = most_parallel(about->network), deepest = circ_pipeline_most_depth(about->network);
    memset(result, 0, sizeof *result);
    for (int p = 1; p <= most; p *= 2)
        for (int d = 1; d <= deepest; d++) {
            struct circ_estimate e;
            enum circ_status status = circ_estimate_make(about, p, d, &e, err);
            if (status)
                return status;
            result->tried++;
            if (exceeds(about, &e, why, sizeof why)) {
                if (!*first) /* the smallest pair: what even that one lacks */
                    snprintf(first, sizeof first, "%s", why);
                continue;
            }
            if (!result->fitted++ || better(&e, &result->estimate)) {
                result->parallel = p;
                result->depth = d;
                result->estimate = e;
            }
        }
    if (!result->fitted)
        return circ_status_fail(err, CIRC_UNSUP,
                                "%s on %s: no pipeline fits, even p1 d1 %s: take a smaller network "
                                "or fewer bits, or change the device's figures with --model-file",
                                about->network->name, about->device->device, first);
    return explain(about, result, err);
}
