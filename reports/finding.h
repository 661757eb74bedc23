/* Findings: the answer to "which block size, what speed-up, at what weight size", one for each
 * panel. */
#ifndef CIRC_FINDING_H
#define CIRC_FINDING_H

#include "reports/panel.h"

enum circ_outcome {
    CIRC_OUTCOME_FASTER,   /* the whole interval of the best speed-up is above 1 */
    CIRC_OUTCOME_UNCLEAR,  /* 1 lies within it */
    CIRC_OUTCOME_SLOWER,   /* the best block is slower than dense */
    CIRC_OUTCOME_NO_DENSE, /* nothing to compare with */
    CIRC_OUTCOME_NO_BLOCK  /* no circulant row has a time */
};

struct circ_finding {
    enum circ_outcome outcome;
    const struct circ_row *first; /* of the panel: workload, batch, ... */
    const struct circ_row
        *best; /* the fastest circulant row, one with a speed-up if there is one */
    const struct circ_row *dense; /* what it is compared with */
    const struct circ_row
        *least;      /* the smallest block that is surely faster than dense; NULL if none */
    bool all_faster; /* and so is every larger block that has a time */
    const struct circ_row
        *rival; /* the fastest row of another compression of the same panel; NULL if none */
    const struct circ_row
        *failed; /* NO_BLOCK: a circulant row that says why; NULL if there is none */
};

/* Judges one panel (not a whole one). Measured rows are preferred to emulated and modelled ones. */
struct circ_finding circ_finding_of(const struct circ_panel *panel);

#endif
