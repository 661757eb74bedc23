/* Traces of another machine: formats, alignment, files that grow, and what is not covered. */
#include "harness/meters/clock.h"
#include "harness/meters/meter.h"
#include "harness/meters/trace.h"
#include "tests/meters/sysfs_tree.h"
#include "tests/tap.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define S     INT64_C(1000000000)
#define EPOCH (INT64_C(1790000000) * S)

static char root[TREE_PATH], file[2 * TREE_PATH];
static struct circ_error err;
static struct circ_channel channels[CIRC_MAX_CHANNELS];

static bool put(const char *text, const char *mode)
{
    FILE *out = fopen(file, mode);
    return out && fputs(text, out) >= 0 && fclose(out) == 0;
}

static struct circ_trace *open_as(const char *text, struct circ_trace_clock clock)
{
    struct circ_trace *trace = NULL;
    if (!put(text, "w") || circ_trace_open(&trace, file, &clock, &err) != CIRC_OK)
        tap_ok(false, "the trace opens: %s", err.message);
    return trace;
}

/* Lines of a channel at the seconds from first to last, since an epoch. */
static void append(char *text, size_t size, int64_t epoch_ns, int first, int last,
                   const char *channel, double value, double slope)
{
    for (int i = first; i <= last; i++) {
        size_t used = strlen(text);
        snprintf(text + used, size - used, "%lld,%s,%.3f\n", (long long)(epoch_ns + i * S), channel,
                 value + slope * i);
    }
}

static void offsets(void)
{
    char text[8192] = "t_ns,channel,value\n# channel wall_w error 0.01\n";
    append(text, sizeof text, EPOCH, 0, 60, "wall_w", 40, 0);
    append(text, sizeof text, EPOCH, 0, 60, "card_j", 1000, 25);
    struct circ_trace *trace = open_as(text, (struct circ_trace_clock){.offset_s = 1.25});
    if (!trace)
        return;
    tap_ok(circ_trace_channels(trace, channels) == 2 && strcmp(channels[0].name, "wall") == 0 &&
               channels[1].unit == CIRC_UNIT_UJ && channels[1].update_ns == S,
           "two channels, the interval of their lines measured");
    tap_ok(channels[0].power_ceiling_w == 8000 && channels[0].lag_ns == 0,
           "a board's ceiling where none is stated");
    tap_ok(strcmp(channels[0].source, "trace:log.csv offset +1.250 s") == 0, "%s",
           channels[0].source);
    int64_t first, last, offset;
    tap_ok(circ_trace_offset(trace, &offset) && offset == 5 * S / 4 &&
               circ_trace_span(trace, 0, &first, &last) && first == EPOCH - 5 * S / 4 &&
               last == first + 60 * S,
           "what it spans by this machine's clock");
    struct circ_delta delta = circ_trace_energy(trace, 0, first + 5 * S, first + 25 * S, 0.02);
    tap_ok(delta.grade == CIRC_GRADE_OK && fabs(delta.value - 8e8) < 1 &&
               fabs(delta.bound - 8e6) < 1,
           "40 W for 20 s are 800 J, 1 %% its bound");
    delta = circ_trace_energy(trace, 1, first + 5 * S, first + 25 * S, 0.2);
    tap_ok(delta.grade == CIRC_GRADE_OK && fabs(delta.value - 5e8) < 1 && delta.bound > 0,
           "an energy in joules: 500 J");
    delta = circ_trace_energy(trace, 0, last - 2 * S, last + 123 * S / 10, 0.02);
    tap_ok(delta.grade == CIRC_GRADE_LOST && isnan(delta.value) &&
               strstr(delta.reason, "12.300 s before the window ended"),
           "%s", delta.reason);
    delta = circ_trace_energy(trace, 0, first - 3 * S, first + S, 0.02);
    tap_ok(delta.grade == CIRC_GRADE_LOST && strstr(delta.reason, "after the window began"), "%s",
           delta.reason);
    circ_trace_close(trace);
}

