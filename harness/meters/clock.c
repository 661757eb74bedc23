/* Reading the clocks, and how fine they are. */
#include "harness/meters/clock.h"

#include <time.h>

static int64_t read_clock(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t circ_clock_now_ns(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

int64_t circ_clock_epoch_ns(void)
{
    return read_clock(CLOCK_REALTIME);
}

void circ_clock_sleep_ns(int64_t ns)
{
    struct timespec left = {.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
    nanosleep(&left, NULL); /* a signal may end it early: whoever waits looks at the clock */
}

void circ_clock_probe(int64_t *step_ns, int64_t *cost_ns)
{
    enum { READINGS = 20000 };
    int64_t start = circ_clock_now_ns(), last = start, step = INT64_MAX;
    for (int i = 0; i < READINGS; i++) {
        int64_t now = circ_clock_now_ns();
        if (now > last && now - last < step)
            step = now - last;
        last = now;
    }
    *step_ns = step == INT64_MAX ? last - start : step;
    *cost_ns = (last - start) / READINGS;
}
