/* What the stages of a pipeline do for a layer, by formulas. It runs nothing. */
#include "backends/core/pipeline.h"

#include "backends/core/geometry.h"

#include <stdio.h>

const char *circ_pipeline_stage_name(enum circ_pipeline_stage stage)
{
    static const char *const names[] = {"load", "transform", "multiply", "inverse", "store"};
    return names[stage];
}

/* Merges a layer into the step before it; false if the step has no place for it. */
static bool merge(struct circ_pipeline_step *step, const struct circ_layer *layer, int index)
{
    switch (layer->op) {
    case CIRC_OP_POOL_MAX:
    case CIRC_OP_POOL_AVG:
        if (step->pool >= 0)
            return false;
        step->pool = index;
        break;
    case CIRC_OP_RELU:
        *(step->pool < 0 ? &step->relu_before : &step->relu_after) = true;
        break;
    case CIRC_OP_FLATTEN:
        break;
    default:
        return false;
    }
    step->last = index;
    return true;
}

enum circ_status circ_pipeline_plan(const struct circ_network *network,
                                    struct circ_pipeline_step *steps, int *count,
                                    struct circ_error *err)
{
    *count = 0;
    for (int i = 0; i < network->layer_count; i++) {
        const struct circ_layer *layer = &network->layers[i];
        if (circ_network_has_weights(layer)) {
            steps[(*count)++] = (struct circ_pipeline_step){.layer = i, .last = i, .pool = -1};
            continue;
        }
        bool aside = layer->op == CIRC_OP_SOFTMAX ? *count && i == network->layer_count - 1
                                                  : layer->op == CIRC_OP_FLATTEN && !*count;
        if (aside || (*count && merge(&steps[*count - 1], layer, i)))
            continue;
        return circ_status_fail(
            err, CIRC_UNSUP,
            "%s, layer %d (%s): the pipeline has no place for it: after each layer with weights "
            "come ReLU, one pooling, ReLU and flattening, and a softmax at the very end",
            network->name, i + 1, circ_network_op_name(layer->op));
    }
    return *count ? CIRC_OK
                  : circ_status_fail(err, CIRC_UNSUP,
                                     "%s has no layer with weights: there is "
                                     "nothing for a pipeline to multiply",
                                     network->name);
}

static int largest_block(const struct circ_network *network)
{
    int largest = 1;
    for (int i = 0; i < network->layer_count; i++)
        if (circ_network_has_weights(&network->layers[i]) && network->layers[i].block > largest)
            largest = network->layers[i].block;
    return largest;
}

int circ_pipeline_most_parallel(const struct circ_network *network)
{
    int k = largest_block(network);
    return k / 2;
}

int circ_pipeline_most_depth(const struct circ_network *network)
{
    int depth = 0;
    for (int k = largest_block(network); k > 1; k /= 2)
        depth++;
    return depth ? depth : 1;
}

int circ_pipeline_usual_multiply(int parallel)
{
    return 2 * parallel < CIRC_PIPELINE_MOST_MULTIPLY ? 2 * parallel : CIRC_PIPELINE_MOST_MULTIPLY;
}

static bool power_of_two(int number)
{
    return number > 0 && (number & (number - 1)) == 0;
}

bool circ_pipeline_read(const char *text, struct circ_pipeline *pipeline)
{
    int used = 0, p = 0, d = 0, m = 0;
    if (sscanf(text, "p%5d d%5d%n", &p, &d, &used) != 2)
        return false;
    if (!text[used])
        m = circ_pipeline_usual_multiply(p);
    else if (sscanf(text, "p%5d d%5d m%5d%n", &p, &d, &m, &used) != 3 || text[used])
        return false;
    pipeline->parallel = p;
    pipeline->depth = d;
    pipeline->multiply = m;
    return power_of_two(p) && d > 0 && power_of_two(m) && m <= CIRC_PIPELINE_MOST_MULTIPLY;
}

void circ_pipeline_write(char *text, size_t size, const struct circ_pipeline *pipeline)
{
    snprintf(text, size, "p%d d%d m%d", pipeline->parallel, pipeline->depth, pipeline->multiply);
}

int64_t circ_pipeline_weight_words(const struct circ_layer *layer)
{
    struct circ_geometry g = circ_geometry_of(layer);
    return (int64_t)g.groups * g.taps * g.p * g.q * g.k;
}

int64_t circ_pipeline_spectra_words(const struct circ_layer *layer)
{
    struct circ_geometry g = circ_geometry_of(layer);
    return (int64_t)g.groups * g.q * g.k * g.in_pixels;
}

static int64_t transform_butterflies(int k)
{
    int n = k / 2, log = 0;
    if (k == 1)
        return 0;
    while (n >> (log + 1))
        log++;
    return (int64_t)log * (n / 2) + n / 2 + 1;
}

/* Pairs of an output row (or column) and a tap that lie on an input row: not in the padding. */
static int64_t inside(int outputs, int taps, int inputs, int stride, int pad)
{
    int64_t pairs = 0;
    for (int tap = 0; tap < taps; tap++) {
        int64_t skip = pad - tap; /* first row wanted: the least y with y stride >= skip */
        int64_t first = skip > 0 ? (skip + stride - 1) / stride : 0;
        int64_t end = inputs - 1 + skip < 0 ? 0 : (inputs - 1 + skip) / stride + 1;
        end = end > outputs ? outputs : end;
        pairs += end > first ? end - first : 0;
    }
    return pairs;
}

struct circ_pipeline_counts circ_pipeline_count(const struct circ_network *network,
                                                const struct circ_pipeline_step *step,
                                                const struct circ_pipeline *pipeline)
{
    const struct circ_layer *layer = &network->layers[step->layer];
    struct circ_geometry g = circ_geometry_of(layer);
    int64_t in = (int64_t)g.groups * g.q * g.in_pixels, pairs = 1; /* blocks; pixels x taps */
    int64_t out = (int64_t)g.groups * g.p * g.out_pixels;
    if (layer->op == CIRC_OP_CONV)
        pairs = inside(layer->out.h, layer->taps_h, layer->in.h, layer->stride, layer->pad) *
                inside(layer->out.w, layer->taps_w, layer->in.w, layer->stride, layer->pad);
    int64_t weights = circ_pipeline_weight_words(layer);
    bool stay = weights <= pipeline->onchip_words;
    return (struct circ_pipeline_counts){
        .butterflies = {in * transform_butterflies(g.k), out * transform_butterflies(g.k)},
        .multiplies = pairs * g.groups * g.p * g.q * (g.k == 1 ? 1 : g.k / 2),
        .words = {in * g.k, in * g.k, out * g.k, out * g.k},
        .resident_words = stay ? weights : 0,
        .streamed_words = stay ? 0 : weights,
        .read_words = circ_network_elements(layer->in),
        .written_words = circ_network_elements(network->layers[step->last].out),
    };
}
