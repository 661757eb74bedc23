/* Writing text that anyone may have chosen (names, reasons, commands) into a document. */
#ifndef CIRC_ESCAPE_H
#define CIRC_ESCAPE_H

#include <stdio.h>

/* All replace invalid UTF-8, control characters (but newline and tab) and the characters that
 * reorder text (bidirectional overrides) by U+FFFD. Errors show in ferror(file). */

/* As HTML text or a quoted attribute's value: & < > " ' become entities. */
void circ_escape_html(FILE *file, const char *text);

/* As a JSON string with its quotes that is safe inside a <script> element: < > & are \u escapes, so
 * neither "</script>" nor "<!--" can appear. */
void circ_escape_json(FILE *file, const char *text);

/* As inline Markdown (CommonMark with tables): on one line, nothing of it is markup. */
void circ_escape_md(FILE *file, const char *text);

/* As plain text on one line, for a terminal: newlines and tabs become spaces. */
void circ_escape_plain(FILE *file, const char *text);

#endif
