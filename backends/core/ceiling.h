/* A ceiling: one thing that a device cannot do faster, as it was measured. Plain data that backends
 * measure, the database keeps and roofs are computed from. */
#ifndef CIRC_CORE_CEILING_H
#define CIRC_CORE_CEILING_H

#include <stdint.h>

#define CIRC_MAX_CEILINGS 64 /* of one ISA row and thread count */

/* Metrics, all threads together:
 *     fma_f32, fma_f16, dot_bf16   GFLOP/s   multiply-adds of registers, 2 FLOP each
 *     read                         GB/s      every thread reads its own part of `bytes` again and
 *                                            again (10^9 bytes a second)
 *     fork_join                    ns        starting all threads on nothing and waiting for them
 * Of a time the least is best, of a rate the greatest. */
struct circ_ceiling {
    char metric[16];
    char unit[8];
    char level[8]; /* read: the cache that holds a thread's part, "L1", "L2", "L3", "dram", or
                      "memory" where the caches are unknown; set by who knows them, "" until then
                      and for what reads nothing */
    int64_t bytes; /* read: working set, the sum over the threads; 0 for what has none */
    double value;
};

#endif