/* Clocks that have nothing in common, but for one line. */
static void markers(void)
{
    char text[8192] = "# channel wall_w error 1%\n";
    struct circ_trace_clock clock = {.marker = "start", .marker_ns = EPOCH + 100 * S};
    append(text, sizeof text, 5 * S, 0, 30, "wall_w", 40, 1);
    strcat(text, "15500000000,start,1\n");
    struct circ_trace *trace = open_as(text, clock);
    int64_t offset;
    if (!trace)
        return;
    tap_ok(circ_trace_offset(trace, &offset) && offset == 31 * S / 2 - clock.marker_ns,
           "the marker's line says the offset");
    struct circ_delta delta =
        circ_trace_energy(trace, 0, clock.marker_ns - S / 2, clock.marker_ns + 9 * S / 2, 0.2);
    tap_ok(delta.grade == CIRC_GRADE_OK && fabs(delta.value - 1e6 * (5 * 52.5)) < 1,
           "the ramp at that moment: 50 W to 55 W");
    circ_trace_close(trace);

    snprintf(text, sizeof text, "%lld,wall_w,4\n%lld,start,1\n%lld,start,1\n%lld,wall_w,4\n",
             (long long)EPOCH, (long long)(EPOCH + 10 * S), (long long)(EPOCH + 101 * S),
             (long long)(EPOCH + 200 * S));
    trace = open_as(text, clock);
    tap_ok(trace && circ_trace_offset(trace, &offset) && offset == S,
           "of two markers the one nearest to this campaign's counts");
    circ_trace_close(trace);

    trace = open_as("1000,wall_w,4\n2000,wall_w,4\n", clock);
    tap_ok(trace && !circ_trace_offset(trace, &offset) &&
               circ_trace_channels(trace, channels) == 1 &&
               strstr(channels[0].source, "offset unknown"),
           "without the line the offset is unknown");
    delta = circ_trace_energy(trace, 0, EPOCH, EPOCH + S, 0.02);
    tap_ok(delta.grade == CIRC_GRADE_LOST && strstr(delta.reason, "marker start"), "%s",
           delta.reason);
    circ_trace_close(trace);
}

static void formats(void)
{
    int64_t first, last;
    struct circ_trace_clock same = {.offset_s = 0};
    struct circ_trace *trace =
        open_as("# channel a_mW error "
                "1%\r\nt_s,channel,value\r\n1790000000.5,a_mW,1500\r\n1790000001.5,a_mW,1500\r\n",
                same);
    struct circ_delta delta = circ_trace_energy(trace, 0, EPOCH + S / 2, EPOCH + 3 * S / 2, 1);
    tap_ok(delta.grade == CIRC_GRADE_OK && fabs(delta.value - 1.5e6) < 1,
           "seconds, mW, and a carriage return");
    circ_trace_close(trace);
    trace = open_as("time,channel,value\n2026-09-21T14:13:20.250Z,a_w,1\n"
                    "2026-09-21T16:13:21.250+02:00,a_w,1\n",
                    same);
    tap_ok(circ_trace_span(trace, 0, &first, &last) && first == EPOCH + S / 4 && last == first + S,
           "dates, in two time zones");
    circ_trace_close(trace);
    trace = open_as("1 a_w 3\n2 a_w 3\n3 a_w", same);
    char text[128];
    circ_trace_complain(trace, text, sizeof text);
    circ_trace_span(trace, 0, &first, &last);
    tap_ok(last == 2 && !*text, "blanks, and a last line that is not whole yet");
    put(" 4\n5 a_w\n", "a");
    circ_trace_follow(trace);
    circ_trace_span(trace, 0, &first, &last);
    circ_trace_complain(trace, text, sizeof text);
    tap_ok(last == 3 && strcmp(text, " (1 line was skipped, the first: 5 a_w)") == 0,
           "is taken when it is whole;%s", text);
    circ_trace_close(trace);
}

static void refusals(void)
{
    static const char *const rubbish[] = {"",
                                          "hello\nworld\n",
                                          "1,wall,5\n",
                                          "1,_w,5\n",
                                          "x,wall_w,5\n",
                                          "-5,wall_w,5\n",
                                          "1,wall_w,\n",
                                          "99999999999999999999,wall_w,5\n",
                                          "1,wall_w,1e999\n",
                                          "1,wall_w,5,6\n",
                                          "# channel wall_w scope moon\n"};
    struct circ_trace *trace = NULL;
    const struct circ_trace_clock same = {.offset_s = 0};
    int taken = 0;
    for (size_t i = 0; i < sizeof rubbish / sizeof *rubbish; i++)
        taken += !put(rubbish[i], "w") ||
                 circ_trace_open(&trace, file, &same, &err) != CIRC_ABSENT ||
                 !strstr(err.message, "holds no line");
    tap_ok(taken == 0, "rubbish: %s", err.message);
    char longest[3000];
    memset(longest, 'x', sizeof longest);
    memcpy(longest + sizeof longest - 14, "\n7,wall_w,5\n", 13);
    put(longest, "w");
    tap_ok(circ_trace_open(&trace, file, &same, &err) == CIRC_OK, "a line without end is skipped");
    circ_trace_close(trace);
    remove(file);
    tap_ok(circ_trace_open(&trace, file, &same, &err) == CIRC_ABSENT &&
               strstr(err.message, "No such file"),
           "no file: %s", err.message);
    circ_trace_close(NULL);
}

