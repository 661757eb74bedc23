/* Words to try. It tests nothing itself. */
#include "tests/core/fixed_fixture.h"

int32_t fixed_fixture_most(int bits)
{
    return (int32_t)((1 << (bits - 1)) - 1);
}

void fixed_fixture_fill(int kind, struct circ_random *random, int bits, int64_t count, int32_t *x)
{
    int32_t most = fixed_fixture_most(bits);
    for (int64_t i = 0; i < count; i++) {
        int32_t drawn = (int32_t)circ_random_below(random, (uint64_t)1 << bits) - (1 << (bits - 1));
        const int32_t values[FIXED_FIXTURE_KINDS] = {drawn, 0,         i == count / 3 ? most : 0,
                                                     most,  -most - 1, i % 2 ? most : -most - 1};
        x[i] = values[kind];
    }
}
