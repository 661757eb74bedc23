/* A team of threads that run one function together, again and again, with as little delay as can
 * be.
 *
 * Within run, numbers below the normal range of a float count as zero, on every thread: an
 * instruction that meets one takes a hundred times as long on many processors. */
#ifndef CIRC_TEAM_H
#define CIRC_TEAM_H

#include "backends/core/status.h"

struct circ_team;

/* Starts threads - 1 workers (the caller is thread 0). The caller owns the team. MEMORY or DEVICE
 * when threads cannot be started. */
CIRC_MUST_USE enum circ_status circ_team_create(struct circ_team **team, int threads,
                                                struct circ_error *err);
void circ_team_free(struct circ_team *team); /* NULL allowed; no run may be under way */

int circ_team_threads(const struct circ_team *team);

/* Calls run(context, thread) once on each thread, 0 on the caller, and returns when all have ended.
 */
void circ_team_run(struct circ_team *team, void (*run)(void *context, int thread), void *context);

/* The same on the caller alone, for what one thread does sooner. */
void circ_team_alone(void (*run)(void *context, int thread), void *context);

/* Inside run: returns when every thread of the team has arrived. What was written before is visible
 * after. */
void circ_team_barrier(struct circ_team *team);

#endif
