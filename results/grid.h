/* Aligned tables, plain and Markdown: rows are held until all widths are known. */
#ifndef CIRC_GRID_H
#define CIRC_GRID_H

#include "results/format.h"

#include <stdbool.h>

struct circ_grid;

/* *grid is the caller's: circ_grid_free. Names are copied. */
CIRC_MUST_USE enum circ_status circ_grid_create(struct circ_grid **grid, const char *const *columns,
                                                int column_count, struct circ_error *err);
void circ_grid_free(struct circ_grid *grid);

CIRC_MUST_USE enum circ_status circ_grid_add(struct circ_grid *grid, const struct circ_cell *cells,
                                             struct circ_error *err);

/* Prints all rows; write errors are left in the stream. */
void circ_grid_print(const struct circ_grid *grid, bool markdown, FILE *file);

#endif
