/* Groups rows into panels and series and names them. It adds nothing to a document. */
#include "reports/panel.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* What may tell two series of one structure apart. */
struct property {
    size_t offset;
    bool text;
    bool counts;        /* changes the weights too, not only the time */
    const char *format; /* of a number */
};

enum { BACKEND, VARIANT, ISA, PRECISION, THREADS, BLOCK_CONV, WEIGHTS, KIND, PROPERTIES };

static const struct property properties[PROPERTIES] = {
    [BACKEND] = {offsetof(struct circ_row, backend), true, false, NULL},
    [VARIANT] = {offsetof(struct circ_row, variant), true, false, NULL},
    [ISA] = {offsetof(struct circ_row, isa), true, false, NULL},
    [PRECISION] = {offsetof(struct circ_row, precision), true, true, NULL},
    [THREADS] = {offsetof(struct circ_row, threads), false, false, "threads %.0f"},
    [BLOCK_CONV] = {offsetof(struct circ_row, block_conv), false, true, "conv block %.0f"},
    [WEIGHTS] = {offsetof(struct circ_row, weights), true, false, NULL},
    [KIND] = {offsetof(struct circ_row, kind), true, false, NULL},
};

static const char *text_of(const struct circ_row *row, const struct property *property)
{
    return *(char *const *)((const char *)row + property->offset);
}

static double number_of(const struct circ_row *row, const struct property *property)
{
    return *(const double *)((const char *)row + property->offset);
}

