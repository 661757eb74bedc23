/* Networks in fixed point: how a float model becomes words, and what a pipeline makes of them. The
 * reference for backends/fpga, which equals it bit for bit, and `ref` with precision q16, q12, q8.
 *
 * A word has B = 16, 12 or 8 bits, saturates, and stands for word 2^-fraction. A layer with
 * weights, round as fixed_fft.h has it:
 *     x   words of in_fraction
 *     X   = forward transform of each block of each input pixel, with shifts of its own
 *     W   spectra of the weights in words: transformed in double, then rounded to nearest
 *     A   = sum over taps and block columns of W o X, exact (64 bits suffice); padding adds nothing
 *     Y   = round(A, product)
 *     s   = inverse transform of each block of each output pixel
 *     y   = round(s + bias, last), words of out_fraction; bias is in the scale of s
 *
 * k = 1 (dense): no transforms, one real product. ReLU, max pooling and flattening work on words;
 * average pooling is round(sum R, shift) over the pixels inside (circ_fixed_reciprocal). A softmax
 * at the end is computed in float from the words. LRN is UNSUP.
 *
 * Calibration: fractions and shifts are powers of two chosen once, from a run of the same network
 * in double over calibration frames: each is the least that keeps the largest magnitude seen, times
 * CIRC_FIXED_MARGIN, within a word. Without frames of the user's own they are seeded ones of the
 * kind that the harness feeds. What is larger than anything seen saturates. fixed_calibrate.h has
 * the rest. */
#ifndef CIRC_CORE_FIXED_H
#define CIRC_CORE_FIXED_H

#include "backends/core/fixed_fft.h"
#include "backends/core/weights.h"

#define CIRC_FIXED_MARGIN 1.25
#define CIRC_FIXED_FRAMES 16 /* of a calibration without frames of the user's own, at most */

/* An FC or CONV layer in words. */
struct circ_fixed_layer {
    int in_fraction, out_fraction;
    int forward[CIRC_FIXED_MAX_STAGES], inverse[CIRC_FIXED_MAX_STAGES]; /* shifts of the stages */
    int product, last;
    int16_t *weights; /* owned: [group][tap][p][q][k], spectra as slots */
    int32_t *bias;    /* owned: [channels of the output], or NULL; magnitudes below 2^30 */
    double sqnr_db;   /* 10 log10 (signal / noise) of y over the calibration frames: signal is the
                         run in double, noise what the words' run differs by, all layers up to this
                         one in words. Infinite without noise */
    /* of any layer, weights or not: what its own roundings are expected to add (fixed_judge.h), and
     * the root mean square of its output in the run in double */
    double noise, rms;
};

struct circ_fixed {
    const struct circ_network *network; /* borrowed */
    int bits;
    int in_fraction;                                 /* of the network's input */
    double noise;                                    /* of rounding that input */
    struct circ_fixed_layer layers[CIRC_MAX_LAYERS]; /* without weights: noise and rms alone */
    struct circ_fixed_fft *plans[CIRC_MAX_LAYERS]; /* owned, one a layer with weights, else NULL */
};

/* UNSUP with a sentence for what has no fixed-point form: a block that is no power of two, PRUNED
 * weights, LRN, a softmax that is not the last layer. Allocates nothing. */
CIRC_MUST_USE enum circ_status circ_fixed_supports(const struct circ_network *network,
                                                   struct circ_error *err);

/* Calibrates and quantises to words of so many bits (8, 12, 16). frames [count][C][H][W], or NULL
 * for the seeded ones. UNSUP as above, and for numbers that are not finite; MEMORY. The network
 * must outlive it; the model need not. Equal arguments give equal words. */
CIRC_MUST_USE enum circ_status circ_fixed_create(struct circ_fixed **fixed,
                                                 const struct circ_model *model, int bits,
                                                 const float *frames, int count,
                                                 struct circ_error *err);
void circ_fixed_free(struct circ_fixed *fixed); /* NULL allowed */

/* Bytes that create (on seeded frames), fixed and forward take together, at most. */
int64_t circ_fixed_footprint(const struct circ_network *network);

/* One number as a word: to nearest, half up, saturating; NaN is 0. */
int32_t circ_fixed_word(double value, int fraction, int bits);

/* R and shift of a mean over so many pixels, 2^l of them or more: R = round(2^(15+l) / pixels),
 * between 2^14 and 2^15, shift = 15 + l. */
int32_t circ_fixed_reciprocal(int pixels, int *shift);

/* Layers that run in words, from the first: all but a softmax at the end. */
int circ_fixed_layers(const struct circ_network *network);

/* One layer on the words of one frame, channels first; not for SOFTMAX. *saturated, unless NULL, is
 * raised by the words that saturated. MEMORY. */
CIRC_MUST_USE enum circ_status circ_fixed_run(const struct circ_fixed *fixed, int layer,
                                              const int32_t *x, int32_t *y, int64_t *saturated,
                                              struct circ_error *err);

/* The words of the last layer that runs in words -> the network's output of that frame: softmax, if
 * there is one, in float. */
void circ_fixed_output(const struct circ_fixed *fixed, const int32_t *words, float *output);

/* input [batch][C][H][W] -> output [batch][outputs]. saturated [layers], unless NULL, is raised by
 * the words that saturated in each. MEMORY. */
CIRC_MUST_USE enum circ_status circ_fixed_forward(const struct circ_fixed *fixed,
                                                  const float *input, int batch, float *output,
                                                  int64_t *saturated, struct circ_error *err);

/* Fraction bits of the words that a layer hands on: those of the last layer with weights up to it.
 */
int circ_fixed_fraction(const struct circ_fixed *fixed, int layer);

#endif
