/* FPGAs and ASICs that are not there, as a backend: what core/pipeline.h counts becomes cycles and
 * joules of a device that a data file describes. The answers are core/fixed.h's, computed here and
 * judged as any backend's; the times are a prediction, of kind modelled. */
#ifndef CIRC_MODEL_H
#define CIRC_MODEL_H

#include "backends/backend.h"

/* Environment variable with the path of a device file of the user's: what --model-file sets. */
#define CIRC_MODEL_FILE "CIRCBENCH_MODEL_FILE"

extern const struct circ_backend circ_model_backend;

#endif