static bool equal_numbers(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

static bool equal(const struct circ_row *a, const struct circ_row *b,
                  const struct property *property)
{
    return property->text ? strcmp(text_of(a, property), text_of(b, property)) == 0
                          : equal_numbers(number_of(a, property), number_of(b, property));
}

static bool same_panel(const struct circ_row *a, const struct circ_row *b, bool whole)
{
    return strcmp(a->workload, b->workload) == 0 && strcmp(a->device, b->device) == 0 &&
           strcmp(a->pass, b->pass) == 0 && (whole || a->batch == b->batch);
}

/* Rows that would fall on the same spot of a chart. */
static bool collide(const struct circ_row *a, const struct circ_row *b)
{
    return a->block == b->block && a->batch == b->batch &&
           strcmp(a->structure, b->structure) == 0 && circ_rows_is_ok(a) && circ_rows_is_ok(b);
}

struct circ_panel circ_panel_at(const struct circ_rows *rows, size_t start, bool whole)
{
    struct circ_panel panel = {.rows = rows->items + start};
    while (start + panel.count < rows->count &&
           same_panel(panel.rows, panel.rows + panel.count, whole))
        panel.count++;
    for (size_t i = 0; i < panel.count; i++) {
        for (size_t j = i + 1; j < panel.count; j++) {
            if (!collide(&panel.rows[i], &panel.rows[j]))
                continue;
            for (unsigned p = 0; p < PROPERTIES; p++) {
                if (!equal(&panel.rows[i], &panel.rows[j], &properties[p]))
                    panel.apart |= 1u << p;
            }
        }
    }
    return panel;
}

struct circ_panel circ_panel_counted(const struct circ_panel *panel)
{
    struct circ_panel counted = *panel;
    for (unsigned p = 0; p < PROPERTIES; p++) {
        if (!properties[p].counts)
            counted.apart &= ~(1u << p);
    }
    return counted;
}

struct circ_panel circ_panel_any_weights(const struct circ_panel *panel)
{
    struct circ_panel any = *panel;
    any.apart &= ~(1u << WEIGHTS);
    return any;
}

/* Whether a row is the dense one that others of its kind are compared with. */
static bool is_baseline(const struct circ_row *row)
{
    return circ_panel_is_dense(row) && row->speedup_vs_dense == 1;
}

const struct circ_row *circ_panel_cold(const struct circ_panel *panel, const struct circ_row *row)
{
    if (!circ_rows_is_ok(row) || strcmp(row->weights, CIRC_ROWS_WARM) != 0)
        return NULL;
    const struct circ_row *baseline = NULL;
    for (size_t i = 0; i < panel->count; i++) {
        const struct circ_row *other = &panel->rows[i];
        bool same = strcmp(other->weights, CIRC_ROWS_COLD) == 0 && collide(row, other);
        for (unsigned p = 0; p < PROPERTIES && same; p++)
            same = p == WEIGHTS || p == VARIANT || equal(row, other, &properties[p]);
        if (same && equal(row, other, &properties[VARIANT]))
            return other;
        if (same && is_baseline(row) && is_baseline(other))
            baseline = other;
    }
    return baseline;
}

bool circ_panel_same(const struct circ_panel *panel, const struct circ_row *a,
                     const struct circ_row *b)
{
    if (strcmp(a->structure, b->structure) != 0)
        return false;
    for (unsigned p = 0; p < PROPERTIES; p++) {
        if ((panel->apart & 1u << p) && !equal(a, b, &properties[p]))
            return false;
    }
    return true;
}

bool circ_panel_is_first(const struct circ_panel *panel, const struct circ_row *row)
{
    for (const struct circ_row *other = panel->rows; other < row; other++) {
        if (circ_rows_is_ok(other) && circ_panel_same(panel, other, row))
            return false;
    }
    return true;
}

bool circ_panel_starts(const struct circ_panel *panel, const struct circ_row *row)
{
    for (const struct circ_row *other = panel->rows; other < row; other++) {
        if (circ_rows_is_ok(other) && other->batch == row->batch &&
            circ_panel_same(panel, other, row))
            return false;
    }
    return true;
}

/* Adds to a text of CIRC_PANEL_TEXT bytes, cut at its end. */
static void add(char *text, const char *separator, const char *part)
{
    size_t used = strlen(text);
    snprintf(text + used, CIRC_PANEL_TEXT - used, "%s%s", separator, part);
}

/* The words for one property of a row; "" where it has none. */
static void describe(char part[80], const struct circ_row *row, const struct property *property)
{
    part[0] = '\0';
    if (property->text)
        snprintf(part, 80, "%s", text_of(row, property));
    else if (isfinite(number_of(row, property)))
        snprintf(part, 80, property->format, number_of(row, property));
}

void circ_panel_label(char text[CIRC_PANEL_TEXT], const struct circ_panel *panel,
                      const struct circ_row *row)
{
    snprintf(text, CIRC_PANEL_TEXT, "%s", row->structure);
    bool named = circ_panel_is_dense(row) && row->variant[0];
    if (named) {
        add(text, " (", row->variant);
        add(text, ")", "");
    }
    for (unsigned p = 0; p < PROPERTIES; p++) {
        char part[80];
        if ((panel->apart & 1u << p) && !(named && p == VARIANT)) {
            describe(part, row, &properties[p]);
            add(text, part[0] ? ", " : "", part);
        }
    }
}

void circ_panel_title(char text[CIRC_PANEL_TEXT], const struct circ_rows *rows,
                      const struct circ_row *row, bool with_batch)
{
    bool devices = false, passes = false;
    for (size_t i = 1; i < rows->count; i++) {
        devices = devices || strcmp(rows->items[i].device, rows->items[0].device) != 0;
        passes = passes || strcmp(rows->items[i].pass, rows->items[0].pass) != 0;
    }
    char batch[48];
    snprintf(batch, sizeof batch, "batch %.0f", row->batch);
    snprintf(text, CIRC_PANEL_TEXT, "%.120s", row->workload);
    if (with_batch)
        add(text, ", ", batch);
    if (devices)
        add(text, ", ", row->device);
    if (passes)
        add(text, ", ", row->pass);
}

void circ_panel_block(char text[32], const struct circ_row *row)
{
    if (isfinite(row->block_conv) && row->block_conv != row->block)
        snprintf(text, 32, "%.0f/%.0f", row->block, row->block_conv);
    else
        snprintf(text, 32, "%.0f", row->block);
}

bool circ_panel_is_dense(const struct circ_row *row)
{
    return strcmp(row->structure, "dense") == 0;
}

const struct circ_row *circ_panel_dense(const struct circ_panel *panel, const struct circ_row *row)
{
    if (!isfinite(row->speedup_vs_dense))
        return NULL;
    for (size_t i = 0; i < panel->count; i++) {
        const struct circ_row *dense = &panel->rows[i];
        if (circ_panel_is_dense(dense) && circ_rows_is_ok(dense) && dense->batch == row->batch &&
            dense->threads == row->threads && strcmp(dense->weights, row->weights) == 0 &&
            strcmp(dense->precision, row->precision) == 0 && strcmp(dense->kind, row->kind) == 0 &&
            strcmp(dense->variant, row->dense_variant) == 0)
            return dense;
    }
    return NULL;
}

const char *circ_panel_mark(const struct circ_row *row)
{
    return strcmp(row->kind, "measured") == 0 ? "" : row->kind;
}
