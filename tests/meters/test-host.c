/* Facts of this machine, and warnings on trees in the layout of /sys. */
#include "harness/host.h"
#include "tests/meters/sysfs_tree.h"
#include "tests/tap.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct circ_host host;

static bool warns(const char *word)
{
    for (size_t i = 0; i < host.warning_count; i++)
        if (strstr(host.warnings[i], word))
            return true;
    return false;
}

static void this_machine(void)
{
    static const char *const keys[] = {
        "cpu",       "vendor",    "family",    "model",      "stepping",
        "microcode", "isa",       "sockets",   "cores",      "threads",
        "l1d",       "l2",        "l3",        "memory",     "turbo",
        "governor",  "smt",       "kernel",    "hypervisor", "os",
        "libc",      "compiler",  "flags",     "build",      "commit",
        "sqlite",    "zlib",      "papi",      "pfm",        "load",
        "cpus",      "clock_mhz", "swap_used", "cpu_quota",  "memory_available"};
    size_t count = sizeof keys / sizeof *keys;
    char name[256] = "";
    bool all = true, whole = true, anonymous = true;
    unsetenv("CIRCBENCH_SYSFS");
    circ_host_read(&host);
    for (size_t i = 0; i < count; i++) {
        bool found = false;
        for (size_t j = 0; j < host.fact_count; j++)
            found = found || strcmp(host.facts[j].key, keys[i]) == 0;
        all = all && found;
        if (!found)
            tap_note("missing: %s", keys[i]);
    }
    gethostname(name, sizeof name - 1);
    for (size_t i = 0; i < host.fact_count; i++) {
        const char *value = host.facts[i].value;
        whole = whole && *value;
        anonymous = anonymous && strcmp(value, name) != 0;
        tap_note("%s%s: %s", host.facts[i].key, host.facts[i].identifies ? "" : " (of the moment)",
                 value);
    }
    for (size_t i = 0; i < host.warning_count; i++)
        tap_note("warning: %s", host.warnings[i]);
    tap_ok(all && host.fact_count == count, "every fact is there, and no other");
    tap_ok(whole, "none is empty");
    tap_ok(anonymous, "none is the host's name");
    tap_ok(host.cpus >= 1 && host.cores >= 1 && host.cores <= host.cpus &&
               host.memory_available_bytes > 0,
           "CPUs, cores, memory");
    tap_ok(strcmp(circ_host_fact(&host, "no-such-fact"), "unknown") == 0,
           "a fact that there is not is unknown");
    bool moment = true;
    for (size_t i = 0; i < host.fact_count; i++)
        for (int j = 0; j < 4; j++)
            if (strcmp(host.facts[i].key, (const char *[]){"load", "clock_mhz", "governor",
                                                           "memory_available"}[j]) == 0)
                moment = moment && !host.facts[i].identifies;
    tap_ok(!host.emulated || !strcmp(circ_host_fact(&host, "isa"), "unknown"),
           "an emulated processor is not described by the machine below it");
    tap_ok(moment, "what changes from hour to hour does not identify the host");
}

