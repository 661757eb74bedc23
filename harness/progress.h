/* How far a long command has come: a bar with the remaining time when stderr is a terminal, plain
 * lines now and then when it is not, nothing under --quiet. Messages of log.h may come in between.
 *
 *     circ_progress_begin(&progress, points, estimate_s, options->quiet);
 *     circ_progress_step(&progress, 0, "alexnet-fc7 batch 64");    say what is being done
 *     circ_progress_step(&progress, 0.25, "alexnet-fc7 batch 64"); a quarter of a point more is
 * done circ_progress_end(&progress); */
#ifndef CIRC_PROGRESS_H
#define CIRC_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct circ_progress {
    double total, done; /* in points, or in any unit of even cost */
    double estimate_s;  /* 0: unknown */
    bool quiet, terminal;
    int64_t start_ns, shown_ns; /* shown_ns 0: nothing was shown yet */
    double shown_done;
};

/* estimate_s: what the whole is thought to take, used until the pace is known; 0 if unknown. */
void circ_progress_begin(struct circ_progress *progress, double total, double estimate_s,
                         bool quiet);

/* done more units are finished, and label says what is being done. Cheap enough for every sample:
 * it draws at most ten times a second (a plain line at most every two seconds). */
void circ_progress_step(struct circ_progress *progress, double done, const char *label);

/* Wipes the bar. Call it on every way out, before the last messages. */
void circ_progress_end(struct circ_progress *progress);

#endif
