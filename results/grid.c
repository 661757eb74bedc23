/* Holds rows as text and prints them aligned. Numbers are shortened for reading here and nowhere
 * else; nothing is cut. */
#include "results/grid.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct circ_grid {
    int columns;
    size_t cells, capacity; /* the first row is the header */
    char **text;            /* owned, strings too */
    size_t *width;          /* of each column, in characters */
    bool *numbers;          /* the column holds numbers only, so it is set to the right */
};

/* Characters in UTF-8 text: the bytes that do not continue one. */
static size_t text_width(const char *text)
{
    size_t width = 0;

    for (; *text; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

/* Control characters would break the rows, or the terminal: they are shown as escapes. */
static char *escape(const char *text)
{
    size_t size = 4 * strlen(text) + 1;
    char *copy = malloc(size);
    char *out = copy;

    for (; copy && *text; text++) {
        unsigned char byte = (unsigned char)*text;

        if (byte == '\n')
            out += sprintf(out, "\\n");
        else if (byte == '\t')
            out += sprintf(out, "\\t");
        else if (byte < 0x20 || byte == 0x7f)
            out += sprintf(out, "\\x%02x", byte);
        else
            *out++ = *text;
    }
    if (copy)
        *out = '\0';
    return copy;
}

static char *number_text(const char *format, double value)
{
    char text[64];

    snprintf(text, sizeof text, format, value);
    return strdup(text);
}

static char *cell_text(const struct circ_cell *cell)
{
    char text[24];

    switch (cell->type) {
    case CIRC_CELL_INTEGER:
        snprintf(text, sizeof text, "%" PRId64, cell->integer);
        return strdup(text);
    case CIRC_CELL_REAL:
        /* 1234567 reads better than 1.23457e+06, and 15 digits are still exact. */
        return number_text(fabs(cell->real) >= 1e6 && fabs(cell->real) < 1e15 ? "%.0f" : "%.6g",
                           cell->real);
    case CIRC_CELL_TEXT:
        return escape(cell->text);
    case CIRC_CELL_NULL:
        break;
    }
    return strdup("-");
}

/* Takes text over. */
static enum circ_status append(struct circ_grid *grid, char *text, struct circ_error *err)
{
    size_t column = grid->cells % (size_t)grid->columns;

    if (text && grid->cells == grid->capacity) {
        size_t capacity = 2 * grid->capacity + 256;
        char **grown = realloc(grid->text, capacity * sizeof *grown);

        if (grown) {
            grid->text = grown;
            grid->capacity = capacity;
        }
    }
    if (!text || grid->cells == grid->capacity) {
        free(text);
        return circ_status_fail(err, CIRC_MEMORY,
                                "out of memory for a table of %zu cells: print with -o csv, which "
                                "holds no rows",
                                grid->cells);
    }
    if (text_width(text) > grid->width[column])
        grid->width[column] = text_width(text);
    grid->text[grid->cells++] = text;
    return CIRC_OK;
}

enum circ_status circ_grid_create(struct circ_grid **grid, const char *const *columns,
                                  int column_count, struct circ_error *err)
{
    struct circ_grid *created = calloc(1, sizeof *created);
    enum circ_status status = CIRC_OK;

    *grid = NULL;
    if (created) {
        created->columns = column_count;
        created->width = calloc((size_t)column_count, sizeof *created->width);
        created->numbers = calloc((size_t)column_count, sizeof *created->numbers);
    }
    if (!created || !created->width || !created->numbers)
        status = circ_status_fail(err, CIRC_MEMORY, "out of memory for a table");
    for (int i = 0; i < column_count && !status; i++) {
        created->numbers[i] = true;
        status = append(created, escape(columns[i]), err);
    }
    if (status)
        circ_grid_free(created);
    else
        *grid = created;
    return status;
}

void circ_grid_free(struct circ_grid *grid)
{
    if (!grid)
        return;
    for (size_t i = 0; i < grid->cells; i++)
        free(grid->text[i]);
    free(grid->text);
    free(grid->width);
    free(grid->numbers);
    free(grid);
}

enum circ_status circ_grid_add(struct circ_grid *grid, const struct circ_cell *cells,
                               struct circ_error *err)
{
    enum circ_status status = CIRC_OK;

    for (int i = 0; i < grid->columns && !status; i++) {
        grid->numbers[i] &= cells[i].type != CIRC_CELL_TEXT;
        status = append(grid, cell_text(&cells[i]), err);
    }
    return status;
}

static void pad(size_t count, FILE *file)
{
    while (count--)
        putc(' ', file);
}

static void print_plain_row(const struct circ_grid *grid, char *const *row, FILE *file)
{
    for (int i = 0; i < grid->columns; i++) {
        size_t gap = grid->width[i] - text_width(row[i]);

        if (grid->numbers[i])
            pad(gap, file);
        fputs(row[i], file);
        if (i + 1 < grid->columns)
            pad(grid->numbers[i] ? 2 : gap + 2, file);
    }
    putc('\n', file);
}

/* What Markdown would take for a column or an element is escaped, which costs some alignment. */
static void print_markdown_row(const struct circ_grid *grid, char *const *row, FILE *file)
{
    for (int i = 0; i < grid->columns; i++) {
        size_t gap = grid->width[i] - text_width(row[i]);

        fputs(i ? " | " : "| ", file);
        pad(grid->numbers[i] ? gap : 0, file);
        for (const char *c = row[i]; *c; c++) {
            if (*c == '<')
                fputs("&lt;", file);
            else {
                if (*c == '|')
                    putc('\\', file);
                putc(*c, file);
            }
        }
        pad(grid->numbers[i] ? 0 : gap, file);
    }
    fputs(" |\n", file);
}

static void print_rule(const struct circ_grid *grid, FILE *file)
{
    for (int i = 0; i < grid->columns; i++) {
        size_t dashes = grid->width[i] > 1 ? grid->width[i] - 1 : 1;

        fputs(i ? " | " : "| ", file);
        if (!grid->numbers[i])
            putc(':', file);
        while (dashes--)
            putc('-', file);
        if (grid->numbers[i])
            putc(':', file);
    }
    fputs(" |\n", file);
}

void circ_grid_print(const struct circ_grid *grid, bool markdown, FILE *file)
{
    for (size_t cell = 0; cell + (size_t)grid->columns <= grid->cells;
         cell += (size_t)grid->columns) {
        if (markdown)
            print_markdown_row(grid, &grid->text[cell], file);
        else
            print_plain_row(grid, &grid->text[cell], file);
        if (!cell && markdown)
            print_rule(grid, file);
    }
}
