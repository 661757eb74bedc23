/* The table of backends, and nothing else. */
#include "backends/registry.h"

#include "backends/cpu/cpu.h"
#include "backends/fpga/fpga.h"
#include "backends/model/model.h"
#include "backends/opencl/opencl.h"
#include "backends/pytorch/pytorch.h"
#include "backends/ref/ref.h"

#include <string.h>

static const struct circ_backend *const backends[] = {
    &circ_cpu_backend,
    &circ_opencl_backend,
    &circ_fpga_backend,
    &circ_ref_backend,
    &circ_pytorch_backend,
    &circ_model_backend,
};

const struct circ_backend *const *circ_registry_list(int *count)
{
    *count = (int)(sizeof backends / sizeof *backends);
    return backends;
}

const struct circ_backend *circ_registry_find(const char *name)
{
    for (size_t i = 0; i < sizeof backends / sizeof *backends; i++)
        if (!strcmp(backends[i]->name, name))
            return backends[i];
    return NULL;
}
