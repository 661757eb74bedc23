/* Builds and owns the document model. It renders nothing. */
#include "reports/document.h"

#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void fail(struct circ_document *document, enum circ_status status)
{
    if (document->status == CIRC_OK)
        document->status = status;
}

/* Makes room for one more zeroed item in an array that doubles at each power of two; NULL on
 * failure. */
static void *append(struct circ_document *document, void *array, size_t *count, size_t size)
{
    char *items = *(char **)array;
    if ((*count & (*count - 1)) == 0) {
        size_t capacity = *count ? 2 * *count : 1;
        items = capacity > SIZE_MAX / size ? NULL : realloc(items, capacity * size);
        if (!items) {
            fail(document, CIRC_MEMORY);
            return NULL;
        }
        *(char **)array = items;
    }
    void *item = items + (*count)++ * size;
    memset(item, 0, size);
    return item;
}

static void set_text(struct circ_document *document, char **target, const char *text)
{
    *target = strdup(text);
    if (!*target)
        fail(document, CIRC_MEMORY);
}

static void set_format(struct circ_document *document, char **target, const char *format,
                       va_list args)
{
    if (vasprintf(target, format, args) < 0) {
        *target = NULL;
        fail(document, CIRC_MEMORY);
    }
}

/* A new block, or NULL when the document has failed. */
static struct circ_block *add_block(struct circ_document *document, enum circ_block_type type)
{
    if (document->status != CIRC_OK)
        return NULL;
    struct circ_block *block =
        append(document, &document->blocks, &document->block_count, sizeof *block);
    if (block)
        block->type = type;
    return block;
}

/* The newest block if it is of the type; NULL, and INTERNAL, otherwise. */
static struct circ_block *newest(struct circ_document *document, enum circ_block_type type)
{
    if (document->status != CIRC_OK)
        return NULL;
    struct circ_block *block =
        document->block_count ? &document->blocks[document->block_count - 1] : NULL;
    if (block && block->type == type)
        return block;
    fail(document, CIRC_INTERNAL);
    return NULL;
}

enum circ_status circ_document_create(struct circ_document **document, const char *title,
                                      const char *subtitle, struct circ_error *err)
{
    *document = calloc(1, sizeof **document);
    if (!*document)
        return circ_status_fail(err, CIRC_MEMORY, "report: out of memory");
    set_text(*document, &(*document)->title, title);
    set_text(*document, &(*document)->subtitle, subtitle);
    return circ_document_check(*document, err);
}

static void free_block(struct circ_block *block)
{
    for (size_t i = 0; i < block->item_count; i++)
        free(block->items[i]);
    for (size_t i = 0; i < block->column_count; i++)
        free(block->columns[i].title);
    for (size_t i = 0; i < block->cell_count; i++) {
        free(block->cells[i].text);
        free(block->cells[i].detail);
    }
    for (size_t i = 0; i < block->series_count; i++) {
        for (size_t j = 0; j < block->series[i].point_count; j++)
            free(block->series[i].points[j].text);
        free(block->series[i].points);
        free(block->series[i].label);
        free(block->series[i].kind);
    }
    free(block->items);
    free(block->columns);
    free(block->cells);
    free(block->series);
    free(block->text);
    free(block->figure);
    free(block->x_title);
}

void circ_document_free(struct circ_document *document)
{
    if (!document)
        return;
    for (size_t i = 0; i < document->block_count; i++)
        free_block(&document->blocks[i]);
    free(document->blocks);
    free(document->title);
    free(document->subtitle);
    free(document);
}

enum circ_status circ_document_check(const struct circ_document *document, struct circ_error *err)
{
    if (document->status == CIRC_MEMORY)
        return circ_status_fail(err, CIRC_MEMORY, "report: out of memory");
    if (document->status != CIRC_OK)
        return circ_status_fail(err, document->status,
                                "report: a part was added to the wrong block");
    for (size_t i = 0; i < document->block_count; i++) {
        const struct circ_block *block = &document->blocks[i];
        if (block->type == CIRC_BLOCK_TABLE &&
            (block->column_count == 0 || block->cell_count % block->column_count != 0))
            return circ_status_fail(err, CIRC_INTERNAL, "report: table '%s' has a row cut short",
                                    block->text);
    }
    return CIRC_OK;
}

static void add_text_block(struct circ_document *document, enum circ_block_type type,
                           const char *text)
{
    struct circ_block *block = add_block(document, type);
    if (block)
        set_text(document, &block->text, text);
}

void circ_document_section(struct circ_document *document, int level, const char *title)
{
    add_text_block(document, CIRC_BLOCK_SECTION, title);
    if (document->status == CIRC_OK)
        document->blocks[document->block_count - 1].level = level;
}

void circ_document_paragraph(struct circ_document *document, const char *format, ...)
{
    struct circ_block *block = add_block(document, CIRC_BLOCK_PARAGRAPH);
    if (!block)
        return;
    va_list args;
    va_start(args, format);
    set_format(document, &block->text, format, args);
    va_end(args);
}

void circ_document_note(struct circ_document *document, enum circ_tone tone, const char *format,
                        ...)
{
    struct circ_block *block = add_block(document, CIRC_BLOCK_NOTE);
    if (!block)
        return;
    block->tone = tone;
    va_list args;
    va_start(args, format);
    set_format(document, &block->text, format, args);
    va_end(args);
}

void circ_document_code(struct circ_document *document, const char *text)
{
    add_text_block(document, CIRC_BLOCK_CODE, text);
}

void circ_document_list(struct circ_document *document)
{
    (void)add_block(document, CIRC_BLOCK_LIST);
}

