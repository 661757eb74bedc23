/* Reads the values of axes from text. What a value means, and whether it exists, is for sweep.c. */
#include "harness/axes.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_ITEM 4096 /* characters between two commas: a path fits */

/* One item of the grammar: FIRST, or FIRST-LAST with a step; /CONV where blocks are read. */
struct range {
    int first, last, step;
    bool multiply;
    int conv; /* 0: not given */
};

/* Where the reading stands, and what a message needs. */
struct reader {
    const char *option, *item, *example;
    const char *at;
    struct circ_error *err;
};

static enum circ_status refuse(const struct reader *reader, const char *what)
{
    return circ_status_fail(reader->err, CIRC_USAGE, "%s: '%.100s' %s; for example %s",
                            reader->option, reader->item, what, reader->example);
}

/* Cuts the next item off *text at a comma. *more says whether there was one. */
static enum circ_status next_item(const char **text, char item[MAX_ITEM], bool *more,
                                  struct reader *reader)
{
    size_t length = strcspn(*text, ",");
    *more = (*text)[length] == ',';
    reader->item = item;
    reader->at = item;
    snprintf(item, MAX_ITEM, "%.*s", (int)(length < MAX_ITEM ? length : MAX_ITEM), *text);
    if (length >= MAX_ITEM) {
        return refuse(reader, "... is too long");
    }
    if (!length) {
        return refuse(reader, *more ? "is an empty value before a comma" : "is an empty value");
    }
    *text += length + *more;
    return CIRC_OK;
}

static enum circ_status read_number(struct reader *reader, int *number)
{
    char *end;
    if (*reader->at < '0' || *reader->at > '9') { /* strtol would take blanks and signs */
        return refuse(reader, "is not a whole number or a range of them");
    }
    errno = 0;
    long value = strtol(reader->at, &end, 10);
    reader->at = end;
    if (errno || value > INT_MAX) {
        return refuse(reader, "is too large");
    }
    if (value < 1) {
        return refuse(reader, "holds a number below 1");
    }
    *number = (int)value;
    return CIRC_OK;
}

static enum circ_status read_step(struct reader *reader, struct range *range)
{
    enum circ_status status = CIRC_OK;
    range->multiply = *reader->at == '*';
    range->step = 1;
    if (*reader->at == '+' || *reader->at == '*') {
        reader->at++;
        status = read_number(reader, &range->step);
        if (status == CIRC_OK && range->multiply && range->step == 1) {
            status = refuse(reader, "multiplies by 1 and would never end");
        }
    }
    return status;
}

static enum circ_status read_range(struct reader *reader, bool blocks, struct range *range)
{
    enum circ_status status = read_number(reader, &range->first);
    range->last = range->first;
    range->step = 1;
    range->multiply = false;
    range->conv = 0;
    if (status == CIRC_OK && *reader->at == '-') {
        reader->at++;
        status = read_number(reader, &range->last);
        if (status == CIRC_OK && range->last < range->first) {
            status = refuse(reader, "runs backwards");
        }
        if (status == CIRC_OK) {
            status = read_step(reader, range);
        }
    }
    if (status == CIRC_OK && blocks && *reader->at == '/') {
        reader->at++;
        status = read_number(reader, &range->conv);
    }
    if (status == CIRC_OK && *reader->at) {
        status = refuse(reader, blocks ? "is not a block K or K/C, or a range such as 8-64*2"
                                       : "is not a whole number or a range of them");
    }
    return status;
}

/* Grows an array by one element. The arrays are small; growing one by one keeps the structs plain.
 */
static enum circ_status grow(void **items, int count, size_t size, const char *option,
                             struct circ_error *err)
{
    if (count >= CIRC_MAX_AXIS) {
        return circ_status_fail(err, CIRC_USAGE,
                                "%s: more than %d values; give fewer or a larger step", option,
                                CIRC_MAX_AXIS);
    }
    void *grown = realloc(*items, ((size_t)count + 1) * size);
    if (!grown) {
        return circ_status_fail(err, CIRC_MEMORY, "%s: out of memory", option);
    }
    *items = grown;
    return CIRC_OK;
}

static enum circ_status add_number(struct circ_numbers *axis, int value, const char *option,
                                   struct circ_error *err)
{
    for (int i = 0; i < axis->count; i++) {
        if (axis->items[i] == value) {
            return CIRC_OK;
        }
    }
    void *items = axis->items;
    enum circ_status status = grow(&items, axis->count, sizeof *axis->items, option, err);
    axis->items = items;
    if (status == CIRC_OK) {
        axis->items[axis->count++] = value;
    }
    return status;
}

