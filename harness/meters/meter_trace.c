/* A file that another machine writes while this one works: a wall meter's log, a board's console.
 * It turns moments of CLOCK_MONOTONIC into the trace's; the file is trace.c's. */
#include "harness/meters/clock.h"
#include "harness/meters/meter.h"
#include "harness/meters/series.h"
#include "harness/meters/trace.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECOND    INT64_C(1000000000)
#define MARKER_NS (5 * SECOND)  /* for the marker's line to come over a mount */
#define STALE     10            /* update intervals, */
#define STALE_NS  (10 * SECOND) /* or so long, without a line: the file does not grow any more */

struct circ_meter_session {
    struct circ_trace *trace;
    struct circ_channel channels[CIRC_MAX_CHANNELS];
    int count;
    int64_t grown_ns; /* when a line was last seen to come */
    int64_t last_ns;  /* the time of the newest line then */
};

static void follow(struct circ_meter_session *session)
{
    int64_t newest = INT64_MIN, first, last;
    circ_trace_follow(session->trace);
    for (int i = 0; i < session->count; i++) {
        circ_trace_span(session->trace, i, &first, &last);
        newest = last > newest ? last : newest;
    }
    if (newest != session->last_ns)
        session->grown_ns = circ_clock_now_ns();
    session->last_ns = newest;
    circ_trace_forget(session->trace, circ_clock_epoch_ns());
}

/* Waits for the marker's line; false when it does not come. */
static bool wait_for_marker(struct circ_trace *trace)
{
    int64_t offset_ns, deadline = circ_clock_now_ns() + MARKER_NS;
    while (!circ_trace_offset(trace, &offset_ns)) {
        if (circ_clock_now_ns() >= deadline)
            return false;
        circ_clock_sleep_ns(SECOND / 20);
        circ_trace_follow(trace);
    }
    return true;
}

static enum circ_status align(struct circ_trace *trace, const struct circ_meter_request *request,
                              struct circ_error *err)
{
    if (request->trace_marker && request->marker_ns == 0)
        return circ_status_fail(err, CIRC_ABSENT,
                                "trace: no marker was set, so that the clock of %s is not known: "
                                "--marker-command COMMAND with --trace-marker %s, or "
                                "--trace-offset SECONDS",
                                request->trace, request->trace_marker);
    if (!wait_for_marker(trace))
        return circ_status_fail(err, CIRC_ABSENT,
                                "trace: %s has no line of the marker %s, so that its clock is not "
                                "known; --trace-offset SECONDS states it",
                                request->trace, request->trace_marker);
    return CIRC_OK;
}

static enum circ_status open_file(struct circ_trace **trace,
                                  const struct circ_meter_request *request, struct circ_error *err)
{
    if (!request || !request->trace || !*request->trace)
        return circ_status_fail(err, CIRC_ABSENT,
                                "trace: no file: --meter-trace FILE.csv, with lines "
                                "`t_ns,channel,value` that another machine writes");
    const struct circ_trace_clock clock = {.offset_s = request->trace_offset_s,
                                           .marker = request->trace_marker,
                                           .marker_ns = request->marker_ns};
    return circ_trace_open(trace, request->trace, &clock, err);
}

/* A channel without readings, so that windows are laid: what another machine records meanwhile is
 * set beside them when it has come. */
static enum circ_status open_later(struct circ_meter_session **session,
                                   struct circ_channel *channels, int *count,
                                   struct circ_error *err)
{
    *session = calloc(1, sizeof **session);
    if (!*session)
        return circ_status_fail(err, CIRC_MEMORY, "trace: out of memory");
    *channels = (struct circ_channel){.name = "pending",
                                      .source = "trace:later",
                                      .unit = CIRC_UNIT_UJ,
                                      .scope = CIRC_SCOPE_BOARD,
                                      .scale = 1,
                                      .parent = -1,
                                      .package = -1};
    *count = 1;
    return circ_status_fail(err, CIRC_OK,
                            "trace: windows are laid for a recording: circbench meters "
                            "--attach FILE.csv brings its joules");
}

