/* The meter of events: hardware events through PAPI where any counts, and the kernel's software
 * events. It sums over all threads that the process has when it is opened; what counts one thread
 * is hardware.c and software.c. */
#include "harness/meters/clock.h"
#include "harness/meters/hardware.h"
#include "harness/meters/meter.h"
#include "harness/meters/software.h"
#include "harness/meters/sysfs.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char task_folder[] = "/proc/self/task";

/* What is counted for each thread. */
struct choice {
    const struct circ_software_event *software[CIRC_MAX_SOFTWARE];
    const char *hardware[CIRC_MAX_HARDWARE];
    int software_count, hardware_count;
    bool in_kernel;
    struct circ_error start; /* of what counts hardware events: code is OK, or why there are none */
    char reason[192];        /* why no hardware event counts */
};

struct watched {
    pid_t tid;
    struct circ_software software;
    int set;
};

struct circ_meter_session {
    int software_count, hardware_count;
    nlink_t links; /* of the task folder: changes with the number of threads */
    int thread_count;
    struct watched *threads;
};

static enum circ_status refuse(struct circ_error *err, int code)
{
    char paranoid[32];
    if (circ_sysfs_text("/proc/sys/kernel/perf_event_paranoid", paranoid, sizeof paranoid) != 0)
        snprintf(paranoid, sizeof paranoid, "unknown");
    if (code == EMFILE)
        return circ_status_fail_native(
            err, CIRC_ABSENT, code, "papi: too many open files; raise the limit: ulimit -n 65536");
    if (code == ENOSYS)
        return circ_status_fail_native(err, CIRC_ABSENT, code,
                                       "papi: there is no perf_event_open: an emulator has none, "
                                       "and a container's seccomp profile may hide it");
    if (code == EACCES || code == EPERM)
        return circ_status_fail_native(
            err, CIRC_ABSENT, code,
            "papi: no permission to count events (kernel.perf_event_paranoid is %s): "
            "sudo sysctl kernel.perf_event_paranoid=1; in a container its seccomp profile must "
            "allow perf_event_open too",
            paranoid);
    return circ_status_fail_native(err, CIRC_ABSENT, code, "papi: perf_event_open: %s",
                                   strerror(code));
}

static enum circ_status choose_named(struct choice *choice, const char *const *events, int count,
                                     struct circ_error *err)
{
    for (int i = 0; i < count; i++) {
        const struct circ_software_event *event = circ_software_find(events[i]);
        bool known = false;
        for (int j = 0; j < choice->software_count && event; j++)
            known = known || choice->software[j] == event;
        for (int j = 0; j < choice->hardware_count; j++)
            known = known || strcmp(choice->hardware[j], events[i]) == 0;
        if (known)
            continue;
        if (event) {
            choice->software[choice->software_count++] = event;
            continue;
        }
        if (choice->start.code)
            return circ_status_fail_native(err, choice->start.code, choice->start.native, "%s: %s",
                                           events[i], choice->start.message);
        enum circ_status status =
            circ_hardware_add(choice->hardware, &choice->hardware_count, events[i], err);
        if (status != CIRC_OK)
            return status;
    }
    return CIRC_OK;
}

/* Without permission for the kernel's side, what happens only there would read 0: left out, or
 * refused when it was asked for. */
static enum circ_status permit(struct choice *choice, bool named, struct circ_error *err)
{
    struct circ_software trial = {0};
    choice->in_kernel = true;
    int code = circ_software_open(&trial, choice->software, choice->software_count, gettid(), true);
    circ_software_close(&trial);
    if (code != EACCES && code != EPERM)
        return code ? refuse(err, code) : CIRC_OK;
    int kept = 0;
    for (int i = 0; i < choice->software_count; i++) {
        if (choice->software[i]->in_kernel && named)
            return refuse(err, code);
        if (!choice->software[i]->in_kernel)
            choice->software[kept++] = choice->software[i];
    }
    choice->in_kernel = false;
    choice->software_count = kept;
    code = circ_software_open(&trial, choice->software, kept, gettid(), false);
    circ_software_close(&trial);
    return code ? refuse(err, code) : CIRC_OK;
}

