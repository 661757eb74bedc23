/* Words that the tests of fixed point are tried on: random ones and those at the edges of what a
 * word holds. */
#ifndef CIRC_FIXED_FIXTURE_H
#define CIRC_FIXED_FIXTURE_H

#include "backends/core/random.h"

#include <stdint.h>

enum {
    FIXED_FIXTURE_RANDOM,
    FIXED_FIXTURE_ZEROS,
    FIXED_FIXTURE_IMPULSE,
    FIXED_FIXTURE_ALL_MOST,
    FIXED_FIXTURE_ALL_LEAST,
    FIXED_FIXTURE_ALTERNATING,
    FIXED_FIXTURE_KINDS
};

/* The largest word of so many bits. */
int32_t fixed_fixture_most(int bits);

void fixed_fixture_fill(int kind, struct circ_random *random, int bits, int64_t count, int32_t *x);

#endif
