/* Bounds and equality of answers in fixed point. */
#include "backends/core/fixed_judge.h"

#include <math.h>
#include <stdio.h>

#define SAFETY 4.0 /* see fixed_judge.h */
#define WIDEST 0.5

double circ_fixed_judge_bound(const struct circ_fixed *fixed, const int64_t *saturated, int batch)
{
    const struct circ_network *net = fixed->network;
    int layers = circ_fixed_layers(net);
    double noise = fixed->noise;
    for (int i = 0; i < layers; i++) {
        double words = (double)circ_network_elements(net->layers[i].out) * batch;
        noise += fixed->layers[i].noise + (saturated ? (double)saturated[i] / words : 0);
    }
    double bound = SAFETY * sqrt(noise);
    if (layers < net->layer_count && layers)
        bound *= sqrt(2) * fixed->layers[layers - 1].rms;
    bound += 8 * 0x1p-24; /* of the floats at the end */
    return bound < WIDEST ? bound : WIDEST;
}

double circ_fixed_judge_scale(const struct circ_fixed *fixed)
{
    int count = fixed->network->layer_count;
    return count ? fixed->layers[count - 1].rms : 0;
}

void circ_fixed_judge_equal(struct circ_verdict *verdict, const float *got, const float *want,
                            int64_t outputs, int batch)
{
    int64_t first = -1, differ = 0;
    for (int64_t i = 0; i < outputs * batch; i++)
        if (!(got[i] == want[i])) {
            first = differ++ ? first : i;
        }
    verdict->checked = verdict->total = outputs * batch;
    if (!differ && !verdict->right && isfinite(verdict->rel_rms_error))
        snprintf(verdict->reason, sizeof verdict->reason,
                 "exact in fixed point, but words of so few bits lose too much here: relative RMS "
                 "error %.3g (bound %.3g)",
                 verdict->rel_rms_error, verdict->bound);
    if (!differ)
        return;
    verdict->right = false;
    snprintf(verdict->reason, sizeof verdict->reason,
             "%lld of %lld outputs differ from the reference in fixed point, which is exact: frame "
             "%lld, output %lld is %.9g and must be %.9g",
             (long long)differ, (long long)verdict->total, (long long)(first / outputs),
             (long long)(first % outputs), (double)got[first], (double)want[first]);
}
