/* OpenCL devices: GPUs, CPUs, emulators. Our kernels, clFFT's transforms, CLBlast's dense layers.
 */
#ifndef CIRC_OPENCL_H
#define CIRC_OPENCL_H

#include "backends/backend.h"

extern const struct circ_backend circ_opencl_backend;

#endif
