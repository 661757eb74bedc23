/* Counts the kernel's software events through perf_event_open, without a library. PAPI would do it,
 * but its PAPI_attach first tries a hardware event, so that on a virtual machine without a PMU no
 * thread but the caller's own could be counted. */
#include "harness/meters/software.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static const struct circ_software_event events[CIRC_MAX_SOFTWARE] = {
    {"task-clock", "perf::TASK-CLOCK", PERF_COUNT_SW_TASK_CLOCK, CIRC_UNIT_NS, false},
    {"page-faults", "perf::PAGE-FAULTS", PERF_COUNT_SW_PAGE_FAULTS, CIRC_UNIT_COUNT, false},
    {"context-switches", "perf::CONTEXT-SWITCHES", PERF_COUNT_SW_CONTEXT_SWITCHES, CIRC_UNIT_COUNT,
     true},
    {"cpu-migrations", "perf::CPU-MIGRATIONS", PERF_COUNT_SW_CPU_MIGRATIONS, CIRC_UNIT_COUNT, true},
    {"cpu-clock", "perf::CPU-CLOCK", PERF_COUNT_SW_CPU_CLOCK, CIRC_UNIT_NS, false},
    {"minor-faults", "perf::MINOR-FAULTS", PERF_COUNT_SW_PAGE_FAULTS_MIN, CIRC_UNIT_COUNT, false},
    {"major-faults", "perf::MAJOR-FAULTS", PERF_COUNT_SW_PAGE_FAULTS_MAJ, CIRC_UNIT_COUNT, false},
    {"alignment-faults", "perf::ALIGNMENT-FAULTS", PERF_COUNT_SW_ALIGNMENT_FAULTS, CIRC_UNIT_COUNT,
     false},
    {"emulation-faults", "perf::EMULATION-FAULTS", PERF_COUNT_SW_EMULATION_FAULTS, CIRC_UNIT_COUNT,
     false},
};

int circ_software_default_count(void)
{
    return 4;
}

const struct circ_software_event *circ_software_row(int index)
{
    return &events[index];
}

const struct circ_software_event *circ_software_find(const char *name)
{
    /* ":u=1:k=1", user space and kernel, is how these are counted anyway where it is allowed. */
    static const char both[] = ":u=1:k=1";
    size_t length = strlen(name);
    if (length > strlen(both) && strcmp(name + length - strlen(both), both) == 0)
        length -= strlen(both);
    for (int i = 0; i < CIRC_MAX_SOFTWARE; i++) {
        const char *const names[] = {events[i].name, events[i].symbol};
        for (int j = 0; j < 2; j++)
            if (strlen(names[j]) == length && strncasecmp(name, names[j], length) == 0)
                return &events[i];
    }
    return NULL;
}

int circ_software_open(struct circ_software *group, const struct circ_software_event *const *chosen,
                       int count, pid_t tid, bool in_kernel)
{
    group->count = 0;
    for (int i = 0; i < count; i++) {
        struct perf_event_attr attr = {
            .size = sizeof attr,
            .type = PERF_TYPE_SOFTWARE,
            .config = chosen[i]->config,
            .disabled = i == 0,
            .exclude_kernel = !in_kernel,
            .exclude_hv = 1,
            .read_format =
                PERF_FORMAT_GROUP | PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING,
        };
        int leader = i ? group->fds[0] : -1;
        long fd = syscall(SYS_perf_event_open, &attr, tid, -1, leader, PERF_FLAG_FD_CLOEXEC);
        if (fd < 0) {
            int code = errno;
            circ_software_close(group);
            return code;
        }
        group->fds[group->count++] = (int)fd;
    }
    if (count > 0 && ioctl(group->fds[0], PERF_EVENT_IOC_ENABLE, PERF_IOC_FLAG_GROUP) != 0) {
        int code = errno;
        circ_software_close(group);
        return code;
    }
    return 0;
}

void circ_software_close(struct circ_software *group)
{
    while (group->count > 0)
        close(group->fds[--group->count]);
}

bool circ_software_add(const struct circ_software *group, struct circ_reading *readings)
{
    struct {
        uint64_t count, enabled_ns, running_ns, values[CIRC_MAX_SOFTWARE];
    } data;
    size_t wanted = (size_t)(3 + group->count) * sizeof(uint64_t);
    if (group->count == 0)
        return true;
    if (read(group->fds[0], &data, sizeof data) != (ssize_t)wanted ||
        data.count != (uint64_t)group->count)
        return false;
    for (int i = 0; i < group->count; i++) {
        readings[i].raw += data.values[i];
        readings[i].enabled_ns += data.enabled_ns;
        readings[i].running_ns += data.running_ns;
    }
    return true;
}
