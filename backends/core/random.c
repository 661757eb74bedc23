/* xoshiro256** and splitmix64. */
#include "backends/core/random.h"

static uint64_t splitmix(uint64_t *x)
{
    uint64_t z = (*x += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static uint64_t rotate(uint64_t x, int k)
{
    return (x << k) | (x >> (64 - k));
}

struct circ_random circ_random_seed(uint64_t seed, uint64_t stream)
{
    struct circ_random random;
    uint64_t x = seed;
    uint64_t mixed = splitmix(&x) ^ stream;
    for (int i = 0; i < 4; i++)
        random.state[i] = splitmix(&mixed);
    return random;
}

uint64_t circ_random_next(struct circ_random *random)
{
    uint64_t *s = random->state;
    uint64_t result = rotate(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 45);
    return result;
}

uint64_t circ_random_below(struct circ_random *random, uint64_t limit)
{
    uint64_t threshold = -limit % limit; /* numbers below it would favour small remainders */
    for (;;) {
        uint64_t x = circ_random_next(random);
        if (x >= threshold)
            return x % limit;
    }
}

void circ_random_fill(struct circ_random *random, float *values, size_t count, float scale)
{
    for (size_t i = 0; i < count; i++) {
        /* 24 bits, exact in a float, centred on zero */
        int32_t bits = (int32_t)(circ_random_next(random) >> 40) - (1 << 23);
        values[i] = (float)bits * (scale / (float)(1 << 23));
    }
}
