/* Transposition of matrices between the layouts of the contract, of the activations and of
 * libraries. */
#ifndef CIRC_TURN_H
#define CIRC_TURN_H

#include <stddef.h>

/* to[c][r] = from[r][c] for r < rows, c < columns; rows of from lie from_row apart, those of to
 * to_row. The two do not overlap. */
void circ_turn(const float *from, size_t from_row, int rows, int columns, float *to, size_t to_row);

#endif
