/* Counts hardware events through PAPI's low-level interface. What PAPI says is countable is tried
 * before it is believed: on virtual machines the component is active and none of its events counts.
 * Event sets are never multiplexed: PAPI scales such counts itself and does not tell by how much.
 */
#include "harness/meters/hardware.h"
#include "circ_config.h"

#include <stdio.h>
#include <string.h>

#if CIRC_HAVE_PAPI

#include <papi.h>
#include <stdlib.h>
#include <unistd.h>

/* In order of worth: what does not fit beside those above it is left out. */
static const struct preset {
    const char *name, *channel;
} preferred[] = {
    {"PAPI_TOT_CYC", "cycles"},    {"PAPI_TOT_INS", "instructions"},
    {"PAPI_L1_DCM", "l1d-misses"}, {"PAPI_L2_TCM", "l2-misses"},
    {"PAPI_L3_TCM", "l3-misses"},  {"PAPI_BR_MSP", "branch-misses"},
    {"PAPI_SP_OPS", "flop-f32"},   {"PAPI_FP_OPS", "flop"},
};

#define PREFERRED ((int)(sizeof preferred / sizeof *preferred))

static unsigned long thread_id(void)
{
    return (unsigned long)gettid();
}

/* The component that counts for threads, -1 if there is none. */
static int component(void)
{
    for (int i = 0; i < PAPI_num_components(); i++) {
        const PAPI_component_info_t *info = PAPI_get_component_info(i);
        if (info && strcmp(info->name, "perf_event") == 0)
            return info->disabled ? -1 : i;
    }
    return -1;
}

/* PAPI 7.0 reads every set with the instruction rdpmc where it can, and that reads the counters of
 * the processor it runs on: of a set on another thread it says anything at all (mended in 7.1). No
 * option turns it off; its own flag does, before the first set. */
static void forbid_fast_reads(void)
{
    const PAPI_component_info_t *info = PAPI_get_component_info(component());
    if (info)
        ((PAPI_component_info_t *)info)->fast_counter_read = 0;
}

enum circ_status circ_hardware_start(struct circ_error *err)
{
    if (PAPI_is_initialized() != PAPI_NOT_INITED)
        return CIRC_OK;
    int version = PAPI_library_init(PAPI_VER_CURRENT);
    if (version != PAPI_VER_CURRENT)
        return circ_status_fail_native(
            err, CIRC_ABSENT, version, "PAPI does not start: %s",
            version > 0 ? "its version is not the one this program was built with"
                        : PAPI_strerror(version));
    /* Without it PAPI keeps one state for all threads and refuses a second event set. */
    int code = PAPI_thread_init(thread_id);
    if (code != PAPI_OK)
        return circ_status_fail_native(err, CIRC_ABSENT, code,
                                       "PAPI has no support for threads: %s", PAPI_strerror(code));
    forbid_fast_reads();
    return CIRC_OK;
}

void circ_hardware_close(int set)
{
    long long values[CIRC_MAX_HARDWARE];
    if (set == PAPI_NULL)
        return;
    PAPI_stop(set, values); /* fails harmlessly on a set that never started */
    PAPI_cleanup_eventset(set);
    PAPI_destroy_eventset(&set);
}

int circ_hardware_open(int *set, const char *const *names, int count, pid_t tid)
{
    *set = PAPI_NULL;
    int code = PAPI_create_eventset(set);
    if (code == PAPI_OK)
        code = PAPI_assign_eventset_component(*set, component());
    for (int i = 0; i < count && code == PAPI_OK; i++)
        code = PAPI_add_named_event(*set, names[i]);
    if (code == PAPI_OK)
        code = PAPI_attach(*set, (unsigned long)tid);
    if (code == PAPI_OK)
        code = PAPI_start(*set);
    if (code != PAPI_OK) {
        circ_hardware_close(*set);
        *set = PAPI_NULL;
    }
    return code;
}

bool circ_hardware_read(int set, int count, struct circ_reading *readings)
{
    long long values[CIRC_MAX_HARDWARE];
    if (PAPI_read(set, values) != PAPI_OK)
        return false;
    for (int i = 0; i < count; i++) {
        if (values[i] < 0)
            return false;
        readings[i].raw += (uint64_t)values[i];
    }
    return true;
}

/* Something of everything: lines flushed from every cache and read again, branches that cannot be
 * guessed, floating-point sums. Fresh pages would not do: the kernel zeroes them and leaves them in
 * the cache. */
