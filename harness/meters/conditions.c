/* Temperature of the CPU and clock of its cores, from hwmon, thermal and cpufreq. It judges
 * neither. */
#include "harness/meters/conditions.h"
#include "harness/meters/sysfs.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MAX_CPUS 8192 /* the most that the kernel can be built for */

/* Chips that measure a CPU, and how the label of the whole package begins. k10temp's Tctl may be
 * Tdie with an offset for the fans' sake, so that Tdie counts where it is there. */
static const struct chip {
    const char *name, *label;
} chips[] = {
    {"coretemp", "Package"},
    {"k10temp", "Tdie"},
    {"zenpower", "Tdie"},
    {"cpu_thermal", "temp"},
};

/* A signed number of a file: cold is below zero. */
static bool read_number(const char *path, double *value)
{
    char text[32], *end;
    if (circ_sysfs_text(path, text, sizeof text) != 0)
        return false;
    errno = 0;
    long number = strtol(text, &end, 10);
    *value = (double)number;
    return end != text && *end == '\0' && !errno;
}

/* The hottest sensor of a chip's folder: of those that the label names, else of all. */
static double chip_temperature(const char *folder, const char *label)
{
    double named = NAN, any = NAN;
    DIR *dir = opendir(folder);
    for (struct dirent *entry = dir ? readdir(dir) : NULL; entry; entry = readdir(dir)) {
        char path[CIRC_SYSFS_PATH], text[32];
        double value;
        int number, used = 0;
        if (sscanf(entry->d_name, "temp%d_input%n", &number, &used) != 1 || !used ||
            entry->d_name[used] ||
            snprintf(path, sizeof path, "%s/%s", folder, entry->d_name) >= (int)sizeof path ||
            !read_number(path, &value))
            continue;
        any = fmax(any, value);
        if (snprintf(path, sizeof path, "%s/temp%d_label", folder, number) < (int)sizeof path &&
            circ_sysfs_text(path, text, sizeof text) == 0 &&
            strncmp(text, label, strlen(label)) == 0)
            named = fmax(named, value);
    }
    if (dir)
        closedir(dir);
    return isnan(named) ? any : named;
}

static double of_hwmon(const char *folder)
{
    char path[CIRC_SYSFS_PATH], name[32];
    if (snprintf(path, sizeof path, "%s/name", folder) >= (int)sizeof path ||
        circ_sysfs_text(path, name, sizeof name) != 0)
        return NAN;
    for (size_t i = 0; i < sizeof chips / sizeof *chips; i++)
        if (strcmp(name, chips[i].name) == 0)
            return chip_temperature(folder, chips[i].label);
    return NAN;
}

static double of_zone(const char *folder)
{
    char path[CIRC_SYSFS_PATH], type[32];
    double value;
    if (snprintf(path, sizeof path, "%s/type", folder) >= (int)sizeof path ||
        circ_sysfs_text(path, type, sizeof type) != 0 ||
        (strcmp(type, "x86_pkg_temp") != 0 && strncasecmp(type, "cpu", 3) != 0) ||
        snprintf(path, sizeof path, "%s/temp", folder) >= (int)sizeof path ||
        !read_number(path, &value))
        return NAN;
    return value;
}

/* The hottest of a class's folders. */
static double hottest(const char *class, double (*temperature)(const char *folder))
{
    char root[CIRC_SYSFS_PATH], folder[CIRC_SYSFS_PATH];
    double most = NAN;
    DIR *dir = circ_sysfs_path(root, "class/%s", class) ? opendir(root) : NULL;
    for (struct dirent *entry = dir ? readdir(dir) : NULL; entry; entry = readdir(dir))
        if (entry->d_name[0] != '.' &&
            snprintf(folder, sizeof folder, "%s/%s", root, entry->d_name) < (int)sizeof folder)
            most = fmax(most, temperature(folder));
    if (dir)
        closedir(dir);
    return most;
}

static double mean_frequency(void)
{
    cpu_set_t set[MAX_CPUS / CPU_SETSIZE];
    double sum = 0;
    int count = 0;
    memset(set, 0, sizeof set);
    if (sched_getaffinity(0, sizeof set, set) != 0)
        return NAN;
    for (size_t cpu = 0; cpu < MAX_CPUS; cpu++) {
        char path[CIRC_SYSFS_PATH];
        double value;
        if (CPU_ISSET_S(cpu, sizeof set, set) &&
            circ_sysfs_path(path, "devices/system/cpu/cpu%zu/cpufreq/scaling_cur_freq", cpu) &&
            read_number(path, &value)) {
            sum += value;
            count++;
        }
    }
    return count ? sum / count : NAN;
}

void circ_conditions_read(double *temperature_mc, double *frequency_khz)
{
    *temperature_mc = hottest("hwmon", of_hwmon);
    if (isnan(*temperature_mc))
        *temperature_mc = hottest("thermal", of_zone);
    *frequency_khz = mean_frequency();
}
