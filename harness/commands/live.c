/* Watches powers and prints them. How a power is made of readings is harness/meters/watch.c's. */
#include "harness/commands/live.h"
#include "harness/cell.h"
#include "harness/interrupt.h"
#include "harness/log.h"
#include "harness/meters/clock.h"
#include "harness/meters/mark.h"
#include "harness/meters/watch.h"
#include "harness/sources.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MAX_ERROR   0.05         /* a power known worse than that is marked `short` */
#define PATIENCE    0.9          /* of an interval, for the ticks that make its end exact */
#define PATIENCE_NS 2000000000   /* but Ctrl-C waits no longer than that */
#define PIECE_NS    100000000    /* of a wait: a signal may have come to another thread */
#define FRESH_NS    300000000000 /* sampled powers pile up until the watch begins anew */

enum { ROW_COLUMNS = 8 };

static const char *const row_columns[ROW_COLUMNS] = {"t_ns",     "channel", "source", "power_uw",
                                                     "bound_uw", "grade",   "kind",   "reason"};

/* One channel over one interval. */
struct power {
    double uw, bound_uw; /* NaN: unknown */
    enum circ_grade grade;
    char reason[160];
    double sum_uw, most_uw; /* of the powers so far */
    int64_t known;          /* how many they are */
};

struct live {
    const struct circ_options *options;
    struct circ_watch *watch;   /* owned */
    struct circ_writer *writer; /* owned; NULL: for people */
    const struct circ_channel *channels;
    int count, name_width, source_width;
    bool screen; /* redrawn in place */
    int drawn;   /* lines that the next drawing overwrites */
    struct power powers[CIRC_MAX_CHANNELS];
    struct circ_mark marks[2];
};

static bool is_of(const struct circ_channel *channel, const char *meter)
{
    size_t length = strlen(meter);
    return !strncmp(channel->source, meter, length) && strchr(":", channel->source[length]);
}

/* Says which of the named meters show nothing. */
static void warn_of_absent(const struct live *live)
{
    const struct circ_names *named = &live->options->meters;
    for (int m = 0; m < named->count; m++) {
        bool found = false;
        for (int c = 0; c < live->count; c++) {
            found = found || is_of(&live->channels[c], named->items[m]);
        }
        if (!found) {
            circ_log_warn("%s shows no watts here: `circbench doctor meters` says why",
                          named->items[m]);
        }
    }
}

static bool is_shared(const struct live *live, int channel)
{
    for (int c = 0; c < live->count; c++) {
        if (c != channel && !strcmp(live->channels[c].name, live->channels[channel].name)) {
            return true;
        }
    }
    return false;
}

static enum circ_status open_live(struct live *live, struct circ_error *err)
{
    const struct circ_options *options = live->options;
    const struct circ_meter_request request = circ_sources_request(options);
    const struct circ_watch_rule rule = {.names = (const char *const *)options->meters.items,
                                         .name_count = options->meters.count,
                                         .request = &request,
                                         .threaded = true};
    const char *terminal = getenv("TERM");
    enum circ_status status = circ_watch_open(&live->watch, &rule, err);
    if (status == CIRC_OK && options->format != CIRC_TABLE) {
        status = circ_format_begin(&live->writer, stdout, options->format, "power", row_columns,
                                   ROW_COLUMNS, err);
    }
    if (status != CIRC_OK) {
        return status;
    }
    live->screen = !live->writer && isatty(STDOUT_FILENO) && terminal && strcmp(terminal, "dumb");
    live->count = circ_watch_channels(live->watch, &live->channels);
    for (int c = 0; c < live->count; c++) {
        int name = (int)strlen(live->channels[c].name);
        int source = (int)strlen(live->channels[c].source);
        live->name_width = name > live->name_width ? name : live->name_width;
        live->source_width = source > live->source_width ? source : live->source_width;
    }
    warn_of_absent(live);
    if (circ_meters_replayed()) {
        circ_log_warn("CIRCBENCH_SYSFS replaces /sys: these watts are emulated");
    }
    return CIRC_OK;
}

static void wait_until(int64_t moment_ns)
{
    for (int64_t left = moment_ns - circ_clock_now_ns(); left > 0 && !circ_interrupt_requested();
         left = moment_ns - circ_clock_now_ns()) {
        circ_clock_sleep_ns(left < PIECE_NS ? left : PIECE_NS);
    }
}

