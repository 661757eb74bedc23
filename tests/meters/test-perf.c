/* The perf meter on PMUs in the layout of /sys, with counters of the test's own behind
 * pmu_open.h. */
#include "harness/meters/difference.h"
#include "harness/meters/meter.h"
#include "harness/meters/pmu_open.h"
#include "tests/meters/sysfs_tree.h"
#include "tests/tap.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST 64

static const char scale[] = "2.3283064365386962890625e-10"; /* 2^-32 */

static struct {
    bool here;
    int refusal, refused_config; /* 0: every config */
    int opened, closed;
    struct {
        uint32_t type;
        uint64_t config;
        int cpu;
        struct circ_pmu_count count;
        bool broken;
    } counters[MOST];
} kernel;

static const struct circ_meter *meter;
static struct circ_channel channels[CIRC_MAX_CHANNELS];
static struct circ_error err;

bool circ_pmu_open_here(void)
{
    return kernel.here;
}

int circ_pmu_open_counter(uint32_t type, uint64_t config, int cpu)
{
    if (kernel.refusal && (!kernel.refused_config || (uint64_t)kernel.refused_config == config))
        return -kernel.refusal;
    if (kernel.opened == MOST)
        return -EMFILE;
    kernel.counters[kernel.opened].type = type;
    kernel.counters[kernel.opened].config = config;
    kernel.counters[kernel.opened].cpu = cpu;
    return kernel.opened++;
}

bool circ_pmu_open_read(int counter, struct circ_pmu_count *count)
{
    *count = kernel.counters[counter].count;
    return !kernel.counters[counter].broken;
}

void circ_pmu_open_close(int counter)
{
    (void)counter;
    kernel.closed++;
}

static void restart(void)
{
    memset(&kernel, 0, sizeof kernel);
    kernel.here = true;
}

static int find(int count, const char *name)
{
    for (int i = 0; i < count; i++)
        if (strcmp(channels[i].name, name) == 0)
            return i;
    tap_ok(false, "there is a channel %s", name);
    return 0;
}

static int open_tree(const char *fixtures, const char *name)
{
    struct circ_meter_session *session;
    int count = 0;
    restart();
    if (fixtures)
        tree_use(fixtures, name);
    if (!tap_ok(meter->open(&session, channels, &count, NULL, &err) == CIRC_OK, "%s opens", name)) {
        tap_note("%s", err.message);
        return 0;
    }
    meter->close(session);
    tap_ok(kernel.closed == kernel.opened && kernel.opened == count,
           "%s: every counter is closed again", name);
    return count;
}

static void trees(const char *fixtures)
{
    int count = open_tree(fixtures, "intel-2-socket");
    int second = find(count, "package-1"), dram = find(count, "package-1-dram");
    tap_ok(count == 4 && channels[second].package == 1 && kernel.counters[second].cpu == 2 &&
               kernel.counters[second].config == 2 && kernel.counters[second].type == 19,
           "one counter a package, on the CPU that the kernel names");
    tap_ok(channels[dram].scope == CIRC_SCOPE_DRAM && channels[dram].parent == -1 &&
               kernel.counters[dram].config == 3 &&
               strcmp(channels[dram].source, "perf:power") == 0,
           "dram is apart from its package");
    tap_ok(channels[second].scale == 1e6 / 4294967296.0 && channels[second].wrap == 0 &&
               channels[second].unit == CIRC_UNIT_UJ && channels[second].power_ceiling_w == 1000,
           "scale and unit are the kernel's: 2^-32 J, no wrap");
    count = open_tree(fixtures, "intel-laptop");
    int package = find(count, "package-0"), psys = find(count, "psys");
    tap_ok(count == 5 && channels[find(count, "package-0-core")].parent == package &&
               channels[find(count, "package-0-uncore")].parent == package &&
               channels[find(count, "package-0-dram")].parent == psys &&
               channels[package].parent == psys,
           "the channels are called and nested as powercap's");
    count = open_tree(fixtures, "amd");
    package = find(count, "package-0");
    int core = find(count, "package-0-core-1");
    tap_ok(count == 3 && channels[core].parent == package && kernel.counters[core].type == 15 &&
               strcmp(channels[core].source, "perf:power_core") == 0,
           "AMD counts single cores too, by another PMU");
}

static bool write_event(const char *root, const char *name, const char *event, const char *unit,
                        const char *factor)
{
    char base[128], file[160];
    snprintf(base, sizeof base, "bus/event_source/devices/power/events/%s", name);
    bool written = tree_write(root, base, event);
    snprintf(file, sizeof file, "%s.unit", base);
    written = written && tree_write(root, file, unit);
    snprintf(file, sizeof file, "%s.scale", base);
    return written && tree_write(root, file, factor);
}

static bool write_cpu(const char *root, int cpu, const char *package, const char *die)
{
    char file[128];
    snprintf(file, sizeof file, "devices/system/cpu/cpu%d/topology/physical_package_id", cpu);
    bool written = tree_write(root, file, package);
    snprintf(file, sizeof file, "devices/system/cpu/cpu%d/topology/die_id", cpu);
    return written && tree_write(root, file, die);
}