static void trees(const char *fixtures)
{
    cpu_set_t zero;
    CPU_ZERO(&zero);
    CPU_SET(0, &zero);
    if (sched_setaffinity(0, sizeof zero, &zero) != 0) {
        tap_skip("CPU 0 is not ours to run on, and the trees describe it", "warnings on trees");
        return;
    }
    tree_use(fixtures, "intel-laptop");
    circ_host_read(&host);
    tap_ok(warns("governor is powersave") && warns("turbo is on") && warns("no_turbo") &&
               warns("SMT is on") && warns("battery"),
           "intel-laptop: governor, turbo, SMT, battery");
    tap_ok(strcmp(circ_host_fact(&host, "cores"), "2") == 0 &&
               strcmp(circ_host_fact(&host, "threads"), "4") == 0 &&
               strcmp(circ_host_fact(&host, "l3"), "61440K") == 0,
           "its cores, threads and caches");
    tap_ok(host.caches_bytes == (48 + 2048 + 61440) * 1024,
           "all its data caches together, none counted more than once a CPU: %lld",
           (long long)host.caches_bytes);
    tree_use(fixtures, "intel-2-socket");
    circ_host_read(&host);
    tap_ok(!warns("governor") && !warns("turbo") && !warns("SMT") && !warns("battery") &&
               !warns("without hardware counters"),
           "intel-2-socket: none of these");
    tap_ok(strcmp(circ_host_fact(&host, "sockets"), "2") == 0, "its sockets");
    tree_use(fixtures, "amd");
    circ_host_read(&host);
    tap_ok(warns("governor is schedutil") && warns("cpufreq/boost"), "amd: governor, boost");
    tree_use(fixtures, "no-zones");
    circ_host_read(&host);
    tap_ok(strcmp(circ_host_fact(&host, "governor"), "unknown") == 0 && !warns("governor") &&
               warns("whether turbo is on is unknown"),
           "a tree without a cpufreq driver: unknown, and it says so");
    tap_ok(host.caches_bytes == 0 && strcmp(circ_host_fact(&host, "l3"), "unknown") == 0,
           "nor caches");
}

static void quota(void)
{
    char root[TREE_PATH];
    if (!tap_ok(tree_create(root) && tree_write(root, "fs/cgroup/cpu.max", "50000 100000"),
                "a tree with a quota"))
        return;
    circ_host_read(&host);
    tap_ok(strcmp(circ_host_fact(&host, "cpu_quota"), "0.50") == 0 && warns("0.50 CPUs"),
           "half a CPU is allowed, and it warns");
    tree_write(root, "fs/cgroup/cpu.max", "max 100000");
    circ_host_read(&host);
    tap_ok(strcmp(circ_host_fact(&host, "cpu_quota"), "none") == 0 && !warns("control group"),
           "\"max\" is no limit");
    tree_write(root, "fs/cgroup/cpu/cpu.cfs_quota_us", "25000");
    tree_write(root, "fs/cgroup/cpu/cpu.cfs_period_us", "100000");
    circ_host_read(&host);
    tap_ok(strcmp(circ_host_fact(&host, "cpu_quota"), "0.25") == 0, "version 1 of the interface");
    tree_remove(root);
}

/* A last level for each pair of CPUs, and no word on who shares the first. */
static void caches(void)
{
    char root[TREE_PATH], file[128];
    cpu_set_t mine;
    if (sched_getaffinity(0, sizeof mine, &mine) != 0 ||
        !tap_ok(tree_create(root), "a tree with caches"))
        return;
    int cpus = 0, pairs = 0;
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        char pair[32];
        if (!CPU_ISSET((size_t)cpu, &mine))
            continue;
        cpus++;
        pairs += cpu % 2 == 0 || !CPU_ISSET((size_t)cpu - 1, &mine);
        snprintf(pair, sizeof pair, "%d-%d", cpu / 2 * 2, cpu / 2 * 2 + 1);
        static const char *const files[][2] = {
            {"index0/level", "1"},         {"index0/type", "Data"},    {"index0/size", "32K"},
            {"index1/level", "3"},         {"index1/type", "Unified"}, {"index1/size", "8M"},
            {"index1/shared_cpu_list", ""}};
        for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
            snprintf(file, sizeof file, "devices/system/cpu/cpu%d/cache/%s", cpu, files[i][0]);
            tree_write(root, file, files[i][1][0] ? files[i][1] : pair);
        }
    }
    circ_host_read(&host);
    tap_ok(host.caches.l3 == 8 << 20 &&
               host.caches_bytes == (int64_t)pairs * (8 << 20) + (int64_t)cpus * (32 << 10),
           "%d CPUs, %d last levels: %lld bytes of caches", cpus, pairs,
           (long long)host.caches_bytes);
    tree_remove(root);
}

int main(int argc, char **argv)
{
    if (!tap_ok(argc == 2, "the folder of trees is given"))
        return tap_done();
    this_machine();
    quota();
    caches();
    trees(argv[1]);
    return tap_done();
}
