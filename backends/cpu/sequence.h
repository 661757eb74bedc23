/* oneDNN primitives that run one after the other on one thread, on memory whose place is given anew
 * at each run: what onednn.c strings together. */
#ifndef CIRC_SEQUENCE_H
#define CIRC_SEQUENCE_H

#include "backends/core/status.h"

#include <dnnl.h>
#include <stdbool.h>
#include <stddef.h>

/* Where a tensor lies. Two intermediates suffice: primitives go to and fro between them. */
enum circ_region {
    CIRC_AT_INPUT,
    CIRC_AT_OUTPUT,
    CIRC_AT_THIS,
    CIRC_AT_THAT,
    CIRC_AT_PAD, /* working memory of the primitive that runs */
    CIRC_AT_WEIGHTS,
    CIRC_REGIONS
};

/* A tensor: its layout, and its place as floats from the start of a region. */
struct circ_tensor {
    dnnl_memory_desc_t layout;
    enum circ_region region;
    size_t offset;
};

/* A tensor in the role of a DNNL_ARG_*. */
struct circ_argument {
    int role;
    struct circ_tensor tensor;
};

struct circ_sequence;

/* Takes up to capacity primitives. The engine is borrowed. Owned by the caller. MEMORY, DEVICE. */
CIRC_MUST_USE enum circ_status circ_sequence_create(struct circ_sequence **sequence,
                                                    dnnl_engine_t engine, int capacity,
                                                    struct circ_error *err);
void circ_sequence_free(struct circ_sequence *sequence); /* NULL allowed */

/* Appends the primitive described by description, which stays the caller's. Its scratchpad mode is
 * the user's. MEMORY, DEVICE. */
CIRC_MUST_USE enum circ_status circ_sequence_add(struct circ_sequence *sequence,
                                                 const_dnnl_primitive_desc_t description,
                                                 const struct circ_argument *arguments, int count,
                                                 struct circ_error *err);

/* Describes an operation for this sequence, its output through a ReLU where relu says so. The
 * description is the caller's to destroy; NULL after a failure. */
CIRC_MUST_USE dnnl_status_t circ_sequence_describe(const struct circ_sequence *sequence,
                                                   const_dnnl_op_desc_t op, bool relu,
                                                   dnnl_primitive_desc_t *description);

/* Appends a reorder of *now, which becomes *to. MEMORY, DEVICE. */
CIRC_MUST_USE enum circ_status circ_sequence_reorder(struct circ_sequence *sequence,
                                                     struct circ_tensor *now,
                                                     const struct circ_tensor *to,
                                                     struct circ_error *err);

/* Appends a described operation on *now, which becomes its output: a reorder first unless the input
 * lies as it wants. The output lies in y (NULL allowed) when that has the layout it gives, else in
 * an intermediate. weights: two arguments at most. MEMORY, DEVICE. */
CIRC_MUST_USE enum circ_status
circ_sequence_append(struct circ_sequence *sequence, const_dnnl_primitive_desc_t description,
                     struct circ_tensor *now, const struct circ_tensor *y,
                     const struct circ_argument *weights, int weight_count, struct circ_error *err);

/* Number of primitives, and back to an earlier number of them. */
int circ_sequence_count(const struct circ_sequence *sequence);
void circ_sequence_cut(struct circ_sequence *sequence, int count);

/* Floats that the primitives need of a region: THIS, THAT, PAD. */
size_t circ_sequence_floats(const struct circ_sequence *sequence, enum circ_region region);

/* Runs the primitives from number first on; at[r] is the start of region r, 64-byte aligned. False
 * when oneDNN refuses. One thread at a time. */
bool circ_sequence_run(struct circ_sequence *sequence, int first, float *const at[CIRC_REGIONS]);

/* Turns a status of oneDNN into ours; doing says what it refused. */
CIRC_MUST_USE enum circ_status circ_sequence_status(dnnl_status_t status, const char *doing,
                                                    struct circ_error *err);

#endif
