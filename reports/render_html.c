/* Renders a document as one self-contained HTML page. Charts travel as data and are drawn in the
 * page by chart.js; nothing is loaded from anywhere. */
#include "circ_config.h"
#include "backends/core/embed.h"
#include "reports/escape.h"
#include "reports/render.h"

#include <math.h>
#include <string.h>

extern const struct circ_embedded circ_report_files[];
extern const int circ_report_files_count;

static const char *const tones[] = {
    [CIRC_TONE_PLAIN] = "plain",
    [CIRC_TONE_GOOD] = "good",
    [CIRC_TONE_WARN] = "warn",
    [CIRC_TONE_BAD] = "bad",
};

/* A block's place: ids and neighbours depend on it. */
struct place {
    const struct circ_document *document;
    size_t index;
};

bool circ_render_html_has_charts(const char **reason)
{
    if (reason)
        *reason = CIRC_HAVE_CHARTS ? "" : "built without d3: install node-d3 and rebuild";
    return CIRC_HAVE_CHARTS;
}

static void write_file(FILE *file, const char *name)
{
    for (int i = 0; i < circ_report_files_count; i++) {
        if (strcmp(circ_report_files[i].name, name) == 0)
            fwrite(circ_report_files[i].data, 1, circ_report_files[i].size, file);
    }
}

/* d3 first, whatever its file is called: the order is meson.build's. */
static void write_scripts(FILE *file)
{
    for (int i = 0; i < circ_report_files_count; i++) {
        const char *dot = strrchr(circ_report_files[i].name, '.');
        if (!dot || strcmp(dot, ".js") != 0)
            continue;
        fputs("<script>", file);
        fwrite(circ_report_files[i].data, 1, circ_report_files[i].size, file);
        fputs("</script>\n", file);
    }
}

static void write_element(FILE *file, const char *open, const char *text, const char *close)
{
    fputs(open, file);
    circ_escape_html(file, text);
    fputs(close, file);
}

static void write_section(FILE *file, const struct circ_block *block, struct place place)
{
    fprintf(file, "<h%d id=\"s%zu\">", block->level, place.index);
    circ_escape_html(file, block->text);
    fprintf(file, "</h%d>\n", block->level);
}

static void write_paragraph(FILE *file, const struct circ_block *block, struct place place)
{
    (void)place;
    write_element(file, "<p>", block->text, "</p>\n");
}

static void write_note(FILE *file, const struct circ_block *block, struct place place)
{
    static const char *const words[] = {
        [CIRC_TONE_PLAIN] = "Note",
        [CIRC_TONE_GOOD] = "",
        [CIRC_TONE_WARN] = "Warning",
        [CIRC_TONE_BAD] = "Problem",
    };
    (void)place;
    fprintf(file, "<p class=\"note %s\">", tones[block->tone]);
    if (words[block->tone][0])
        fprintf(file, "<b>%s</b>", words[block->tone]);
    write_element(file, "", block->text, "</p>\n");
}

static void write_code(FILE *file, const struct circ_block *block, struct place place)
{
    (void)place;
    write_element(file, "<pre><code>", block->text, "</code></pre>\n");
}

static void write_items(FILE *file, const struct circ_block *block)
{
    for (size_t i = 0; i < block->item_count; i++)
        write_element(file, "<li>", block->items[i], "</li>\n");
}

static void write_list(FILE *file, const struct circ_block *block, struct place place)
{
    (void)place;
    fputs("<ul class=\"list\">\n", file);
    write_items(file, block);
    fputs("</ul>\n", file);
}

static void write_facts(FILE *file, const struct circ_block *block, struct place place)
{
    (void)place;
    fputs("<dl>\n", file);
    for (size_t i = 0; i + 1 < block->cell_count; i += 2) {
        write_element(file, "<dt>", block->cells[i].text, "</dt>");
        write_element(file, "<dd>", block->cells[i + 1].text, "</dd>\n");
    }
    fputs("</dl>\n", file);
}

