/* Comparison of answers with the oracle, rounding bounds, guarded buffers. */
#include "backends/core/judge.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Largest error of a single output over the RMS bound: a Gaussian tail over 10^9 outputs stays
 * below 7; networks with ReLU and max have heavier ones. */
#define SMALLEST_SIZE    0x1p-90 /* see judge.h */
#define MAX_ERROR_FACTOR 16.0

#define POISON 0x7fa0c1ccu /* a signalling NaN with a payload that no instruction produces */

/* Of numbers stored in few bits: see circ_judge_bound. */
static double storage_bound(enum circ_precision precision)
{
    return precision == CIRC_BF16 ? 2 * 0x1p-8 / 0x1p-24 : 0;
}

static double weighted_bound(const struct circ_layer *layer)
{
    int m, n, p, q;
    circ_network_matrix(layer, &m, &n);
    circ_network_blocks(layer, &p, &q);
    double taps =
        (double)(circ_network_matrices(layer) / (layer->op == CIRC_OP_CONV ? layer->groups : 1));
    double terms = layer->structure == CIRC_CIRCULANT ? q * taps : n * taps;
    return 6 + 2 * log2(layer->block) + sqrt(terms) + storage_bound(layer->precision);
}

double circ_judge_roundings(const struct circ_layer *layer)
{
    switch (layer->op) {
    case CIRC_OP_FC:
    case CIRC_OP_CONV:
        return weighted_bound(layer);
    case CIRC_OP_POOL_AVG: /* signed values cancel in the mean, the roundings of their sum do not */
        return 2 + sqrt((double)layer->taps_h * layer->taps_w);
    case CIRC_OP_LRN: /* the power multiplies the error of its base by beta */
        return 4 + layer->lrn_beta * (3 + sqrt(layer->lrn_size));
    case CIRC_OP_SOFTMAX: /* summed in double; the exponential and the division remain */
        return 8;
    case CIRC_OP_POOL_MAX:
    case CIRC_OP_RELU:
    case CIRC_OP_FLATTEN:
        return 0; /* they select */
    }
    return 0;
}

double circ_judge_bound(const struct circ_network *net)
{
    double roundings = 1;
    for (int i = 0; i < net->layer_count; i++)
        roundings += circ_judge_roundings(&net->layers[i]);
    return roundings * 0x1p-24;
}

void circ_judge_count(struct circ_tally *tally, float got, double want)
{
    double error = fabs((double)got - want);
    tally->count++;
    if (!isfinite(got)) {
        tally->bad++;
        return;
    }
    tally->error2 += error * error;
    tally->want2 += want * want;
    tally->worst = error > tally->worst ? error : tally->worst;
}

struct circ_verdict circ_judge_conclude(const struct circ_tally *tally, double scale, double bound)
{
    struct circ_verdict verdict = {.bound = bound, .checked = tally->count, .total = tally->count};
    double count = (double)(tally->count ? tally->count : 1);
    double rms = sqrt(tally->want2 / count), size = rms > scale ? rms : scale;
    if (!tally->count) {
        verdict.rel_rms_error = verdict.max_error = NAN;
        snprintf(verdict.reason, sizeof verdict.reason, "no output was compared");
    } else if (tally->bad) {
        verdict.rel_rms_error = verdict.max_error = NAN;
        snprintf(verdict.reason, sizeof verdict.reason, "%lld of %lld outputs are NaN or infinite",
                 (long long)tally->bad, (long long)tally->count);
    } else if (size == 0) {
        /* nothing to be relative to: only exact zeros are right */
        verdict.right = tally->error2 == 0;
        verdict.rel_rms_error = verdict.max_error = verdict.right ? 0 : INFINITY;
        if (!verdict.right)
            snprintf(verdict.reason, sizeof verdict.reason, "outputs differ from zero");
    } else {
        size = size > SMALLEST_SIZE ? size : SMALLEST_SIZE;
        verdict.rel_rms_error = sqrt(tally->error2 / count) / size;
        verdict.max_error = tally->worst / size;
        verdict.right =
            verdict.rel_rms_error <= bound && verdict.max_error <= MAX_ERROR_FACTOR * bound;
        if (!verdict.right)
            snprintf(
                verdict.reason, sizeof verdict.reason,
                "relative RMS error %.3g (bound %.3g), largest error %.3g of the RMS (bound %.3g)",
                verdict.rel_rms_error, bound, verdict.max_error, MAX_ERROR_FACTOR * bound);
    }
    return verdict;
}

struct circ_verdict circ_judge_compare(const float *got, const double *want, int64_t count,
                                       double scale, double bound)
{
    struct circ_tally tally = {0};
    for (int64_t i = 0; i < count; i++)
        circ_judge_count(&tally, got[i], want[i]);
    return circ_judge_conclude(&tally, scale, bound);
}

struct circ_verdict circ_judge_selection(const float *got, int64_t outputs, int batch,
                                         const struct circ_selection *selection, const double *want,
                                         double scale, double bound)
{
    struct circ_tally tally = {0};
    int64_t per_frame = selection->output_count ? selection->output_count : outputs;
    for (int f = 0; f < selection->frame_count; f++) {
        const float *frame = got + selection->frames[f] * outputs;
        for (int64_t i = 0; i < per_frame; i++)
            circ_judge_count(&tally, frame[selection->output_count ? selection->outputs[i] : i],
                             want[f * per_frame + i]);
    }
    int64_t bad = 0; /* NaN and infinity are looked for everywhere */
    for (int64_t i = 0; i < outputs * batch; i++)
        bad += !isfinite(got[i]);
    if (bad > tally.bad)
        tally.bad = bad;
    struct circ_verdict verdict = circ_judge_conclude(&tally, scale, bound);
    verdict.total = outputs * batch;
    return verdict;
}

float *circ_judge_guarded_alloc(size_t count)
{
    const uint32_t poison = POISON;
    size_t whole = count + 2 * CIRC_JUDGE_GUARD;
    if (whole < count || whole > (SIZE_MAX - 63) / sizeof(float))
        return NULL;
    float *block = aligned_alloc(64, (whole * sizeof(float) + 63) / 64 * 64);
    if (!block)
        return NULL;
    for (size_t i = 0; i < whole; i++)
        memcpy(block + i, &poison, sizeof poison);
    return block + CIRC_JUDGE_GUARD;
}

void circ_judge_guarded_free(float *buffer)
{
    if (buffer)
        free(buffer - CIRC_JUDGE_GUARD);
}

bool circ_judge_guards_intact(const float *buffer, size_t count)
{
    const uint32_t poison = POISON;
    uint32_t damage = 0;
    for (size_t i = 0; i < CIRC_JUDGE_GUARD; i++) {
        uint32_t before, after;
        memcpy(&before, buffer - CIRC_JUDGE_GUARD + i, sizeof before);
        memcpy(&after, buffer + count + i, sizeof after);
        damage |= (before ^ poison) | (after ^ poison);
    }
    return !damage;
}
