/* Whatever a command of the user's can read: wall meters, IPMI, boards' own sensors. It runs the
 * command and keeps its lines (lines.h); what the lines mean is between the user and the command.
 */
#include "harness/meters/clock.h"
#include "harness/meters/lines.h"
#include "harness/meters/meter.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECOND     INT64_C(1000000000)
#define FIRST_NS   (5 * SECOND) /* until the first line */
#define SECOND_NS  (5 * SECOND) /* and until the second of its channel */
#define MOST       256          /* pieces read at once: a command may print without end */
#define CLOSEST_NS 1000000      /* what comes faster than that only costs memory */
#define GRACE_MS   200          /* between asking the command to end and ending it */

struct circ_meter_session {
    pid_t pid; /* and its process group's */
    int out, errors;
    bool ended;      /* nothing comes any more */
    char words[128]; /* the last line on its stderr */
    size_t words_used;
    bool words_ended;
    char status[48]; /* how it ended */
    struct circ_lines lines;
};

extern char **environ;

/* Keeps the last line that has something in it. */
static void drain_errors(struct circ_meter_session *session)
{
    char text[256];
    ssize_t got;
    for (int reads = 0; reads < MOST && (got = read(session->errors, text, sizeof text)) > 0;
         reads++)
        for (ssize_t i = 0; i < got; i++) {
            if (text[i] == '\n') {
                session->words_ended = true;
                continue;
            }
            if (session->words_ended)
                session->words_used = 0;
            session->words_ended = false;
            if (session->words_used + 1 < sizeof session->words)
                session->words[session->words_used++] =
                    (unsigned char)text[i] < ' ' ? ' ' : text[i];
            session->words[session->words_used] = '\0';
        }
}

/* Says how the command ended, without taking it off the table: its number stays its own until
 * close, and so does its group's. */
static void find_status(struct circ_meter_session *session)
{
    siginfo_t info = {.si_pid = 0};
    for (int i = 0; i < GRACE_MS / 10 && info.si_pid == 0; i++) {
        if (waitid(P_PID, (id_t)session->pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0)
            break;
        if (info.si_pid == 0)
            circ_clock_sleep_ns(10000000);
    }
    if (info.si_pid == 0)
        snprintf(session->status, sizeof session->status, "closed its output");
    else
        snprintf(session->status, sizeof session->status, "ended %s %d",
                 info.si_code == CLD_EXITED ? "with status" : "by signal", info.si_status);
}

/* Takes what has come, without waiting; of a flood a part. */
static void drain(struct circ_meter_session *session)
{
    char text[4096];
    ssize_t got = -1;
    if (session->ended)
        return;
    session->lines.epoch_shift_ns = circ_clock_now_ns() - circ_clock_epoch_ns();
    for (int reads = 0; reads < MOST && (got = read(session->out, text, sizeof text)) > 0; reads++)
        circ_lines_feed(&session->lines, text, (size_t)got, circ_clock_now_ns());
    drain_errors(session);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
        circ_lines_finish(&session->lines, circ_clock_now_ns());
        session->ended = true;
        find_status(session);
        drain_errors(session);
    }
    circ_lines_forget(&session->lines, circ_clock_now_ns());
}

/* "the command ended with status 1 (no such sensor)". */
static void say_ended(const struct circ_meter_session *session, char *text, size_t size)
{
    const char *words = session->words;
    snprintf(text, size, "the command %s%s%.60s%s", session->status, *words ? " (" : "", words,
             *words ? ")" : "");
}

static int make_pipe(int ends[2])
{
    if (pipe2(ends, O_CLOEXEC) != 0)
        return errno;
    return fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0 ? 0 : errno;
}

