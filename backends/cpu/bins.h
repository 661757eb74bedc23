/* The spectral half of a block-circulant layer that learns: weights as spectra, the spectra of its
 * activations, and the three products of a training step in each bin. */
#ifndef CIRC_BINS_H
#define CIRC_BINS_H

#include "backends/core/geometry.h"
#include "backends/core/weights.h"
#include "backends/cpu/learning.h"
#include "backends/cpu/transform.h"

/* Spectra of one side of the layer: element (slot, block, column) at [slot * slot + block * block +
 * column], blocks of all groups one after the other. A single column has block 1, and its slots are
 * whole vectors. */
struct circ_side {
    float *re; /* owned; the imaginary parts follow im floats later */
    size_t im, slot, block;
};

struct circ_bins {
    const struct circ_learning *kernels;
    const struct circ_transform *transform; /* borrowed */
    struct circ_geometry g;
    int batch, lanes, threads;
    bool conv, dense; /* dense: the layer's weights are in DENSE order, k = 1 */
    bool single;      /* one column: blocks in lanes */

    float *weights;                    /* owned: [group][slot][tap][i]{re[w_im], im[w_im]} by j */
    size_t w_im, w_row, w_tap, w_slot; /* floats between those */
    size_t turned_row;                 /* floats of a sample's blocks when they are in lanes */
    struct circ_side x, y, dx;         /* the output's gradient takes y's place */

    /* A CONV layer's padded input plane has the columns of each residue modulo the stride next to
     * each other: the pixels under a tap are contiguous. */
    size_t *tap;           /* owned: where each tap begins within the plane */
    int stride;            /* 1 for FC */
    int plane_row;         /* columns of a row of the plane */
    int out_rows;          /* 1 for FC */
    int out_row, y_row;    /* columns of an output row, and rounded up to whole vectors */
    int chunk;             /* output rows whose spectra on both sides stay in cache */
    bool by_rows;          /* threads share the rows of every bin: there are few bins */
    size_t scratch_floats; /* that circ_bins_update needs for one thread */
};

/* The three products, each of all that is the thread's. Between circ_bins_input and
 * circ_bins_update all threads must meet where by_rows is set; elsewhere a thread reads only
 * weights that no other writes. rate: of the update. */
void circ_bins_forward(const struct circ_bins *bins, int thread);
void circ_bins_input(const struct circ_bins *bins, int thread);
void circ_bins_update(const struct circ_bins *bins, float rate, float *scratch, int thread);

/* Completes a struct whose first six lines, tap, stride, plane_row, out_rows, out_row and x.block
 * are set: the other strides, and zeroed memory. MEMORY. Free with circ_bins_free, also
 * after a failure. */
CIRC_MUST_USE enum circ_status circ_bins_create(struct circ_bins *bins, struct circ_error *err);
void circ_bins_free(struct circ_bins *bins);

/* Weights from and to canonical order. MEMORY. */
CIRC_MUST_USE enum circ_status circ_bins_pack(struct circ_bins *bins, const float *values,
                                              struct circ_error *err);
CIRC_MUST_USE enum circ_status circ_bins_unpack(const struct circ_bins *bins, float *values,
                                                struct circ_error *err);

#endif
