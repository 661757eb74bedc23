/* Name, cores and memory of the processor that we run on. It measures nothing. */
#include "backends/processor.h"

#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Arm's kernels tell a number and no name: the parts of Arm's own design, by MIDR. */
static const struct {
    const char *part, *name;
} arm_parts[] = {
    {"0xd03", "Cortex-A53"}, {"0xd04", "Cortex-A35"},  {"0xd05", "Cortex-A55"},
    {"0xd07", "Cortex-A57"}, {"0xd08", "Cortex-A72"},  {"0xd09", "Cortex-A73"},
    {"0xd0a", "Cortex-A75"}, {"0xd0b", "Cortex-A76"},  {"0xd0c", "Neoverse-N1"},
    {"0xd0d", "Cortex-A77"}, {"0xd40", "Neoverse-V1"}, {"0xd41", "Cortex-A78"},
    {"0xd44", "Cortex-X1"},  {"0xd49", "Neoverse-N2"}, {"0xd4f", "Neoverse-V2"},
};

/* The value of a line "key : value", with runs of blanks made one; false when it is another line.
 */
static bool read_value(const char *line, const char *key, char *value, size_t size)
{
    const char *colon = strchr(line, ':');
    size_t length = 0;
    if (!colon || strncmp(line, key, strlen(key)))
        return false;
    for (const char *c = colon + 1; *c && *c != '\n' && length + 1 < size; c++)
        if (*c != ' ' || (length && value[length - 1] != ' '))
            value[length++] = *c;
    value[length] = 0;
    return true;
}

/* From the first lines of /proc/cpuinfo that tell: the model's name, or Arm's numbers. */
static void read_name(char *name, size_t size)
{
    char line[512], implementer[16] = "", part[16] = "";
    FILE *file = fopen("/proc/cpuinfo", "r");
    bool named = false;
    while (file && !named && !*part && fgets(line, sizeof line, file)) {
        named = read_value(line, "model name", name, size);
        read_value(line, "CPU implementer", implementer, sizeof implementer);
        read_value(line, "CPU part", part, sizeof part);
    }
    if (file)
        fclose(file);
    if (named)
        return;
    snprintf(name, size, "cpu");
    if (*part)
        snprintf(name, size, "CPU implementer %s part %s", implementer, part);
    for (size_t i = 0; i < sizeof arm_parts / sizeof *arm_parts; i++)
        if (!strcmp(implementer, "0x41") && !strcmp(part, arm_parts[i].part))
            snprintf(name, size, "%s", arm_parts[i].name);
}

/* An emulator of one process answers for /proc/self/exe in our stead, with our own name; asked by
 * another path, the kernel answers, and what it runs is the emulator. */
static void read_emulator(char *name, size_t size)
{
    char ours[4096], truly[4096];
    ssize_t length = readlink("/proc/self/exe", ours, sizeof ours - 1);
    ssize_t true_length = readlink("/proc/thread-self/exe", truly, sizeof truly - 1);
    name[0] = 0;
    if (length <= 0 || true_length <= 0)
        return;
    ours[length] = truly[true_length] = 0;
    const char *slash = strrchr(truly, '/');
    if (strcmp(ours, truly))
        snprintf(name, size, "%.63s", slash ? slash + 1 : truly);
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
    read_emulator(processor->emulator, sizeof processor->emulator);
    if (*processor->emulator) /* /proc/cpuinfo may be that of the machine below */
        snprintf(processor->name, sizeof processor->name, "%s", processor->emulator);
    else
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
                                 .kind = *processor->emulator ? CIRC_EMULATED : CIRC_MEASURED,
                                 .threads = threads,
                                 .memory_bytes = processor->memory_bytes};
    snprintf(device.name, sizeof device.name, "%s", processor->name);
    snprintf(device.description, sizeof device.description, "%d cores, %d CPUs, %.1f GiB",
             processor->cores, processor->cpus, (double)processor->memory_bytes / (1 << 30));
    return device;
}