static enum circ_status choose(struct choice *choice, const char *const *events, int event_count,
                               struct circ_error *err)
{
    *choice = (struct choice){.software_count = 0};
    enum circ_status status = circ_hardware_start(&choice->start);
    choice->start.code = status; /* software events count without it */
    status = CIRC_OK;
    if (event_count > 0) {
        status = choose_named(choice, events, event_count, err);
    } else {
        choice->software_count = circ_software_default_count();
        for (int i = 0; i < choice->software_count; i++)
            choice->software[i] = circ_software_row(i);
        if (choice->start.code)
            snprintf(choice->reason, sizeof choice->reason, "%.*s", (int)sizeof choice->reason - 1,
                     choice->start.message);
        else
            choice->hardware_count =
                circ_hardware_choose(choice->hardware, choice->reason, sizeof choice->reason);
    }
    if (status == CIRC_OK)
        status = permit(choice, event_count > 0, err);
    if (status == CIRC_OK && choice->software_count + choice->hardware_count == 0)
        status = circ_status_fail(err, CIRC_ABSENT, "papi: nothing is countable here: %s",
                                  choice->reason);
    return status;
}

static bool alive(pid_t tid)
{
    return syscall(SYS_tgkill, getpid(), tid, 0) == 0;
}

/* Opens both groups on one thread. A thread that is gone by now is skipped: it is not alive at the
 * call. */
static enum circ_status watch(struct circ_meter_session *session, const struct choice *choice,
                              pid_t tid, struct circ_error *err)
{
    struct watched *grown =
        realloc(session->threads, (size_t)(session->thread_count + 1) * sizeof *grown);
    if (!grown)
        return circ_status_fail(err, CIRC_MEMORY, "papi: out of memory");
    session->threads = grown;
    struct watched *thread = &grown[session->thread_count];
    *thread = (struct watched){.tid = tid, .set = -1};
    int code = circ_software_open(&thread->software, choice->software, choice->software_count, tid,
                                  choice->in_kernel);
    if (code)
        return code == ESRCH ? CIRC_OK : refuse(err, code);
    if (choice->hardware_count > 0) {
        code = circ_hardware_open(&thread->set, choice->hardware, choice->hardware_count, tid);
        if (code) {
            circ_software_close(&thread->software);
            return !alive(tid) ? CIRC_OK
                               : circ_status_fail_native(err, CIRC_ABSENT, code,
                                                         "papi: cannot count thread %d: %s",
                                                         (int)tid, circ_hardware_message(code));
        }
    }
    session->thread_count++;
    return CIRC_OK;
}

static void describe(const struct choice *choice, struct circ_channel *channels)
{
    for (int i = 0; i < choice->software_count + choice->hardware_count; i++) {
        int j = i - choice->software_count;
        channels[i] = (struct circ_channel){
            .unit = j < 0 ? choice->software[i]->unit : CIRC_UNIT_COUNT,
            .scope = CIRC_SCOPE_PROCESS,
            .scale = 1,
            .parent = -1,
            .package = -1,
        };
        snprintf(channels[i].name, sizeof channels[i].name, "%s",
                 j < 0 ? choice->software[i]->name : circ_hardware_channel(choice->hardware[j]));
        snprintf(channels[i].source, sizeof channels[i].source, "%s",
                 j >= 0              ? "papi:perf_event"
                 : choice->in_kernel ? "perf_event"
                                     : "perf_event:user");
    }
}

static nlink_t count_links(void)
{
    struct stat info;
    return stat(task_folder, &info) == 0 ? info.st_nlink : 0;
}