static bool write_pmu(char *root)
{
    return tree_create(root) && tree_write(root, "bus/event_source/devices/power/type", "9") &&
           tree_write(root, "bus/event_source/devices/power/cpumask", "0,4-5") &&
           tree_write(root, "bus/event_source/devices/power/format/event", "config:8-15") &&
           write_event(root, "energy-pkg", "event=0x02", "Joules", scale) &&
           write_event(root, "cycles", "event=0x09", "Joules", scale) &&
           write_cpu(root, 0, "0", "0") && write_cpu(root, 4, "1", "0") &&
           write_cpu(root, 5, "1", "1");
}

static void odd(void)
{
    char root[TREE_PATH];
    if (!tap_ok(write_pmu(root), "a PMU to write in"))
        return;
    int count = open_tree(NULL, "a package of two dies");
    tap_ok(count == 3 && kernel.counters[0].config == 0x200, "bits go where the format says");
    tap_ok(channels[find(count, "package-1-die-1")].package == 1 && find(count, "package-0") == 0,
           "dies are named where a package has several");
    tap_ok(write_event(root, "energy-ram", "event=0x03", "Watts", scale) &&
               open_tree(NULL, "an event in watts") == 3,
           "an event in another unit is left out");
    restart();
    tap_ok(write_event(root, "energy-pkg", "event=0x02", "Joules", "much") &&
               meter->probe(NULL, &err) == CIRC_ABSENT && strstr(err.message, "energy-"),
           "with none left: %s", err.message);
    tap_ok(write_event(root, "energy-pkg", "event=0x02", "Joules", scale) &&
               tree_write(root, "bus/event_source/devices/power/cpumask", "seven") &&
               meter->probe(NULL, &err) == CIRC_ABSENT && strstr(err.message, "cpumask"),
           "no CPUs: %s", err.message);
    tap_ok(tree_write(root, "bus/event_source/devices/power/cpumask", "77") &&
               meter->probe(NULL, &err) == CIRC_ABSENT && strstr(err.message, "CPU 77"),
           "a CPU without a package: %s", err.message);
    tree_remove(root);
    tap_ok(meter->probe(NULL, &err) == CIRC_ABSENT && strstr(err.message, "modprobe rapl"),
           "no PMU: %s", err.message);
}

static void refusals(const char *fixtures)
{
    static const struct {
        int code;
        const char *part;
    } rows[] = {{EACCES, "setcap cap_perfmon+ep"},
                {EPERM, "sysctl kernel.perf_event_paranoid=0"},
                {ENOENT, "modprobe"},
                {ENODEV, "offline"},
                {EOPNOTSUPP, "cannot count"},
                {EINVAL, "does not take"},
                {ENOSYS, "seccomp"},
                {EIO, "Input/output"}};
    tree_use(fixtures, "intel-2-socket");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        restart();
        kernel.refusal = rows[i].code;
        tap_ok(meter->probe(NULL, &err) == CIRC_ABSENT && strstr(err.message, rows[i].part) &&
                   err.native == rows[i].code && strlen(err.message) < sizeof err.message - 1,
               "%s is told apart", strerror(rows[i].code));
        tap_note("%.*s", (int)strcspn(err.message, "\n"), err.message);
    }
    restart();
    kernel.refusal = EINVAL;
    kernel.refused_config = 3;
    tap_ok(meter->probe(NULL, &err) == CIRC_OK && strstr(err.message, "energy-ram") &&
               kernel.opened == 2 && kernel.closed == 2,
           "one event refused: the others are there, and it is said");
    restart();
    kernel.here = false;
    tap_ok(meter->probe(NULL, &err) == CIRC_ABSENT && strstr(err.message, "CIRCBENCH_SYSFS"),
           "a tree of another machine has no counters: %s", err.message);
}

static void readings(const char *fixtures)
{
    struct circ_meter_session *session;
    struct circ_reading before[CIRC_MAX_CHANNELS], after[CIRC_MAX_CHANNELS];
    int count;
    restart();
    tree_use(fixtures, "intel-2-socket");
    if (!tap_ok(meter->open(&session, channels, &count, NULL, &err) == CIRC_OK, "it opens"))
        return;
    meter->read(session, before);
    kernel.counters[0].count = (struct circ_pmu_count){60ULL << 32, 1000, 1000};
    kernel.counters[1].count = (struct circ_pmu_count){60ULL << 32, 1000, 900};
    kernel.counters[2].broken = true;
    meter->read(session, after);
    after[0].t_ns = after[1].t_ns = before[0].t_ns + 1000000000;
    struct circ_delta delta = circ_difference_take(&channels[0], &before[0], &after[0], 0.05);
    tap_ok(delta.grade == CIRC_GRADE_OK && delta.value == 6e7, "60 J are 60 J");
    tap_ok(before[1].valid && !after[1].valid,
           "a counter that was taken off its CPU has lost some");
    meter->read(session, before);
    tap_ok(before[1].valid, "and counts from there");
    tap_ok(!after[2].valid, "a read that fails is not a zero");
    meter->close(session);
}

int main(int argc, char **argv)
{
    meter = circ_meters_find("perf");
    if (!tap_ok(argc == 2 && meter && meter->energy, "the meter is there, for the energy pass"))
        return tap_done();
    trees(argv[1]);
    odd();
    refusals(argv[1]);
    readings(argv[1]);
    return tap_done();
}
