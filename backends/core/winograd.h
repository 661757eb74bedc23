/* Winograd's minimal filtering over rows: a CONV of stride 1 with r taps in a column makes m = 7 -
 * r output rows from six input rows with six products in place of r m (Toom and Cook's points 0, 1,
 * -1, 2, -2 and infinity):
 *     y = A ((G w) . (B x)),  element by element, for every column.
 * A spectrum is a linear function of its block, so that what holds for pixels holds for each slot
 * of their spectra, and each of the six products is a block-circulant one with the taps of a row.
 *
 * B is the same for every r, and that of F(4, 3) in the literature: A. Lavin, S. Gray, "Fast
 * Algorithms for Convolutional Neural Networks", 2015, arXiv 1509.09308. */
#ifndef CIRC_WINOGRAD_H
#define CIRC_WINOGRAD_H

#define CIRC_WINOGRAD_ELEMENTS 6
#define CIRC_WINOGRAD_MAX_TAPS 5
#define CIRC_WINOGRAD_MAX_ROWS 5

/* Output rows of a tile of so many taps: 7 - taps for 2 to 5 taps; 0 for others. */
int circ_winograd_rows(int taps);

/* G: element e of the weights is the sum over taps t of g[e][t] w[t]. */
void circ_winograd_weights(int taps, double g[CIRC_WINOGRAD_ELEMENTS][CIRC_WINOGRAD_MAX_TAPS]);

#endif
