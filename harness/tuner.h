/* The search for the parameters with which a device runs a point fastest. */
#ifndef CIRC_TUNER_H
#define CIRC_TUNER_H

#include "harness/answer.h"
#include "harness/progress.h"
#include "harness/sweep.h"
#include "results/trial.h"

/* What all points of one device share. */
struct circ_tuner {
    struct circ_session *session;   /* of an open device whose backend has tunings */
    struct circ_answer *answer;     /* to verify with */
    struct circ_progress *progress; /* in points */
    int64_t room;                   /* bytes of memory that a program may take; two live at once */
    double timeout_s;               /* no candidate is begun after so long on one point */
};

/* Coordinate descent from the backend's default: each parameter in turn takes each value that the
 * backend proposes, and keeps the fastest, for two rounds or until a round changes nothing. Every
 * candidate is verified before it is timed, against the best so far with samples in turns, and must
 * win by more than 2 %; one that cannot be built, is wrong or breaks is left with a warning. In the
 * end the winner meets the default once more: those are the times in row, and the default stays
 * unless it loses by more than 2 % again.
 *
 * row gets everything but version and created_ns. The default's own failure is returned: UNSUP,
 * ABSENT, WRONG, DEVICE with its reason; UNSUP where the point has no parameters. MEMORY. After an
 * interrupt STOPPED. */
CIRC_MUST_USE enum circ_status circ_tuner_search(const struct circ_tuner *tuner,
                                                 const struct circ_planned *planned,
                                                 struct circ_tuning_row *row,
                                                 struct circ_error *err);

#endif
