/* A library with the functions of NVIDIA's that the nvml meter uses, for tests. What it plays is in
 * FAKE_NVML, read at every call: cards, then their faults. It knows nothing of real cards. */
#include "harness/meters/nvml.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define STEP_NS 10000000 /* its counter moves every 10 ms */

int nvmlInit_v2(void);
int nvmlShutdown(void);
const char *nvmlErrorString(int result);
int nvmlDeviceGetCount_v2(unsigned *count);
int nvmlDeviceGetHandleByIndex_v2(unsigned index, struct circ_nvml_device **device);
int nvmlDeviceGetPciInfo_v3(struct circ_nvml_device *device, struct circ_nvml_pci *pci);
int nvmlDeviceGetName(struct circ_nvml_device *device, char *name, unsigned length);
int nvmlDeviceGetTotalEnergyConsumption(struct circ_nvml_device *device, unsigned long long *mj);
int nvmlDeviceGetPowerUsage(struct circ_nvml_device *device, unsigned *mw);

struct circ_nvml_device {
    unsigned bus;
};

static struct circ_nvml_device cards[] = {{0x65}, {0xc3}};

static bool plays(const char *word)
{
    const char *played = getenv("FAKE_NVML");
    return played && strstr(played, word);
}

int nvmlInit_v2(void)
{
    return plays("no-driver")    ? CIRC_NVML_DRIVER_NOT_LOADED
           : plays("mismatched") ? CIRC_NVML_VERSION_MISMATCH
                                 : CIRC_NVML_SUCCESS;
}

int nvmlShutdown(void)
{
    return CIRC_NVML_SUCCESS;
}

const char *nvmlErrorString(int result)
{
    static const char *const words[] = {
        [CIRC_NVML_SUCCESS] = "Success",
        [CIRC_NVML_NOT_SUPPORTED] = "Not Supported",
        [CIRC_NVML_DRIVER_NOT_LOADED] = "Driver Not Loaded",
        [CIRC_NVML_GPU_IS_LOST] = "GPU is lost",
        [CIRC_NVML_VERSION_MISMATCH] = "Driver/library version mismatch",
    };
    return (size_t)result < sizeof words / sizeof *words ? words[result] : NULL;
}

int nvmlDeviceGetCount_v2(unsigned *count)
{
    *count = plays("none") ? 0 : 2;
    return CIRC_NVML_SUCCESS;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, struct circ_nvml_device **device)
{
    *device = &cards[index];
    return CIRC_NVML_SUCCESS;
}

int nvmlDeviceGetPciInfo_v3(struct circ_nvml_device *device, struct circ_nvml_pci *pci)
{
    *pci = (struct circ_nvml_pci){.bus = device->bus};
    snprintf(pci->bus_id, sizeof pci->bus_id, "00000000:%02X:00.0", device->bus & 0xff);
    return CIRC_NVML_SUCCESS;
}

int nvmlDeviceGetName(struct circ_nvml_device *device, char *name, unsigned length)
{
    snprintf(name, length, "Card %X", device->bus);
    return CIRC_NVML_SUCCESS;
}

/* 100 W, in steps; "uneven": the second card draws a quarter of it. */
int nvmlDeviceGetTotalEnergyConsumption(struct circ_nvml_device *device, unsigned long long *mj)
{
    struct timespec now;
    if (plays("lost") && device == &cards[0])
        return CIRC_NVML_GPU_IS_LOST;
    if (plays("old") || (plays("mixed") && device == &cards[1]))
        return CIRC_NVML_NOT_SUPPORTED;
    clock_gettime(CLOCK_MONOTONIC, &now);
    unsigned long long ns = (unsigned long long)now.tv_sec * 1000000000 + (unsigned)now.tv_nsec;
    *mj = plays("asleep") ? 5 : ns / STEP_NS * (STEP_NS / 10000);
    if (plays("uneven") && device == &cards[1])
        *mj /= 4;
    return CIRC_NVML_SUCCESS;
}

int nvmlDeviceGetPowerUsage(struct circ_nvml_device *device, unsigned *mw)
{
    (void)device;
    *mw = 100000;
    return plays("blind") ? CIRC_NVML_NOT_SUPPORTED : CIRC_NVML_SUCCESS;
}
