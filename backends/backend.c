/* Names of the contract's enumerations. */
#include "backends/backend.h"

const char *circ_backend_device_kind_name(enum circ_device_kind kind)
{
    static const char *const names[] = {[CIRC_DEVICE_CPU] = "cpu",
                                        [CIRC_DEVICE_GPU] = "gpu",
                                        [CIRC_DEVICE_FPGA] = "fpga",
                                        [CIRC_DEVICE_ASIC] = "asic"};
    return names[kind];
}

const char *circ_backend_kind_name(enum circ_kind kind)
{
    static const char *const names[] = {
        [CIRC_MEASURED] = "measured", [CIRC_EMULATED] = "emulated", [CIRC_MODELLED] = "modelled"};
    return names[kind];
}

const char *circ_backend_pass_name(enum circ_pass pass)
{
    return pass == CIRC_TRAIN ? "train" : "infer";
}
