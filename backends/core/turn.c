/* Transposition in squares that fit the first-level cache. */
#include "backends/core/turn.h"

#define SIDE 32

void circ_turn(const float *from, size_t from_row, int rows, int columns, float *to, size_t to_row)
{
    for (int r0 = 0; r0 < rows; r0 += SIDE)
        for (int c0 = 0; c0 < columns; c0 += SIDE)
            for (int r = r0; r < rows && r < r0 + SIDE; r++)
                for (int c = c0; c < columns && c < c0 + SIDE; c++)
                    to[(size_t)c * to_row + (size_t)r] = from[(size_t)r * from_row + (size_t)c];
}