/* Starts the command in a process group of its own, with signals as a shell expects them. */
static int start(struct circ_meter_session *session, const char *command)
{
    const char *words[] = {"sh", "-c", command, NULL};
    int out[2] = {-1, -1}, errors[2] = {-1, -1};
    sigset_t none, defaults;
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_t actions;
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_init(&actions);
    sigemptyset(&none);
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    sigaddset(&defaults, SIGINT);
    sigaddset(&defaults, SIGTERM);
    int code = make_pipe(out);
    if (!code)
        code = make_pipe(errors);
    if (!code) {
        posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF |
                                                  POSIX_SPAWN_SETSIGMASK);
        posix_spawnattr_setpgroup(&attributes, 0);
        posix_spawnattr_setsigdefault(&attributes, &defaults);
        posix_spawnattr_setsigmask(&attributes, &none);
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
        posix_spawn_file_actions_adddup2(&actions, out[1], 1);
        posix_spawn_file_actions_adddup2(&actions, errors[1], 2);
        code = posix_spawn(&session->pid, "/bin/sh", &actions, &attributes, (char *const *)words,
                           environ);
        if (code)
            session->pid = 0;
    }
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    if (out[1] >= 0)
        close(out[1]);
    if (errors[1] >= 0)
        close(errors[1]);
    session->out = out[0];
    session->errors = errors[0];
    return code;
}