static void close_papi(struct circ_meter_session *session)
{
    if (!session)
        return;
    for (int i = 0; i < session->thread_count; i++) {
        circ_hardware_close(session->threads[i].set);
        circ_software_close(&session->threads[i].software);
    }
    free(session->threads);
    free(session);
}

static enum circ_status open_papi(struct circ_meter_session **session,
                                  struct circ_channel *channels, int *count,
                                  const struct circ_meter_request *request, struct circ_error *err)
{
    struct choice choice;
    struct circ_meter_session *opened = NULL;
    DIR *tasks = NULL;
    enum circ_status status =
        choose(&choice, request ? request->events : NULL, request ? request->event_count : 0, err);
    if (status != CIRC_OK)
        return status;
    opened = calloc(1, sizeof *opened);
    tasks = opendir(task_folder);
    if (!opened || !tasks) {
        status = opened ? circ_status_fail_native(err, CIRC_ABSENT, errno, "papi: %s: %s",
                                                  task_folder, strerror(errno))
                        : circ_status_fail(err, CIRC_MEMORY, "papi: out of memory");
        goto done;
    }
    opened->software_count = choice.software_count;
    opened->hardware_count = choice.hardware_count;
    opened->links = count_links();
    for (struct dirent *entry = readdir(tasks); entry && status == CIRC_OK;
         entry = readdir(tasks)) {
        uint64_t tid;
        if (circ_sysfs_parse(entry->d_name, &tid))
            status = watch(opened, &choice, (pid_t)tid, err);
    }
    describe(&choice, channels);
    *count = choice.software_count + choice.hardware_count;
done:
    if (tasks)
        closedir(tasks);
    if (status != CIRC_OK) {
        close_papi(opened);
        return status;
    }
    *session = opened;
    return CIRC_OK;
}

/* Whether the threads are still those that were opened: one that is born is not counted, one that
 * is gone takes part of the sum with it. */
static bool same_threads(const struct circ_meter_session *session)
{
    if (count_links() != session->links)
        return false;
    for (int i = 0; i < session->thread_count; i++)
        if (!alive(session->threads[i].tid))
            return false;
    return true;
}

static void read_papi(struct circ_meter_session *session, struct circ_reading *readings)
{
    int64_t now = circ_clock_now_ns();
    int count = session->software_count + session->hardware_count;
    bool software = true, hardware = true;
    for (int i = 0; i < count; i++)
        readings[i] = (struct circ_reading){.valid = false};
    for (int i = 0; i < session->thread_count; i++) {
        const struct watched *thread = &session->threads[i];
        software = software && circ_software_add(&thread->software, readings);
        if (session->hardware_count > 0)
            hardware = hardware && circ_hardware_read(thread->set, session->hardware_count,
                                                      readings + session->software_count);
    }
    bool whole = same_threads(session);
    for (int i = 0; i < count; i++) {
        readings[i].t_ns = now;
        readings[i].valid = whole && (i < session->software_count ? software : hardware);
    }
}

static enum circ_status probe(const struct circ_meter_request *request, struct circ_error *err)
{
    (void)request;
    struct choice choice;
    enum circ_status status = choose(&choice, NULL, 0, err);
    if (status != CIRC_OK)
        return status;
    if (choice.start.code)
        return circ_status_fail(err, CIRC_OK, "papi: software events only: %s", choice.reason);
    if (choice.hardware_count == 0)
        return circ_status_fail(
            err, CIRC_OK,
            "papi: software events only; no hardware event counts here (%s), as on "
            "a virtual machine without counters",
            choice.reason);
    return circ_status_fail(err, CIRC_OK, "%s", "");
}

extern const struct circ_meter circ_meter_papi;
const struct circ_meter circ_meter_papi = {
    .name = "papi",
    .description = "hardware events (PAPI) and software events of the kernel, over all threads",
    .probe = probe,
    .open = open_papi,
    .read = read_papi,
    .close = close_papi,
    .events = true,
};
