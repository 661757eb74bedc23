/* Search over P, D and M. What a pipeline costs is estimate.c's. */
#include "backends/model/search.h"

#include <stdio.h>
#include <string.h>

#define AS_FAST 1.001 /* a thousandth of a modelled time means nothing */

/* Why a pipeline does not fit, as a part of a sentence; false if it does. */
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
    return most ? most : 1; /* nothing to do in a network without blocks */
}

static bool better(const struct circ_estimate *a, const struct circ_estimate *b)
{
    if (a->time_ns * AS_FAST < b->time_ns || b->time_ns * AS_FAST < a->time_ns)
        return a->time_ns < b->time_ns;
    if (a->energy_uj != b->energy_uj)
        return a->energy_uj < b->energy_uj;
    return a->multipliers < b->multipliers;
}

/* What keeps a pipeline beyond the chosen one from being it; useful: what it has more of is. */
static enum circ_status limit(const struct circ_estimate_case *about,
                              const struct circ_estimate *chosen, const struct circ_pipeline *more,
                              bool useful, char *why, size_t size, struct circ_error *err)
{
    struct circ_estimate e;
    if (!useful) {
        snprintf(why, size, "%s",
                 more->multiply > CIRC_PIPELINE_MOST_MULTIPLY ? "is more than one array has"
                                                              : "no block is large enough");
        return CIRC_OK;
    }
    enum circ_status status = circ_estimate_make(about, more, &e, err);
    if (!status && !exceeds(about, &e, why, size))
        snprintf(why, size, better(&e, chosen) ? "would be better" : "is no better");
    return status;
}

static enum circ_status explain(const struct circ_estimate_case *about,
                                struct circ_search_result *r, struct circ_error *err)
{
    struct circ_pipeline more[CIRC_SEARCH_LIMITS] = {r->pipeline, r->pipeline, r->pipeline};
    more[CIRC_SEARCH_PARALLEL].parallel *= 2;
    more[CIRC_SEARCH_DEPTH].depth++;
    more[CIRC_SEARCH_MULTIPLY].multiply *= 2;
    enum circ_status status = CIRC_OK;
    for (int i = 0; i < CIRC_SEARCH_LIMITS && !status; i++)
        status = limit(about, &r->estimate, &more[i],
                       more[i].parallel <= most_parallel(about->network) &&
                           more[i].depth <= circ_pipeline_most_depth(about->network) &&
                           more[i].multiply <= CIRC_PIPELINE_MOST_MULTIPLY,
                       r->limits[i], sizeof r->limits[i], err);
    return status;
}

enum circ_status circ_search_one(const struct circ_estimate_case *about,
                                 const struct circ_pipeline *pipeline,
                                 struct circ_search_result *result, struct circ_error *err)
{
    char why[96], text[48];
    int p = most_parallel(about->network), d = circ_pipeline_most_depth(about->network);
    memset(result, 0, sizeof *result);
    circ_pipeline_write(text, sizeof text, pipeline);
    if (pipeline->parallel > p || pipeline->depth > d)
        return circ_status_fail(err, CIRC_UNSUP,
                                "%s: %s has use for at most p%d d%d: P is at most half its "
                                "largest block, D the stages of that one's transform",
                                text, about->network->name, p, d);
    enum circ_status status = circ_estimate_make(about, pipeline, &result->estimate, err);
    if (status)
        return status;
    if (exceeds(about, &result->estimate, why, sizeof why))
        return circ_status_fail(err, CIRC_UNSUP,
                                "%s: %s %s: choose less, or leave the choice "
                                "to the search",
                                about->device->device, text, why);
    result->pipeline = *pipeline;
    result->tried = result->fitted = 1;
    return explain(about, result, err);
}

/* One more pipeline. first: what the smallest one lacks. */
static enum circ_status try_one(const struct circ_estimate_case *about,
                                const struct circ_pipeline *pipeline,
                                struct circ_search_result *result, char *first, size_t size,
                                struct circ_error *err)
{
    struct circ_estimate e;
    char why[96];
    enum circ_status status = circ_estimate_make(about, pipeline, &e, err);
    if (status)
        return status;
    bool fits = !exceeds(about, &e, why, sizeof why);
    if (!result->tried++ && !fits)
        snprintf(first, size, "%s", why);
    if (fits && (!result->fitted++ || better(&e, &result->estimate))) {
        result->pipeline = *pipeline;
        result->estimate = e;
    }
    return CIRC_OK;
}

enum circ_status circ_search_best(const struct circ_estimate_case *about,
                                  struct circ_search_result *result, struct circ_error *err)
{
    char first[96] = "";
    int most = most_parallel(about->network), deepest = circ_pipeline_most_depth(about->network);
    enum circ_status status = CIRC_OK;
    memset(result, 0, sizeof *result);
    for (int p = 1; p <= most; p *= 2)
        for (int d = 1; d <= deepest; d++)
            for (int m = 1; m <= CIRC_PIPELINE_MOST_MULTIPLY && !status; m *= 2)
                status = try_one(about, &(struct circ_pipeline){p, d, m, about->bits, 0}, result,
                                 first, sizeof first, err);
    if (!status && !result->fitted)
        status = circ_status_fail(err, CIRC_UNSUP,
                                  "%s on %s: no pipeline fits, even p1 d1 m1 %s: take a smaller "
                                  "network or fewer bits, or change the device's figures with "
                                  "--model-file",
                                  about->network->name, about->device->device, first);
    return status ? status : explain(about, result, err);
}
