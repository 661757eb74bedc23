/* Rows whose last column is a sentence: devices, workloads. In most formats they are plain rows; in
 * a table the sentence stands folded under its row, because terminals are narrow. */
#ifndef CIRC_LISTING_H
#define CIRC_LISTING_H

#include "results/format.h"

struct circ_listing;

/* As circ_format_begin, row and end, on stdout. The last cell of a row is text or NULL. */
CIRC_MUST_USE enum circ_status circ_listing_begin(struct circ_listing **listing,
                                                  enum circ_format format, const char *name,
                                                  const char *const *columns, int column_count,
                                                  struct circ_error *err);
CIRC_MUST_USE enum circ_status circ_listing_row(struct circ_listing *listing,
                                                const struct circ_cell *cells,
                                                struct circ_error *err);

/* Finishes and frees; status is what begin and the rows came to. Prints nothing more after a
 * failure, whose status it returns. NULL allowed. */
CIRC_MUST_USE enum circ_status circ_listing_end(struct circ_listing *listing,
                                                enum circ_status status, struct circ_error *err);

#endif
