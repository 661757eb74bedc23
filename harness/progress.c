/* Draws progress on stderr. It decides how often and how wide; what is being done is the caller's
 * to say. */
#include "harness/progress.h"
#include "harness/log.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BAR_NS   100000000LL   /* ten frames a second look steady and cost nothing */
#define LINE_NS  2000000000LL  /* plain lines: at most one in two seconds, ... */
#define LINE_MAX 60000000000LL /* ... and after a minute even when hardly anything moved */
#define SETTLED  0.03 /* share done after which the pace is believed more than the estimate */

static int64_t now_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static double share(const struct circ_progress *progress)
{
    double part = progress->total > 0 ? progress->done / progress->total : 0;
    return part > 1 ? 1 : part;
}

/* "3:07 left", "1:02:09 left", or "" while nothing is known. */
static void print_remaining(const struct circ_progress *progress, int64_t now, char *text,
                            size_t size)
{
    double part = share(progress), elapsed_s = (double)(now - progress->start_ns) * 1e-9;
    double left = progress->estimate_s - elapsed_s;
    if (part >= SETTLED || (part > 0 && progress->estimate_s <= 0)) {
        left = elapsed_s * (1 - part) / part;
    } else if (progress->estimate_s <= 0) {
        *text = '\0';
        return;
    }
    long seconds = left > 0 ? (long)(left + 0.5) : 0;
    if (seconds >= 3600) {
        snprintf(text, size, "%ld:%02ld:%02ld left", seconds / 3600, seconds / 60 % 60,
                 seconds % 60);
    } else {
        snprintf(text, size, "%ld:%02ld left", seconds / 60, seconds % 60);
    }
}

/* One write a frame that overwrites the last one in place and erases only what is left of it: no
 * flicker. */
static void draw_bar(const struct circ_progress *progress, int64_t now, const char *label)
{
    enum { CELLS = 24 };
    char bar[CELLS + 1], remaining[32], line[512];
    int full = (int)(share(progress) * CELLS), width = circ_log_width(STDERR_FILENO) - 1;
    memset(bar, '.', CELLS);
    memset(bar, '#', (size_t)full);
    bar[CELLS] = '\0';
    print_remaining(progress, now, remaining, sizeof remaining);
    snprintf(line, sizeof line, "[%s] %3.0f %%  %d/%d  %s%s%s", bar, 100 * share(progress),
             (int)progress->done, (int)progress->total, remaining, *remaining ? "  " : "", label);
    fprintf(stderr, "\r%.*s\033[K", width, line);
    fflush(stderr);
}

static void draw_line(const struct circ_progress *progress, int64_t now, const char *label)
{
    char remaining[32];
    print_remaining(progress, now, remaining, sizeof remaining);
    fprintf(stderr, "%3.0f %%  %d/%d%s%s  %s\n", 100 * share(progress), (int)progress->done,
            (int)progress->total, *remaining ? "  " : "", remaining, label);
}

void circ_progress_begin(struct circ_progress *progress, double total, double estimate_s,
                         bool quiet)
{
    *progress = (struct circ_progress){.total = total,
                                       .estimate_s = estimate_s,
                                       .quiet = quiet,
                                       .terminal = isatty(STDERR_FILENO),
                                       .start_ns = now_ns()};
}

void circ_progress_step(struct circ_progress *progress, double done, const char *label)
{
    int64_t now = now_ns(), since = now - progress->shown_ns;
    progress->done += done;
    if (progress->quiet) {
        return;
    }
    if (progress->terminal) {
        if (!progress->shown_ns || since >= BAR_NS) {
            draw_bar(progress, now, label);
            progress->shown_ns = now;
        }
        return;
    }
    /* long sweeps in a log file: a line for each hundredth, not for each two seconds */
    bool moved = progress->done - progress->shown_done >= progress->total / 100;
    if (!progress->shown_ns || (since >= LINE_NS && moved) || since >= LINE_MAX) {
        draw_line(progress, now, label);
        progress->shown_ns = now;
        progress->shown_done = progress->done;
    }
}

void circ_progress_end(struct circ_progress *progress)
{
    if (!progress->quiet && progress->terminal && progress->shown_ns) {
        fputs("\r\033[K", stderr);
        fflush(stderr);
    }
}
