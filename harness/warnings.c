/* Says in one sentence each what makes the timings of this machine doubtful, with the remedy. It
 * applies none. */
#include "harness/warnings.h"
#include "circ_config.h"
#include "harness/meters/meter.h"
#include "harness/meters/sysfs.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOAD_LIMIT     0.5 /* of a CPU, per CPU: others then disturb every second sample */
#define SWAP_LIMIT_MIB 64  /* a little is swapped out on any machine that has run for long */

static bool is(const struct circ_host *host, const char *key, const char *value)
{
    return strcmp(circ_host_fact(host, key), value) == 0;
}

static void warn_build(const struct circ_host *host, char *text, size_t size)
{
    if (!CIRC_OPTIMIZED || strchr(circ_host_fact(host, "build"), ','))
        snprintf(text, size,
                 "this build (%s) is not an optimised one: its times mean nothing; "
                 "meson setup --buildtype=release",
                 circ_host_fact(host, "build"));
}

static void warn_emulator(const struct circ_host *host, char *text, size_t size)
{
    if (host->emulated)
        snprintf(text, size,
                 "%s plays this processor: times are the emulator's, and every row is marked "
                 "emulated; measure on the machine itself",
                 circ_host_fact(host, "hypervisor"));
}

static void warn_load(const struct circ_host *host, char *text, size_t size)
{
    double load = atof(circ_host_fact(host, "load"));
    int cpus = atoi(circ_host_fact(host, "threads"));
    if (cpus < 1)
        cpus = host->cpus;
    if (load > LOAD_LIMIT * cpus)
        snprintf(text, size,
                 "the machine is busy: load average %.2f on %d CPUs at the start; stop other work, "
                 "or wait",
                 load, cpus);
}

static void warn_quota(const struct circ_host *host, char *text, size_t size)
{
    double quota = atof(circ_host_fact(host, "cpu_quota"));
    if (quota > 0 && quota < host->cpus)
        snprintf(text, size,
                 "the control group allows %.2f CPUs' worth of time and threads will be halted; "
                 "raise its "
                 "cpu.max, or use -t %d",
                 quota, quota < 1 ? 1 : (int)quota);
}

/* Whether a battery is being drawn from. */
static bool discharging(void)
{
    char folder[CIRC_SYSFS_PATH], path[CIRC_SYSFS_PATH], text[64];
    bool found = false;
    if (!circ_sysfs_path(folder, "class/power_supply"))
        return false;
    DIR *dir = opendir(folder);
    for (struct dirent *entry = dir ? readdir(dir) : NULL; entry && !found; entry = readdir(dir)) {
        if (!circ_sysfs_path(path, "class/power_supply/%s/scope", entry->d_name))
            continue;
        circ_sysfs_text(path, text, sizeof text);
        if (strcmp(text, "Device") == 0) /* the battery of a mouse */
            continue;
        found = circ_sysfs_path(path, "class/power_supply/%s/status", entry->d_name) &&
                circ_sysfs_text(path, text, sizeof text) == 0 && strcmp(text, "Discharging") == 0;
    }
    if (dir)
        closedir(dir);
    return found;
}

static void warn_battery(const struct circ_host *host, char *text, size_t size)
{
    (void)host;
    if (discharging())
        snprintf(text, size,
                 "running on battery: the firmware may hold the clock down; plug the machine in");
}

static void warn_governor(const struct circ_host *host, char *text, size_t size)
{
    if (!is(host, "governor", "performance") && !is(host, "governor", "unknown"))
        snprintf(text, size,
                 "the frequency governor is %s: the clock follows the load; "
                 "sudo cpupower frequency-set -g performance",
                 circ_host_fact(host, "governor"));
}

static void warn_swap(const struct circ_host *host, char *text, size_t size)
{
    if (atoi(circ_host_fact(host, "swap_used")) > SWAP_LIMIT_MIB)
        snprintf(text, size,
                 "swap is in use (%s): pages may come from disk; free memory, then sudo swapoff -a",
                 circ_host_fact(host, "swap_used"));
}

static void warn_turbo(const struct circ_host *host, char *text, size_t size)
{
    char path[CIRC_SYSFS_PATH], state[16];
    bool intel = circ_sysfs_path(path, "devices/system/cpu/intel_pstate/no_turbo") &&
                 circ_sysfs_text(path, state, sizeof state) == 0;
    if (is(host, "turbo", "on"))
        snprintf(text, size,
                 "turbo is on: the clock depends on heat and on how many cores work; "
                 "echo %s | sudo tee /sys/devices/system/cpu/%s",
                 intel ? "1" : "0", intel ? "intel_pstate/no_turbo" : "cpufreq/boost");
    else if (is(host, "turbo", "unknown"))
        snprintf(text, size,
                 "whether turbo is on is unknown (no cpufreq driver says so): the clock may vary; "
                 "compare only what was measured together");
}

static void warn_smt(const struct circ_host *host, char *text, size_t size)
{
    if (is(host, "smt", "on"))
        snprintf(
            text, size,
            "SMT is on: two hardware threads share a core, and so may two of a benchmark's; keep "
            "-t at most %d, or echo off | sudo tee /sys/devices/system/cpu/smt/control",
            host->cores);
}

/* Whether the kernel registered counters of the CPU: "cpu", "cpu_core" on hybrid parts,
 * "armv8_...". */
static bool has_counters(void)
{
    static const char *const names[] = {"cpu", "cpu_core", "armv8"};
    char folder[CIRC_SYSFS_PATH];
    bool found = false;
    if (!circ_sysfs_path(folder, "bus/event_source/devices"))
        return false;
    DIR *dir = opendir(folder);
    for (struct dirent *entry = dir ? readdir(dir) : NULL; entry && !found; entry = readdir(dir))
        found = strcmp(entry->d_name, names[0]) == 0 || strcmp(entry->d_name, names[1]) == 0 ||
                strncmp(entry->d_name, names[2], strlen(names[2])) == 0;
    if (dir)
        closedir(dir);
    return found;
}

static void warn_virtual(const struct circ_host *host, char *text, size_t size)
{
    if (!host->emulated && !is(host, "hypervisor", "none") && !is(host, "hypervisor", "unknown") &&
        !has_counters())
        snprintf(
            text, size,
            "a virtual machine (%s) without hardware counters: no cycles, and neighbours may take "
            "time unseen; measure on the bare machine where it matters",
            circ_host_fact(host, "hypervisor"));
}

void circ_warnings_collect(struct circ_host *host)
{
    static void (*const warnings[])(const struct circ_host *, char *, size_t) = {
        warn_build,    warn_emulator, warn_load,  warn_quota, warn_battery,
        warn_governor, warn_swap,     warn_turbo, warn_smt,   warn_virtual,
    };
    _Static_assert(sizeof warnings / sizeof *warnings <= CIRC_MAX_WARNINGS,
                   "room for every warning");
    host->warning_count = 0;
    for (size_t i = 0; i < sizeof warnings / sizeof *warnings; i++) {
        char *text = host->warnings[host->warning_count];
        text[0] = '\0';
        warnings[i](host, text, sizeof host->warnings[0]);
        host->warning_count += *text != '\0';
    }
}
