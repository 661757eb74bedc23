/* Short names for the cells of a row, for the commands that print rows of their own. It prints
 * nothing. */
#ifndef CIRC_CELL_H
#define CIRC_CELL_H

#include "results/format.h"

#include <stdbool.h>

/* NULL text is a NULL cell. */
static inline struct circ_cell circ_cell_text(const char *text)
{
    return (struct circ_cell){.type = text ? CIRC_CELL_TEXT : CIRC_CELL_NULL, .text = text};
}

static inline struct circ_cell circ_cell_integer(int64_t integer)
{
    return (struct circ_cell){.type = CIRC_CELL_INTEGER, .integer = integer};
}

/* NaN is a NULL cell. */
static inline struct circ_cell circ_cell_real(double real)
{
    bool known = real == real;
    return (struct circ_cell){.type = known ? CIRC_CELL_REAL : CIRC_CELL_NULL, .real = real};
}

static inline struct circ_cell circ_cell_null(void)
{
    return (struct circ_cell){.type = CIRC_CELL_NULL};
}

#endif
