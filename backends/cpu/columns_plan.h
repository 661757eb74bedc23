/* What lies where in a layer with lanes over columns, and in which order it is computed: set by
 * columns_plan.c and columns_pack.c before the first run, read by columns.c in all of them. */
#ifndef CIRC_COLUMNS_PLAN_H
#define CIRC_COLUMNS_PLAN_H

#include "backends/core/geometry.h"
#include "backends/core/winograd.h"
#include "backends/cpu/step.h"

struct circ_columns {
    struct circ_step base;
    struct circ_layer layer; /* what is computed: the step's layer, or one without a stride */
    int split;               /* that layer's stride, whose residues are channels here; or 1 */
    int split_shift; /* pixels from where its taps begin to where those of the given layer do */
    struct circ_transform *transform;
    struct circ_geometry g;
    bool conv;            /* else FC: one row of columns, one tap */
    bool ones;            /* k = 1: a spectrum is its value, and weights, x and y have one plane */
    bool finished;        /* products are written to the output: a CONV of ones */
    bool pairs;           /* weights lie in pairs of bf16 (pair.h) */
    bool copies;          /* the band is copied into a plane: a strided CONV that is not split */
    bool unfolds;         /* the plane is copied once for each tap of a row, then rows of output
                           * columns lie without gaps, and a chunk is one run whatever its width */
    bool elements;        /* products are made by Winograd's elements (winograd.h) */
    int phases;           /* output rows that those make of six, 1 without: a plane lies as so many,
                           * of every phases-th row each */
    int taps;             /* of a product: all, or those of a row */
    size_t *tap;          /* owned, [g.taps]: offset of each within the plane, or its copies */
    int *terms;           /* owned, [g.taps]: block columns of each. The last of a row of a split
                           * layer has no weights for all residues */
    size_t *before;       /* owned, [g.taps + 1]: block columns of the taps before each */
    size_t group_weights; /* floats of one group, each as the product kernel wants it */
    int lead, margin;     /* columns of zeros before the first row of the plane, and after each */
    bool across;         /* the product runs across rows of the plane, what lies between them too */
    int plane_row;       /* columns from a row of the plane to the next of its phase */
    int residue_pixels;  /* pixels of one residue in a row of a copied plane */
    int out_row;         /* valid columns of an output row */
    int column_band;     /* of which one band takes: all in a CONV layer */
    int band, chunk;     /* output rows of a band and of a chunk */
    int run;             /* columns of a chunk that are made together; all, but of elements that
                          * would not stay in the cache */
    int x_planes;        /* re, im, and their sum where the product reads it often enough */
    int height;          /* most block rows of a tile */
    int tiles;           /* of block rows */
    bool slots_together; /* y holds all slots of one tile; or all tiles, of which a slot is made
                          * before the next one, so that what is read of x is nearer */
    size_t phase;        /* columns from a phase of the plane to the next */
    /* strides of blocks of x, of its planes, of phases, rows, blocks and planes of y, of slots */
    size_t x_pitch, x_plane, y_phase, y_row, y_block, y_plane, x_slot, y_slot;
    size_t e_block, element; /* of blocks of Winograd's elements, and of the elements */
    size_t u_block, shift;   /* of blocks of unfolded planes, and of the copies */
    /* in scratch, after the transforms' own; last the planes of one slot's weights, where those are
     * pairs, or the elements of one slot of x and of a tile of y, or its unfolded planes */
    size_t plane_at, x_at, y_at, product_at;
};

/* Taps in a column of the filter, and in a row. */
static inline int circ_columns_taps_h(const struct circ_columns *c)
{
    return c->conv ? c->layer.taps_h : 1;
}

static inline int circ_columns_taps_w(const struct circ_columns *c)
{
    return c->g.taps / circ_columns_taps_h(c);
}

/* A tile: its block rows first .. last - 1, and where its weights begin in a group's; how far its
 * slots are apart there, and its elements within a slot. */
struct circ_columns_tile {
    int first, last;
    size_t weights, slot, element;
};

/* Rows of pixels in a phase of a plane: those above the picture, in it and below it. */
struct circ_columns_phase {
    int above, inside, below;
    int first;    /* input row of the first that is inside */
    size_t start; /* of the phase's columns. It puts the first row of pixels on a whole vector: then
                   * transforms, which write whole vectors, never write across two lines */
};

/* A strided CONV of blocks of one as one of stride 1: what it reads of each residue of the pixels
 * modulo the stride is a channel, [residue of columns][channel][of rows]. Sets layer and split. */
void circ_columns_pack_split(struct circ_columns *c);

/* Everything but the weights; base, transform, g and tap are there. */
void circ_columns_plan_layout(struct circ_columns *c);

/* The weights' spectra, into base. MEMORY. */
CIRC_MUST_USE enum circ_status circ_columns_pack_weights(struct circ_columns *c,
                                                         const struct circ_weights *weights,
                                                         struct circ_error *err);

struct circ_columns_tile circ_columns_plan_tile(const struct circ_columns *c, int tile);

/* Input rows under so many output rows: Winograd's come in sixes. */
int circ_columns_plan_rows(const struct circ_columns *c, int out_rows);

/* The phases of the plane under output rows first .. last - 1 of a CONV that is not strided. */
void circ_columns_plan_phases(const struct circ_columns *c, int first, int last,
                              struct circ_columns_phase phases[CIRC_WINOGRAD_MAX_ROWS]);

#endif
