/* Printing rows: one writer for every command that prints rows, in six formats. */
#ifndef CIRC_FORMAT_H
#define CIRC_FORMAT_H

#include "backends/core/status.h"

#include <stdint.h>
#include <stdio.h>

enum circ_format { CIRC_TABLE, CIRC_MD, CIRC_CSV, CIRC_JSON, CIRC_JSONL, CIRC_SQL };

enum circ_cell_type { CIRC_CELL_NULL, CIRC_CELL_INTEGER, CIRC_CELL_REAL, CIRC_CELL_TEXT };

struct circ_cell {
    enum circ_cell_type type;
    int64_t integer;
    double real;
    const char *text; /* borrowed for the call */
};

struct circ_writer;

/* Name to format and back; -1 when unknown. "table,md,csv,json,jsonl,sql". */
int circ_format_parse(const char *name);
const char *circ_format_name(enum circ_format format);

/* Starts output of rows with these column names on file (all borrowed until end). table aligns
 * columns, so it holds rows until end; md likewise; the others stream. name: the table's name in
 * `sql`. */
CIRC_MUST_USE enum circ_status circ_format_begin(struct circ_writer **writer, FILE *file,
                                                 enum circ_format format, const char *name,
                                                 const char *const *columns, int column_count,
                                                 struct circ_error *err);
CIRC_MUST_USE enum circ_status
circ_format_row(struct circ_writer *writer, const struct circ_cell *cells, struct circ_error *err);
/* Finishes and frees, also after a failure. IO when the file could not be written (disk full,
 * closed pipe). */
CIRC_MUST_USE enum circ_status circ_format_end(struct circ_writer *writer, struct circ_error *err);

#endif
