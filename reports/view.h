/* Charts of one column of the rows against block size, one series for each structure and way of
 * running it. */
#ifndef CIRC_VIEW_H
#define CIRC_VIEW_H

#include "reports/document.h"
#include "reports/panel.h"

/* What a chart of a panel shows. Offsets are in struct circ_row. */
struct circ_view {
    const char *title, *y_title;
    enum circ_quantity quantity;
    size_t value, low, high; /* of doubles; low == value: there is no interval */
    const char *kind;        /* of all figures; NULL: the row's, which is at kind_at */
    size_t kind_at;          /* of a text */
};

/* Adds the chart. A series without a value is left out, rows of one without theirs too. */
void circ_view_add(struct circ_document *document, const struct circ_panel *panel,
                   const struct circ_view *view);

/* Whether an ok row of the panel has the view's value. */
bool circ_view_has(const struct circ_panel *panel, const struct circ_view *view);

#endif
