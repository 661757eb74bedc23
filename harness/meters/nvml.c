/* Loads NVIDIA's management library. It reads no sensor. */
#include "harness/meters/nvml.h"
#include "harness/meters/meter.h"

#include <dlfcn.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *symbol;
    size_t slot;
    bool optional;
} symbols[] = {
    {"nvmlInit_v2", offsetof(struct circ_nvml, init), false},
    {"nvmlShutdown", offsetof(struct circ_nvml, shutdown), false},
    {"nvmlErrorString", offsetof(struct circ_nvml, error_string), false},
    {"nvmlDeviceGetCount_v2", offsetof(struct circ_nvml, device_count), false},
    {"nvmlDeviceGetHandleByIndex_v2", offsetof(struct circ_nvml, device_by_index), false},
    {"nvmlDeviceGetPciInfo_v3", offsetof(struct circ_nvml, pci_info), false},
    {"nvmlDeviceGetName", offsetof(struct circ_nvml, name), false},
    {"nvmlDeviceGetTotalEnergyConsumption", offsetof(struct circ_nvml, total_energy), true},
    {"nvmlDeviceGetPowerUsage", offsetof(struct circ_nvml, power_usage), true},
};

const char *circ_nvml_message(const struct circ_nvml *nvml, int result)
{
    const char *message = nvml->error_string ? nvml->error_string(result) : NULL;
    return message ? message : "unknown error";
}

void circ_nvml_unload(struct circ_nvml *nvml)
{
    if (nvml->library) {
        nvml->shutdown();
        dlclose(nvml->library);
    }
    *nvml = (struct circ_nvml){.library = NULL};
}

static const char *remedy(int result)
{
    switch (result) {
    case CIRC_NVML_DRIVER_NOT_LOADED:
        return "; try: sudo modprobe nvidia";
    case CIRC_NVML_VERSION_MISMATCH:
        return "; the driver was updated under the running kernel module: restart the machine";
    case CIRC_NVML_NO_PERMISSION:
        return "; this user needs read and write access to /dev/nvidiactl and /dev/nvidia0";
    case CIRC_NVML_OPERATING_SYSTEM:
        return "; a control group bars this process from the card";
    default:
        return "";
    }
}

enum circ_status circ_nvml_load(struct circ_nvml *nvml, struct circ_error *err)
{
    const char *path = "libnvidia-ml.so.1";
    *nvml = (struct circ_nvml){.library = NULL};
    if (circ_meters_replayed()) {
        path = getenv("CIRCBENCH_NVML");
        if (!path || !*path)
            return circ_status_fail(err, CIRC_ABSENT,
                                    "nvml: CIRCBENCH_SYSFS describes another machine, and NVML "
                                    "would read this one");
    }
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library)
        return circ_status_fail(err, CIRC_ABSENT,
                                "nvml: %s does not load: it comes with NVIDIA's driver, and "
                                "containers get it from NVIDIA's container toolkit (--gpus all)",
                                path);
    for (size_t i = 0; i < sizeof symbols / sizeof *symbols; i++) {
        void *address = dlsym(library, symbols[i].symbol);
        if (!address && !symbols[i].optional) {
            dlclose(library);
            *nvml = (struct circ_nvml){.library = NULL};
            return circ_status_fail(err, CIRC_ABSENT,
                                    "nvml: %s has no %s: the driver is too old; update it", path,
                                    symbols[i].symbol);
        }
        memcpy((char *)nvml + symbols[i].slot, &address, sizeof address);
    }
    int result = nvml->init();
    if (result != CIRC_NVML_SUCCESS) {
        enum circ_status status =
            circ_status_fail_native(err, CIRC_ABSENT, result, "nvml: it does not start: %s%s",
                                    circ_nvml_message(nvml, result), remedy(result));
        dlclose(library);
        *nvml = (struct circ_nvml){.library = NULL};
        return status;
    }
    nvml->library = library;
    return CIRC_OK;
}
