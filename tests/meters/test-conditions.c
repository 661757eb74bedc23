/* Temperatures and clocks on trees in the layout of /sys. */
#include "harness/meters/conditions.h"
#include "tests/meters/sysfs_tree.h"
#include "tests/tap.h"

#include <math.h>
#include <sched.h>
#include <stdio.h>

static double temperature_mc, frequency_khz;

static void read_tree(void)
{
    temperature_mc = frequency_khz = -1;
    circ_conditions_read(&temperature_mc, &frequency_khz);
}

/* A CPU that this test may run on; -1 when even that is not known. */
static int own_cpu(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        for (int i = 0; i < CPU_SETSIZE; i++)
            if (CPU_ISSET(i, &set))
                return i;
    return -1;
}

int main(int argc, char **argv)
{
    char root[TREE_PATH], file[TREE_PATH];
    if (!tap_ok(argc == 2 && tree_use(argv[1], "amd-energy"), "trees"))
        return tap_done();
    read_tree();
    tap_ok(temperature_mc == 45250, "the hotter of two packages, by Tdie and not by Tctl");
    tree_use(argv[1], "jetson-orin-nx");
    read_tree();
    tap_ok(temperature_mc == 48906 && isnan(frequency_khz), "a chip without labels; no clock");
    tree_use(argv[1], "no-zones");
    read_tree();
    tap_ok(isnan(temperature_mc), "no sensor: NaN, not zero");

    if (!tap_ok(tree_create(root), "a tree to write in"))
        return tap_done();
    tree_write(root, "class/hwmon/hwmon0/name", "nvme");
    tree_write(root, "class/hwmon/hwmon0/temp1_input", "80000");
    tree_write(root, "class/thermal/thermal_zone0/type", "acpitz");
    tree_write(root, "class/thermal/thermal_zone0/temp", "90000");
    tree_write(root, "class/thermal/thermal_zone1/type", "x86_pkg_temp");
    tree_write(root, "class/thermal/thermal_zone1/temp", "-1500");
    read_tree();
    tap_ok(temperature_mc == -1500, "the package's thermal zone, not a disk's or the case's");
    tree_write(root, "class/hwmon/hwmon1/name", "coretemp");
    tree_write(root, "class/hwmon/hwmon1/temp2_input", "61000");
    tree_write(root, "class/hwmon/hwmon1/temp2_label", "Core 0");
    read_tree();
    tap_ok(temperature_mc == 61000, "cores where the package says nothing");
    tree_write(root, "class/hwmon/hwmon1/temp1_input", "59000");
    tree_write(root, "class/hwmon/hwmon1/temp1_label", "Package id 0");
    tree_write(root, "class/hwmon/hwmon1/temp3_input", "hot");
    tree_write(root, "class/hwmon/hwmon1/temp3_label", "Package id 1");
    read_tree();
    tap_ok(temperature_mc == 59000, "the package where it does, and no text for a number");

    int cpu = own_cpu();
    snprintf(file, sizeof file, "devices/system/cpu/cpu%d/cpufreq/scaling_cur_freq", cpu);
    tree_write(root, file, "2500000");
    read_tree();
    if (cpu < 0)
        tap_skip("the affinity mask cannot be read", "a clock");
    else
        tap_ok(frequency_khz == 2500000, "the mean clock of the CPUs that say one");
    tree_remove(root);
    return tap_done();
}