/* Ends the command and all that it started. Its group is told first, and its number freed last. */
static void stop(struct circ_meter_session *session)
{
    siginfo_t info = {.si_pid = 0};
    if (session->pid <= 0)
        return;
    kill(-session->pid, SIGTERM);
    for (int i = 0; i < GRACE_MS / 10 && info.si_pid == 0; i++)
        if (waitid(P_PID, (id_t)session->pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
            (info.si_pid == 0 && poll(NULL, 0, 10) < 0 && errno != EINTR))
            break;
    kill(-session->pid, SIGKILL);
    while (waitpid(session->pid, NULL, 0) < 0 && errno == EINTR)
        ;
}

static void close_exec(struct circ_meter_session *session)
{
    if (!session)
        return;
    stop(session);
    if (session->out >= 0)
        close(session->out);
    if (session->errors >= 0)
        close(session->errors);
    circ_lines_free(&session->lines);
    free(session);
}

/* The fewest readings that a channel has so far, 0 without channels. *interval_ns gets what lies
 * between the first two of the first channel that has two, and is left alone else. */
static size_t fewest_readings(const struct circ_meter_session *session, int64_t *interval_ns)
{
    size_t fewest = SIZE_MAX;
    for (int i = session->lines.count - 1; i >= 0; i--) {
        const struct circ_series *series = &session->lines.channels[i].series;
        if (series->count)
            fewest = series->count < fewest ? series->count : fewest;
        if (series->count >= 2)
            *interval_ns = series->points[1].t_ns - series->points[0].t_ns;
    }
    return fewest == SIZE_MAX ? 0 : fewest;
}

/* Waits for a first line, then for a second of its channel, which tells its interval; then the
 * others get two intervals more for theirs. */
static void wait_for_lines(struct circ_meter_session *session)
{
    int64_t deadline = circ_clock_now_ns() + FIRST_NS, interval_ns = 0;
    int stage = 0;
    for (int64_t now; !session->ended && (now = circ_clock_now_ns()) < deadline;) {
        struct pollfd wait = {.fd = session->out, .events = POLLIN};
        poll(&wait, 1, (int)((deadline - now) / 1000000) + 1);
        drain(session);
        size_t fewest = fewest_readings(session, &interval_ns);
        if (fewest >= 2)
            break;
        if (stage < 1 && fewest) {
            deadline = circ_clock_now_ns() + SECOND_NS;
            stage = 1;
        }
        if (stage < 2 && interval_ns) {
            deadline = circ_clock_now_ns() + (interval_ns < SECOND ? 2 * interval_ns : 2 * SECOND);
            stage = 2;
        }
    }
}

/* Of a channel with one line so far nothing is known of its interval but that it is long. */
static int open_channels(struct circ_meter_session *session, struct circ_channel *channels,
                         const char *command)
{
    char source[sizeof channels->source];
    const char *end = command + strcspn(command, " \t\n;|&");
    const char *name = end;
    while (name > command && name[-1] != '/')
        name--;
    if (*session->lines.source)
        snprintf(source, sizeof source, "exec:%s", session->lines.source);
    else
        snprintf(source, sizeof source, "exec:%.*s", (int)(end - name), name);
    circ_lines_settle(&session->lines, source);
    for (int i = 0; i < session->lines.count; i++) {
        channels[i] = circ_lines_channel(&session->lines.channels[i]);
        if (channels[i].update_ns == 0)
            channels[i].update_ns = session->lines.channels[i].channel.update_ns = SECOND_NS;
    }
    return session->lines.count;
}

static enum circ_status open_exec(struct circ_meter_session **session,
                                  struct circ_channel *channels, int *count,
                                  const struct circ_meter_request *request, struct circ_error *err)
{
    char why[128], rubbish[128];
    if (!request || !request->command || !*request->command)
        return circ_status_fail(err, CIRC_ABSENT,
                                "exec: no command: --meter-exec COMMAND, which prints lines "
                                "`t_ns channel value`, as: --meter-exec 'while :; do echo - "
                                "wall_w $(read-meter); sleep 1; done'");
    struct circ_meter_session *opened = calloc(1, sizeof *opened);
    if (!opened)
        return circ_status_fail(err, CIRC_MEMORY, "exec: out of memory");
    opened->lines.closest_ns = CLOSEST_NS;
    int code = start(opened, request->command);
    if (code) {
        close_exec(opened);
        return circ_status_fail_native(err, CIRC_ABSENT, code, "exec: /bin/sh does not start: %s",
                                       strerror(code));
    }
    wait_for_lines(opened);
    *count = open_channels(opened, channels, request->command);
    circ_lines_complain(&opened->lines, rubbish, sizeof rubbish);
    if (*count == 0) {
        if (opened->ended)
            say_ended(opened, why, sizeof why);
        else
            snprintf(why, sizeof why, "the command printed no reading within %d s",
                     (int)(FIRST_NS / SECOND));
        circ_status_fail(err, CIRC_ABSENT, "exec: %s%s; it must print lines `t_ns channel value`",
                         why, rubbish);
        close_exec(opened);
        return CIRC_ABSENT;
    }
    *session = opened;
    return circ_status_fail(err, CIRC_OK, "%s%s", *rubbish ? "exec:" : "", rubbish);
}

static void read_exec(struct circ_meter_session *session, struct circ_reading *readings)
{
    drain(session);
    for (int i = 0; i < session->lines.count; i++) {
        const struct circ_series *series = &session->lines.channels[i].series;
        const struct circ_series_point *last = &series->points[series->count - 1];
        readings[i] = (struct circ_reading){.valid = false};
        if (session->ended || last->value < 0 || last->value >= 0x1p63)
            continue;
        readings[i].raw = (uint64_t)llround(last->value);
        readings[i].t_ns = last->t_ns;
        readings[i].valid = true;
    }
}

static bool between(struct circ_meter_session *session, int channel, int64_t from_ns, int64_t to_ns,
                    double max_error, struct circ_delta *delta)
{
    drain(session);
    const struct circ_lines_channel *from = &session->lines.channels[channel];
    const struct circ_channel described = circ_lines_channel(from);
    bool reached = from->series.points[from->series.count - 1].t_ns >= to_ns;
    if (!reached && !session->ended)
        return false;
    *delta = circ_series_between(&from->series, &described, from_ns, to_ns, max_error);
    if (!reached) {
        char why[128];
        say_ended(session, why, sizeof why);
        snprintf(delta->reason, sizeof delta->reason, "%.40s: exec: %.110s", described.name, why);
    }
    return true;
}

static enum circ_status probe(const struct circ_meter_request *request, struct circ_error *err)
{
    struct circ_channel channels[CIRC_MAX_CHANNELS];
    struct circ_meter_session *session;
    int count;
    enum circ_status status = open_exec(&session, channels, &count, request, err);
    if (status == CIRC_OK)
        close_exec(session);
    return status;
}

extern const struct circ_meter circ_meter_exec;
const struct circ_meter circ_meter_exec = {
    .name = "exec",
    .description = "what a command of yours reads: wall meters, IPMI, sensors of a board",
    .probe = probe,
    .open = open_exec,
    .read = read_exec,
    .between = between,
    .close = close_exec,
    .energy = true,
    .optional = true,
};
