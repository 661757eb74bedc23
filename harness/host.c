/* Reads what the machine and the build are. What of it makes timings doubtful is warnings.c. */
#include "harness/host.h"
#include "backends/processor.h"
#include "circ_commit.h"
#include "circ_config.h"
#include "harness/meters/meter.h"
#include "harness/meters/sysfs.h"
#include "harness/meters/topology.h"
#include "harness/warnings.h"

#include <ctype.h>
#include <fcntl.h>
#include <gnu/libc-version.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <zlib.h>
#if CIRC_HAVE_PAPI
#include <papi.h>
#endif
#if CIRC_HAVE_PFM
#include <perfmon/pfmlib.h>
#endif
#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#endif

#define CPUINFO_SIZE 16384     /* the first CPU's block fits with room */
#define KIB_OF_GIB   1048576.0 /* /proc/meminfo counts KiB */
#define SYSTEM_CPU   "devices/system/cpu"

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZER ", AddressSanitizer"
#elif defined(__SANITIZE_THREAD__)
#define SANITIZER ", ThreadSanitizer"
#else
#define SANITIZER ""
#endif

/* Extensions that decide which kernels can run; x86 and Arm names do not collide. */
static const char isa_names[] =
    " sse4_2 avx f16c fma avx2 avx512f avx512dq avx512bw avx512vl avx512_vnni avx512_bf16 "
    "avx512_fp16 "
    "avx_vnni amx_tile amx_int8 amx_bf16 asimd asimdhp asimddp sve sve2 bf16 i8mm ";

static void add_fact(struct circ_host *host, size_t *used, const char *key, bool identifies,
                     const char *format, ...) CIRC_PRINTF(5, 6);

static void add_fact(struct circ_host *host, size_t *used, const char *key, bool identifies,
                     const char *format, ...)
{
    if (host->fact_count == CIRC_MAX_FACTS)
        return;
    struct circ_fact *fact = &host->facts[host->fact_count++];
    *fact = (struct circ_fact){key, "unknown", identifies};
    char *value = host->text + *used;
    size_t room = sizeof host->text - *used;
    va_list args;
    va_start(args, format);
    int length = vsnprintf(value, room, format, args);
    va_end(args);
    if (length > 0 && (size_t)length < room) {
        fact->value = value;
        *used += (size_t)length + 1;
    }
}

const char *circ_host_fact(const struct circ_host *host, const char *key)
{
    for (size_t i = 0; i < host->fact_count; i++)
        if (strcmp(host->facts[i].key, key) == 0)
            return host->facts[i].value;
    return "unknown";
}

/* As much of a file as fits, NUL-terminated; "" when it cannot be read. */
static void read_file(const char *path, char *text, size_t size)
{
    size_t used = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    for (ssize_t got = 1; fd >= 0 && got > 0 && used + 1 < size; used += got > 0 ? (size_t)got : 0)
        got = read(fd, text + used, size - 1 - used);
    text[used] = '\0';
    if (fd >= 0)
        close(fd);
}

/* The value of the first line "key<blank>[:=] value" in text; "" if there is none. */
static void find_value(const char *text, const char *key, char *value, size_t size)
{
    size_t length = strlen(key);
    value[0] = '\0';
    for (const char *line = text; line && *line; line = strchr(line, '\n')) {
        line += *line == '\n';
        const char *rest = line + length;
        if (strncmp(line, key, length) != 0)
            continue;
        rest += strspn(rest, " \t");
        if (*rest != ':' && *rest != '=')
            continue;
        rest += 1 + strspn(rest + 1, " \t\"");
        snprintf(value, size, "%.*s", (int)strcspn(rest, "\"\n"), rest);
        return;
    }
}

/* Kilobytes of a line of /proc/meminfo, -1 if there is none. */
static int64_t find_kilobytes(const char *meminfo, const char *key)
{
    char value[64];
    find_value(meminfo, key, value, sizeof value);
    return isdigit((unsigned char)value[0]) ? strtoll(value, NULL, 10) : -1;
}

/* A file of a CPU's folder in sysfs, or "". */
static void read_cpu(char *text, size_t size, int cpu, const char *file)
{
    char path[CIRC_SYSFS_PATH];
    text[0] = '\0';
    if (circ_sysfs_path(path, SYSTEM_CPU "/cpu%d/%s", cpu, file))
        circ_sysfs_text(path, text, size);
}

