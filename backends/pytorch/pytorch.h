/* PyTorch as a backend: dense layers and two published ways to write block-circulant ones, computed
 * in a Python process of its own. README.md of tests/peers installs it. */
#ifndef CIRC_PYTORCH_H
#define CIRC_PYTORCH_H

#include "backends/backend.h"

extern const struct circ_backend circ_pytorch_backend;

#endif
