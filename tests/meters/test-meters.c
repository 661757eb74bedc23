/* The table of meters, the choice of the energy channels, the topology, and the meter that is
 * always there. */
#include "harness/meters/choice.h"
#include "harness/meters/difference.h"
#include "harness/meters/meter.h"
#include "harness/meters/sysfs.h"
#include "harness/meters/topology.h"
#include "tests/meters/sysfs_tree.h"
#include "tests/tap.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static struct circ_channel channel(const char *name, const char *source, enum circ_scope scope,
                                   int number)
{
    struct circ_channel made = {.unit = CIRC_UNIT_UJ, .scope = scope, .package = number};
    snprintf(made.name, sizeof made.name, "%s", name);
    snprintf(made.source, sizeof made.source, "%s", source);
    return made;
}

static void table(void)
{
    int count;
    const struct circ_meter *const *list = circ_meters_list(&count);
    bool complete = count > 0;
    for (int i = 0; i < count; i++)
        complete = complete && list[i]->name && list[i]->description && list[i]->probe &&
                   list[i]->open && list[i]->read && list[i]->close &&
                   circ_meters_find(list[i]->name) == list[i];
    tap_ok(complete, "every meter of the table is whole and found by its name");
    tap_ok(!circ_meters_find("nonsense"), "an unknown name finds none");
    tap_ok(strcmp(circ_meters_scope_name(CIRC_SCOPE_PSYS), "psys") == 0 &&
               strcmp(circ_meters_unit_name(CIRC_UNIT_UJ), "uJ") == 0,
           "scopes and units have names");
}

static void roots(void)
{
    unsetenv("CIRCBENCH_SYSFS");
    tap_ok(!circ_meters_replayed() && strcmp(circ_meters_sysfs_root(), "/sys") == 0,
           "the root is /sys");
    setenv("CIRCBENCH_SYSFS", "", 1);
    tap_ok(!circ_meters_replayed(), "an empty CIRCBENCH_SYSFS is none");
    setenv("CIRCBENCH_SYSFS", "/tree", 1);
    tap_ok(circ_meters_replayed() && strcmp(circ_meters_sysfs_root(), "/tree") == 0,
           "CIRCBENCH_SYSFS replaces it");
    unsetenv("CIRCBENCH_SYSFS");
    static const char *const wrong[] = {"", "-1", " 1", "1x", "0x10", "99999999999999999999"};
    uint64_t value;
    bool refused = true;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        refused = refused && !circ_sysfs_parse(wrong[i], &value);
    tap_ok(refused, "what is not a plain number is not read as one");
    tap_ok(circ_sysfs_parse("18446744073709551615\n", &value) && value == UINT64_MAX,
           "the largest number is");
}

static struct circ_error err;

static enum circ_status choose(const struct circ_channel *channels, int count, uint64_t packages,
                               int *chosen, int *chosen_count)
{
    const struct circ_consumer consumer = {.cpu = true, .packages = packages};
    return circ_choice_make(channels, count, &consumer, chosen, chosen_count, &err);
}

static void energy_choice(void)
{
    const struct circ_channel channels[] = {
        channel("psys", "powercap:intel-rapl", CIRC_SCOPE_PSYS, -1),
        channel("package-0", "powercap:intel-rapl", CIRC_SCOPE_PACKAGE, 0),
        channel("package-0-core", "powercap:intel-rapl", CIRC_SCOPE_CORE, 0),
        channel("package-0-dram", "powercap:intel-rapl", CIRC_SCOPE_DRAM, 0),
        channel("package-1", "powercap:intel-rapl", CIRC_SCOPE_PACKAGE, 1),
        channel("package-0", "another", CIRC_SCOPE_PACKAGE, 0),
    };
    int chosen[6], count = 0;
    tap_ok(choose(channels, 6, 1, chosen, &count) == CIRC_OK && count == 1 && chosen[0] == 1,
           "package 0 alone: no psys, no core, no dram, no second source");
    tap_ok(choose(channels, 6, 3, chosen, &count) == CIRC_OK && count == 2 && chosen[0] == 1 &&
               chosen[1] == 4,
           "packages 0 and 1 are summed");
    tap_ok(choose(channels, 6, 0, chosen, &count) == CIRC_OK && count == 2,
           "packages unknown: all of them");
    tap_ok(choose(channels, 6, 5, chosen, &count) == CIRC_OK && count == 1 && chosen[0] == 0,
           "a package without a channel: psys is the narrowest that covers both");
    tap_ok(choose(channels + 1, 5, 5, chosen, &count) == CIRC_ABSENT && count == 0 &&
               strstr(err.message, "package 2"),
           "and without psys nothing does: %s", err.message);
    const struct circ_channel dies[] = {
        channel("package-0-die-0", "powercap:intel-rapl", CIRC_SCOPE_PACKAGE, 0),
        channel("package-0-die-1", "powercap:intel-rapl", CIRC_SCOPE_PACKAGE, 0),
    };
    tap_ok(choose(dies, 2, 1, chosen, &count) == CIRC_OK && count == 2,
           "dies of one package are siblings");
}

