/* Weights in the layouts that oneDNN asks for, one block of memory for all of a step's: first their
 * places are given out, then they are written once. */
#ifndef CIRC_PACKS_H
#define CIRC_PACKS_H

#include "backends/cpu/sequence.h"

struct circ_pack;

struct circ_packs {
    struct circ_pack *items; /* owned */
    int count;               /* to go back, set it to an earlier one */
};

/* Room for capacity places. False: no memory. Free with circ_packs_free, also then. */
CIRC_MUST_USE bool circ_packs_create(struct circ_packs *packs, int capacity);
void circ_packs_free(struct circ_packs *packs); /* a zeroed one allowed */

/* The place of weights `from`, which lie as `given`, in a layout: where they have it already, or a
 * new one. from is borrowed until they are written. */
struct circ_tensor circ_packs_place(struct circ_packs *packs, const float *from,
                                    const dnnl_memory_desc_t *given,
                                    const dnnl_memory_desc_t *layout);

/* Floats of the block that holds all of them. */
size_t circ_packs_floats(const struct circ_packs *packs);

/* Writes all of them to their places in `to`, 64-byte aligned. MEMORY, DEVICE. */
CIRC_MUST_USE enum circ_status circ_packs_write(const struct circ_packs *packs,
                                                dnnl_engine_t engine, float *to,
                                                struct circ_error *err);

#endif
