/* Spectra of weights in 16 bits a number: a slot (re, im) in one 32-bit word, im in the lower half
 * as the upper half of a float32 (bf16), re in the upper half likewise, but so that the whole word,
 * read as a float32 with im in its last places, comes nearest to re.
 *
 * So a kernel has re for nothing and im for a shift, both exact, and re is rounded no worse than a
 * bf16: the numbers that it can become lie as far apart, only elsewhere. */
#ifndef CIRC_PAIR_H
#define CIRC_PAIR_H

/* The word, in the guise of a float so that it can lie where floats do. Each number is rounded to
 * nearest, im to even in the middle, by at most 2^-8 of itself, after a rounding to float32. No
 * number becomes a subnormal one, for they are slow: |im| below 2^-126 becomes 0, and |re| no less
 * than 2^-24 |im| and 2^-126 unless im is 0. What is NaN or infinite is one or the other in the
 * word. */
float circ_pair_of(double re, double im);

#endif
