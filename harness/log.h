/* Messages to the user on stderr, safe in the middle of a progress bar. Errors are main's to print.
 */
#ifndef CIRC_LOG_H
#define CIRC_LOG_H

#include "backends/core/status.h"

#include <stdio.h>

/* A line "circbench: warning: ..."; the prefix is yellow on a terminal unless NO_COLOR is set. */
void circ_log_warn(const char *format, ...) CIRC_PRINTF(1, 2);

/* A plain line. Callers leave it out under --quiet. */
void circ_log_note(const char *format, ...) CIRC_PRINTF(1, 2);

/* A line "circbench: ...", red where the warning is yellow: for main. */
void circ_log_error(const char *format, ...) CIRC_PRINTF(1, 2);

/* Columns of the terminal behind a file descriptor, 80 when there is none. */
int circ_log_width(int descriptor);

/* Its lines, 24 when there is none. */
int circ_log_height(int descriptor);

/* Prints text and a newline, folded at blanks to stay within width columns. The cursor stands at
 * column indent, where later lines begin too. */
void circ_log_fold(FILE *file, const char *text, int indent, int width);

#endif
