/* Panels and series: which rows are drawn together, and what tells them apart.
 *
 * A panel is the rows of one workload, device, pass and batch: one set of charts. Within it, rows
 * of one structure at the same block that differ in, say, ISA are two series; where nothing
 * collides the structure alone names the series. */
#ifndef CIRC_PANEL_H
#define CIRC_PANEL_H

#include "reports/rows.h"

#define CIRC_PANEL_TEXT 256

struct circ_panel {
    const struct circ_row *rows; /* borrowed */
    size_t count;
    unsigned apart; /* bits of the properties that tell series of one structure apart */
};

/* The panel that starts at rows->items[start]; the next one starts at start + its count. whole: all
 * batches of the workload, device and pass together. */
struct circ_panel circ_panel_at(const struct circ_rows *rows, size_t start, bool whole);

/* Whether two rows of a panel belong to the same series. */
bool circ_panel_same(const struct circ_panel *panel, const struct circ_row *a,
                     const struct circ_row *b);

/* Whether no ok row of the panel before this one belongs to its series. */
bool circ_panel_is_first(const struct circ_panel *panel, const struct circ_row *row);

/* Whether no ok row before this one belongs to its series and has its batch: the first row of a
 * curve in a whole panel. */
bool circ_panel_starts(const struct circ_panel *panel, const struct circ_row *row);

/* The panel for figures counted from shapes: how a row was run does not tell its weights apart. */
struct circ_panel circ_panel_counted(const struct circ_panel *panel);

/* The panel for rows of which warm and cold weights stand side by side: they are no series apart.
 */
struct circ_panel circ_panel_any_weights(const struct circ_panel *panel);

/* The ok row that is the point of row, which is ok and has warm weights, with cold ones. Of the
 * fastest dense row it is the fastest cold one where its own variant has none: another library may
 * be the faster one then. NULL if there is none or row is another. */
const struct circ_row *circ_panel_cold(const struct circ_panel *panel, const struct circ_row *row);

/* "circulant", "circulant, avx2", "dense (openblas)". */
void circ_panel_label(char text[CIRC_PANEL_TEXT], const struct circ_panel *panel,
                      const struct circ_row *row);

/* "alexnet-fc7, batch 64"; the device and the pass are named where the campaign has several. */
void circ_panel_title(char text[CIRC_PANEL_TEXT], const struct circ_rows *rows,
                      const struct circ_row *row, bool with_batch);

/* "16", or "16/8" where CONV layers have another block. */
void circ_panel_block(char text[32], const struct circ_row *row);

/* Whether the row has a block axis: dense has none. */
bool circ_panel_is_dense(const struct circ_row *row);

/* The dense row that the row's speed-up was computed from; NULL if there is none. */
const struct circ_row *circ_panel_dense(const struct circ_panel *panel, const struct circ_row *row);

/* "" for measured, "emulated", ...: the mark of a figure that is not a measurement. */
const char *circ_panel_mark(const struct circ_row *row);

#endif
