/* Rows in six formats: the streaming ones are written here, the aligned ones by grid.c. It knows
 * nothing of databases. */
#include "results/format.h"

#include "results/grid.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct circ_writer {
    FILE *file;
    enum circ_format format;
    const char *name;
    const char *const *columns;
    int column_count;
    int64_t rows;
    struct circ_grid *grid; /* table and md */
    int write_error;        /* errno of the first write that failed */
};

static const char *const names[] = {
    [CIRC_TABLE] = "table", [CIRC_MD] = "md",       [CIRC_CSV] = "csv",
    [CIRC_JSON] = "json",   [CIRC_JSONL] = "jsonl", [CIRC_SQL] = "sql",
};

int circ_format_parse(const char *name)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(name, names[i]))
            return (int)i;
    return -1;
}

const char *circ_format_name(enum circ_format format)
{
    return names[format];
}

/* The shortest of 15 to 17 digits that reads back as the same number, and never as an integer. */
static void put_real(FILE *file, double value)
{
    char text[40];

    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    fputs(text, file);
    if (!strpbrk(text, ".en"))
        fputs(".0", file);
}

/* A field is quoted where RFC 4180 asks for it, and where an empty text must not pass for NULL. */
static void put_csv_text(FILE *file, const char *text)
{
    if (*text && !strpbrk(text, ",\"\r\n")) {
        fputs(text, file);
        return;
    }
    putc('"', file);
    for (; *text; text++) {
        if (*text == '"')
            putc('"', file);
        putc(*text, file);
    }
    putc('"', file);
}

static void put_csv_cell(FILE *file, const struct circ_cell *cell)
{
    if (cell->type == CIRC_CELL_TEXT)
        put_csv_text(file, cell->text);
    else if (cell->type == CIRC_CELL_INTEGER)
        fprintf(file, "%" PRId64, cell->integer);
    else if (cell->type == CIRC_CELL_REAL && !isnan(cell->real))
        put_real(file, cell->real);
}

static void csv_begin(struct circ_writer *writer)
{
    for (int i = 0; i < writer->column_count; i++) {
        if (i)
            putc(',', writer->file);
        put_csv_text(writer->file, writer->columns[i]);
    }
    fputs("\r\n", writer->file);
}

static void csv_row(struct circ_writer *writer, const struct circ_cell *cells)
{
    for (int i = 0; i < writer->column_count; i++) {
        if (i)
            putc(',', writer->file);
        put_csv_cell(writer->file, &cells[i]);
    }
    fputs("\r\n", writer->file);
}

/* Bytes of the UTF-8 character at text, 0 if it is not one (RFC 3629: no surrogates, no overlong
 * forms, nothing past U+10FFFF). */
static int utf8_length(const unsigned char *text)
{
    int length = text[0] < 0x80                      ? 1
                 : text[0] >= 0xc2 && text[0] < 0xe0 ? 2
                 : text[0] >= 0xe0 && text[0] < 0xf0 ? 3
                 : text[0] >= 0xf0 && text[0] < 0xf5 ? 4
                                                     : 0;

    for (int i = 1; i < length; i++)
        if ((text[i] & 0xc0) != 0x80)
            return 0;
    if ((text[0] == 0xe0 && text[1] < 0xa0) || (text[0] == 0xed && text[1] > 0x9f) ||
        (text[0] == 0xf0 && text[1] < 0x90) || (text[0] == 0xf4 && text[1] > 0x8f))
        return 0;
    return length;
}

static void put_json_text(FILE *file, const char *text)
{
    const unsigned char *c = (const unsigned char *)text;

    putc('"', file);
    while (*c) {
        int length = utf8_length(c);

        if (!length)
            fputs("\\ufffd", file);
        else if (*c == '"' || *c == '\\')
            fprintf(file, "\\%c", *c);
        else if (*c == '\n')
            fputs("\\n", file);
        else if (*c < 0x20)
            fprintf(file, "\\u%04x", *c);
        else
            fwrite(c, 1, (size_t)length, file);
        c += length ? length : 1;
    }
    putc('"', file);
}

static void put_json_row(struct circ_writer *writer, const struct circ_cell *cells)
{
    FILE *file = writer->file;

    putc('{', file);
    for (int i = 0; i < writer->column_count; i++) {
        if (i)
            fputs(", ", file);
        put_json_text(file, writer->columns[i]);
        fputs(": ", file);
        if (cells[i].type == CIRC_CELL_TEXT)
            put_json_text(file, cells[i].text);
        else if (cells[i].type == CIRC_CELL_INTEGER)
            fprintf(file, "%" PRId64, cells[i].integer);
        else if (cells[i].type == CIRC_CELL_REAL && isfinite(cells[i].real))
            put_real(file, cells[i].real);
        else
            fputs("null", file);
    }
    putc('}', file);
}

static void json_begin(struct circ_writer *writer)
{
    putc('[', writer->file);
}

static void json_row(struct circ_writer *writer, const struct circ_cell *cells)
{
    fputs(writer->rows ? ",\n" : "\n", writer->file);
    put_json_row(writer, cells);
}

