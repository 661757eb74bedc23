/* The judge: the one place where an answer is called right or wrong, used by tests and by the
 * runner before it times anything. */
#ifndef CIRC_CORE_JUDGE_H
#define CIRC_CORE_JUDGE_H

#include "backends/core/network.h"
#include "backends/core/oracle.h"

#define CIRC_JUDGE_GUARD 64 /* floats of guard zone before and after a guarded buffer */

struct circ_verdict {
    bool right;
    double rel_rms_error; /* rms(got - want) / size; NaN when got has NaN or inf */
    double max_error;     /* largest |got - want| / size */
    double bound;     /* what rel_rms_error was held to; max_error is held to 16 times as much */
    int64_t checked;  /* outputs compared */
    int64_t total;    /* outputs there are */
    char reason[256]; /* why it is wrong; empty when right */
};

/* Rounding bound for float32 on this network, relative RMS, u = 2^-24: the sum over its layers of
 *     FC, CONV  u (6 + 2 log2 k + sqrt(terms)) + 2 v, terms the length of the longest sum (q times
 *               taps for CIRCULANT, columns of the row otherwise), v that of the stored spectra
 *     pool avg  u (2 + sqrt(taps))
 *     LRN       u (4 + beta (3 + sqrt(size)))
 *     softmax   8 u
 *     others    0
 * and u for the input (Higham, "Accuracy and Stability of Numerical Algorithms", 2nd ed., sections
 * 2.8 and 24.1, statistical form).
 *
 * Spectra stored in F32 have v = 0: their rounding is among the 6. In BF16, v = 2^-8: rounding to
 * nearest moves a number by at most v of itself, uniformly, so by v / sqrt(3) in the root mean
 * square at most. The errors of different numbers know nothing of each other: over q blocks and all
 * bins they add up as the products themselves do, as a random walk, so an output's error stands to
 * the output as one number's error to that number, whatever q and k. 2 v are 3.5 such deviations,
 * because the outputs may be few, or one. Over significands as they occur in nature (evenly spread
 * logarithms) the deviation is v sqrt(2 ln 2 / 9) = 0.39 v: a fifth of what is allowed. */
double circ_judge_bound(const struct circ_network *net);

/* That sum for one layer alone, in units of u. */
double circ_judge_roundings(const struct circ_layer *layer);

/* Errors as they are counted; starts zeroed. */
struct circ_tally {
    double error2, want2, worst;
    int64_t count, bad;
};
void circ_judge_count(struct circ_tally *tally, float got, double want);

/* The verdict on what was counted; scale and bound as in circ_judge_compare. */
struct circ_verdict circ_judge_conclude(const struct circ_tally *tally, double scale, double bound);

/* Compares got[count] with want[count]. size, above, is the larger of rms(want) and scale; scale is
 * what circ_oracle_network says, and keeps an output that cancels to next to nothing from being
 * called wrong; 0 stands for unknown. A size below 2^-90 counts as that: a program may take numbers
 * below 2^-126 for zero, and sums of so many of them as a layer has stay far below it. */
struct circ_verdict circ_judge_compare(const float *got, const double *want, int64_t count,
                                       double scale, double bound);

/* Compares the selected outputs of got [batch][outputs] with want as circ_oracle_network wrote it.
 */
struct circ_verdict circ_judge_selection(const float *got, int64_t outputs, int batch,
                                         const struct circ_selection *selection, const double *want,
                                         double scale, double bound);

/* Guarded buffers: count floats between two guard zones, all poisoned with a signalling pattern
 * that no computation yields. NULL when memory is short. The pointer is 64-byte aligned. */
float *circ_judge_guarded_alloc(size_t count);
void circ_judge_guarded_free(float *buffer);
/* True if both zones are untouched. */
bool circ_judge_guards_intact(const float *buffer, size_t count);

#endif