/* Waits for the ticks after a mark, of the channels that moved since the one before. */
static void settle(struct live *live, const struct circ_mark *before, struct circ_mark *after,
                   int64_t patience_ns)
{
    int moving[CIRC_MAX_CHANNELS], count = 0;
    for (int c = 0; c < live->count; c++) {
        /* of the mark only its gains change, from the watch's thread */
        if (live->channels[c].unit != CIRC_UNIT_UJ || circ_watch_is_late(live->watch, c) ||
            after->channels[c].total > before->channels[c].total) {
            moving[count++] = c;
        }
    }
    int64_t give_up = circ_clock_now_ns() + patience_ns;
    for (int64_t left = patience_ns; left > 0 && !circ_interrupt_requested();
         left = give_up - circ_clock_now_ns()) {
        if (circ_mark_settle(live->watch, after, moving, count,
                             left < PIECE_NS ? left : PIECE_NS)) {
            return;
        }
    }
}

/* A counter that ticked inside the interval and not yet after it has a power whose error nobody
 * knows: it is shown, and marked. */
static void estimate(struct power *power, const struct circ_mark_channel *before,
                     const struct circ_mark_channel *after)
{
    double gained_uj = after->total - before->total;
    if (power->grade == CIRC_GRADE_NO_TICK && gained_uj > 0 && after->t_ns > before->t_ns) {
        power->uw = gained_uj / (double)(after->t_ns - before->t_ns) * 1e9;
        power->grade = CIRC_GRADE_SHORT;
    }
}

static void measure(struct live *live, const struct circ_mark *before,
                    const struct circ_mark *after)
{
    for (int c = 0; c < live->count; c++) {
        struct power *power = &live->powers[c];
        struct circ_delta delta = circ_mark_difference(live->watch, c, before, after, MAX_ERROR);
        double seconds = (double)delta.duration_ns / 1e9;
        power->grade = delta.grade;
        power->uw = seconds > 0 ? delta.value / seconds : NAN;
        power->bound_uw = seconds > 0 ? delta.bound / seconds : NAN;
        snprintf(power->reason, sizeof power->reason, "%s", delta.reason);
        estimate(power, &before->channels[c], &after->channels[c]);
        if (!isnan(power->uw)) {
            power->sum_uw += power->uw;
            power->most_uw =
                power->known && power->most_uw > power->uw ? power->most_uw : power->uw;
            power->known++;
        }
    }
}

static enum circ_status print_rows(const struct live *live, int64_t epoch_ns,
                                   struct circ_error *err)
{
    enum circ_status status = CIRC_OK;
    for (int c = 0; c < live->count && status == CIRC_OK; c++) {
        const struct power *power = &live->powers[c];
        const struct circ_cell cells[ROW_COLUMNS] = {
            circ_cell_integer(epoch_ns),
            circ_cell_text(live->channels[c].name),
            circ_cell_text(live->channels[c].source),
            circ_cell_real(power->uw),
            circ_cell_real(power->bound_uw),
            circ_cell_text(circ_difference_grade_name(power->grade)),
            circ_cell_text(circ_meters_replayed() ? "emulated" : "measured"),
            circ_cell_text(*power->reason ? power->reason : NULL)};
        status = circ_format_row(live->writer, cells, err);
    }
    return status;
}

static void print_clock(int64_t epoch_ns)
{
    time_t seconds = epoch_ns / 1000000000;
    struct tm local;
    char text[16] = "";
    if (localtime_r(&seconds, &local)) {
        strftime(text, sizeof text, "%H:%M:%S", &local);
    }
    printf("%s.%02d", text, (int)(epoch_ns % 1000000000 / 10000000));
}

/* "12.3 W", or the grade of a power that is not known. Three digits, so that columns stand still.
 */
static void print_power(double uw, enum circ_grade grade, char *text, size_t size)
{
    double watts = uw / 1e6;
    if (isnan(watts)) {
        snprintf(text, size, "%s", circ_difference_grade_name(grade));
    } else if (watts < 0.01) {
        circ_sources_quantity(watts, "W", text, size);
    } else {
        snprintf(text, size, "%.*f W", watts < 9.995 ? 2 : watts < 99.95 ? 1 : 0, watts);
    }
}

static void print_line(const struct live *live, int64_t epoch_ns)
{
    char text[32];
    print_clock(epoch_ns);
    for (int c = 0; c < live->count; c++) {
        const struct power *power = &live->powers[c];
        bool shared = is_shared(live, c);
        print_power(power->uw, power->grade, text, sizeof text);
        printf("%s %s%s%s %s%s", c ? "," : " ", live->channels[c].name, shared ? "@" : "",
               shared ? live->channels[c].source : "", text,
               !isnan(power->uw) && power->grade != CIRC_GRADE_OK ? "?" : "");
    }
    printf("%s\n", circ_meters_replayed() ? " (emulated)" : "");
}

/* The reason without the channel's name, which stands in its row already. */
static const char *strip(const char *reason, const char *name)
{
    size_t length = strlen(name);
    return strncmp(reason, name, length) ? reason : reason + length + strspn(reason + length, ": ");
}

