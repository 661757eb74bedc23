/* FPGA boards through OpenCL, and Intel's emulator of them: block-circulant networks in fixed point
 * as pipelines of kernels joined by channels. */
#ifndef CIRC_FPGA_H
#define CIRC_FPGA_H

#include "backends/backend.h"

/* Environment variable with the path of a device binary that `circbench fpga emit` made a manifest
 * for: what --binary sets. */
#define CIRC_FPGA_BINARY "CIRCBENCH_FPGA_BINARY"

extern const struct circ_backend circ_fpga_backend;

#endif
