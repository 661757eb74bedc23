/* Discovery through the ICD loader. The loader is silent about a driver that it cannot load, so the
 * files that name drivers are read here too, and each is tried. */
#include "backends/devices/platforms.h"

#include "backends/devices/vendors.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOT_FOUND_KHR (-1001)
#define LEAST_BYTES   (64 << 20) /* of memory: less holds no layer of interest */
#define MAX_PLATFORMS 16
#define PCI_BUS_INFO  0x410F /* CL_DEVICE_PCI_BUS_INFO_KHR */
#define NV_PCI_BUS    0x4008 /* CL_DEVICE_PCI_BUS_ID_NV, _SLOT_ID_NV, _DOMAIN_ID_NV */
#define NV_PCI_SLOT   0x4009
#define NV_PCI_DOMAIN 0x400A

static void text(cl_device_id device, cl_device_info what, char *value, size_t size)
{
    char whole[1024] = ""; /* a buffer that is too small gets nothing at all */
    clGetDeviceInfo(device, what, sizeof whole - 1, whole, NULL);
    snprintf(value, size, "%.*s", (int)size - 1, whole);
    char *start = value + strspn(value, " "), *end = value + strlen(value);
    while (end > start && end[-1] == ' ')
        *--end = 0;
    memmove(value, start, (size_t)(end - start) + 1);
}

/* "0000:65:00.0" where the device tells its place. */
static void pci_of(cl_device_id device, char *to, size_t size)
{
    cl_uint place[4] = {0}, slot = 0; /* domain, bus, device, function */
    *to = 0;
    if (clGetDeviceInfo(device, PCI_BUS_INFO, sizeof place, place, NULL)) {
        if (clGetDeviceInfo(device, NV_PCI_BUS, sizeof place[1], &place[1], NULL) ||
            clGetDeviceInfo(device, NV_PCI_SLOT, sizeof slot, &slot, NULL))
            return;
        clGetDeviceInfo(device, NV_PCI_DOMAIN, sizeof place[0], &place[0], NULL);
        place[2] = slot >> 3;
        place[3] = slot & 7;
    }
    snprintf(to, size, "%04x:%02x:%02x.%x", place[0], place[1], place[2], place[3]);
}

static bool mentions(const char *text, const char *word)
{
    return strcasestr(text, word) != NULL;
}

/* What the device is, and whether its times are its own. */
static void classify(struct circ_device *d, cl_device_type type, const char *platform,
                     const char *name)
{
    bool emulator = mentions(name, "emulation") || mentions(platform, "emulation") ||
                    mentions(platform, "oclgrind");
    d->kind = emulator ? CIRC_EMULATED : CIRC_MEASURED;
    if (type & CL_DEVICE_TYPE_CPU)
        d->device_kind = CIRC_DEVICE_CPU;
    else if (type & CL_DEVICE_TYPE_GPU)
        d->device_kind = CIRC_DEVICE_GPU;
    else
        d->device_kind = CIRC_DEVICE_FPGA; /* accelerators: of those that there are, boards */
}

static void refuse(struct circ_device *d, const char *reason)
{
    d->status = CIRC_ABSENT;
    snprintf(d->reason, sizeof d->reason, "%s", reason);
}

