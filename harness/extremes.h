/* Fixed point at its ends: frames all at the largest or the smallest word, of single words, of
 * zeros, on which a program must equal core/fixed.h as on any other, saturation included. */
#ifndef CIRC_EXTREMES_H
#define CIRC_EXTREMES_H

#include "backends/backend.h"
#include "backends/core/fixed.h"
#include "backends/core/judge.h"

/* Runs such frames through a prepared program of this batch, which answered right; then input, the
 * one that it had, is uploaded again. verdict turns wrong with a reason where an output differs.
 * Does nothing for a network whose reference would take seconds. MEMORY, and what the program fails
 * with. */
CIRC_MUST_USE enum circ_status circ_extremes_try(const struct circ_backend *backend,
                                                 struct circ_program *program,
                                                 const struct circ_fixed *fixed, int batch,
                                                 const float *input, struct circ_verdict *verdict,
                                                 struct circ_error *err);

#endif