static void draw_channel(const struct live *live, int c, int width)
{
    const struct circ_channel *channel = &live->channels[c];
    const struct power *power = &live->powers[c];
    char now[32], mean[32] = "-", most[32] = "-", line[512];
    print_power(power->uw, power->grade, now, sizeof now);
    if (power->known) {
        print_power(power->sum_uw / (double)power->known, power->grade, mean, sizeof mean);
        print_power(power->most_uw, power->grade, most, sizeof most);
    }
    snprintf(line, sizeof line, "%-*s  %-*s  %-8s %9s %9s %9s  %s", live->name_width, channel->name,
             live->source_width, channel->source, circ_meters_scope_name(channel->scope), now, mean,
             most, strip(power->reason, channel->name));
    printf("%.*s\033[K\n", width, line);
}

static void draw_screen(struct live *live, int64_t epoch_ns)
{
    enum { FRAME = 4 }; /* header, clock, the line of those left out, the cursor's line */
    int width = circ_log_width(STDOUT_FILENO) - 1;
    int room = circ_log_height(STDOUT_FILENO) - FRAME;
    int shown = live->count <= room ? live->count : room > 1 ? room : 1;
    if (live->drawn) {
        printf("\033[%dA", live->drawn);
    }
    printf("%-*s  %-*s  %-8s %9s %9s %9s\033[K\n", live->name_width, "channel", live->source_width,
           "source", "scope", "now", "mean", "most");
    for (int c = 0; c < shown; c++) {
        draw_channel(live, c, width);
    }
    if (shown < live->count) {
        printf("and %d more: a larger window, --meters or -o jsonl shows them\033[K\n",
               live->count - shown);
    }
    print_clock(epoch_ns);
    printf("%s, every %g s; Ctrl-C ends it\033[K\n", circ_meters_replayed() ? ", emulated" : "",
           live->options->interval_s);
    live->drawn = shown + 2 + (shown < live->count);
}

/* What this interval came to. *gone when nobody reads stdout any more: main sees to that. */
static enum circ_status show(struct live *live, int64_t epoch_ns, bool *gone,
                             struct circ_error *err)
{
    enum circ_status status = CIRC_OK;
    if (live->writer) {
        status = print_rows(live, epoch_ns, err);
    } else if (live->screen) {
        draw_screen(live, epoch_ns);
    } else {
        print_line(live, epoch_ns);
    }
    *gone = fflush(stdout) != 0 || ferror(stdout);
    return status;
}

static enum circ_status watch(struct live *live, struct circ_error *err)
{
    int64_t interval_ns = (int64_t)(live->options->interval_s * 1e9);
    int64_t patience_ns = (int64_t)(PATIENCE * (double)interval_ns);
    struct circ_mark *before = &live->marks[0], *after = &live->marks[1];
    enum circ_status status = CIRC_OK;
    bool gone = false;
    patience_ns = patience_ns < PATIENCE_NS ? patience_ns : PATIENCE_NS;
    circ_watch_begin(live->watch);
    circ_mark_set(live->watch, before);
    int64_t due_ns = before->t_ns, fresh_ns = due_ns;
    for (int line = 0; !live->options->count || line < live->options->count; line++) {
        due_ns += interval_ns;
        wait_until(due_ns);
        if (circ_interrupt_requested()) {
            break;
        }
        circ_mark_set(live->watch, after);
        int64_t epoch_ns = circ_clock_epoch_ns() - (circ_clock_now_ns() - after->t_ns);
        settle(live, before, after, patience_ns);
        measure(live, before, after);
        status = show(live, epoch_ns, &gone, err);
        if (gone || status != CIRC_OK) {
            break;
        }
        struct circ_mark *done = before;
        before = after;
        after = done;
        if (before->t_ns - fresh_ns >= FRESH_NS) {
            circ_watch_end(live->watch);
            circ_watch_begin(live->watch);
            circ_mark_set(live->watch, before);
            fresh_ns = before->t_ns;
        }
        due_ns =
            due_ns < before->t_ns - interval_ns ? before->t_ns : due_ns; /* the machine slept */
    }
    if (live->screen && circ_interrupt_requested()) {
        putchar('\n'); /* after the terminal's own ^C */
    }
    circ_watch_end(live->watch);
    return status;
}

enum circ_status circ_live_run(const struct circ_options *options, struct circ_error *err)
{
    struct live *live = calloc(1, sizeof *live);
    if (!live) {
        return circ_status_fail(err, CIRC_MEMORY, "no memory for watching the meters");
    }
    live->options = options;
    circ_interrupt_install();
    enum circ_status status = open_live(live, err);
    if (status == CIRC_OK) {
        status = watch(live, err);
    }
    if (live->writer) {
        enum circ_status ended = circ_format_end(live->writer, status == CIRC_OK ? err : NULL);
        status = status == CIRC_OK ? ended : status;
    }
    circ_watch_close(live->watch);
    free(live);
    return status;
}
