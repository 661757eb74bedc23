/* The input's side of a layer with lanes over columns: the spectra of a band. */
#ifndef CIRC_COLUMNS_PLANES_H
#define CIRC_COLUMNS_PLANES_H

#include "backends/cpu/columns_plan.h"

/* What one thread does: output rows, columns, and tiles of block rows. */
struct circ_columns_part {
    int row_first, row_last;
    int column_first, column_last;
    int tile_first, tile_last;
    struct circ_columns_phase phase[CIRC_WINOGRAD_MAX_ROWS]; /* of the plane under the rows */
};

/* Spectra of the part's band of one panel, of an FC layer of as many panels as it takes together,
 * to xs; x is the whole input. scratch: the step's. */
void circ_columns_planes_fill(const struct circ_columns *c, const float *x,
                              const struct circ_columns_part *part, int group,
                              struct circ_spectra xs, float *scratch);

static inline struct circ_spectra circ_columns_at(struct circ_spectra spectra, size_t column)
{
    spectra.re += column;
    spectra.im = spectra.im ? spectra.im + column : NULL;
    spectra.sum = spectra.sum ? spectra.sum + column : NULL;
    return spectra;
}

#endif
