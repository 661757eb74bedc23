/* Renders a document as Markdown. It draws no charts. */
#include "reports/escape.h"
#include "reports/render.h"

#include <string.h>

static void write_section(FILE *file, const struct circ_block *block)
{
    fprintf(file, "%.*s ", block->level, "######");
    circ_escape_md(file, block->text);
    fputs("\n\n", file);
}

static void write_paragraph(FILE *file, const struct circ_block *block)
{
    circ_escape_md(file, block->text);
    fputs("\n\n", file);
}

static void write_note(FILE *file, const struct circ_block *block)
{
    static const char *const words[] = {
        [CIRC_TONE_PLAIN] = "Note: ",
        [CIRC_TONE_GOOD] = "",
        [CIRC_TONE_WARN] = "Warning: ",
        [CIRC_TONE_BAD] = "Problem: ",
    };
    fprintf(file, "> %s", words[block->tone]);
    circ_escape_md(file, block->text);
    fputs("\n\n", file);
}

/* The fence is longer than any run of backticks inside. */
static void write_code(FILE *file, const struct circ_block *block)
{
    size_t longest = 2, run = 0;
    for (const char *c = block->text; *c; c++) {
        run = *c == '`' ? run + 1 : 0;
        longest = run > longest ? run : longest;
    }
    for (size_t i = 0; i <= longest; i++)
        fputc('`', file);
    fprintf(file, "\n%s\n", block->text);
    for (size_t i = 0; i <= longest; i++)
        fputc('`', file);
    fputs("\n\n", file);
}

static void write_list(FILE *file, const struct circ_block *block)
{
    for (size_t i = 0; i < block->item_count; i++) {
        fputs("- ", file);
        circ_escape_md(file, block->items[i]);
        fputc('\n', file);
    }
    fputc('\n', file);
}

static void write_facts(FILE *file, const struct circ_block *block)
{
    for (size_t i = 0; i + 1 < block->cell_count; i += 2) {
        fputs("- **", file);
        circ_escape_md(file, block->cells[i].text);
        fputs(":** ", file);
        circ_escape_md(file, block->cells[i + 1].text);
        fputc('\n', file);
    }
    fputc('\n', file);
}

static void write_card(FILE *file, const struct circ_block *block)
{
    fputs("**", file);
    circ_escape_md(file, block->text);
    fputs(": ", file);
    circ_escape_md(file, block->figure);
    fputs("**\n\n", file);
    if (block->item_count)
        write_list(file, block);
}

static void write_cell(FILE *file, const struct circ_table_cell *cell)
{
    fputs(cell->strong ? " **" : " ", file);
    circ_escape_md(file, cell->text);
    fputs(cell->strong ? "**" : "", file);
    if (cell->detail) {
        fputc(' ', file);
        circ_escape_md(file, cell->detail);
    }
    fputs(" |", file);
}

static void write_table(FILE *file, const struct circ_block *block)
{
    if (block->text[0]) {
        circ_escape_md(file, block->text);
        fputs(":\n\n", file);
    }
    fputc('|', file);
    for (size_t i = 0; i < block->column_count; i++) {
        fputc(' ', file);
        circ_escape_md(file, block->columns[i].title);
        fputs(" |", file);
    }
    fputs("\n|", file);
    for (size_t i = 0; i < block->column_count; i++)
        fputs(block->columns[i].right ? "---:|" : "---|", file);
    for (size_t i = 0; i < block->cell_count; i++) {
        if (i % block->column_count == 0)
            fputs("\n|", file);
        write_cell(file, &block->cells[i]);
    }
    fputs("\n\n", file);
}

static void write_nothing(FILE *file, const struct circ_block *block)
{
    (void)file;
    (void)block;
}

static void (*const writers[])(FILE *file, const struct circ_block *block) = {
    [CIRC_BLOCK_SECTION] = write_section, [CIRC_BLOCK_PARAGRAPH] = write_paragraph,
    [CIRC_BLOCK_NOTE] = write_note,       [CIRC_BLOCK_CODE] = write_code,
    [CIRC_BLOCK_LIST] = write_list,       [CIRC_BLOCK_FACTS] = write_facts,
    [CIRC_BLOCK_CARD] = write_card,       [CIRC_BLOCK_TABLE] = write_table,
    [CIRC_BLOCK_CHART] = write_nothing,
};

void circ_render_md_write(const struct circ_document *document, FILE *file)
{
    fputs("# ", file);
    circ_escape_md(file, document->title);
    fputs("\n\n", file);
    if (document->subtitle[0]) {
        circ_escape_md(file, document->subtitle);
        fputs("\n\n", file);
    }
    for (size_t i = 0; i < document->block_count; i++)
        writers[document->blocks[i].type](file, &document->blocks[i]);
}