static enum circ_status open_trace(struct circ_meter_session **session,
                                   struct circ_channel *channels, int *count,
                                   const struct circ_meter_request *request, struct circ_error *err)
{
    struct circ_trace *trace;
    char rubbish[128];
    if (request && !request->trace && request->trace_later)
        return open_later(session, channels, count, err);
    enum circ_status status = open_file(&trace, request, err);
    if (status != CIRC_OK)
        return status;
    status = align(trace, request, err);
    struct circ_meter_session *opened = status ? NULL : calloc(1, sizeof *opened);
    if (!opened) {
        circ_trace_close(trace);
        return status ? status : circ_status_fail(err, CIRC_MEMORY, "trace: out of memory");
    }
    opened->trace = trace;
    opened->count = circ_trace_channels(trace, opened->channels);
    memcpy(channels, opened->channels, sizeof opened->channels);
    follow(opened);
    *count = opened->count;
    *session = opened;
    circ_trace_complain(trace, rubbish, sizeof rubbish);
    return circ_status_fail(err, CIRC_OK, "%s%s", *rubbish ? "trace:" : "", rubbish);
}

static void read_trace(struct circ_meter_session *session, struct circ_reading *readings)
{
    if (!session->trace) {
        *readings = (struct circ_reading){.valid = false};
        return;
    }
    follow(session);
    for (int i = 0; i < session->count; i++) {
        int64_t first, last;
        double value = circ_trace_last(session->trace, i);
        readings[i] = (struct circ_reading){.valid = false};
        if (!circ_trace_span(session->trace, i, &first, &last) || value < 0 || value >= 0x1p63)
            continue;
        readings[i].raw = (uint64_t)llround(value);
        readings[i].t_ns = last - circ_clock_since_epoch_ns(0);
        readings[i].valid = true;
    }
}

static bool between(struct circ_meter_session *session, int channel, int64_t from_ns, int64_t to_ns,
                    double max_error, struct circ_delta *delta)
{
    int64_t first, last, to_epoch_ns = circ_clock_since_epoch_ns(to_ns), now = circ_clock_now_ns();
    if (!session->trace) {
        *delta = (struct circ_delta){.grade = CIRC_GRADE_LOST,
                                     .value = NAN,
                                     .bound = NAN,
                                     .running = 1,
                                     .duration_ns = to_ns - from_ns};
        snprintf(delta->reason, sizeof delta->reason,
                 "recorded by another machine meanwhile: circbench meters --attach FILE.csv brings "
                 "its joules");
        return true;
    }
    follow(session);
    int64_t patience = STALE * session->channels[channel].update_ns;
    if (patience < STALE_NS)
        patience = STALE_NS;
    bool grows = now - session->grown_ns < patience && now - to_ns < patience;
    int64_t reach_ns = circ_series_reach_ns(&session->channels[channel]);
    if (circ_trace_span(session->trace, channel, &first, &last) && last < to_epoch_ns + reach_ns &&
        grows)
        return false;
    *delta = circ_trace_energy(session->trace, channel, to_epoch_ns - (to_ns - from_ns),
                               to_epoch_ns, max_error);
    return true;
}

static void close_trace(struct circ_meter_session *session)
{
    if (!session)
        return;
    circ_trace_close(session->trace);
    free(session);
}

/* Without waiting for a marker: none is set before measuring begins. */
static enum circ_status probe(const struct circ_meter_request *request, struct circ_error *err)
{
    struct circ_trace *trace;
    char rubbish[128];
    enum circ_status status = open_file(&trace, request, err);
    if (status != CIRC_OK)
        return status;
    circ_trace_complain(trace, rubbish, sizeof rubbish);
    circ_trace_close(trace);
    return circ_status_fail(err, CIRC_OK, "%s%s", *rubbish ? "trace:" : "", rubbish);
}

extern const struct circ_meter circ_meter_trace;
const struct circ_meter circ_meter_trace = {
    .name = "trace",
    .description = "what another machine records beside this one: a wall meter's log, as CSV",
    .probe = probe,
    .open = open_trace,
    .read = read_trace,
    .between = between,
    .close = close_trace,
    .energy = true,
    .optional = true,
};
