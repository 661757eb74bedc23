/* What a device of the model is made of: one number after the other, each with its public source or
 * with the reasoning by which it was assumed.
 *
 * A device file is lines of `key = text`; a line that begins with a blank continues the one before,
 * # begins a comment. `device` comes first. Every figure is `key = VALUE UNIT | source: WHERE` or
 * `| assumed: WHY`:
 *     device = cyclone5
 *     kind = fpga
 *     description = Cyclone V E A9
 *     clock = 100 MHz | assumed: a third of what its memory blocks reach
 * A file for a device that is known already changes the figures that it names. */
#ifndef CIRC_MODEL_FIGURES_H
#define CIRC_MODEL_FIGURES_H

#include "backends/backend.h"

enum circ_figures_key {
    CIRC_FIGURE_CLOCK,          /* MHz */
    CIRC_FIGURE_DSP_BLOCKS,     /* hard blocks that multiply; of an ASIC its multipliers */
    CIRC_FIGURE_MULTIPLIERS_16, /* real products of two 16- or 12-bit words a block and cycle */
    CIRC_FIGURE_MULTIPLIERS_8,
    CIRC_FIGURE_ONCHIP_MEMORY, /* bit */
    CIRC_FIGURE_BANDWIDTH,     /* GB/s to memory off chip, both directions together */
    CIRC_FIGURE_LATENCY,       /* cycles from the input of a stage to its output */
    CIRC_FIGURE_MULTIPLY_16,   /* pJ a real product */
    CIRC_FIGURE_MULTIPLY_12,
    CIRC_FIGURE_MULTIPLY_8,
    CIRC_FIGURE_ADD_16, /* pJ a sum of two words */
    CIRC_FIGURE_ADD_12,
    CIRC_FIGURE_ADD_8,
    CIRC_FIGURE_ADD_32,      /* pJ a sum in an accumulator */
    CIRC_FIGURE_ONCHIP_BYTE, /* pJ a byte read or written */
    CIRC_FIGURE_MEMORY_BYTE,
    CIRC_FIGURE_OVERHEAD,     /* times the energy of all that is on chip */
    CIRC_FIGURE_STATIC_POWER, /* W, whatever it does */
    CIRC_FIGURE_POWER_BUDGET, /* W that it may take */
    CIRC_FIGURES_COUNT
};

struct circ_figures {
    char device[32], description[160];
    enum circ_device_kind kind;                     /* FPGA or ASIC */
    struct circ_figure figures[CIRC_FIGURES_COUNT]; /* basis "": not given yet */
};

/* Reads a device file's text into the list, as a new device or over the one of its name. origin
 * names the text in messages. USAGE with line and key for what is wrong or, of a new device, what
 * is missing; then the list is as it was. */
CIRC_MUST_USE enum circ_status circ_figures_read(struct circ_figures *list, int *count,
                                                 const char *origin, const char *text,
                                                 struct circ_error *err);

/* The devices of this build, then the file's if there is one (NULL: none), into list of
 * CIRC_MAX_DEVICES. USAGE also for a file that cannot be read, MEMORY. */
CIRC_MUST_USE enum circ_status circ_figures_load(struct circ_figures *list, int *count,
                                                 const char *file, struct circ_error *err);

#endif