/* Pieces of lines in any order: nothing to say but that it takes them. */
static void anything(void)
{
    static const char *const pieces[] = {"\n",
                                         "\n",
                                         ",",
                                         " ",
                                         "-",
                                         "0",
                                         "1790000000000000000",
                                         "5",
                                         "a_w",
                                         "b_uj",
                                         "# channel ",
                                         "update_ms",
                                         "package",
                                         "pci",
                                         "scope",
                                         "gpu",
                                         "t_s\n",
                                         "t_ns\n",
                                         "9999-12-31T23:59:60.9Z",
                                         "2026-02-30T25:00:00+99:99",
                                         "1e308",
                                         "-7",
                                         "start",
                                         "%",
                                         "\r\n",
                                         "9223372036854775807"};
    struct circ_trace *trace = NULL;
    const struct circ_trace_clock clock = {.marker = "start", .marker_ns = EPOCH};
    long taken = 0, lines = 0;
    srand(5);
    for (int i = 0; i < 300; i++) {
        char text[2048] = "1,a_w,1\n";
        for (int j = 0; j < 60; j++)
            strcat(text, pieces[(size_t)rand() % (sizeof pieces / sizeof *pieces)]);
        put(text, "w");
        if (circ_trace_open(&trace, file, &clock, &err) != CIRC_OK)
            continue;
        char complaint[128];
        circ_trace_complain(trace, complaint, sizeof complaint);
        int64_t first, last;
        for (int j = circ_trace_channels(trace, channels) - 1; j >= 0; j--) {
            circ_trace_span(trace, j, &first, &last);
            struct circ_delta delta = circ_trace_energy(trace, j, first, last, 1);
            taken += delta.grade == CIRC_GRADE_OK || *delta.reason;
            lines++;
        }
        circ_trace_close(trace);
    }
    tap_ok(lines >= 300 && taken == lines, "%ld channels of nonsense: a value or a reason", lines);
}

/* A file that grows beside a clock 1000 s ahead. */
static void meter_follows(void)
{
    const struct circ_meter *meter = circ_meters_find("trace");
    struct circ_meter_session *session;
    struct circ_reading readings[CIRC_MAX_CHANNELS];
    struct circ_delta delta;
    char text[8192] = "# channel wall_w error 1%\n";
    int count;
    int64_t epoch = circ_clock_epoch_ns(), now = circ_clock_now_ns();
    struct circ_meter_request request = {.trace = file, .trace_offset_s = 1000};
    if (!tap_ok(meter && meter->energy && meter->between, "the meter is there"))
        return;
    tap_ok(meter->open(&session, channels, &count, NULL, &err) == CIRC_ABSENT &&
               strstr(err.message, "--meter-trace"),
           "no file: %s", err.message);
    append(text, sizeof text, epoch + 1000 * S, -50, -1, "wall_w", 40, 0);
    put(text, "w");
    tap_ok(meter->probe(&request, &err) == CIRC_OK && !*err.message, "it is there");
    if (!tap_ok(meter->open(&session, channels, &count, &request, &err) == CIRC_OK && count == 1,
                "and opens"))
        return;
    tap_ok(strstr(channels[0].source, "offset +1000.000 s"), "%s", channels[0].source);
    tap_ok(!meter->between(session, 0, now - 10 * S, now, 1, &delta),
           "the file has not reached the window's end");
    *text = '\0';
    append(text, sizeof text, epoch + 1000 * S, 0, 1, "wall_w", 40, 0);
    put(text, "a");
    tap_ok(meter->between(session, 0, now - 10 * S, now - S / 2, 1, &delta) &&
               delta.grade == CIRC_GRADE_OK && fabs(delta.value - 3.8e8) < 1,
           "now it has: 40 W for 9.5 s");
    meter->read(session, readings);
    tap_ok(readings[0].valid && readings[0].raw == 40000000 &&
               llabs(readings[0].t_ns - now - S) < S / 2,
           "read gives the last line, in this machine's time");
    tap_ok(meter->between(session, 0, now - 3600 * S, now - 3590 * S, 1, &delta) &&
               delta.grade == CIRC_GRADE_LOST,
           "%s", delta.reason);
    meter->close(session);
    meter->close(NULL);

    request.trace_marker = "start";
    tap_ok(meter->open(&session, channels, &count, &request, &err) == CIRC_ABSENT &&
               strstr(err.message, "no marker was set"),
           "%s", err.message);
    tap_ok(meter->probe(&request, &err) == CIRC_OK, "which does not keep it from being there");
    request.marker_ns = epoch;
    tap_ok(meter->open(&session, channels, &count, &request, &err) == CIRC_ABSENT &&
               strstr(err.message, "has no line of the marker start"),
           "%s", err.message);
}

int main(void)
{
    if (!tap_ok(tree_create(root), "a folder to write in"))
        return tap_done();
    snprintf(file, sizeof file, "%s/log.csv", root);
    offsets();
    markers();
    formats();
    refusals();
    anything();
    meter_follows();
    tree_remove(root);
    return tap_done();
}
