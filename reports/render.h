/* Renderers: one document to Markdown or to one self-contained HTML page. */
#ifndef CIRC_RENDER_H
#define CIRC_RENDER_H

#include "reports/document.h"

#include <stdio.h>

/* CommonMark with tables. Charts are left out: the tables beside them carry the same numbers. The
 * document must have passed circ_document_check. Write errors show in ferror(file). */
void circ_render_md_write(const struct circ_document *document, FILE *file);

/* One page that opens from disk, loads nothing, and runs no script but its own (a
 * Content-Security-Policy names their hashes). Charts are drawn where the build has d3; otherwise
 * the tables stand open and a note says why. */
void circ_render_html_write(const struct circ_document *document, FILE *file);

/* Whether charts are drawn; *reason (may be NULL) says why not. */
bool circ_render_html_has_charts(const char **reason);

#endif