static void work(void)
{
    static const size_t size = 1 << 18;
    unsigned char *bytes = malloc(size);
    unsigned state = 1;
    volatile float sum = 1;
    if (!bytes)
        return; /* nothing counts, and the event is left out */
    for (size_t i = 0; i < size; i++) {
        state = state * 1664525 + 1013904223;
        bytes[i] = (unsigned char)(state >> 24);
    }
    for (size_t i = 0; i < size; i += 64) {
#if defined(__SSE2__)
        __builtin_ia32_clflush(bytes + i);
#elif defined(__aarch64__)
        __asm__ __volatile__("dc civac, %0" : : "r"(bytes + i) : "memory");
#endif
    }
    for (size_t i = 0; i < size; i += 64)
        if (bytes[i] & 1)
            sum = sum * 0.5F + 1.0F;
    free(bytes);
}

#define COUNTED_NOTHING PAPI_ENOCNTR

/* Whether the last of names[count] counts when all of them do: PAPI_OK, or why not. */
static int try_last(const char *const *names, int count)
{
    struct circ_reading before[CIRC_MAX_HARDWARE] = {{0}}, after[CIRC_MAX_HARDWARE] = {{0}};
    int set;
    int code = circ_hardware_open(&set, names, count, gettid());
    if (code != PAPI_OK)
        return code;
    bool read = circ_hardware_read(set, count, before);
    work();
    read = read && circ_hardware_read(set, count, after);
    circ_hardware_close(set);
    return read && after[count - 1].raw > before[count - 1].raw ? PAPI_OK : COUNTED_NOTHING;
}

int circ_hardware_choose(const char *names[CIRC_MAX_HARDWARE], char *reason, size_t size)
{
    int count = 0, first = PAPI_OK;
    for (int i = 0; i < PREFERRED; i++) {
        names[count] = preferred[i].name;
        int code = try_last(names, count + 1);
        if (code == PAPI_OK)
            count++;
        else if (i == 0)
            first = code;
    }
    snprintf(reason, size, "%s: %s", preferred[0].name, PAPI_strerror(first));
    return count;
}

enum circ_status circ_hardware_add(const char *names[CIRC_MAX_HARDWARE], int *count,
                                   const char *name, struct circ_error *err)
{
    int event;
    int code = PAPI_event_name_to_code(name, &event);
    if (code != PAPI_OK)
        return circ_status_fail_native(err, CIRC_USAGE, code,
                                       "%s: neither a software event such as "
                                       "page-faults nor known to PAPI (%s); papi_avail and "
                                       "papi_native_avail list what is",
                                       name, PAPI_strerror(code));
    if (PAPI_get_event_component(event) != component())
        return circ_status_fail(err, CIRC_USAGE,
                                "%s: not an event of PAPI's perf_event component, so it "
                                "cannot be counted for the threads of one process",
                                name);
    if (*count == CIRC_MAX_HARDWARE)
        return circ_status_fail(err, CIRC_USAGE, "%s: at most %d hardware events", name,
                                CIRC_MAX_HARDWARE);
    const char *const cycles[] = {preferred[0].name};
    names[*count] = name;
    code = try_last(names, *count + 1);
    if (code == COUNTED_NOTHING && try_last(cycles, 1) == PAPI_OK)
        code = PAPI_OK; /* the counters work; what was asked for is rare */
    if (code != PAPI_OK)
        return circ_status_fail_native(
            err, CIRC_ABSENT, code, "%s: does not count on this machine%s: %s", name,
            *count ? " beside those named before it; give fewer at a time" : "",
            PAPI_strerror(code));
    ++*count;
    return CIRC_OK;
}

const char *circ_hardware_channel(const char *name)
{
    for (int i = 0; i < PREFERRED; i++)
        if (strcmp(preferred[i].name, name) == 0)
            return preferred[i].channel;
    return name;
}

const char *circ_hardware_message(int code)
{
    return PAPI_strerror(code);
}

#else /* built without PAPI: nothing of it is countable, and circ_hardware_start says so */

enum circ_status circ_hardware_start(struct circ_error *err)
{
    return circ_status_fail(err, CIRC_ABSENT,
                            "built without PAPI; install libpapi-dev and run meson setup "
                            "--reconfigure");
}

int circ_hardware_choose(const char *names[CIRC_MAX_HARDWARE], char *reason, size_t size)
{
    (void)names;
    snprintf(reason, size, "built without PAPI");
    return 0;
}

enum circ_status circ_hardware_add(const char *names[CIRC_MAX_HARDWARE], int *count,
                                   const char *name, struct circ_error *err)
{
    (void)names;
    (void)count;
    return circ_status_fail(err, CIRC_ABSENT, "%s: built without PAPI", name);
}

int circ_hardware_open(int *set, const char *const *names, int count, pid_t tid)
{
    (void)set;
    (void)names;
    (void)count;
    (void)tid;
    return -1;
}

void circ_hardware_close(int set)
{
    (void)set;
}

bool circ_hardware_read(int set, int count, struct circ_reading *readings)
{
    (void)set;
    (void)count;
    (void)readings;
    return false;
}

const char *circ_hardware_channel(const char *name)
{
    return name;
}

const char *circ_hardware_message(int code)
{
    (void)code;
    return "built without PAPI";
}

#endif
