/* One step of a prepared network: a layer, with a ReLU that follows it where it has weights and a
 * pooling that follows it where it is an LRN. Each kind of step is a file of its own with a create
 * function; the program runs them in order on all threads.
 *
 * Activations: the batch is cut into panels of place.batch samples, one after the other, each
 * [channel][row][column][sample], float32, with CIRC_SLACK floats past the last. Every thread of
 * place.threads calls run with its number and does its own part of y; steps need no barrier within.
 */
#ifndef CIRC_STEP_H
#define CIRC_STEP_H

#include "backends/core/weights.h"
#include "backends/cpu/kernels.h"

/* Libraries that a step may call; see libraries.h for their names. */
enum circ_library { CIRC_OPENBLAS = 1, CIRC_FFTW = 2, CIRC_ONEDNN = 4 };

/* What all steps of a program share. */
struct circ_place {
    const struct circ_kernels *kernels;
    int batch;   /* samples of a panel */
    int panels;  /* that go through a step one after the other */
    int threads; /* that share a panel */
    int callers; /* that may be inside run with the same number at once, each with its own panel */
};

struct circ_step {
    const struct circ_layer *layer; /* borrowed from the network: the first that it computes */
    struct circ_shape out;          /* of the last that it computes */
    struct circ_place place;
    bool relu;
    float *bias;           /* owned copy, NULL if none */
    float *weights;        /* owned by circ_step_floats, all that run reads of them; NULL if none */
    size_t weight_floats;  /* of that block */
    size_t scratch_floats; /* that run needs for one thread */
    int panels;            /* that run takes at a time: 1, or a divisor of place.panels */
    unsigned libraries;    /* that run calls: sum of enum circ_library */
    const char *tuning;    /* what the step chose for itself, a constant; NULL if nothing */
    /* scratch: scratch_floats of this thread alone, 64-byte aligned, shared by all steps: nothing
     * stays in it from one run to the next */
    void (*run)(const struct circ_step *step, const float *x, float *y, float *scratch, int thread);
    void (*release)(struct circ_step *step); /* frees what is the kind's own; NULL if nothing */
};

/* Fills the common part: copies the bias. MEMORY. Also on failure the step can be freed. */
CIRC_MUST_USE enum circ_status circ_step_begin(struct circ_step *step,
                                               const struct circ_layer *layer,
                                               const struct circ_weights *weights,
                                               struct circ_place place, bool relu,
                                               struct circ_error *err);

void circ_step_free(struct circ_step *step); /* NULL allowed */

/* The part of count units that thread takes: [*first, *last). */
void circ_step_share(int count, int threads, int thread, int *first, int *last);

/* The least stride of at least so many floats that is an odd number of 64-byte lines: rows at such
 * a stride use every set of a cache, where a power of two puts them all into one. */
size_t circ_step_stride(size_t floats);

/* floats floats and the slack behind them, with whatever is in them, 64-byte aligned, on cache
 * lines of their own; NULL when memory is short. */
float *circ_step_block(size_t floats);

/* floats zeroed floats, 64-byte aligned, each on cache lines of its own; NULL when memory is short.
 */
float *circ_step_floats(size_t floats);

/* The kinds. Each takes what circ_step_begin takes and returns an owned step. */
typedef enum circ_status circ_step_create(struct circ_step **step, const struct circ_layer *layer,
                                          const struct circ_weights *weights,
                                          struct circ_place place, bool relu,
                                          struct circ_error *err);
circ_step_create circ_columns_create; /* FC and CONV, CIRCULANT or DENSE: lanes over columns */
circ_step_create
    circ_stream_create; /* FC, CIRCULANT or DENSE: small batches, one sample at a time */
circ_step_create circ_dense_create;     /* FC and CONV, DENSE: OpenBLAS */
circ_step_create circ_fftw_create;      /* FC and CONV, CIRCULANT: FFTW */
circ_step_create circ_onednn_create;    /* FC and CONV, DENSE: oneDNN */
circ_step_create circ_pruned_create;    /* FC and CONV, PRUNED: compressed rows */
circ_step_create circ_pointwise_create; /* layers without weights */
circ_step_create
    circ_pointwise_create_lrn_pool; /* an LRN, and the pooling that is the layer after it */

/* How many of the layers, count from this one on, oneDNN takes as one step; 0 for none. A ReLU
 * after them may be one more. And that step, with the weights of each layer. */
int circ_onednn_span(const struct circ_layer *layers, int count, struct circ_place place);
CIRC_MUST_USE enum circ_status circ_onednn_create_run(struct circ_step **step,
                                                      const struct circ_layer *layers,
                                                      const struct circ_weights *weights, int count,
                                                      struct circ_place place, bool relu,
                                                      struct circ_error *err);

/* True when the stream step is predicted to cost less than the columns step; see cost.h. */
bool circ_stream_pays(const struct circ_layer *layer, struct circ_place place);

#endif