static void read_hypervisor(const char *flags, char *name, size_t size)
{
#if defined(__x86_64__) || defined(__i386__)
    static const struct {
        const char *signature, *name;
    } names[] = {{"KVMKVMKVM", "KVM"},         {"Microsoft Hv", "Hyper-V"},
                 {"VMwareVMware", "VMware"},   {"XenVMMXenVMM", "Xen"},
                 {"TCGTCGTCGTCG", "QEMU"},     {"bhyve bhyve ", "bhyve"},
                 {" lrpepyh vr ", "Parallels"}};
    unsigned words[4];
    snprintf(name, size, "none");
    if (!strstr(flags, " hypervisor"))
        return;
    snprintf(name, size, "unnamed");
    __cpuid(0x40000000, words[0], words[1], words[2],
            words[3]); /* 12 letters, as the kernel reads them */
    char signature[13] = "";
    memcpy(signature, words + 1, 12);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strncmp(signature, names[i].signature, 12) == 0)
            snprintf(name, size, "%s", names[i].name);
#else
    (void)flags; /* no flag says so there */
    snprintf(name, size, "unknown");
#endif
}

static void add_cpu(struct circ_host *host, size_t *used)
{
    /* x86 first, then what Arm calls it */
    static const struct {
        const char *key, *names[2];
    } rows[] = {
        {"vendor", {"vendor_id", "CPU implementer"}},
        {"family", {"cpu family", "CPU architecture"}},
        {"model", {"model", "CPU part"}},
        {"stepping", {"stepping", "CPU revision"}},
        {"microcode", {"microcode", "microcode"}},
    };
    char cpuinfo[CPUINFO_SIZE], value[4096], flags[4096], isa[512] = "", name[32];
    struct circ_processor processor;
    circ_processor_read(&processor);
    host->emulated = *processor.emulator;
    add_fact(host, used, "cpu", true, "%s", processor.name);
    /* an emulator may show the machine that it runs on there */
    read_file(host->emulated ? "" : "/proc/cpuinfo", cpuinfo, sizeof cpuinfo);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        find_value(cpuinfo, rows[i].names[0], value, sizeof value);
        if (!*value)
            find_value(cpuinfo, rows[i].names[1], value, sizeof value);
        add_fact(host, used, rows[i].key, true, "%s", value);
    }
    find_value(cpuinfo, "flags", flags, sizeof flags);
    if (!*flags)
        find_value(cpuinfo, "Features", flags, sizeof flags);
    read_hypervisor(flags, value, sizeof value);
    add_fact(host, used, "hypervisor", true, "%s", host->emulated ? processor.emulator : value);
    size_t length = 0;
    for (char *save, *flag = strtok_r(flags, " ", &save); flag; flag = strtok_r(NULL, " ", &save)) {
        if (snprintf(name, sizeof name, " %s ", flag) >= (int)sizeof name ||
            !strstr(isa_names, name))
            continue;
        int more = snprintf(isa + length, sizeof isa - length, "%s%s", length ? " " : "", flag);
        length += more > 0 && (size_t)more < sizeof isa - length ? (size_t)more : 0;
    }
    add_fact(host, used, "isa", true, "%s", isa);
    find_value(cpuinfo, "cpu MHz", value, sizeof value);
    add_fact(host, used, "clock_mhz", false, "%.*s", (int)strcspn(value, "."), value);
}

static int64_t parse_size(const char *text)
{
    char *end;
    int64_t size = strtoll(text, &end, 10);
    return size * (*end == 'K' ? 1024 : *end == 'M' ? 1048576 : *end == 'G' ? 1073741824 : 1);
}

