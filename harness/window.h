/* One energy window: work between two marks of the watch, and what every channel says of it. */
#ifndef CIRC_WINDOW_H
#define CIRC_WINDOW_H

#include "harness/meters/mark.h"

/* What runs in a window. */
struct circ_work {
    bool (*run)(void *context, int64_t batches); /* false: it broke. NULL: nothing runs (idle) */
    void *context;
    double batch_ns; /* about so long */
    int frames;      /* of a batch */
};

/* The channels whose sum is asked for. */
struct circ_chosen {
    int items[CIRC_MAX_CHANNELS];
    int count;
};

struct circ_window {
    int64_t start_ns, duration_ns; /* CLOCK_MONOTONIC, of the first chosen channel */
    int64_t frames;
    struct circ_mark before, after;
    struct circ_delta deltas[CIRC_MAX_CHANNELS]; /* of every channel */
    /* of the chosen ones together: */
    double energy_uj, bound_uj; /* NaN when the grade is neither OK nor SHORT */
    enum circ_grade grade;
    const char *reason; /* into deltas; "" when OK */
};

/* Runs the work for about length_ns, from tick to tick of the first chosen channel where its
 * batches are shorter than its ticks, and takes the difference of every channel. watch must be
 * between begin and end. False when the work broke or was interrupted; the window is then of no
 * use. The watch may write into the window until the next one, or until circ_watch_end. */
bool circ_window_take(struct circ_watch *watch, const struct circ_work *work,
                      const struct circ_chosen *chosen, int64_t length_ns, double max_error,
                      struct circ_window *window);

/* After the last of some windows: takes again what channels say that are late and not chosen, for
 * which no window waits by itself. */
void circ_window_complete(struct circ_watch *watch, const struct circ_chosen *chosen,
                          struct circ_window *windows, int window_count, double max_error);

/* The slowest update interval of the chosen channels; 0 where all are exact at every read. */
int64_t circ_window_update_ns(const struct circ_channel *channels,
                              const struct circ_chosen *chosen);

#endif
