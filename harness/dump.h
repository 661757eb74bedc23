/* Points written as .npy files, so that anyone can verify them from outside. */
#ifndef CIRC_DUMP_H
#define CIRC_DUMP_H

#include "harness/subject.h"

/* Writes DIR/POINT/ with weights.npy, bias.npy, input.npy and output.npy, float32, C order. A
 * circulant layer's weights are [p][q][k], CONV [r][s][p][q][k], with [groups] before them where
 * there are several; dense and pruned ones are the dense matrix [m][n] or [P][C/groups][r][s]. A
 * network of several layers with weights numbers their files (layer03-weights.npy). The subject's
 * output must have been kept. IO names the path. */
CIRC_MUST_USE enum circ_status circ_dump_write(const char *folder,
                                               const struct circ_subject *subject,
                                               const struct circ_answer *answer,
                                               struct circ_error *err);

/* Makes the folder, before any work is done for it. USAGE when that cannot be. */
CIRC_MUST_USE enum circ_status circ_dump_prepare(const char *folder, struct circ_error *err);

#endif
