/* The kernel's power PMU: RAPL energy through perf_event_open, one counter a domain and package
 * (and a core, on AMD). What there is to count is pmu.c's; this file opens and reads it.
 *
 * The kernel adds the 32-bit registers up to 64 bits itself, often enough that it misses no wrap
 * (arch/x86/events/rapl.c), so these counters do not wrap. They begin at 0 when they are opened. */
#include "harness/meters/clock.h"
#include "harness/meters/domains.h"
#include "harness/meters/meter.h"
#include "harness/meters/pmu.h"
#include "harness/meters/pmu_open.h"
#include "harness/meters/sysfs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Counters of single cores beyond this many would leave no room for other sources; nothing is
 * chosen or compared by them. */
#define MOST_CORES 8

struct circ_meter_session {
    int count;
    struct counter {
        int handle;
        uint64_t gap; /* ns that it was enabled and did not count */
    } counters[CIRC_MAX_CHANNELS];
};

/* Who may count a whole CPU: perf_event_paranoid of 0 or less, or CAP_PERFMON
 * (Documentation/admin-guide/perf-security.rst). */
static enum circ_status refuse_permission(struct circ_error *err, int code)
{
    char paranoid[32], program[200];
    ssize_t length = readlink("/proc/self/exe", program, sizeof program);
    if (length <= 0 || length == (ssize_t)sizeof program) /* none, or cut off */
        length = snprintf(program, sizeof program, "circbench");
    if (circ_sysfs_text("/proc/sys/kernel/perf_event_paranoid", paranoid, sizeof paranoid) != 0)
        snprintf(paranoid, sizeof paranoid, "unknown");
    return circ_status_fail_native(err, CIRC_ABSENT, code,
                                   "perf: no permission to count a whole CPU "
                                   "(kernel.perf_event_paranoid is %.16s); until the next boot:\n"
                                   "    sudo sysctl kernel.perf_event_paranoid=0\n"
                                   "or for this program:\n"
                                   "    sudo setcap cap_perfmon+ep %.*s",
                                   paranoid, (int)length, program);
}

static enum circ_status refuse(struct circ_error *err, const struct circ_pmu *pmu,
                               const char *event, int code)
{
    static const struct {
        int code;
        const char *why;
    } known[] = {
        {ENOENT, "the kernel no longer knows that PMU; was its module unloaded? try: sudo modprobe "
                 "rapl"},
        {ENODEV, "the CPU that the kernel names for it is offline"},
        {EOPNOTSUPP, "the PMU cannot count in this way"},
        {EINVAL, "the PMU does not take that event"},
        {EMFILE, "too many open files; raise the limit: ulimit -n 65536"},
        {ENOSYS, "there is no perf_event_open: an emulator has none, and a container's seccomp "
                 "profile may hide it"},
    };
    if (code == EACCES || code == EPERM)
        return refuse_permission(err, code);
    const char *why = strerror(code);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i].code == code)
            why = known[i].why;
    return circ_status_fail_native(err, CIRC_ABSENT, code, "perf: %s/%s/: %s", pmu->name, event,
                                   why);
}

static struct circ_channel describe(const struct circ_pmu *pmu, const struct circ_pmu_event *event,
                                    const struct circ_pmu_cpu *cpu)
{
    struct circ_channel channel = circ_domains_channel(event->domain, cpu->package, cpu->die);
    channel.scale = event->scale_uj;
    snprintf(channel.source, sizeof channel.source, "perf:%s", pmu->name);
    if (!event->domain->zone) { /* one core: its number tells it from the zone of all cores */
        size_t used = strlen(channel.name);
        snprintf(channel.name + used, sizeof channel.name - used, "-%d", cpu->core);
    }
    return channel;
}

/* Opens every event of the PMU on every CPU that it names. The first refusal is returned, as minus
 * an errno with the event that it hit; the others are tried all the same. */
