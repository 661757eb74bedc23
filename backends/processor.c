/* Name, cores and memory of the processor that we run on. It measures nothing. */
#include "backends/processor.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The value of the first "key : value" line of /proc/cpuinfo, with runs of blanks made one. */
static void read_name(char *name, size_t size)
{
    char line[512];
    FILE *file = fopen("/proc/cpuinfo", "r");
    snprintf(name, size, "cpu");
    while (file && fgets(line, sizeof line, file)) {
        char *colon = strchr(line, ':');
        if (!colon || strncmp(line, "model name", 10))
            continue;
        size_t length = 0;
        for (const char *c = colon + 1; *c && *c != '\n' && length + 1 < size; c++)
            if (*c != ' ' || (length && name[length - 1] != ' '))
                name[length++] = *c;
        name[length] = 0;
        break;
    }
    if (file)
        fclose(file);
}

/* The lowest CPU that shares cpu's core. */
static int first_sibling(int cpu)
{
    char path[96];
    int first = cpu;
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list", cpu);
    FILE *file = fopen(path, "r");
    if (!file)
        return cpu;
    if (fscanf(file, "%d", &first) != 1)
        first = cpu;
    fclose(file);
    return first;
}

void circ_processor_read(struct circ_processor *processor)
{
    cpu_set_t mask, cores;
    read_name(processor->name, sizeof processor->name);
    processor->cpus = processor->cores = 1;
    processor->memory_bytes = (int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE);
    if (sched_getaffinity(0, sizeof mask, &mask))
        return;
    CPU_ZERO(&cores);
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, &mask))
            CPU_SET(first_sibling(cpu), &cores);
    processor->cpus = CPU_COUNT(&mask);
    processor->cores = CPU_COUNT(&cores);
}

struct circ_device circ_processor_device(const struct circ_processor *processor, int threads)
{
    struct circ_device device = {.device_kind = CIRC_DEVICE_CPU,
                                 .kind = CIRC_MEASURED,
                                 .threads = threads,
                                 .memory_bytes = processor->memory_bytes};
    snprintf(device.name, sizeof device.name, "%s", processor->name);
    snprintf(device.description, sizeof device.description, "%d cores, %d CPUs, %.1f GiB",
             processor->cores, processor->cpus, (double)processor->memory_bytes / (1 << 30));
    return device;
}
