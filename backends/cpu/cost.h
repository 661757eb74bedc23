/* Predicted costs, by which the cpu backend chooses how to compute a layer and on how many threads.
 *
 * Cycles of one thread. The constants were measured on one core with AVX-512 and scale with the
 * lanes: tests/backends/test-cost.c holds the measurements, and how far from the best a choice may
 * be. */
#ifndef CIRC_COST_H
#define CIRC_COST_H

#include "backends/core/network.h"

#include <stdbool.h>

/* An FC layer of p x q blocks of k for so many samples, with vectors of `lanes`. */
struct circ_cost_layer {
    int k, p, q, batch, lanes;
    bool pairs; /* weights in bf16: two numbers a word of memory (pair.h) */
};

/* Each sample for itself, lanes over block rows or over slots, the cheaper (stream.c). */
double circ_cost_stream_rows(struct circ_cost_layer layer);
double circ_cost_stream_slots(struct circ_cost_layer layer);
double circ_cost_stream(struct circ_cost_layer layer);

/* Lanes over samples (columns.c). */
double circ_cost_columns(struct circ_cost_layer layer);

/* A CONV layer of stride 1, p x q blocks, per slot, from the spectra of its input to the rows of
 * its output: tap by tap over so many vectors of columns, which lie in so many of rows; the same
 * after a copy of the input for each tap of a row, of so many vectors, by which the columns of all
 * rows are one run; or by Winograd's elements over so many vectors of each (columns.c). */
struct circ_cost_rows {
    int p, q, taps_w, taps_h;
    double vectors, element_vectors; /* counts, which an int might not hold */
    bool ones;                       /* blocks of one: one real product, one plane */
    double row_vectors, run_vectors, copies;
};
double circ_cost_taps(struct circ_cost_rows rows);
double circ_cost_unfolded(struct circ_cost_rows rows);
double circ_cost_elements(struct circ_cost_rows rows);

/* Threads of `threads` that a network is worth for a batch: all of them or one. */
int circ_cost_threads(const struct circ_network *net, int batch, int lanes, int threads);

#endif
