/* The document model: what a report says, free of how Markdown or HTML writes it.
 *
 * A document is a list of blocks built from top to bottom: circ_document_table opens a table, then
 * circ_document_column, _row and _cell fill it, and so on; each call adds to the newest block. All
 * text is copied and owned by the document. Text is plain: renderers escape all of it, so any byte
 * is safe.
 *
 * Failure is sticky: after an allocation fails, further calls do nothing, and circ_document_check,
 * called once at the end, answers MEMORY. A call that does not fit the newest block (a cell without
 * a table) makes it INTERNAL. */
#ifndef CIRC_DOCUMENT_H
#define CIRC_DOCUMENT_H

#include "backends/core/status.h"
#include "reports/human.h"

#include <stdbool.h>
#include <stddef.h>

enum circ_tone { CIRC_TONE_PLAIN, CIRC_TONE_GOOD, CIRC_TONE_WARN, CIRC_TONE_BAD };

enum circ_block_type {
    CIRC_BLOCK_SECTION,   /* text: the title; level 2 or 3 */
    CIRC_BLOCK_PARAGRAPH, /* text */
    CIRC_BLOCK_NOTE,      /* text, with a tone */
    CIRC_BLOCK_CODE,      /* text, shown as it is */
    CIRC_BLOCK_LIST,      /* items */
    CIRC_BLOCK_FACTS,     /* rows of two cells: name, value */
    CIRC_BLOCK_CARD,      /* title, figure, items; neighbours stand side by side */
    CIRC_BLOCK_TABLE,
    CIRC_BLOCK_CHART /* neighbours stand side by side */
};

struct circ_column {
    char *title;
    bool right; /* numbers are aligned right */
};

struct circ_table_cell {
    char *text;   /* what is read */
    char *detail; /* smaller, behind it: an interval, a kind; NULL if none */
    bool missing; /* a dash; detail says why, if it is known */
    bool strong;  /* the row's or column's best */
};

struct circ_chart_point {
    double x, y, low, high; /* low and high NaN where there is no interval */
    char *text;             /* tooltip */
};

/* How a series is drawn. */
enum circ_drawing {
    CIRC_DRAW_LINE,   /* marks joined by a line */
    CIRC_DRAW_LEVEL,  /* one value, a horizontal line through the chart */
    CIRC_DRAW_POINTS, /* marks alone */
    CIRC_DRAW_BOUND,  /* a thin line with its name on it: a limit, not a measurement of a row */
    CIRC_DRAW_TRACE   /* a line without marks, and the band from low to high */
};

enum circ_ticks {
    CIRC_TICKS_AT_POINTS, /* x is named where there are points: block sizes */
    CIRC_TICKS_ROUND,     /* at round numbers */
    CIRC_TICKS_LINEAR     /* at round numbers of an axis that is linear, as y is then, from 0 */
};

struct circ_series {
    char *label;
    char *kind; /* "measured", "emulated", "modelled", "counted" */
    int colour; /* of the palette; -1 is the ink of levels and bounds */
    int shape;  /* mark: 0 circle, 1 square, 2 triangle, 3 diamond */
    enum circ_drawing drawing;
    struct circ_chart_point *points;
    size_t point_count;
};

struct circ_block {
    enum circ_block_type type;
    enum circ_tone tone;
    int level;
    bool folded;                 /* TABLE: may be shown closed, behind its caption */
    enum circ_quantity quantity; /* CHART: of y; x is a plain number */
    enum circ_ticks ticks;       /* CHART: of x */
    char *text;                  /* title, caption or text */
    char *figure;                /* CARD: the large figure; CHART: title of the y axis */
    char *x_title;               /* CHART */
    char **items;
    size_t item_count;
    struct circ_column *columns;
    size_t column_count;
    struct circ_table_cell *cells; /* TABLE: row after row; FACTS: name, value */
    size_t cell_count;
    struct circ_series *series;
    size_t series_count;
};

struct circ_document {
    char *title;
    char *subtitle;
    struct circ_block *blocks;
    size_t block_count;
    enum circ_status status; /* of the first failure */
};

/* Starts an empty document; free it with circ_document_free, also after a failure. MEMORY. */
CIRC_MUST_USE enum circ_status circ_document_create(struct circ_document **document,
                                                    const char *title, const char *subtitle,
                                                    struct circ_error *err);
void circ_document_free(struct circ_document *document);

/* OK, or the first failure of the calls below; also checks that every table has whole rows. */
CIRC_MUST_USE enum circ_status circ_document_check(const struct circ_document *document,
                                                   struct circ_error *err);

void circ_document_section(struct circ_document *document, int level, const char *title);
void circ_document_paragraph(struct circ_document *document, const char *format, ...)
    CIRC_PRINTF(2, 3);
void circ_document_note(struct circ_document *document, enum circ_tone tone, const char *format,
                        ...) CIRC_PRINTF(3, 4);
void circ_document_code(struct circ_document *document, const char *text);

void circ_document_list(struct circ_document *document);
void circ_document_card(struct circ_document *document, enum circ_tone tone, const char *title,
                        const char *figure);
/* An item of a list or a line of a card. */
void circ_document_item(struct circ_document *document, const char *format, ...) CIRC_PRINTF(2, 3);

void circ_document_facts(struct circ_document *document);
void circ_document_fact(struct circ_document *document, const char *name, const char *format, ...)
    CIRC_PRINTF(3, 4);

/* folded: a table that repeats a chart's numbers may be shown closed. */
void circ_document_table(struct circ_document *document, bool folded, const char *caption);
void circ_document_column(struct circ_document *document, bool right, const char *title);
void circ_document_cell(struct circ_document *document, const char *format, ...) CIRC_PRINTF(2, 3);
/* A cell with a number, its interval (NaN for none) and, where remark is not NULL or "", a remark.
 * A value of NaN is a missing cell. */
void circ_document_number(struct circ_document *document, enum circ_quantity quantity, double value,
                          double low, double high, const char *remark);
/* A cell without a value; why may be NULL. */
void circ_document_missing(struct circ_document *document, const char *why);
/* Marks the newest cell as the best of its kind. */
void circ_document_strong(struct circ_document *document);

void circ_document_chart(struct circ_document *document, enum circ_quantity quantity,
                         enum circ_ticks ticks, const char *title, const char *x_title,
                         const char *y_title);
void circ_document_series(struct circ_document *document, const char *label, const char *kind,
                          int colour, int shape, enum circ_drawing drawing);
void circ_document_point(struct circ_document *document, double x, double y, double low,
                         double high, const char *format, ...) CIRC_PRINTF(6, 7);

#endif
