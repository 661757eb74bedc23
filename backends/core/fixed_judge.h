/* What an answer in fixed point is held to: to circ_fixed_forward bit for bit, and through it to
 * the double oracle within what its roundings explain. */
#ifndef CIRC_CORE_FIXED_JUDGE_H
#define CIRC_CORE_FIXED_JUDGE_H

#include "backends/core/fixed.h"
#include "backends/core/judge.h"

/* Bound on the relative RMS error against the double oracle (judge.h says relative to what).
 *
 * Rounding to a word of f fraction bits errs by at most 2^-f / 2, uniformly, so by 2^-f / sqrt(12)
 * in the root mean square. Each layer has a few such roundings one behind the other: after each
 * stage of its transforms, of its weights, of the product, of its output; each is set beside the
 * root mean square of the numbers that it rounds, which the calibration knows, and a layer's noise
 * is the sum of the squares, with 2^-2(B-2) / 6 for the rounded roots of each stage. The layers
 * after it turn noise and signal alike, so the noises of all layers and of the input add up. A word
 * that saturates errs by what it lacks, taken to be one root mean square of its kind: the share of
 * a layer's words that saturated is added to its noise. The bound is four times the root of it all,
 * because the outputs may be few, or one, and signals with a mean have a few bins far above the
 * others. Measured on the networks here, errors are 0.5 to 2 times that root.
 *
 * A softmax turns an error of its input, in absolute terms, into as large a relative one, and at
 * most sqrt(2) times that with what its sum adds.
 *
 * It is 1/2 at most: an answer that knows nothing of the right one errs by 1 (all zero) or more, so
 * a wider bound would hold nobody. saturated [layers] is what circ_fixed_forward counted over a
 * batch; NULL: none. */
double circ_fixed_judge_bound(const struct circ_fixed *fixed, const int64_t *saturated, int batch);

/* Size of the outputs that errors are relative to, beside rms(want) and the oracle's scale: the
 * root mean square that the calibration saw, for which the words are made. 0 for a softmax. */
double circ_fixed_judge_scale(const struct circ_fixed *fixed);

/* A verdict on got [batch][outputs] against the double oracle, which becomes wrong, with the first
 * output that differs named, unless got equals want, of circ_fixed_forward, in every output. */
void circ_fixed_judge_equal(struct circ_verdict *verdict, const float *got, const float *want,
                            int64_t outputs, int batch);

#endif
