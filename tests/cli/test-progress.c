/* Progress and messages as a terminal, a log file and --quiet see them. */
#include "harness/log.h"
#include "harness/progress.h"
#include "tests/tap.h"

#include <fcntl.h>
#include <pty.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { SIZE = 16384, COLUMNS = 60 };

/* Runs act with stderr on a terminal of COLUMNS columns, or in a pipe, and keeps what it wrote. */
static void capture(bool terminal, void (*act)(void), char text[SIZE])
{
    int ends[2] = {-1, -1}, saved = dup(STDERR_FILENO);
    struct winsize window = {.ws_row = 24, .ws_col = COLUMNS};
    size_t used = 0;
    text[0] = '\0';
    if (saved < 0 ||
        (terminal ? openpty(&ends[0], &ends[1], NULL, NULL, &window) : pipe(ends)) != 0) {
        tap_ok(false, "a %s for stderr", terminal ? "terminal" : "pipe");
        return;
    }
    dup2(ends[1], STDERR_FILENO);
    act();
    dup2(saved, STDERR_FILENO);
    close(saved);
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    for (ssize_t got = 1; got > 0 && used<SIZE - 1; used += got> 0 ? (size_t)got : 0) {
        got = read(ends[0], text + used, SIZE - 1 - used);
    }
    text[used] = '\0';
    close(ends[1]);
    close(ends[0]);
}

static void run_steps(bool quiet)
{
    struct circ_progress progress;
    circ_progress_begin(&progress, 4, 8, quiet);
    circ_progress_step(&progress, 0,
                       "a label that is much longer than the terminal is wide, and more");
    for (int i = 0; i < 1000; i++) {
        circ_progress_step(&progress, 0.001, "one");
    }
    circ_log_warn("in between");
    nanosleep(&(struct timespec){.tv_nsec = 150000000}, NULL);
    circ_progress_step(&progress, 1, "two");
    circ_progress_end(&progress);
    circ_log_note("the end");
}

static void run_loud(void)
{
    run_steps(false);
}

static void run_quiet(void)
{
    run_steps(true);
}

/* The longest run of characters that a terminal shows between two returns. */
static size_t widest(const char *text)
{
    size_t widest_run = 0;
    while (*text) {
        size_t length = strcspn(text, "\r\n\033");
        widest_run = length > widest_run ? length : widest_run;
        text += length + (text[length] != '\0');
    }
    return widest_run;
}

static int count(const char *text, const char *piece)
{
    int found = 0;
    for (; (text = strstr(text, piece)); text++) {
        found++;
    }
    return found;
}

static void test_terminal(void)
{
    char text[SIZE];
    unsetenv("NO_COLOR");
    setenv("TERM", "xterm", 1);
    capture(true, run_loud, text);
    tap_ok(strstr(text, "[....") && strstr(text, " left"), "a bar with the remaining time");
    tap_ok(strstr(text, "50 %") && strstr(text, "2/4"), "it moves");
    tap_ok(widest(text) < COLUMNS, "it stays within the terminal: %zu columns", widest(text));
    tap_ok(count(text, "[") - count(text, "\033[") <= 4, "a thousand steps draw few frames: %d",
           count(text, "[") - count(text, "\033["));
    tap_ok(strstr(text, "\r\033[K\033[33mcircbench: warning: \033[0min between"),
           "a warning wipes the bar first, and is yellow");
    tap_ok(strstr(text, "\r\033[Kthe end"), "the bar is gone at the end");

    setenv("NO_COLOR", "1", 1);
    capture(true, run_loud, text);
    tap_ok(!strstr(text, "\033[33m") && strstr(text, "circbench: warning: in between"),
           "NO_COLOR is honoured");
    unsetenv("NO_COLOR");
}

static void test_plain(void)
{
    char text[SIZE];
    capture(false, run_loud, text);
    tap_ok(!strchr(text, '\r') && !strchr(text, '\033'), "no control characters in a log file");
    tap_ok(count(text, " left") == 1, "a thousand steps in a moment are one line: %d",
           count(text, " left"));
    tap_ok(strstr(text, "circbench: warning: in between\n") && strstr(text, "the end\n"),
           "messages are lines");
    capture(false, run_quiet, text);
    tap_ok(!strcmp(text, "circbench: warning: in between\nthe end\n"), "--quiet shows no progress");
    capture(true, run_quiet, text);
    tap_ok(!strstr(text, " left"), "--quiet shows none on a terminal either");
}

int main(void)
{
    test_terminal();
    test_plain();
    return tap_done();
}
