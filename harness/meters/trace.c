/* Readings of another machine, aligned to this one's clock. It keeps the times as they are written
 * and shifts what is asked for, so that a marker may still be found after its readings. */
#include "harness/meters/trace.h"
#include "harness/meters/lines.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct circ_trace {
    int fd;
    const char *name; /* of the file, without its folder; in the caller's text */
    struct circ_trace_clock clock;
    struct circ_lines lines;
};

enum circ_status circ_trace_open(struct circ_trace **trace, const char *file,
                                 const struct circ_trace_clock *clock, struct circ_error *err)
{
    char rubbish[128];
    int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return circ_status_fail_native(err, CIRC_ABSENT, errno, "trace: %s cannot be read: %s",
                                       file, strerror(errno));
    struct circ_trace *opened = calloc(1, sizeof *opened);
    if (!opened) {
        close(fd);
        return circ_status_fail(err, CIRC_MEMORY, "trace: out of memory");
    }
    const char *slash = strrchr(file, '/');
    *opened = (struct circ_trace){.fd = fd, .name = slash ? slash + 1 : file, .clock = *clock};
    opened->lines.marker = clock->marker;
    opened->lines.marker_near_ns = clock->marker_ns + llround(clock->offset_s * 1e9);
    circ_trace_follow(opened);
    circ_lines_complain(&opened->lines, rubbish, sizeof rubbish);
    circ_lines_settle(&opened->lines, "trace");
    if (opened->lines.count == 0) {
        circ_trace_close(opened);
        return circ_status_fail(err, CIRC_ABSENT,
                                "trace: %s holds no line `t_ns,channel,value`, with a channel that "
                                "ends in _uj, _mj, _j, _uw, _mw or _w%s",
                                file, rubbish);
    }
    *trace = opened;
    return CIRC_OK;
}

void circ_trace_close(struct circ_trace *trace)
{
    if (!trace)
        return;
    close(trace->fd);
    circ_lines_free(&trace->lines);
    free(trace);
}

void circ_trace_follow(struct circ_trace *trace)
{
    char text[65536];
    for (ssize_t got; (got = read(trace->fd, text, sizeof text)) > 0;)
        circ_lines_feed(&trace->lines, text, (size_t)got, 0);
}

void circ_trace_forget(struct circ_trace *trace, int64_t now_ns)
{
    int64_t offset_ns;
    if (circ_trace_offset(trace, &offset_ns))
        circ_lines_forget(&trace->lines, now_ns + offset_ns);
}

bool circ_trace_offset(const struct circ_trace *trace, int64_t *offset_ns)
{
    *offset_ns = llround(trace->clock.offset_s * 1e9);
    if (!trace->clock.marker)
        return true;
    *offset_ns = trace->lines.marker_ns - trace->clock.marker_ns;
    return trace->lines.marked && trace->clock.marker_ns != 0;
}

int circ_trace_channels(const struct circ_trace *trace, struct circ_channel *channels)
{
    char offset[32] = " offset unknown";
    int64_t offset_ns;
    if (circ_trace_offset(trace, &offset_ns))
        snprintf(offset, sizeof offset, " offset %+.3f s", (double)offset_ns / 1e9);
    for (int i = 0; i < trace->lines.count; i++) {
        int room = (int)(sizeof channels->source - sizeof "trace:" - strlen(offset));
        channels[i] = circ_lines_channel(&trace->lines.channels[i]);
        snprintf(channels[i].source, sizeof channels->source, "trace:%.*s%s", room, trace->name,
                 offset);
    }
    return trace->lines.count;
}

bool circ_trace_span(const struct circ_trace *trace, int channel, int64_t *first_ns,
                     int64_t *last_ns)
{
    const struct circ_series *series = &trace->lines.channels[channel].series;
    int64_t offset_ns;
    bool known = circ_trace_offset(trace, &offset_ns);
    *first_ns = series->points[0].t_ns - offset_ns;
    *last_ns = series->points[series->count - 1].t_ns - offset_ns;
    return known;
}

double circ_trace_last(const struct circ_trace *trace, int channel)
{
    const struct circ_series *series = &trace->lines.channels[channel].series;
    return series->points[series->count - 1].value;
}

struct circ_delta circ_trace_energy(const struct circ_trace *trace, int channel, int64_t from_ns,
                                    int64_t to_ns, double max_error)
{
    const struct circ_lines_channel *from = &trace->lines.channels[channel];
    const struct circ_channel described = circ_lines_channel(from);
    int64_t offset_ns, first_ns, last_ns;
    if (!circ_trace_offset(trace, &offset_ns)) {
        struct circ_delta delta = {.grade = CIRC_GRADE_LOST,
                                   .value = NAN,
                                   .bound = NAN,
                                   .running = 1,
                                   .duration_ns = to_ns - from_ns};
        snprintf(delta.reason, sizeof delta.reason,
                 "%.40s: trace: no line of the marker %.40s says how its clock stands",
                 described.name, trace->clock.marker);
        return delta;
    }
    struct circ_delta delta = circ_series_between(&from->series, &described, from_ns + offset_ns,
                                                  to_ns + offset_ns, max_error);
    circ_trace_span(trace, channel, &first_ns, &last_ns);
    if (last_ns < to_ns)
        snprintf(delta.reason, sizeof delta.reason,
                 "%.40s: trace: its last line is of %.3f s before the window ended", described.name,
                 (double)(to_ns - last_ns) / 1e9);
    else if (first_ns > from_ns)
        snprintf(delta.reason, sizeof delta.reason,
                 "%.40s: trace: its first line is of %.3f s after the window began", described.name,
                 (double)(first_ns - from_ns) / 1e9);
    return delta;
}

void circ_trace_complain(const struct circ_trace *trace, char *text, size_t size)
{
    circ_lines_complain(&trace->lines, text, size);
}
