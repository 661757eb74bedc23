/* The axes of a sweep, and the grammar in which they are given (llama-bench's):
 *     8,16,32     a list          8-1024*2   multiply          8-64+8   add (8-64 is 8-64+1)
 * Blocks may add /C, the block of the CONV layers, to a number or to a range: 16/8 or 16-64*2/8.
 * Repeated options add up; duplicates are dropped, the first one keeps its place. */
#ifndef CIRC_AXES_H
#define CIRC_AXES_H

#include "backends/core/status.h"

#define CIRC_MAX_AXIS 1024 /* values of one axis */

struct circ_block {
    int fc;   /* K */
    int conv; /* C of K/C; equal to K when not given */
};

struct circ_names {
    char **items; /* owned, items too */
    int count;
};

struct circ_numbers {
    int *items; /* owned */
    int count;
};

struct circ_blocks {
    struct circ_block *items; /* owned */
    int count;
};

/* An axis not given has count 0: sweep.c fills in its default. */
struct circ_axes {
    struct circ_names workloads, structures, backends, devices, variants, precisions, passes, isas;
    struct circ_numbers batches, threads;
    struct circ_blocks blocks;
};

/* Each adds the values in text to its axis. option is how the user named it ("-n"), for the
 * message. USAGE: not in the grammar, below 1, a range that runs backwards, a step that goes
 * nowhere, more than CIRC_MAX_AXIS values. After a failure the axis holds what came before the
 * fault, and is still to be freed. */
CIRC_MUST_USE enum circ_status circ_axes_add_names(struct circ_names *axis, const char *option,
                                                   const char *text, struct circ_error *err);
CIRC_MUST_USE enum circ_status circ_axes_add_numbers(struct circ_numbers *axis, const char *option,
                                                     const char *text, struct circ_error *err);
CIRC_MUST_USE enum circ_status circ_axes_add_blocks(struct circ_blocks *axis, const char *text,
                                                    struct circ_error *err);
void circ_axes_free_names(struct circ_names *axis);
void circ_axes_free(struct circ_axes *axes);

#endif
