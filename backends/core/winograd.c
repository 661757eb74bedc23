/* The weights' side of Winograd's minimal filtering: see winograd.h. */
#include "backends/core/winograd.h"

int circ_winograd_rows(int taps)
{
    return taps >= 2 && taps <= CIRC_WINOGRAD_MAX_TAPS ? CIRC_WINOGRAD_ELEMENTS + 1 - taps : 0;
}

void circ_winograd_weights(int taps, double g[CIRC_WINOGRAD_ELEMENTS][CIRC_WINOGRAD_MAX_TAPS])
{
    enum { POINTS = CIRC_WINOGRAD_ELEMENTS - 1 };
    static const double point[POINTS] = {0, 1, -1, 2, -2};
    for (int e = 0; e < POINTS; e++) {
        double power = 1;
        for (int other = 0; other < POINTS; other++)
            power /= other == e ? 1 : point[e] - point[other];
        for (int t = 0; t < taps; t++, power *= point[e])
            g[e][t] = power;
    }
    for (int t = 0; t < taps; t++)
        g[POINTS][t] = t == taps - 1; /* at infinity the last one is all that counts */
}
