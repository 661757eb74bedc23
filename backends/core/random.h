/* Seeded random numbers, the same on every machine: xoshiro256** seeded by splitmix64 (Blackman and
 * Vigna, "Scrambled linear pseudorandom number generators", ACM TOMS 2021). Not for secrets. */
#ifndef CIRC_CORE_RANDOM_H
#define CIRC_CORE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

struct circ_random {
    uint64_t state[4];
};

/* Starts the stream of (seed, stream): equal pairs give equal numbers, streams of one seed are
 * independent of one another. */
struct circ_random circ_random_seed(uint64_t seed, uint64_t stream);

/* The next 64 bits. */
uint64_t circ_random_next(struct circ_random *random);

/* An integer in [0, limit), limit >= 1, without modulo bias. */
uint64_t circ_random_below(struct circ_random *random, uint64_t limit);

/* Fills values[count] with uniform numbers in [-scale, scale). */
void circ_random_fill(struct circ_random *random, float *values, size_t count, float scale);

#endif
