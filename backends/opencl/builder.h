/* Programs: built from the embedded sources with parameters as -D, kept for the session and on
 * disk. */
#ifndef CIRC_BUILDER_H
#define CIRC_BUILDER_H

#include "backends/devices/accelerator.h"

/* The program of some embedded sources (base names, separated by blanks, in order) with these
 * options; it belongs to the accelerator. Taken from ${XDG_CACHE_HOME:-~/.cache}/circbench/opencl
 * where a binary of the same device, driver, sources and options lies there whole; built and put
 * there otherwise. A cache that cannot be read or written, or holds rubbish, costs time and nothing
 * else. DEVICE with the log's first error. */
CIRC_MUST_USE enum circ_status circ_builder_program(struct circ_accelerator *accelerator,
                                                    const char *sources, const char *options,
                                                    cl_program *program, struct circ_error *err);

#endif