static void json_end(struct circ_writer *writer)
{
    fputs(writer->rows ? "\n]\n" : "]\n", writer->file);
}

static void jsonl_row(struct circ_writer *writer, const struct circ_cell *cells)
{
    put_json_row(writer, cells);
    putc('\n', writer->file);
}

static void put_sql_quoted(FILE *file, char quote, const char *text)
{
    putc(quote, file);
    for (; *text; text++) {
        if (*text == quote)
            putc(quote, file);
        putc(*text, file);
    }
    putc(quote, file);
}

/* Columns without a type keep each value's own. */
static void sql_begin(struct circ_writer *writer)
{
    fputs("CREATE TABLE IF NOT EXISTS ", writer->file);
    put_sql_quoted(writer->file, '"', writer->name);
    for (int i = 0; i < writer->column_count; i++) {
        fputs(i ? ", " : " (", writer->file);
        put_sql_quoted(writer->file, '"', writer->columns[i]);
    }
    fputs(");\n", writer->file);
}

static void put_sql_cell(FILE *file, const struct circ_cell *cell)
{
    if (cell->type == CIRC_CELL_TEXT)
        put_sql_quoted(file, '\'', cell->text);
    else if (cell->type == CIRC_CELL_INTEGER)
        fprintf(file, "%" PRId64, cell->integer);
    else if (cell->type == CIRC_CELL_NULL || isnan(cell->real))
        fputs("NULL", file);
    else if (isinf(cell->real)) /* SQL has no word for it; SQLite reads this as infinity */
        fputs(cell->real > 0 ? "9e999" : "-9e999", file);
    else
        put_real(file, cell->real);
}

static void sql_row(struct circ_writer *writer, const struct circ_cell *cells)
{
    fputs("INSERT INTO ", writer->file);
    put_sql_quoted(writer->file, '"', writer->name);
    for (int i = 0; i < writer->column_count; i++) {
        fputs(i ? ", " : " VALUES (", writer->file);
        put_sql_cell(writer->file, &cells[i]);
    }
    fputs(");\n", writer->file);
}

/* NULL entries have nothing to write. The aligned formats are not here: they hold their rows. */
static const struct {
    void (*begin)(struct circ_writer *writer);
    void (*row)(struct circ_writer *writer, const struct circ_cell *cells);
    void (*end)(struct circ_writer *writer);
} streams[] = {
    [CIRC_CSV] = {csv_begin, csv_row, NULL},
    [CIRC_JSON] = {json_begin, json_row, json_end},
    [CIRC_JSONL] = {NULL, jsonl_row, NULL},
    [CIRC_SQL] = {sql_begin, sql_row, NULL},
};

/* Asked after each row, so that a closed pipe ends a long query early. */
static enum circ_status check_file(struct circ_writer *writer, struct circ_error *err)
{
    if (!ferror(writer->file))
        return CIRC_OK;
    if (!writer->write_error)
        writer->write_error = errno;
    return circ_status_fail_native(err, CIRC_IO, writer->write_error,
                                   "output: %s: check where the rows go (disk space, the reading "
                                   "end of the pipe)",
                                   strerror(writer->write_error));
}

enum circ_status circ_format_begin(struct circ_writer **writer, FILE *file, enum circ_format format,
                                   const char *name, const char *const *columns, int column_count,
                                   struct circ_error *err)
{
    struct circ_writer *created = calloc(1, sizeof *created);
    enum circ_status status = CIRC_OK;

    *writer = NULL;
    if (!created)
        return circ_status_fail(err, CIRC_MEMORY, "out of memory while printing rows");
    *created = (struct circ_writer){.file = file,
                                    .format = format,
                                    .name = name,
                                    .columns = columns,
                                    .column_count = column_count};
    if (format == CIRC_TABLE || format == CIRC_MD)
        status = circ_grid_create(&created->grid, columns, column_count, err);
    else if (streams[format].begin)
        streams[format].begin(created);
    if (status)
        free(created);
    else
        *writer = created;
    return status;
}

enum circ_status circ_format_row(struct circ_writer *writer, const struct circ_cell *cells,
                                 struct circ_error *err)
{
    enum circ_status status = CIRC_OK;

    if (writer->grid)
        status = circ_grid_add(writer->grid, cells, err);
    else
        streams[writer->format].row(writer, cells);
    writer->rows++;
    return status ? status : check_file(writer, err);
}

enum circ_status circ_format_end(struct circ_writer *writer, struct circ_error *err)
{
    enum circ_status status;

    if (!writer)
        return CIRC_OK;
    if (writer->grid)
        circ_grid_print(writer->grid, writer->format == CIRC_MD, writer->file);
    else if (streams[writer->format].end)
        streams[writer->format].end(writer);
    if (fflush(writer->file) && !writer->write_error)
        writer->write_error = errno;
    status = check_file(writer, err);
    circ_grid_free(writer->grid);
    free(writer);
    return status;
}