/* The caches of one CPU: "480 KiB" would be prettier, but sysfs's "480K" is what others print. */
static void add_caches(struct circ_host *host, size_t *used, int cpu)
{
    char sizes[4][32] = {"", "", "", ""};
    int last = 0;
    for (int i = 0; i < 8; i++) {
        char file[64], level[16], type[32];
        snprintf(file, sizeof file, "cache/index%d/level", i);
        read_cpu(level, sizeof level, cpu, file);
        snprintf(file, sizeof file, "cache/index%d/type", i);
        read_cpu(type, sizeof type, cpu, file);
        int number = atoi(level);
        if (number < 1 || number > 3 || strcmp(type, "Instruction") == 0)
            continue;
        snprintf(file, sizeof file, "cache/index%d/size", i);
        read_cpu(sizes[number], sizeof sizes[number], cpu, file);
        last = number > last && *sizes[number] ? number : last;
        snprintf(file, sizeof file, "cache/index%d/shared_cpu_list", i);
        int instances = circ_topology_count(file); /* unknown: no more than one a CPU */
        host->caches_bytes += parse_size(sizes[number]) * (instances ? instances : host->cpus);
    }
    add_fact(host, used, "l1d", true, "%s", sizes[1]);
    add_fact(host, used, "l2", true, "%s", sizes[2]);
    /* a CPU whose other levels are known and this one is not has none */
    add_fact(host, used, "l3", true, "%s", last && !*sizes[3] ? "none" : sizes[3]);
    host->caches =
        (struct circ_caches){parse_size(sizes[1]), parse_size(sizes[2]), parse_size(sizes[3])};
}

static void add_topology(struct circ_host *host, size_t *used, const struct circ_topology *topology)
{
    const struct {
        const char *key;
        int count;
    } rows[] = {{"sockets", topology->sockets},
                {"cores", topology->online_cores},
                {"threads", topology->online_cpus}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].count > 0)
            add_fact(host, used, rows[i].key, true, "%d", rows[i].count);
        else
            add_fact(host, used, rows[i].key, true, "unknown");
    host->cpus = topology->cpus;
    host->cores = topology->cores;
    add_fact(host, used, "cpus", false, "%d", topology->cpus);
    add_caches(host, used, topology->first_cpu);
}

static void add_memory(struct circ_host *host, size_t *used)
{
    char meminfo[8192];
    read_file("/proc/meminfo", meminfo, sizeof meminfo);
    int64_t total = find_kilobytes(meminfo, "MemTotal");
    int64_t available = find_kilobytes(meminfo, "MemAvailable");
    int64_t swap = find_kilobytes(meminfo, "SwapTotal");
    int64_t unused = find_kilobytes(meminfo, "SwapFree");
    /* Rounded, since the kernel's own share differs a little from boot to boot. */
    if (total >= 0)
        add_fact(host, used, "memory", true, "%.0f GiB", (double)total / KIB_OF_GIB);
    else
        add_fact(host, used, "memory", true, "unknown");
    host->memory_available_bytes = available >= 0 ? available * 1024 : 0;
    add_fact(host, used, "memory_available", false, "%.1f GiB", (double)available / KIB_OF_GIB);
    if (swap >= 0 && unused >= 0)
        add_fact(host, used, "swap_used", false, "%lld MiB", (long long)(swap - unused) / 1024);
    else
        add_fact(host, used, "swap_used", false, "unknown");
}

static void add_settings(struct circ_host *host, size_t *used, int cpu)
{
    char text[64], path[CIRC_SYSFS_PATH];
    const char *turbo = "unknown";
    uint64_t number;
    read_cpu(text, sizeof text, cpu, "cpufreq/scaling_governor");
    add_fact(host, used, "governor", false, "%s", text);
    if (circ_sysfs_path(path, SYSTEM_CPU "/intel_pstate/no_turbo") &&
        circ_sysfs_number(path, &number) == 0)
        turbo = number ? "off" : "on";
    else if (circ_sysfs_path(path, SYSTEM_CPU "/cpufreq/boost") &&
             circ_sysfs_number(path, &number) == 0)
        turbo = number ? "on" : "off";
    add_fact(host, used, "turbo", false, "%s", turbo);
    if (circ_sysfs_path(path, SYSTEM_CPU "/smt/active") && circ_sysfs_number(path, &number) == 0)
        add_fact(host, used, "smt", false, "%s", number ? "on" : "off");
    else
        add_fact(host, used, "smt", false, "unknown");
}

/* CPUs' worth of time that the control group (v2, or v1 under cpu/) and those above it allow; 0: no
 * limit. */