/* Runs of cards and of charts share one grid. */
static void open_run(FILE *file, struct place place, const char *name)
{
    const struct circ_block *blocks = place.document->blocks;
    if (place.index == 0 || blocks[place.index - 1].type != blocks[place.index].type)
        fprintf(file, "<div class=\"%s\">\n", name);
}

static void close_run(FILE *file, struct place place)
{
    const struct circ_block *blocks = place.document->blocks;
    if (place.index + 1 == place.document->block_count ||
        blocks[place.index + 1].type != blocks[place.index].type)
        fputs("</div>\n", file);
}

static void write_card(FILE *file, const struct circ_block *block, struct place place)
{
    open_run(file, place, "cards");
    fprintf(file, "<section class=\"card %s\">", tones[block->tone]);
    write_element(file, "<h3>", block->text, "</h3>");
    write_element(file, "<p class=\"figure\">", block->figure, "</p><ul>\n");
    write_items(file, block);
    fputs("</ul></section>\n", file);
    close_run(file, place);
}

static void write_cell(FILE *file, const struct circ_table_cell *cell, bool right, bool first)
{
    const char *tag = first ? "th scope=\"row\"" : "td";
    fprintf(file, "<%s class=\"%s%s%s\">", tag, right ? "num" : "text",
            cell->missing ? " missing" : "", cell->strong ? " strong" : "");
    circ_escape_html(file, cell->text);
    if (cell->detail)
        write_element(file, " <span class=\"detail\">", cell->detail, "</span>");
    fputs(first ? "</th>" : "</td>", file);
}

static void write_table(FILE *file, const struct circ_block *block, struct place place)
{
    if (block->folded) {
        fputs(CIRC_HAVE_CHARTS ? "<details>" : "<details open>", file);
        write_element(file, "<summary>", block->text, "</summary>\n");
    }
    fprintf(file, "<div class=\"scroll\" tabindex=\"0\"><table id=\"t%zu\">", place.index);
    if (!block->folded && block->text[0])
        write_element(file, "<caption>", block->text, "</caption>");
    fputs("<thead><tr>", file);
    for (size_t i = 0; i < block->column_count; i++)
        write_element(file,
                      block->columns[i].right ? "<th scope=\"col\" class=\"num\">"
                                              : "<th scope=\"col\">",
                      block->columns[i].title, "</th>");
    fputs("</tr></thead>\n<tbody>\n", file);
    for (size_t i = 0; i < block->cell_count; i++) {
        size_t column = i % block->column_count;
        if (column == 0)
            fputs("<tr>", file);
        write_cell(file, &block->cells[i], block->columns[column].right, column == 0);
        if (column + 1 == block->column_count)
            fputs("</tr>\n", file);
    }
    fputs(block->folded ? "</tbody></table></div></details>\n" : "</tbody></table></div>\n", file);
}

static void write_json_number(FILE *file, const char *name, double value)
{
    if (isfinite(value))
        fprintf(file, "\"%s\":%.9g,", name, value);
    else
        fprintf(file, "\"%s\":null,", name);
}

static void write_json_series(FILE *file, const struct circ_series *series)
{
    fputs("{\"label\":", file);
    circ_escape_json(file, series->label);
    fputs(",\"kind\":", file);
    circ_escape_json(file, series->kind);
    static const char *const drawings[] = {[CIRC_DRAW_LINE] = "line",
                                           [CIRC_DRAW_LEVEL] = "level",
                                           [CIRC_DRAW_POINTS] = "points",
                                           [CIRC_DRAW_BOUND] = "bound",
                                           [CIRC_DRAW_TRACE] = "trace"};
    fprintf(file, ",\"colour\":%d,\"shape\":%d,\"drawing\":\"%s\",\"points\":[", series->colour,
            series->shape, drawings[series->drawing]);
    for (size_t i = 0; i < series->point_count; i++) {
        const struct circ_chart_point *point = &series->points[i];
        fputs(i ? ",{" : "{", file);
        write_json_number(file, "x", point->x);
        write_json_number(file, "y", point->y);
        write_json_number(file, "low", point->low);
        write_json_number(file, "high", point->high);
        fputs("\"text\":", file);
        circ_escape_json(file, point->text);
        fputc('}', file);
    }
    fputs("]}", file);
}

