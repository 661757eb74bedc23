/* Loops that do one thing as fast as an ISA row can: what its ceilings are measured with. One table
 * for each row, all built from loops.c. */
#ifndef CIRC_LOOPS_H
#define CIRC_LOOPS_H

#include <stddef.h>
#include <stdint.h>

#define CIRC_MAX_PEAKS 3
#define CIRC_READS     3

/* Multiply-adds on independent accumulators that stay in registers. state[0] and state[1] hold
 * factor and summand, |factor| < 1 so that nothing overflows or goes subnormal; state[2] gets a
 * sum of the accumulators, so that no compiler may drop them. */
struct circ_peak {
    const char *metric; /* of struct circ_ceiling */
    int64_t flop;       /* of one turn */
    void (*run)(int64_t turns, float state[3]);
};

struct circ_loops {
    const char *name; /* of the ISA row */
    int peak_count;
    struct circ_peak peaks[CIRC_MAX_PEAKS]; /* the first is fma_f32; the others need more than the
                                               row: circ_probe_ceilings asks the CPU */
    int read_floats; /* reads take multiples of so many floats, at any alignment */
    /* Reads x[floats] once, an addition for each vector (no kernel does less with one): in 2, 4 and
     * 8 streams, because which is fastest depends on the level. Returns the sum. */
    float (*reads[CIRC_READS])(const float *x, size_t floats);
};

extern const struct circ_loops circ_loops_scalar;
extern const struct circ_loops circ_loops_avx2;
extern const struct circ_loops circ_loops_avx512;
extern const struct circ_loops circ_loops_neon;
extern const struct circ_loops circ_loops_sve256;

#endif
