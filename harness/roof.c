/* The arithmetic of roofs. Where the ceilings come from is limits.c's affair. */
#include "harness/roof.h"

#include <math.h>
#include <string.h>

static const char *const bounds[] = {"flop", "L1", "L2", "L3", "dram", "memory"};
enum { BOUNDS = sizeof bounds / sizeof *bounds };

double circ_roof_bandwidth(const struct circ_ceiling *ceilings, int count, int64_t bytes)
{
    const struct circ_ceiling *below = NULL, *above = NULL;
    for (int i = 0; i < count; i++) {
        if (strcmp(ceilings[i].metric, "read"))
            continue;
        if (ceilings[i].bytes <= bytes)
            below = &ceilings[i];
        else if (!above)
            above = &ceilings[i];
    }
    if (!below || !above)
        return below ? below->value : above ? above->value : NAN;
    double at = log((double)bytes / (double)below->bytes);
    double share = at / log((double)above->bytes / (double)below->bytes);
    return below->value + share * (above->value - below->value);
}

const char *circ_roof_level(const struct circ_caches *caches, int64_t bytes, int threads)
{
    if (!caches->l1 && !caches->l2 && !caches->l3)
        return "memory";
    return bytes / threads <= caches->l1   ? "L1"
           : bytes / threads <= caches->l2 ? "L2"
           : bytes <= caches->l3           ? "L3"
                                           : "dram";
}

static double peak_of(const struct circ_roof_case *point)
{
    for (int i = 0; i < point->count; i++)
        if (!strcmp(point->ceilings[i].metric, "fma_f32"))
            return point->ceilings[i].value;
    return NAN;
}

/* Input and output of a layer; in training their gradients too. */
static int64_t activation_bytes(const struct circ_layer *layer, int batch, bool train)
{
    int64_t elements = circ_network_elements(layer->in) + circ_network_elements(layer->out);
    return (int64_t)sizeof(float) * elements * batch * (train ? 2 : 1);
}

static double moving_ns(const struct circ_roof_case *point, int64_t bytes, int64_t working_set)
{
    return (double)bytes / circ_roof_bandwidth(point->ceilings, point->count, working_set);
}

struct circ_roof circ_roof_of(const struct circ_roof_case *point)
{
    struct circ_roof roof = {.bound = ""};
    double shares[BOUNDS] = {0}, peak = peak_of(point);
    for (int i = 0; i < point->network->layer_count; i++) {
        const struct circ_layer *layer = &point->network->layers[i];
        if (!circ_network_has_weights(layer))
            continue;
        struct circ_counts counts = point->train
                                        ? circ_network_layer_training_counts(layer, point->batch)
                                        : circ_network_layer_counts(layer);
        /* weights are updated where they lie: moved twice, they take their room once */
        int64_t working_set =
            counts.weight_bytes + activation_bytes(layer, point->batch, point->train);
        int64_t bytes = working_set + (point->train ? counts.weight_bytes : 0);
        double computing = (double)counts.flop_roof * point->batch / peak;
        double moving = moving_ns(point, bytes, working_set);
        double cold = point->cold ? moving_ns(point, counts.weight_bytes, INT64_MAX) : 0;
        if (cold > moving) {
            moving = cold;
            working_set = INT64_MAX;
        }
        const char *bound = computing >= moving
                                ? "flop"
                                : circ_roof_level(point->caches, working_set, point->threads);
        double time = computing >= moving ? computing : moving;
        for (int b = 0; b < BOUNDS; b++)
            shares[b] += strcmp(bound, bounds[b]) ? 0 : time;
        roof.flop += counts.flop_roof;
        roof.bytes += bytes;
        roof.time_ns += isnan(computing) ? computing : time;
    }
    if (!(roof.time_ns > 0)) {
        roof.time_ns = NAN;
        return roof;
    }
    int largest = 0;
    for (int b = 1; b < BOUNDS; b++)
        largest = shares[b] > shares[largest] ? b : largest;
    roof.bound = bounds[largest];
    return roof;
}

bool circ_roof_is_broken(double roof_time_ns, double time_ns)
{
    return roof_time_ns > CIRC_ROOF_EXCESS * time_ns;
}
