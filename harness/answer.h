/* The right answer to a point: its weights, its input, and what the oracle makes of them. Points
 * that differ only in variant or ISA share one. */
#ifndef CIRC_ANSWER_H
#define CIRC_ANSWER_H

#include "backends/core/fixed.h"
#include "backends/core/oracle.h"
#include "backends/core/training.h"
#include "harness/sweep.h"

struct circ_answer {
    struct circ_network network; /* of the point last asked for */
    struct circ_model model;     /* its weights */
    struct circ_selection selection;
    double *want;                  /* owned; selected outputs */
    double scale;                  /* of the outputs; see circ_oracle_network */
    struct circ_training training; /* of a train point, in place of want */
    float *target;                 /* owned; [batch][outputs], of a train point */
    struct circ_fixed *fixed;      /* owned; of the precision last asked for; NULL before that */
    float *words; /* owned; [batch][outputs], what fixed answers: all of it exact */
    int64_t saturated[CIRC_MAX_LAYERS]; /* words of that */
    bool solved;                        /* it is the answer to key */
    float *input; /* owned; [batch][C][H][W], of the network and batch last asked for */
    struct circ_point key;
    int64_t
        oracle_ns; /* what the last circ_answer_find took: next to nothing when it served again */
    uint64_t seed;
};

/* Starts empty. The same seed gives the same weights and inputs. */
void circ_answer_begin(struct circ_answer *answer, uint64_t seed);

/* Makes answer that of planned: of an infer point in fixed point, fixed and words too. MEMORY,
 * USAGE. After a failure it is empty and may be asked again. */
CIRC_MUST_USE enum circ_status circ_answer_find(struct circ_answer *answer,
                                                const struct circ_planned *planned,
                                                struct circ_error *err);
void circ_answer_free(struct circ_answer *answer);

#endif
