/* The meter that is always there: what the kernel accounts to this process, in CPU time, page
 * faults and context switches. It needs no permission and no library, and covers threads born or
 * gone in between. */
#include "harness/meters/clock.h"
#include "harness/meters/meter.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

/* CPU time comes from its own clock in nanoseconds; rusage gives it in microseconds only. */
enum { CPU_TIME, FAULTS_MINOR, FAULTS_MAJOR, SWITCHES_WAITED, SWITCHES_PREEMPTED, CHANNELS };

static const char *const channel_names[CHANNELS] = {
    [CPU_TIME] = "cpu-time",
    [FAULTS_MINOR] = "page-faults-minor",
    [FAULTS_MAJOR] = "page-faults-major",
    [SWITCHES_WAITED] = "context-switches-voluntary",
    [SWITCHES_PREEMPTED] = "context-switches-involuntary",
};

static enum circ_status probe(const struct circ_meter_request *request, struct circ_error *err)
{
    (void)request;
    return circ_status_fail(err, CIRC_OK, "%s", "");
}

static enum circ_status open_time(struct circ_meter_session **session,
                                  struct circ_channel *channels, int *count,
                                  const struct circ_meter_request *request, struct circ_error *err)
{
    (void)request;
    (void)err;
    *session = NULL; /* nothing to keep */
    for (int i = 0; i < CHANNELS; i++) {
        channels[i] = (struct circ_channel){.unit = i == CPU_TIME ? CIRC_UNIT_NS : CIRC_UNIT_COUNT,
                                            .scope = CIRC_SCOPE_PROCESS,
                                            .scale = 1,
                                            .parent = -1,
                                            .package = -1};
        snprintf(channels[i].name, sizeof channels[i].name, "%s", channel_names[i]);
        snprintf(channels[i].source, sizeof channels[i].source, "%s",
                 i == CPU_TIME ? "clock_gettime" : "getrusage");
    }
    *count = CHANNELS;
    return CIRC_OK;
}

static void read_time(struct circ_meter_session *session, struct circ_reading *readings)
{
    struct timespec cpu = {0};
    int64_t now = circ_clock_now_ns();
    struct rusage usage;
    (void)session;
    bool counted = getrusage(RUSAGE_SELF, &usage) == 0;
    bool timed = clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu) == 0;
    for (int i = 0; i < CHANNELS; i++)
        readings[i] = (struct circ_reading){.t_ns = now, .valid = counted};
    readings[CPU_TIME].valid = timed;
    readings[CPU_TIME].raw = (uint64_t)cpu.tv_sec * 1000000000 + (uint64_t)cpu.tv_nsec;
    if (counted) {
        readings[FAULTS_MINOR].raw = (uint64_t)usage.ru_minflt;
        readings[FAULTS_MAJOR].raw = (uint64_t)usage.ru_majflt;
        readings[SWITCHES_WAITED].raw = (uint64_t)usage.ru_nvcsw;
        readings[SWITCHES_PREEMPTED].raw = (uint64_t)usage.ru_nivcsw;
    }
}

static void close_time(struct circ_meter_session *session)
{
    (void)session;
}

extern const struct circ_meter circ_meter_time;
const struct circ_meter circ_meter_time = {
    .name = "time",
    .description =
        "CPU time, page faults and context switches of this process (clock_gettime, getrusage)",
    .probe = probe,
    .open = open_time,
    .read = read_time,
    .close = close_time,
};