static void describe(struct circ_platform_device *found, const char *platform)
{
    struct circ_device *d = &found->public;
    char name[96], vendor[64], version[96], driver[64];
    cl_device_type type = 0;
    cl_bool compiler = CL_FALSE, available = CL_FALSE;
    cl_ulong memory = 0;
    cl_uint units = 0, vendor_id = 0;
    cl_bool unified = CL_FALSE;
    text(found->device, CL_DEVICE_NAME, name, sizeof name);
    text(found->device, CL_DEVICE_VENDOR, vendor, sizeof vendor);
    text(found->device, CL_DEVICE_VERSION, version, sizeof version);
    text(found->device, CL_DRIVER_VERSION, driver, sizeof driver);
    pci_of(found->device, d->pci, sizeof d->pci);
    clGetDeviceInfo(found->device, CL_DEVICE_TYPE, sizeof type, &type, NULL);
    clGetDeviceInfo(found->device, CL_DEVICE_COMPILER_AVAILABLE, sizeof compiler, &compiler, NULL);
    clGetDeviceInfo(found->device, CL_DEVICE_AVAILABLE, sizeof available, &available, NULL);
    clGetDeviceInfo(found->device, CL_DEVICE_GLOBAL_MEM_SIZE, sizeof memory, &memory, NULL);
    clGetDeviceInfo(found->device, CL_DEVICE_MAX_COMPUTE_UNITS, sizeof units, &units, NULL);
    clGetDeviceInfo(found->device, CL_DEVICE_VENDOR_ID, sizeof vendor_id, &vendor_id, NULL);
    clGetDeviceInfo(found->device, CL_DEVICE_HOST_UNIFIED_MEMORY, sizeof unified, &unified, NULL);
    snprintf(d->name, sizeof d->name, "%s", name);
    snprintf(d->platform, sizeof d->platform, "%.95s", platform);
    snprintf(d->description, sizeof d->description,
             "%.50s, vendor %.40s (0x%04x), %.90s, driver %.40s, %u compute unit%s%s%s", platform,
             vendor, vendor_id, version, driver, units, units == 1 ? "" : "s",
             *d->pci ? ", PCI " : "", d->pci);
    d->threads = 1;
    d->memory_bytes = (int64_t)memory;
    found->type = type;
    classify(d, type, platform, name);
    d->own_memory = !unified && d->device_kind != CIRC_DEVICE_CPU && d->kind == CIRC_MEASURED;
    if (!available)
        refuse(d, "its driver says that it is not available: end the program that may hold it, or "
                  "install the driver again");
    else if (memory < LEAST_BYTES)
        refuse(d, "it has less than 64 MiB of memory: choose another device");
    else if (!compiler) {
        found->binaries = true;
        refuse(d, "it has no compiler for OpenCL C, so it cannot build the kernels: install its "
                  "driver whole, or choose another device");
    }
}

/* Two devices of one name are told apart by their platforms, and then by numbers. */
static void name_apart(struct circ_platform_device *found, int count, const char *const *platforms)
{
    for (int i = 0; i < count; i++) {
        char own[sizeof found[i].public.name];
        int twins = 0, before = 0, same = 0;
        snprintf(own, sizeof own, "%s", found[i].public.name);
        for (int j = 0; j < count; j++) {
            if (j == i || strcmp(own, found[j].public.name))
                continue;
            twins++;
            same += found[j].platform == found[i].platform;
            before += found[j].platform == found[i].platform && j < i;
        }
        if (!twins || !found[i].device)
            continue;
        if (same)
            snprintf(found[i].public.name, sizeof found[i].public.name, "%.40s #%d", own, before);
        else
            snprintf(found[i].public.name, sizeof found[i].public.name, "%.40s:%.50s", platforms[i],
                     own);
    }
}

/* Why the loader would not take a driver; false when it would. */
static bool broken(const char *library, char *why, size_t size)
{
    typedef cl_int(CL_API_CALL * list_platforms)(cl_uint, cl_platform_id *, cl_uint *);
    typedef void *(CL_API_CALL * find_function)(const char *);
    void *handle = dlopen(library, RTLD_LAZY | RTLD_LOCAL);
    if (!handle) {
        snprintf(why, size, "its driver cannot be loaded: %.300s", dlerror());
        return true;
    }
    find_function find;
    list_platforms list = NULL;
    cl_uint count = 0;
    void *symbol = dlsym(handle, "clGetExtensionFunctionAddress");
    memcpy(&find, &symbol, sizeof find);
    if (symbol) {
        void *address = find("clIcdGetPlatformIDsKHR");
        memcpy(&list, &address, sizeof list);
    }
    bool useless = !list || list(0, NULL, &count) || !count;
    if (useless)
        snprintf(why, size,
                 "%s loads but offers no platform: a library that it needs, or the device "
                 "itself, may be missing",
                 library);
    /* stays loaded, as the loader keeps it: drivers do not like to be unloaded */
    return useless;
}