/* Pins this thread to one CPU and describes it in a tree as half of a core of package 3. */
static void topology(void)
{
    cpu_set_t set, one;
    char root[TREE_PATH], file[TREE_PATH], siblings[64];
    int cpu = 0;
    if (sched_getaffinity(0, sizeof set, &set) != 0 || !tree_create(root)) {
        tap_ok(false, "affinity and a temporary folder");
        return;
    }
    while (!CPU_ISSET(cpu, &set))
        cpu++;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    tap_ok(sched_setaffinity(0, sizeof one, &one) == 0 && circ_topology_read().packages == 0 &&
               circ_topology_read().cores == 1,
           "an empty tree: packages unknown, a core for each CPU");
    snprintf(file, sizeof file, "devices/system/cpu/cpu%d/topology/physical_package_id", cpu);
    tree_write(root, file, "3");
    snprintf(file, sizeof file, "devices/system/cpu/cpu%d/topology/thread_siblings_list", cpu);
    snprintf(siblings, sizeof siblings, "%d,%d", cpu, cpu + 64);
    tree_write(root, file, siblings);
    struct circ_topology found = circ_topology_read();
    tap_ok(found.cpus == 1 && found.cores == 1 && found.first_cpu == cpu && found.packages == 8 &&
               found.sockets == 0,
           "the CPU it may run on is in package 3, and the machine's size is unknown");
    sched_setaffinity(0, sizeof set, &set);
    tree_remove(root);
    unsetenv("CIRCBENCH_SYSFS");
}

static void machines(const char *fixtures)
{
    tree_use(fixtures, "intel-2-socket");
    struct circ_topology found = circ_topology_read();
    tap_ok(found.online_cpus == 4 && found.online_cores == 4 && found.sockets == 2,
           "intel-2-socket: 2 sockets, 4 cores");
    tree_use(fixtures, "amd");
    found = circ_topology_read();
    tap_ok(found.online_cpus == 4 && found.online_cores == 2 && found.sockets == 1,
           "amd: siblings 0,2 and 1,3 are two cores");
    unsetenv("CIRCBENCH_SYSFS");
}

static int find(const struct circ_channel *channels, int count, const char *name)
{
    for (int i = 0; i < count; i++)
        if (strcmp(channels[i].name, name) == 0)
            return i;
    return -1;
}

static void time_meter(void)
{
    const struct circ_meter *meter = circ_meters_find("time");
    struct circ_meter_session *session;
    struct circ_channel channels[CIRC_MAX_CHANNELS];
    struct circ_reading before[CIRC_MAX_CHANNELS], after[CIRC_MAX_CHANNELS];
    int count = 0;
    tap_ok(meter->probe(NULL, &err) == CIRC_OK &&
               meter->open(&session, channels, &count, NULL, &err) == CIRC_OK && count == 5,
           "the time meter is never absent");
    int cpu_time = find(channels, count, "cpu-time");
    int waited = find(channels, count, "context-switches-voluntary");
    volatile double sum = 0;
    meter->read(session, before);
    for (int i = 0; i < 20000000; i++)
        sum = sum + i;
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    meter->read(session, after);
    struct circ_delta used =
        circ_difference_take(&channels[cpu_time], &before[cpu_time], &after[cpu_time], 0.05);
    tap_ok(used.grade == CIRC_GRADE_OK && used.value > 1e6, "it counts the CPU time of work");
    struct circ_delta slept =
        circ_difference_take(&channels[waited], &before[waited], &after[waited], 0.05);
    tap_ok(slept.grade == CIRC_GRADE_OK && slept.value >= 1, "and the switch of a sleep");
    meter->close(session);
}

int main(int argc, char **argv)
{
    if (!tap_ok(argc == 2, "the folder of trees is given"))
        return tap_done();
    table();
    roots();
    energy_choice();
    topology();
    machines(argv[1]);
    time_meter();
    return tap_done();
}
