/* Building OpenCL programs from source, with a sentence for what does not build. */
#ifndef CIRC_COMPILER_H
#define CIRC_COMPILER_H

#include "backends/devices/accelerator.h"

/* Compiles some texts as one program, which the caller releases. name is what messages call it.
 * DEVICE with the log's first error. */
CIRC_MUST_USE enum circ_status circ_compiler_build(struct circ_accelerator *accelerator,
                                                   const char *name, cl_uint count,
                                                   const char **texts, const size_t *sizes,
                                                   const char *options, cl_program *program,
                                                   struct circ_error *err);

#endif