static void write_chart(FILE *file, const struct circ_block *block, struct place place)
{
    if (!CIRC_HAVE_CHARTS)
        return;
    size_t table = place.index;
    while (table < place.document->block_count &&
           place.document->blocks[table].type != CIRC_BLOCK_TABLE)
        table++;
    open_run(file, place, "charts");
    fprintf(file, "<figure class=\"chart\" aria-describedby=\"t%zu\">", table);
    write_element(file, "<figcaption>", block->text, "</figcaption>");
    fputs("<p class=\"fallback\">Drawn by a script; the numbers are in the table below.</p>\n"
          "<script type=\"application/json\">{\"title\":",
          file);
    circ_escape_json(file, block->text);
    fputs(",\"x\":", file);
    circ_escape_json(file, block->x_title);
    fputs(",\"y\":", file);
    circ_escape_json(file, block->figure);
    static const char *const ticks[] = {[CIRC_TICKS_AT_POINTS] = "points",
                                        [CIRC_TICKS_ROUND] = "round",
                                        [CIRC_TICKS_LINEAR] = "linear"};
    fprintf(file, ",\"quantity\":\"%s\",\"ticks\":\"%s\",\"series\":[",
            circ_human_quantity_name(block->quantity), ticks[block->ticks]);
    for (size_t i = 0; i < block->series_count; i++) {
        fputs(i ? ",\n" : "\n", file);
        write_json_series(file, &block->series[i]);
    }
    fputs("]}</script></figure>\n", file);
    close_run(file, place);
}

static void (*const writers[])(FILE *file, const struct circ_block *block, struct place place) = {
    [CIRC_BLOCK_SECTION] = write_section, [CIRC_BLOCK_PARAGRAPH] = write_paragraph,
    [CIRC_BLOCK_NOTE] = write_note,       [CIRC_BLOCK_CODE] = write_code,
    [CIRC_BLOCK_LIST] = write_list,       [CIRC_BLOCK_FACTS] = write_facts,
    [CIRC_BLOCK_CARD] = write_card,       [CIRC_BLOCK_TABLE] = write_table,
    [CIRC_BLOCK_CHART] = write_chart,
};

static void write_navigation(const struct circ_document *document, FILE *file)
{
    fputs("<nav aria-label=\"Sections\">", file);
    for (size_t i = 0; i < document->block_count; i++) {
        if (document->blocks[i].type == CIRC_BLOCK_SECTION && document->blocks[i].level == 2) {
            fprintf(file, "<a href=\"#s%zu\">", i);
            write_element(file, "", document->blocks[i].text, "</a>\n");
        }
    }
    fputs("</nav>\n", file);
}

void circ_render_html_write(const struct circ_document *document, FILE *file)
{
    fputs("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
          "<meta name=\"referrer\" content=\"no-referrer\">\n"
          "<meta http-equiv=\"Content-Security-Policy\" content=\"",
          file);
    write_file(file, "csp.txt");
    fputs("\">\n", file);
    write_element(file, "<title>", document->title, "</title>\n<style>");
    write_file(file, "style.css");
    write_element(file, "</style></head>\n<body><header>\n<h1>", document->title, "</h1>\n");
    if (document->subtitle[0])
        write_element(file, "<p class=\"subtitle\">", document->subtitle, "</p>\n");
    write_navigation(document, file);
    fputs("</header>\n<main>\n", file);
    for (size_t i = 0; i < document->block_count; i++)
        writers[document->blocks[i].type](file, &document->blocks[i],
                                          (struct place){.document = document, .index = i});
    fputs("</main><footer></footer>\n", file);
    write_scripts(file);
    fputs("</body></html>\n", file);
}
