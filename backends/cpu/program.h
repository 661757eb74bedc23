/* A network prepared for a batch: its steps, its activations, and its run on a team. */
#ifndef CIRC_PROGRAM_H
#define CIRC_PROGRAM_H

#include "backends/backend.h"
#include "backends/cpu/kernels.h"
#include "backends/cpu/team.h"
#include "backends/cpu/train.h"

/* Builds the steps. The team and the kernels are borrowed and must outlive the program. */
CIRC_MUST_USE enum circ_status circ_program_create(struct circ_program **program,
                                                   const struct circ_request *request,
                                                   const struct circ_kernels *kernels,
                                                   struct circ_team *team, struct circ_error *err);
void circ_program_free(struct circ_program *program);

/* input [batch][elements] and output [batch][elements], transposed to and from the program's
 * layout. */
void circ_program_upload(struct circ_program *program, const float *input);
void circ_program_download(const struct circ_program *program, float *output);
void circ_program_launch(struct circ_program *program);

/* What a program prepared for CIRC_TRAIN consists of, in place of steps; NULL for CIRC_INFER. */
struct circ_train *circ_program_train(const struct circ_program *program);

/* The ISA row that runs, and the libraries that steps call: a sum of enum circ_library. */
const char *circ_program_isa(const struct circ_program *program);
unsigned circ_program_libraries(const struct circ_program *program);

/* That of its network. */
enum circ_structure circ_program_structure(const struct circ_program *program);

/* Sets of weights between which launches take turns; 1: warm. */
int64_t circ_program_copies(const struct circ_program *program);

/* What a step chose for itself, of a program with one layer that has weights; "" otherwise. */
const char *circ_program_tuning(const struct circ_program *program);

#endif
