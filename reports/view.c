/* Draws a column of a panel's rows against block size. It words no section, and the drawing itself
 * is chart.js's. */
#include "reports/view.h"

#include <math.h>
#include <string.h>

static double value_at(const struct circ_row *row, size_t offset)
{
    return *(const double *)((const char *)row + offset);
}

static const char *kind_of(const struct circ_row *row, const struct circ_view *view)
{
    return view->kind ? view->kind : *(char *const *)((const char *)row + view->kind_at);
}

/* Circles are circulant, squares pruned, triangles any other structure. */
static int shape_of(const struct circ_row *row)
{
    return strcmp(row->structure, "circulant") == 0 ? 0
           : strcmp(row->structure, "pruned") == 0  ? 1
                                                    : 2;
}

static void add_point(struct circ_document *document, const struct circ_view *view,
                      const char *label, const struct circ_row *row)
{
    double value = value_at(row, view->value), low = NAN, high = NAN;
    /* The fastest dense row is 1 by definition; its own interval is no error of that 1. */
    bool unit = circ_panel_is_dense(row) && view->quantity == CIRC_QUANTITY_RATIO && value == 1;
    if (view->low != view->value && !unit) {
        low = value_at(row, view->low);
        high = value_at(row, view->high);
    }
    char text[CIRC_HUMAN_SIZE], block[32];
    circ_human_format(text, view->quantity, value, low, high);
    circ_panel_block(block, row);
    const char *kind = kind_of(row, view);
    if (circ_panel_is_dense(row))
        circ_document_point(document, row->block, value, low, high, "%s: %s, %s", label, text,
                            kind);
    else
        circ_document_point(document, row->block, value, low, high, "%s, k = %s: %s, %s", label,
                            block, text, kind);
}

/* Whether an earlier row of the series, with a value, has this row's block. */
static bool has_block(const struct circ_panel *panel, const struct circ_row *first,
                      const struct circ_row *row, const struct circ_view *view)
{
    for (const struct circ_row *other = first; other < row; other++) {
        if (circ_rows_is_ok(other) && circ_panel_same(panel, first, other) &&
            other->block == row->block && isfinite(value_at(other, view->value)))
            return true;
    }
    return false;
}

/* The first row of the series of first that has a value; NULL if none has. */
static const struct circ_row *first_known(const struct circ_panel *panel,
                                          const struct circ_row *first,
                                          const struct circ_view *view)
{
    for (const struct circ_row *row = first; row < panel->rows + panel->count; row++) {
        if (circ_rows_is_ok(row) && circ_panel_same(panel, first, row) &&
            isfinite(value_at(row, view->value)))
            return row;
    }
    return NULL;
}

bool circ_view_has(const struct circ_panel *panel, const struct circ_view *view)
{
    for (size_t i = 0; i < panel->count; i++) {
        if (circ_rows_is_ok(&panel->rows[i]) && isfinite(value_at(&panel->rows[i], view->value)))
            return true;
    }
    return false;
}

void circ_view_add(struct circ_document *document, const struct circ_panel *panel,
                   const struct circ_view *view)
{
    int next_colour = 2;
    bool used[2] = {false, false};
    circ_document_chart(document, view->quantity, CIRC_TICKS_AT_POINTS, view->title,
                        "block size k (log)", view->y_title);
    for (size_t i = 0; i < panel->count; i++) {
        const struct circ_row *first = &panel->rows[i];
        if (!circ_rows_is_ok(first) || !circ_panel_is_first(panel, first))
            continue;
        int shape = shape_of(first), colour = -1;
        if (!circ_panel_is_dense(first)) {
            colour = shape < 2 && !used[shape] ? shape : next_colour++;
            if (shape < 2)
                used[shape] = true;
        }
        const struct circ_row *known = first_known(panel, first, view);
        if (!known)
            continue; /* after the colours: a series has the same one in all charts */
        char label[CIRC_PANEL_TEXT];
        circ_panel_label(label, panel, first);
        circ_document_series(document, label, kind_of(known, view), colour, shape,
                             circ_panel_is_dense(first) ? CIRC_DRAW_LEVEL : CIRC_DRAW_LINE);
        for (const struct circ_row *row = first; row < panel->rows + panel->count; row++) {
            if (!circ_rows_is_ok(row) || !circ_panel_same(panel, first, row) ||
                !isfinite(value_at(row, view->value)))
                continue;
            /* Counted figures are the same however the block was run: one mark for each block. */
            if (!view->kind || !has_block(panel, first, row, view))
                add_point(document, view, label, row);
        }
    }
}
