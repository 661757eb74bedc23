/* The verdict for the terminal: plain text, three lines at most. */
#ifndef CIRC_VERDICT_H
#define CIRC_VERDICT_H

#include "reports/rows.h"

#include <stdio.h>

/* Writes at most three lines, each ended by a newline. Write errors show in ferror(file). */
void circ_verdict_write(const struct circ_rows *rows, FILE *file);

#endif
