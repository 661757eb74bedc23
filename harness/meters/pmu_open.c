/* The system call behind the counters of a PMU. It knows no event. */
#include "harness/meters/pmu_open.h"
#include "harness/meters/meter.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

bool circ_pmu_open_here(void)
{
    return !circ_meters_replayed();
}

int circ_pmu_open_counter(uint32_t type, uint64_t config, int cpu)
{
    /* No exclude bits: a PMU of energy cannot tell user from kernel, and refuses them. */
    struct perf_event_attr attr = {
        .size = sizeof attr,
        .type = type,
        .config = config,
        .read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING,
    };
    long fd = syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
    return fd < 0 ? -errno : (int)fd;
}

bool circ_pmu_open_read(int counter, struct circ_pmu_count *count)
{
    uint64_t words[3];
    if (read(counter, words, sizeof words) != (ssize_t)sizeof words)
        return false;
    *count = (struct circ_pmu_count){words[0], words[1], words[2]};
    return true;
}

void circ_pmu_open_close(int counter)
{
    close(counter);
}
