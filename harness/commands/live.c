/* Watches powers and prints them. How a power is made of readings is power.c's and
 * harness/meters/watch.c's. */
#include "harness/commands/live.h"
#include "harness/cell.h"
#include "harness/commands/power.h"
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

struct live {
    const struct circ_options *options;
    struct circ_watch *watch;   /* owned */
    struct circ_writer *writer; /* owned; NULL: for people */
    const struct circ_channel *channels;
    int count, name_width, source_width;
    bool screen; /* redrawn in place */
    int drawn;   /* lines that the next drawing overwrites */
    struct circ_power powers[CIRC_MAX_CHANNELS];
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

static void measure(struct live *live, const struct circ_mark *before,
                    const struct circ_mark *after)
{
    for (int c = 0; c < live->count; c++) {
        struct circ_delta delta = circ_mark_difference(live->watch, c, before, after, MAX_ERROR);
        bool counter = live->channels[c].unit == CIRC_UNIT_UJ && live->channels[c].update_ns > 0 &&
                       !circ_watch_is_late(live->watch, c);
        circ_power_take(&live->powers[c], &delta, counter, &before->channels[c],
                        &after->channels[c]);
    }
}

static enum circ_status print_rows(const struct live *live, int64_t epoch_ns,
                                   struct circ_error *err)
{
    enum circ_status status = CIRC_OK;
    for (int c = 0; c < live->count && status == CIRC_OK; c++) {
        const struct circ_power *power = &live->powers[c];
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

static void write_clock(int64_t epoch_ns, char *text, size_t size)
{
    time_t seconds = epoch_ns / 1000000000;
    struct tm local;
    char hours[16] = "";
    if (localtime_r(&seconds, &local)) {
        strftime(hours, sizeof hours, "%H:%M:%S", &local);
    }
    snprintf(text, size, "%s.%02d", hours, (int)(epoch_ns % 1000000000 / 10000000));
}

/* "12.3 W", or the grade of a power that is not known; with a mark where it is not good. Three
 * digits, so that columns stand still. */
static void print_power(double uw, enum circ_grade grade, char *text, size_t size)
{
    double watts = uw / 1e6;
    if (isnan(watts)) {
        snprintf(text, size, "%s", circ_difference_grade_name(grade));
        return;
    }
    if (watts < 0.01) {
        circ_sources_quantity(watts, "W", text, size);
    } else {
        snprintf(text, size, "%.*f W", watts < 9.995 ? 2 : watts < 99.95 ? 1 : 0, watts);
    }
    size_t used = strlen(text);
    snprintf(text + used, size - used, "%s", grade == CIRC_GRADE_OK ? "" : "?");
}

static void print_line(const struct live *live, int64_t epoch_ns)
{
    char text[32];
    write_clock(epoch_ns, text, sizeof text);
    fputs(text, stdout);
    for (int c = 0; c < live->count; c++) {
        const struct circ_power *power = &live->powers[c];
        bool shared = is_shared(live, c);
        print_power(power->uw, power->grade, text, sizeof text);
        printf("%s %s%s%s %s", c ? "," : " ", live->channels[c].name, shared ? "@" : "",
               shared ? live->channels[c].source : "", text);
    }
    printf("%s\n", circ_meters_replayed() ? " (emulated)" : "");
}

/* The reason without the channel's name, which stands in its row already. */
static const char *strip(const char *reason, const char *name)
{
    size_t length = strlen(name);
    return strncmp(reason, name, length) ? reason : reason + length + strspn(reason + length, ": ");
}

/* How wide the columns before the watts are, which must not be cut: 0 is left out. */
struct columns {
    int name, source, scope;
};

static struct columns choose_columns(const struct live *live, int width)
{
    enum { GAP = 2, LEAST = 4, SCOPE = 8, WATTS = 30 };
    struct columns columns = {live->name_width, live->source_width, SCOPE};
    int room = width - WATTS, others = columns.name + SCOPE + 2 * GAP;
    if (others + columns.source > room) {
        columns.source = room - others >= LEAST ? room - others : 0;
    }
    if (!columns.source && columns.name + GAP + SCOPE > room) {
        columns.scope = 0;
        columns.name = columns.name < room ? columns.name : room > LEAST ? room : LEAST;
    }
    return columns;
}

static void draw_line(const struct columns *columns, int width, const char *const words[7])
{
    const int widths[3] = {columns->name, columns->source, columns->scope};
    char line[512] = "";
    size_t used = 0;
    for (int i = 0; i < 3; i++) {
        if (widths[i]) {
            used += (size_t)snprintf(line + used, sizeof line - used, "%s%-*.*s", i ? "  " : "",
                                     widths[i], widths[i], words[i]);
            used = used < sizeof line ? used : sizeof line - 1;
        }
    }
    snprintf(line + used, sizeof line - used, " %9s %9s %9s  %s", words[3], words[4], words[5],
             words[6]);
    printf("%.*s\033[K\n", width, line);
}

/* Names differ at their ends: what is cut off is the start. */
static void shorten(const char *name, int width, char *text, size_t size)
{
    int over = (int)strlen(name) - width;
    snprintf(text, size, "%s%s", over > 0 ? "~" : "", over > 0 ? name + over + 1 : name);
}

static void draw_channel(const struct live *live, int c, const struct columns *columns, int width)
{
    const struct circ_channel *channel = &live->channels[c];
    const struct circ_power *power = &live->powers[c];
    char name[sizeof channel->name + 1], now[32], mean[32] = "-", most[32] = "-";
    shorten(channel->name, columns->name, name, sizeof name);
    print_power(power->uw, power->grade, now, sizeof now);
    if (!isnan(power->mean_uw)) {
        print_power(power->mean_uw, CIRC_GRADE_OK, mean, sizeof mean);
    }
    if (!isnan(power->most_uw)) {
        print_power(power->most_uw, CIRC_GRADE_OK, most, sizeof most);
    }
    const char *words[7] = {name,
                            channel->source,
                            circ_meters_scope_name(channel->scope),
                            now,
                            mean,
                            most,
                            strip(power->reason, channel->name)};
    draw_line(columns, width, words);
}

static void draw_screen(struct live *live, int64_t epoch_ns)
{
    static const char *const head[7] = {"channel", "source", "scope", "now", "mean", "most", ""};
    enum { FRAME = 4 }; /* header, clock, the line of those left out, the cursor's line */
    int width = circ_log_width(STDOUT_FILENO) - 1;
    int room = circ_log_height(STDOUT_FILENO) - FRAME;
    int shown = live->count <= room ? live->count : room > 1 ? room : 1;
    struct columns columns = choose_columns(live, width);
    char line[96], clock[24];
    if (live->drawn) {
        printf("\033[%dA", live->drawn);
    }
    draw_line(&columns, width, head);
    for (int c = 0; c < shown; c++) {
        draw_channel(live, c, &columns, width);
    }
    if (shown < live->count) {
        snprintf(line, sizeof line, "and %d more: a larger window, --meters or -o jsonl shows them",
                 live->count - shown);
        printf("%.*s\033[K\n", width, line);
    }
    write_clock(epoch_ns, clock, sizeof clock);
    snprintf(line, sizeof line, "%s%s, every %g s; Ctrl-C ends it", clock,
             circ_meters_replayed() ? ", emulated" : "", live->options->interval_s);
    printf("%.*s\033[K\n", width, line);
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
            for (int c = 0; c < live->count; c++) {
                circ_power_part(&live->powers[c]);
            }
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