static enum circ_status add_block(struct circ_blocks *axis, int fc, int conv, const char *option,
                                  struct circ_error *err)
{
    for (int i = 0; i < axis->count; i++) {
        if (axis->items[i].fc == fc && axis->items[i].conv == conv) {
            return CIRC_OK;
        }
    }
    void *items = axis->items;
    enum circ_status status = grow(&items, axis->count, sizeof *axis->items, option, err);
    axis->items = items;
    if (status == CIRC_OK) {
        axis->items[axis->count++] = (struct circ_block){fc, conv};
    }
    return status;
}

static enum circ_status add_name(struct circ_names *axis, const char *name, const char *option,
                                 struct circ_error *err)
{
    for (int i = 0; i < axis->count; i++) {
        if (!strcmp(axis->items[i], name)) {
            return CIRC_OK;
        }
    }
    void *items = axis->items;
    enum circ_status status = grow(&items, axis->count, sizeof *axis->items, option, err);
    axis->items = items;
    if (status != CIRC_OK) {
        return status;
    }
    char *copy = strdup(name);
    if (!copy) {
        return circ_status_fail(err, CIRC_MEMORY, "%s: out of memory", option);
    }
    axis->items[axis->count++] = copy;
    return CIRC_OK;
}

enum circ_status circ_axes_add_names(struct circ_names *axis, const char *option, const char *text,
                                     struct circ_error *err)
{
    struct reader reader = {.option = option, .example = "'a' or 'a,b'", .err = err};
    enum circ_status status;
    char item[MAX_ITEM];
    bool more;
    do {
        status = next_item(&text, item, &more, &reader);
        if (status == CIRC_OK) {
            status = add_name(axis, item, option, err);
        }
    } while (status == CIRC_OK && more);
    return status;
}

/* Walks the items of text and adds every number of every range, as numbers or as blocks: one of the
 * two axes is NULL. */
static enum circ_status add_ranges(struct circ_numbers *numbers, struct circ_blocks *blocks,
                                   struct reader *reader, const char *text)
{
    enum circ_status status;
    char item[MAX_ITEM];
    bool more;
    do {
        struct range range;
        status = next_item(&text, item, &more, reader);
        if (status == CIRC_OK) {
            status = read_range(reader, blocks != NULL, &range);
        }
        /* long long: the step past the last value may not fit an int */
        for (long long value = range.first; status == CIRC_OK && value <= range.last;
             value = range.multiply ? value * range.step : value + range.step) {
            int number = (int)value;
            status = numbers ? add_number(numbers, number, reader->option, reader->err)
                             : add_block(blocks, number, range.conv ? range.conv : number,
                                         reader->option, reader->err);
        }
    } while (status == CIRC_OK && more);
    return status;
}

enum circ_status circ_axes_add_numbers(struct circ_numbers *axis, const char *option,
                                       const char *text, struct circ_error *err)
{
    struct reader reader = {.option = option, .example = "1,64 or 1-64*2 or 8-64+8", .err = err};
    return add_ranges(axis, NULL, &reader, text);
}

enum circ_status circ_axes_add_blocks(struct circ_blocks *axis, const char *text,
                                      struct circ_error *err)
{
    struct reader reader = {
        .option = "-k/--block", .example = "8,16 or 8-1024*2 or 16/8 (K/C)", .err = err};
    return add_ranges(NULL, axis, &reader, text);
}

void circ_axes_free_names(struct circ_names *axis)
{
    for (int i = 0; i < axis->count; i++) {
        free(axis->items[i]);
    }
    free(axis->items);
    *axis = (struct circ_names){0};
}

void circ_axes_free(struct circ_axes *axes)
{
    circ_axes_free_names(&axes->workloads);
    circ_axes_free_names(&axes->structures);
    circ_axes_free_names(&axes->backends);
    circ_axes_free_names(&axes->devices);
    circ_axes_free_names(&axes->variants);
    circ_axes_free_names(&axes->precisions);
    circ_axes_free_names(&axes->passes);
    circ_axes_free_names(&axes->isas);
    free(axes->batches.items);
    free(axes->threads.items);
    free(axes->blocks.items);
    *axes = (struct circ_axes){0};
}