static int open_all(struct circ_meter_session *session, struct circ_channel *channels,
                    const struct circ_pmu *pmu, const char **refused)
{
    int code = 0;
    for (int e = 0; e < pmu->event_count; e++)
        for (int c = 0; c < pmu->cpu_count && session->count < CIRC_MAX_CHANNELS; c++) {
            struct circ_pmu_count first;
            int handle = circ_pmu_open_counter(pmu->type, pmu->events[e].config, pmu->cpus[c].cpu);
            if (handle >= 0 && !circ_pmu_open_read(handle, &first)) {
                circ_pmu_open_close(handle);
                handle = -EIO;
            }
            if (handle < 0) {
                if (!code)
                    *refused = pmu->events[e].domain->event;
                code = code ? code : handle;
                continue;
            }
            channels[session->count] = describe(pmu, &pmu->events[e], &pmu->cpus[c]);
            session->counters[session->count++] =
                (struct counter){handle, first.enabled_ns - first.running_ns};
        }
    return code;
}

static void close_perf(struct circ_meter_session *session)
{
    if (!session)
        return;
    for (int i = 0; i < session->count; i++)
        circ_pmu_open_close(session->counters[i].handle);
    free(session);
}

/* Opens what there is; missing gets what of it is not, "" where all is. */
static enum circ_status open_noting(struct circ_meter_session **session,
                                    struct circ_channel *channels, int *count,
                                    struct circ_error *missing, struct circ_error *err)
{
    const char *refused = "";
    missing->message[0] = '\0';
    if (!circ_pmu_open_here())
        return circ_status_fail(err, CIRC_ABSENT,
                                "perf: CIRCBENCH_SYSFS describes another machine, and "
                                "perf_event_open would count this one");
    struct circ_meter_session *opened = calloc(1, sizeof *opened);
    struct circ_pmu *pmu = calloc(1, sizeof *pmu);
    if (!opened || !pmu) {
        free(opened);
        free(pmu);
        return circ_status_fail(err, CIRC_MEMORY, "perf: out of memory");
    }
    enum circ_status status = circ_pmu_read(pmu, "power", err);
    if (!status) {
        int code = open_all(opened, channels, pmu, &refused);
        if (code)
            refuse(opened->count ? missing : err, pmu, refused, -code);
        if (!opened->count)
            status = CIRC_ABSENT;
    }
    if (!status && circ_pmu_read(pmu, "power_core", NULL) == CIRC_OK) {
        int code = 0;
        if (pmu->cpu_count > MOST_CORES)
            circ_status_fail(missing, CIRC_ABSENT,
                             "perf: the energies of %d single cores are left out; their packages' "
                             "are counted",
                             pmu->cpu_count);
        else
            code = open_all(opened, channels, pmu, &refused);
        if (code)
            refuse(missing, pmu, refused, -code);
    }
    free(pmu);
    if (status) {
        close_perf(opened);
        return status;
    }
    circ_domains_nest(channels, 0, opened->count);
    *count = opened->count;
    *session = opened;
    return CIRC_OK;
}

static enum circ_status open_perf(struct circ_meter_session **session,
                                  struct circ_channel *channels, int *count,
                                  const struct circ_meter_request *request, struct circ_error *err)
{
    struct circ_error missing;
    (void)request;
    return open_noting(session, channels, count, &missing, err);
}

/* A counter that was taken off its CPU for a while has missed energy: the reading that finds out is
 * invalid, and those after it count from there. */
static void read_perf(struct circ_meter_session *session, struct circ_reading *readings)
{
    for (int i = 0; i < session->count; i++) {
        struct counter *counter = &session->counters[i];
        struct circ_pmu_count count;
        readings[i] = (struct circ_reading){.valid = false};
        if (!circ_pmu_open_read(counter->handle, &count))
            continue;
        uint64_t gap = count.enabled_ns - count.running_ns;
        readings[i].t_ns = circ_clock_now_ns();
        readings[i].raw = count.value;
        readings[i].valid = gap <= counter->gap;
        counter->gap = gap;
    }
}

static enum circ_status probe(const struct circ_meter_request *request, struct circ_error *err)
{
    struct circ_channel channels[CIRC_MAX_CHANNELS];
    struct circ_meter_session *session;
    struct circ_error missing;
    int count;
    (void)request;
    enum circ_status status = open_noting(&session, channels, &count, &missing, err);
    if (status)
        return status;
    close_perf(session);
    return circ_status_fail(err, CIRC_OK, "%s", missing.message);
}

extern const struct circ_meter circ_meter_perf;
const struct circ_meter circ_meter_perf = {
    .name = "perf",
    .description = "energy of CPU packages and their domains (RAPL, through perf's power PMU)",
    .probe = probe,
    .open = open_perf,
    .read = read_perf,
    .close = close_perf,
    .energy = true,
};