void circ_document_card(struct circ_document *document, enum circ_tone tone, const char *title,
                        const char *figure)
{
    struct circ_block *block = add_block(document, CIRC_BLOCK_CARD);
    if (!block)
        return;
    block->tone = tone;
    set_text(document, &block->text, title);
    set_text(document, &block->figure, figure);
}

void circ_document_item(struct circ_document *document, const char *format, ...)
{
    bool card = document->block_count > 0 &&
                document->blocks[document->block_count - 1].type == CIRC_BLOCK_CARD;
    struct circ_block *block = newest(document, card ? CIRC_BLOCK_CARD : CIRC_BLOCK_LIST);
    char **item = block ? append(document, &block->items, &block->item_count, sizeof *item) : NULL;
    if (!item)
        return;
    va_list args;
    va_start(args, format);
    set_format(document, item, format, args);
    va_end(args);
}

void circ_document_facts(struct circ_document *document)
{
    (void)add_block(document, CIRC_BLOCK_FACTS);
}

static struct circ_table_cell *add_cell(struct circ_document *document, enum circ_block_type type)
{
    struct circ_block *block = newest(document, type);
    return block ? append(document, &block->cells, &block->cell_count, sizeof *block->cells) : NULL;
}

void circ_document_fact(struct circ_document *document, const char *name, const char *format, ...)
{
    struct circ_table_cell *cell = add_cell(document, CIRC_BLOCK_FACTS);
    if (cell)
        set_text(document, &cell->text, name);
    cell = add_cell(document, CIRC_BLOCK_FACTS);
    if (!cell)
        return;
    va_list args;
    va_start(args, format);
    set_format(document, &cell->text, format, args);
    va_end(args);
}

void circ_document_table(struct circ_document *document, bool folded, const char *caption)
{
    add_text_block(document, CIRC_BLOCK_TABLE, caption);
    if (document->status == CIRC_OK)
        document->blocks[document->block_count - 1].folded = folded;
}

void circ_document_column(struct circ_document *document, bool right, const char *title)
{
    struct circ_block *block = newest(document, CIRC_BLOCK_TABLE);
    struct circ_column *column =
        block ? append(document, &block->columns, &block->column_count, sizeof *column) : NULL;
    if (!column)
        return;
    column->right = right;
    set_text(document, &column->title, title);
}

void circ_document_cell(struct circ_document *document, const char *format, ...)
{
    struct circ_table_cell *cell = add_cell(document, CIRC_BLOCK_TABLE);
    if (!cell)
        return;
    va_list args;
    va_start(args, format);
    set_format(document, &cell->text, format, args);
    va_end(args);
}

void circ_document_missing(struct circ_document *document, const char *why)
{
    struct circ_table_cell *cell = add_cell(document, CIRC_BLOCK_TABLE);
    if (!cell)
        return;
    cell->missing = true;
    set_text(document, &cell->text, "–");
    if (why && why[0])
        set_text(document, &cell->detail, why);
}

void circ_document_number(struct circ_document *document, enum circ_quantity quantity, double value,
                          double low, double high, const char *remark)
{
    if (!isfinite(value)) {
        circ_document_missing(document, remark);
        return;
    }
    struct circ_table_cell *cell = add_cell(document, CIRC_BLOCK_TABLE);
    if (!cell)
        return;
    char number[CIRC_HUMAN_SIZE], interval[CIRC_HUMAN_SIZE], detail[2 * CIRC_HUMAN_SIZE];
    circ_human_split(number, interval, quantity, value, low, high);
    snprintf(detail, sizeof detail, "%s%s%.90s", interval,
             interval[0] && remark && remark[0] ? " " : "", remark ? remark : "");
    set_text(document, &cell->text, number);
    if (detail[0])
        set_text(document, &cell->detail, detail);
}

void circ_document_strong(struct circ_document *document)
{
    struct circ_block *block = newest(document, CIRC_BLOCK_TABLE);
    if (block && block->cell_count > 0)
        block->cells[block->cell_count - 1].strong = true;
}

void circ_document_chart(struct circ_document *document, enum circ_quantity quantity,
                         enum circ_ticks ticks, const char *title, const char *x_title,
                         const char *y_title)
{
    struct circ_block *block = add_block(document, CIRC_BLOCK_CHART);
    if (!block)
        return;
    block->quantity = quantity;
    block->ticks = ticks;
    set_text(document, &block->text, title);
    set_text(document, &block->x_title, x_title);
    set_text(document, &block->figure, y_title);
}

void circ_document_series(struct circ_document *document, const char *label, const char *kind,
                          int colour, int shape, enum circ_drawing drawing)
{
    struct circ_block *block = newest(document, CIRC_BLOCK_CHART);
    struct circ_series *series =
        block ? append(document, &block->series, &block->series_count, sizeof *series) : NULL;
    if (!series)
        return;
    series->colour = colour;
    series->shape = shape;
    series->drawing = drawing;
    set_text(document, &series->label, label);
    set_text(document, &series->kind, kind);
}

void circ_document_point(struct circ_document *document, double x, double y, double low,
                         double high, const char *format, ...)
{
    struct circ_block *block = newest(document, CIRC_BLOCK_CHART);
    if (!block)
        return;
    if (block->series_count == 0) {
        fail(document, CIRC_INTERNAL);
        return;
    }
    struct circ_series *series = &block->series[block->series_count - 1];
    struct circ_chart_point *point =
        append(document, &series->points, &series->point_count, sizeof *point);
    if (!point)
        return;
    *point = (struct circ_chart_point){.x = x, .y = y, .low = low, .high = high};
    va_list args;
    va_start(args, format);
    set_format(document, &point->text, format, args);
    va_end(args);
}
