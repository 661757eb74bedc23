/* The meter of events, on the kernel and the PAPI of this machine: known work in one thread and in
 * two. */
#include "circ_config.h"
#include "harness/meters/difference.h"
#include "harness/meters/meter.h"
#include "tests/tap.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const struct circ_meter *meter;
static struct circ_channel channels[CIRC_MAX_CHANNELS];
static struct circ_error err;

/* Touches pages fresh pages, one by one. */
static bool fault(size_t pages)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *bytes =
        mmap(NULL, pages * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (bytes == MAP_FAILED)
        return false;
    madvise(bytes, pages * page, MADV_NOHUGEPAGE); /* or one fault would bring 512 pages */
    for (size_t i = 0; i < pages; i++)
        ((volatile char *)bytes)[i * page] = 1;
    return munmap(bytes, pages * page) == 0;
}

static int find(int count, const char *name)
{
    for (int i = 0; i < count; i++)
        if (strcmp(channels[i].name, name) == 0)
            return i;
    return -1;
}

struct helper {
    sem_t work, worked, leave;
};

static void *help(void *context)
{
    struct helper *helper = context;
    sem_post(&helper->worked); /* alive */
    sem_wait(&helper->work);
    fault(500);
    sem_post(&helper->worked);
    sem_wait(&helper->leave);
    return NULL;
}

static struct circ_delta difference(int channel, const struct circ_reading *before,
                                    const struct circ_reading *after)
{
    return circ_difference_take(&channels[channel], &before[channel], &after[channel], 0.05);
}

static void built_in(void)
{
    struct circ_meter_session *session;
    struct circ_reading before[CIRC_MAX_CHANNELS], after[CIRC_MAX_CHANNELS];
    int count = 0;
    if (!tap_ok(meter->open(&session, channels, &count, NULL, &err) == CIRC_OK,
                "the built-in choice opens")) {
        tap_note("%s", err.message);
        return;
    }
    for (int i = 0; i < count; i++)
        tap_note("%s from %s", channels[i].name, channels[i].source);
    meter->read(session, before);
    bool faulted = fault(1000);
    meter->read(session, after);
    int faults = find(count, "page-faults"), clock = find(count, "task-clock");
    tap_ok(faults >= 0 && clock >= 0, "page faults and task clock are among it");
    struct circ_delta delta = difference(faults, before, after);
    tap_ok(faulted && delta.grade == CIRC_GRADE_OK && delta.value >= 1000 && delta.value < 1200,
           "1000 page faults are counted (%.0f)", delta.value);
    delta = difference(clock, before, after);
    tap_ok(delta.grade == CIRC_GRADE_OK && delta.value > 0 && channels[clock].unit == CIRC_UNIT_NS,
           "and the time they took (%.0f ns)", delta.value);
    bool sound = true;
    for (int i = 0; i < count; i++)
        sound = sound && difference(i, before, after).grade == CIRC_GRADE_OK;
    tap_ok(sound, "every channel of the choice reads");
    int switches = find(count, "context-switches");
    if (switches < 0) {
        tap_skip("not countable without permission for the kernel's side", "context switches");
    } else {
        meter->read(session, before);
        usleep(1000);
        meter->read(session, after);
        tap_ok(difference(switches, before, after).value >= 1, "a sleep is a context switch");
    }
    meter->close(session);
}

static void threads(void)
{
    struct circ_meter_session *session;
    struct circ_reading before[CIRC_MAX_CHANNELS], after[CIRC_MAX_CHANNELS];
    struct helper helper;
    pthread_t thread;
    const char *const events[] = {"perf::PAGE-FAULTS", "page-faults"};
    int count = 0;
    if (!tap_ok(sem_init(&helper.work, 0, 0) == 0 && sem_init(&helper.worked, 0, 0) == 0 &&
                    sem_init(&helper.leave, 0, 0) == 0 &&
                    pthread_create(&thread, NULL, help, &helper) == 0,
                "a second thread"))
        return;
    sem_wait(&helper.worked);
    bool opened = meter->open(&session, channels, &count,
                              &(struct circ_meter_request){.events = events, .event_count = 2},
                              &err) == CIRC_OK;
    if (!tap_ok(opened && count == 1, "one event by its two names is one channel"))
        tap_note("%s", err.message);
    if (opened)
        meter->read(session, before);
    sem_post(&helper.work);
    sem_wait(&helper.worked);
    if (opened) {
        meter->read(session, after);
        struct circ_delta delta = difference(0, before, after);
        tap_ok(delta.grade == CIRC_GRADE_OK && delta.value >= 500 && delta.value < 700,
               "500 page faults of the other thread are counted (%.0f)", delta.value);
    }
    sem_post(&helper.leave);
    pthread_join(thread, NULL);
    if (opened) {
        meter->read(session, after);
        tap_ok(!after[0].valid, "once the other thread is gone the reading is invalid, not less");
        meter->close(session);
    }
}

static void named(void)
{
    struct circ_meter_session *session;
    const char *const unknown[] = {"page-faults", "no-such-event"};
    const char *const both[] = {"perf::CONTEXT-SWITCHES:u=1:k=1"};
    const char *const cycles[] = {"PAPI_TOT_CYC"};
    int count = 0;
    tap_ok(meter->open(&session, channels, &count,
                       &(struct circ_meter_request){.events = unknown, .event_count = 2},
                       &err) == (CIRC_HAVE_PAPI ? CIRC_USAGE : CIRC_ABSENT) &&
               strstr(err.message, "no-such-event"),
           "an unknown event is named: %s", err.message);
    enum circ_status status =
        meter->open(&session, channels, &count,
                    &(struct circ_meter_request){.events = both, .event_count = 1}, &err);
    if (status == CIRC_ABSENT) {
        tap_skip(err.message, "context switches of user space and kernel");
    } else {
        tap_ok(status == CIRC_OK && strcmp(channels[0].name, "context-switches") == 0,
               "user space and kernel may be asked for");
        meter->close(session);
    }
    status = meter->open(&session, channels, &count,
                         &(struct circ_meter_request){.events = cycles, .event_count = 1}, &err);
    if (status == CIRC_ABSENT) {
        tap_ok(strstr(err.message, "PAPI_TOT_CYC"), "an event not countable here is absent: %s",
               err.message);
    } else {
        tap_ok(status == CIRC_OK && strcmp(channels[0].name, "cycles") == 0,
               "cycles are countable");
        meter->close(session);
    }
}

int main(void)
{
    meter = circ_meters_find("papi");
    tap_ok(meter && meter->events && !meter->energy, "the meter is there, and takes events");
    enum circ_status status = meter->probe(NULL, &err);
    if (status == CIRC_ABSENT) {
        tap_skip(err.message, "counting on this machine");
        return tap_done();
    }
    tap_ok(status == CIRC_OK, "probe: %s", *err.message ? err.message : "all of it counts");
    built_in();
    threads();
    named();
    meter->close(NULL);
    return tap_done();
}
