/* A network prepared to learn from a batch: its learners, the activations that the backward pass
 * reads, and one step on a team. */
#ifndef CIRC_TRAIN_H
#define CIRC_TRAIN_H

#include "backends/backend.h"
#include "backends/cpu/kernels.h"
#include "backends/cpu/team.h"

struct circ_train;

/* Builds the learners. The team and the kernels are borrowed and must outlive it. */
CIRC_MUST_USE enum circ_status circ_train_create(struct circ_train **train,
                                                 const struct circ_request *request,
                                                 const struct circ_kernels *kernels,
                                                 struct circ_team *team, struct circ_error *err);
void circ_train_free(struct circ_train *train); /* NULL allowed */

/* The contract's functions, in its layouts. */
void circ_train_upload(struct circ_train *train, const float *input,
                       const struct circ_lesson *lesson);
void circ_train_launch(struct circ_train *train);
void circ_train_download(const struct circ_train *train, float *output);
CIRC_MUST_USE enum circ_status circ_train_learned(const struct circ_train *train,
                                                  struct circ_model *model, float *dx,
                                                  struct circ_error *err);

/* What a learner chose for itself, of a network with one layer that has weights; "" otherwise. */
const char *circ_train_tuning(const struct circ_train *train);

/* Bytes that it holds for a request, for cutting groups to fit in memory. */
int64_t circ_train_footprint(const struct circ_request *request);

#endif
