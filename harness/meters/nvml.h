/* NVIDIA's management library, of which nothing is needed to build: its few functions that say what
 * a card consumes, found when the program runs. Declared after the public documentation of the NVML
 * API; they have not changed since their introduction. */
#ifndef CIRC_NVML_H
#define CIRC_NVML_H

#include "backends/core/status.h"

enum circ_nvml_result {
    CIRC_NVML_SUCCESS = 0,
    CIRC_NVML_NOT_SUPPORTED = 3,
    CIRC_NVML_NO_PERMISSION = 4,
    CIRC_NVML_DRIVER_NOT_LOADED = 9,
    CIRC_NVML_GPU_IS_LOST = 15,
    CIRC_NVML_OPERATING_SYSTEM = 17, /* blocked by a control group */
    CIRC_NVML_VERSION_MISMATCH = 18  /* driver and library are of different versions */
};

struct circ_nvml_device; /* opaque, NVML's */

struct circ_nvml_pci {
    char bus_id_legacy[16];
    unsigned domain, bus, device;
    unsigned device_id, subsystem_id;
    char bus_id[32]; /* "00000000:65:00.0" */
};

struct circ_nvml {
    void *library;
    int (*init)(void);
    int (*shutdown)(void);
    const char *(*error_string)(int result);
    int (*device_count)(unsigned *count);
    int (*device_by_index)(unsigned index, struct circ_nvml_device **device);
    int (*pci_info)(struct circ_nvml_device *device, struct circ_nvml_pci *pci);
    int (*name)(struct circ_nvml_device *device, char *name, unsigned length);
    /* NULL in a library that is too old to have it */
    int (*total_energy)(struct circ_nvml_device *device, unsigned long long *mj);
    int (*power_usage)(struct circ_nvml_device *device, unsigned *mw);
};

/* Loads libnvidia-ml.so.1 and starts it. With CIRCBENCH_SYSFS set it is the library that
 * CIRCBENCH_NVML names, for tests: rows made so are emulated. ABSENT says why not. */
CIRC_MUST_USE enum circ_status circ_nvml_load(struct circ_nvml *nvml, struct circ_error *err);
void circ_nvml_unload(struct circ_nvml *nvml); /* harmless on a zeroed one */

/* NVML's words for a result; never NULL. */
const char *circ_nvml_message(const struct circ_nvml *nvml, int result);

#endif