static double read_quota(void)
{
    char groups[4096], group[512] = "", path[CIRC_SYSFS_PATH], text[64];
    double least = 0;
    read_file("/proc/self/cgroup", groups, sizeof groups);
    for (int version = 2; version >= 1; version--) {
        const char *line = version == 2 ? strstr(groups, "0::/") : strstr(groups, "cpu:/");
        const char *start = line ? strchr(line, '/') : "/";
        snprintf(group, sizeof group, "%.*s", (int)strcspn(start, "\n"), start);
        for (char *slash = group + strlen(group); slash; slash = strrchr(group, '/')) {
            long long quota = 0, period = 0;
            *slash = '\0';
            if (version == 2) {
                if (circ_sysfs_path(path, "fs/cgroup%s/cpu.max", group) &&
                    circ_sysfs_text(path, text, sizeof text) == 0)
                    sscanf(text, "%lld %lld", &quota, &period);
            } else if (circ_sysfs_path(path, "fs/cgroup/cpu%s/cpu.cfs_quota_us", group) &&
                       circ_sysfs_text(path, text, sizeof text) == 0) {
                quota = atoll(text);
                if (circ_sysfs_path(path, "fs/cgroup/cpu%s/cpu.cfs_period_us", group) &&
                    circ_sysfs_text(path, text, sizeof text) == 0)
                    period = atoll(text);
            }
            double share = period > 0 && quota > 0 ? (double)quota / (double)period : 0;
            if (share > 0 && (least == 0 || share < least))
                least = share;
        }
    }
    return least;
}

static void add_system(struct circ_host *host, size_t *used)
{
    struct utsname name;
    char release[4096], os[256], load[128];
    double quota = read_quota();
    if (uname(&name) == 0)
        add_fact(host, used, "kernel", true, "%s %s %s", name.sysname, name.release, name.machine);
    else
        add_fact(host, used, "kernel", true, "unknown");
    read_file("/etc/os-release", release, sizeof release);
    find_value(release, "PRETTY_NAME", os, sizeof os);
    add_fact(host, used, "os", true, "%s", os);
    add_fact(host, used, "libc", true, "glibc %s", gnu_get_libc_version());
    read_file("/proc/loadavg", load, sizeof load);
    add_fact(host, used, "load", false, "%.*s", (int)strcspn(load, " \n"), load);
    if (quota > 0)
        add_fact(host, used, "cpu_quota", false, "%.2f", quota);
    else
        add_fact(host, used, "cpu_quota", false, "none");
}

static void add_build(struct circ_host *host, size_t *used)
{
    add_fact(host, used, "compiler", false, "%s", CIRC_COMPILER);
    add_fact(host, used, "flags", false, "%s",
             *CIRC_COMPILER_FLAGS ? CIRC_COMPILER_FLAGS : "default");
    add_fact(host, used, "build", false, "%s%s", CIRC_BUILD_TYPE, SANITIZER);
    add_fact(host, used, "commit", false, "%s", CIRC_COMMIT);
    add_fact(host, used, "sqlite", false, "%s", sqlite3_libversion());
    add_fact(host, used, "zlib", false, "%s", zlibVersion());
#if CIRC_HAVE_PAPI
    int papi = PAPI_get_opt(PAPI_LIB_VERSION, NULL);
    add_fact(host, used, "papi", false, "%d.%d.%d", PAPI_VERSION_MAJOR(papi),
             PAPI_VERSION_MINOR(papi), PAPI_VERSION_REVISION(papi));
#else
    add_fact(host, used, "papi", false, "not built in");
#endif
#if CIRC_HAVE_PFM
    int pfm = pfm_get_version();
    add_fact(host, used, "pfm", false, "%d.%d", PFM_MAJ_VERSION(pfm), PFM_MIN_VERSION(pfm));
#else
    add_fact(host, used, "pfm", false, "not built in");
#endif
}

void circ_host_read(struct circ_host *host)
{
    size_t used = 0;
    struct circ_topology topology = circ_topology_read();
    memset(host, 0, sizeof *host);
    add_cpu(host, &used);
    add_topology(host, &used, &topology);
    add_memory(host, &used);
    add_settings(host, &used, topology.first_cpu);
    add_system(host, &used);
    add_build(host, &used);
    circ_warnings_collect(host);
}
