/* The clocks that everything is timed by. Tests put another clock in its place by linking their own
 * functions of these names. */
#ifndef CIRC_CLOCK_H
#define CIRC_CLOCK_H

#include <stdint.h>

/* CLOCK_MONOTONIC. */
int64_t circ_clock_now_ns(void);

/* CLOCK_REALTIME: since the epoch. */
int64_t circ_clock_epoch_ns(void);

/* A moment of CLOCK_MONOTONIC, since the epoch. Both clocks may be slewed, so they are asked anew.
 */
static inline int64_t circ_clock_since_epoch_ns(int64_t t_ns)
{
    return t_ns + circ_clock_epoch_ns() - circ_clock_now_ns();
}

/* Waits, without using the processor. */
void circ_clock_sleep_ns(int64_t ns);

/* Smallest step seen between two readings of the clock, and what one reading costs. */
void circ_clock_probe(int64_t *step_ns, int64_t *cost_ns);

#endif
