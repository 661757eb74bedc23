/* One point under measurement: loaded, verified, sampled, and what came of it. */
#ifndef CIRC_SUBJECT_H
#define CIRC_SUBJECT_H

#include "harness/answer.h"
#include "harness/sweep.h"
#include "harness/window.h"
#include "results/trial.h"

#define CIRC_MAX_COUNTERS 256 /* groups of --events, their metrics included */

struct circ_subject {
    const struct circ_planned *planned;
    const struct circ_backend *backend;
    struct circ_network network;  /* the program's; must not move while it lives */
    struct circ_program *program; /* owned; NULL when there is nothing to measure */
    struct circ_program_info info;
    char reason[640];
    char energy_reason[512];
    struct circ_trial trial; /* its strings lie here, in planned, or in constants */
    int64_t first_ns;        /* the verified run's time: a first guess at a batch's */
    float *output; /* what it answered, [batch][outputs]; owned, freed after the verdict */

    /* time pass */
    int iterations;              /* batches of the next window */
    int silent;                  /* samples of which the device's clock told nothing of use */
    int64_t window_ns;           /* length of the last window; 0 before the first */
    double progress;             /* share of the point's progress that its samples have reported */
    struct circ_sample *samples; /* owned */
    size_t sample_count, sample_capacity;
    double *sorted; /* owned: times of the samples that are not warm-up, rising */
    size_t sorted_count;
    int64_t spent_ns; /* in those samples */
    bool finished;    /* timed, or never to be */
    bool complete;    /* and everything else that is stored is there */

    struct circ_counter counters[CIRC_MAX_COUNTERS];
    char *counter_reasons[CIRC_MAX_COUNTERS]; /* owned: where their reasons lie; NULL: constants */
    size_t counter_count;
    /* energy pass */
    struct circ_chosen energy_channels; /* whose sum is the row's energy */
    struct circ_energy_window *windows; /* owned */
    size_t window_count, window_capacity;
    int window_place;                 /* of the next window */
    struct circ_power_sample *powers; /* owned */
    char energy_remark[640];
};

/* Prepares the point and runs it once; compares with the answer. Whatever goes wrong becomes the
 * trial's status and reason, with the program released; only INTERNAL and out-of-memory of our own
 * are returned. session may be NULL when the target is absent. room: bytes of the
 * host's memory that the point may take. keep_output: leave subject->output for a dump. */
void circ_subject_load(struct circ_subject *subject, const struct circ_planned *planned,
                       struct circ_session *session, struct circ_answer *answer, int64_t room,
                       bool keep_output);

/* Bytes that the point's program will hold, before anything is prepared. */
int64_t circ_subject_footprint(const struct circ_planned *planned);

/* Adds a sentence to the row's reason, after those that are there. */
void circ_subject_remark(struct circ_subject *subject, const char *format, ...) CIRC_PRINTF(2, 3);

/* Ends the point with a status and a sentence; releases the program. */
void circ_subject_fail(struct circ_subject *subject, enum circ_status status, const char *message);

/* Runs `iterations` batches and waits: *ns is the host's time of all, *device_ns the device's as
 * the backend's wait gives it. A failure ends the point and returns false. */
bool circ_subject_window(struct circ_subject *subject, int64_t iterations, int64_t *ns,
                         int64_t *device_ns);

/* Takes what the backend's model says of a loaded point instead of measuring it, and ends the
 * point.
 */
void circ_subject_predict(struct circ_subject *subject);

void circ_subject_release(struct circ_subject *subject);

#endif