/* The first line of a file, without its end. */
static void first_line(const char *path, char *line, size_t size)
{
    FILE *file = fopen(path, "r");
    if (!file || !fgets(line, (int)size, file))
        *line = 0;
    if (file)
        fclose(file);
    line[strcspn(line, "\r\n")] = 0;
}

/* Adds the drivers that are named and broken. */
static void add_broken(const struct circ_vendors *files, struct circ_platform_device *found,
                       int *count)
{
    for (int i = 0; i < files->count && *count < CIRC_MAX_DEVICES; i++) {
        char library[1024], why[400] = "the file names no driver";
        const char *path = files->paths[i], *slash = strrchr(path, '/');
        first_line(path, library, sizeof library);
        if (*library && !broken(library, why, sizeof why))
            continue;
        struct circ_platform_device *own = &found[(*count)++];
        memset(own, 0, sizeof *own);
        snprintf(own->public.name, sizeof own->public.name, "%.90s", slash ? slash + 1 : path);
        snprintf(own->public.description, sizeof own->public.description,
                 "an OpenCL driver named in %.150s", path);
        own->public.threads = 1;
        refuse(&own->public, why);
    }
}

enum circ_status circ_platforms_list(struct circ_platform_device found[CIRC_MAX_DEVICES],
                                     int *count, struct circ_error *err)
{
    cl_platform_id platforms[MAX_PLATFORMS];
    static const char nothing[] = "no OpenCL platform is installed: a GPU's driver brings one, "
                                  "pocl-opencl-icd one for the CPU";
    char names[MAX_PLATFORMS][96];
    const char *owners[CIRC_MAX_DEVICES] = {NULL};
    cl_uint platform_count = 0;
    struct circ_vendors files;
    *count = 0;
    enum circ_status status = circ_vendors_list(&files, err);
    if (status)
        return status;
    cl_int code = clGetPlatformIDs(MAX_PLATFORMS, platforms, &platform_count);
    if (code && code != NOT_FOUND_KHR)
        return circ_status_fail_native(err, CIRC_ABSENT, code, "the OpenCL loader failed: %s",
                                       circ_accelerator_error_name(code));
    if (code)
        platform_count = 0;
    for (cl_uint p = 0; p < platform_count && p < MAX_PLATFORMS; p++) {
        cl_device_id devices[CIRC_MAX_DEVICES];
        cl_uint device_count = 0;
        memset(names[p], 0, sizeof names[p]);
        clGetPlatformInfo(platforms[p], CL_PLATFORM_NAME, sizeof names[p] - 1, names[p], NULL);
        code = clGetDeviceIDs(platforms[p], CL_DEVICE_TYPE_ALL, CIRC_MAX_DEVICES, devices,
                              &device_count);
        if (code)
            device_count = 0;
        for (cl_uint d = 0;
             (d < device_count || (d == 0 && !device_count)) && *count < CIRC_MAX_DEVICES; d++) {
            struct circ_platform_device *own = &found[*count];
            memset(own, 0, sizeof *own);
            own->platform = platforms[p];
            owners[(*count)++] = names[p];
            if (device_count) {
                own->device = devices[d];
                describe(own, names[p]);
                continue;
            }
            snprintf(own->public.name, sizeof own->public.name, "%.90s", names[p]);
            snprintf(own->public.platform, sizeof own->public.platform, "%.95s", names[p]);
            own->public.threads = 1;
            refuse(&own->public, "this OpenCL platform has no device: is the hardware there, and "
                                 "may this user open it?");
        }
    }
    name_apart(found, *count, owners);
    add_broken(&files, found, count);
    if (!*count)
        return circ_status_fail(err, CIRC_ABSENT, "%s", nothing);
    return CIRC_OK;
}
