/* Transforms by clFFT. Its batched real transforms run on contiguous signals and bins, the form
 * that it is fastest in; kernels of ours turn what lies around them by tiles (kernels/clfft.cl).
 * The other two forms were measured on the CPU runtimes (4096 x 4096, k = 8, 64 and 512, batch 64,
 * forward and inverse together with all turning): strides that write spectra in the product's
 * order, and callbacks that turn inside of clFFT's kernels. Both take 0.8 to 1.8 times as long,
 * more with k, and clFFT keeps programs by the addresses of the callbacks' texts, so that one may
 * run in another's place. */
#ifndef CIRC_CLFFT_H
#define CIRC_CLFFT_H

#include "backends/opencl/transforms.h"

extern const struct circ_transforms circ_clfft_transforms;

#endif
