/* Whatever a command of the user's can read: wall meters, IPMI, boards' own sensors. It runs the
 * command and keeps its lines (lines.h); what the lines mean is between the user and the command.
 * A thread takes them as they come, so that a line without a time gets that of its arrival. */
#include "harness/meters/clock.h"
#include "harness/meters/lines.h"
#include "harness/meters/meter.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <pthread.h>
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
#define CLOSEST_NS 1000000      /* what comes faster than that only costs memory */
#define PIECE      4096         /* the pipe holds no more: what waits in it has no time yet */
#define FLOOD_NS   10000000     /* pause after a whole piece: a command may print without end */
#define LOOK_NS    2000000      /* between two looks for the first lines */
#define GRACE_MS   200          /* between asking the command to end and ending it */

struct circ_meter_session {
    pid_t pid; /* and its process group's */
    int out, errors;
    int wake[2]; /* closing the second ends the thread */
    pthread_t thread;
    bool started;         /* there is a thread */
    pthread_mutex_t lock; /* guards what follows */
    bool ended;           /* nothing comes any more */
    char words[128];      /* the last line on its stderr */
    size_t words_used;
    bool words_ended;
    char status[48]; /* how it ended */
    struct circ_lines lines;
};

extern char **environ;

/* Keeps the last line that has something in it. Hold the lock. */
static void keep_words(struct circ_meter_session *session, const char *text, ssize_t length)
{
    for (ssize_t i = 0; i < length; i++) {
        if (text[i] == '\n') {
            session->words_ended = true;
            continue;
        }
        if (session->words_ended)
            session->words_used = 0;
        session->words_ended = false;
        if (session->words_used + 1 < sizeof session->words)
            session->words[session->words_used++] = (unsigned char)text[i] < ' ' ? ' ' : text[i];
        session->words[session->words_used] = '\0';
    }
}

/* Says how the command ended, without taking it off the table: its number stays its own until
 * close, and so does its group's. */
static void find_status(const struct circ_meter_session *session, char *status, size_t size)
{
    siginfo_t info = {.si_pid = 0};
    for (int i = 0; i < GRACE_MS / 10 && info.si_pid == 0; i++) {
        if (waitid(P_PID, (id_t)session->pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0)
            break;
        if (info.si_pid == 0)
            circ_clock_sleep_ns(10000000);
    }
    if (info.si_pid == 0)
        snprintf(status, size, "closed its output");
    else
        snprintf(status, size, "ended %s %d",
                 info.si_code == CLD_EXITED ? "with status" : "by signal", info.si_status);
}

/* Reads one piece of what has come; false at the end of a file. */
static bool take_piece(struct circ_meter_session *session, int file)
{
    char text[PIECE];
    ssize_t got = read(file, text, sizeof text);
    int64_t now = circ_clock_now_ns();
    if (got <= 0)
        return got < 0 && (errno == EAGAIN || errno == EINTR);
    pthread_mutex_lock(&session->lock);
    if (file == session->errors) {
        keep_words(session, text, got);
    } else {
        session->lines.epoch_shift_ns = now - circ_clock_epoch_ns();
        circ_lines_feed(&session->lines, text, (size_t)got, now);
        circ_lines_forget(&session->lines, now);
    }
    pthread_mutex_unlock(&session->lock);
    if (got == PIECE)
        circ_clock_sleep_ns(FLOOD_NS);
    return true;
}

/* The output is over: its last line, its last words, and how it ended. */
static void finish(struct circ_meter_session *session)
{
    char status[sizeof session->status], text[PIECE];
    find_status(session, status, sizeof status);
    ssize_t got = read(session->errors, text, sizeof text);
    pthread_mutex_lock(&session->lock);
    keep_words(session, text, got);
    circ_lines_finish(&session->lines, circ_clock_now_ns());
    memcpy(session->status, status, sizeof session->status);
    session->ended = true;
    pthread_mutex_unlock(&session->lock);
}

/* Takes lines as they come, until close. It outlives the command: a thread that went away would
 * spoil what counts events of all threads. */
static void *listen(void *argument)
{
    struct circ_meter_session *session = argument;
    struct pollfd files[] = {{.fd = session->wake[0], .events = POLLIN},
                             {.fd = session->out, .events = POLLIN},
                             {.fd = session->errors, .events = POLLIN}};
    for (;;) {
        while (poll(files, 3, -1) < 0)
            if (errno != EINTR)
                return NULL;
        if (files[0].revents)
            return NULL;
        if (files[2].revents && !take_piece(session, session->errors))
            files[2].fd = -1; /* poll passes over it */
        if (files[1].revents && !take_piece(session, session->out)) {
            files[1].fd = -1;
            finish(session);
        }
    }
}

/* "the command ended with status 1 (no such sensor)". */
static void say_ended(const struct circ_meter_session *session, char *text, size_t size)
{
    const char *words = session->words;
    snprintf(text, size, "the command %s%s%.60s%s", session->status, *words ? " (" : "", words,
             *words ? ")" : "");
}

/* A small one where the system allows that: a command that prints without end waits. */
static int make_pipe(int ends[2])
{
    if (pipe2(ends, O_CLOEXEC) != 0)
        return errno;
    fcntl(ends[0], F_SETPIPE_SZ, PIECE);
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

/* Starts the thread, which takes no signals: those are the program's. */
static int start_thread(struct circ_meter_session *session)
{
    sigset_t all, before;
    if (pipe2(session->wake, O_CLOEXEC) != 0)
        return errno;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int code = pthread_create(&session->thread, NULL, listen, session);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    session->started = code == 0;
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
    if (session->wake[1] >= 0)
        close(session->wake[1]);
    if (session->started)
        pthread_join(session->thread, NULL);
    const int files[] = {session->wake[0], session->out, session->errors};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (files[i] >= 0)
            close(files[i]);
    pthread_mutex_destroy(&session->lock);
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
    for (bool done = false; !done && circ_clock_now_ns() < deadline;) {
        circ_clock_sleep_ns(LOOK_NS);
        pthread_mutex_lock(&session->lock);
        size_t fewest = fewest_readings(session, &interval_ns);
        done = session->ended || fewest >= 2;
        pthread_mutex_unlock(&session->lock);
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
    opened->out = opened->errors = opened->wake[0] = opened->wake[1] = -1;
    pthread_mutex_init(&opened->lock, NULL);
    int code = start(opened, request->command);
    if (!code)
        code = start_thread(opened);
    if (code) {
        close_exec(opened);
        return circ_status_fail_native(err, CIRC_ABSENT, code, "exec: /bin/sh does not start: %s",
                                       strerror(code));
    }
    wait_for_lines(opened);
    pthread_mutex_lock(&opened->lock);
    *count = open_channels(opened, channels, request->command);
    circ_lines_complain(&opened->lines, rubbish, sizeof rubbish);
    if (*count == 0) {
        if (opened->ended)
            say_ended(opened, why, sizeof why);
        else
            snprintf(why, sizeof why, "the command printed no reading within %d s",
                     (int)(FIRST_NS / SECOND));
    }
    pthread_mutex_unlock(&opened->lock);
    if (*count == 0) {
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
    pthread_mutex_lock(&session->lock);
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
    pthread_mutex_unlock(&session->lock);
}

/* Hold the lock. */
static bool look_between(const struct circ_meter_session *session, int channel, int64_t from_ns,
                         int64_t to_ns, double max_error, struct circ_delta *delta)
{
    const struct circ_lines_channel *from = &session->lines.channels[channel];
    const struct circ_channel described = circ_lines_channel(from);
    int64_t last_ns = from->series.points[from->series.count - 1].t_ns;
    bool reached = last_ns >= to_ns;
    if (last_ns < to_ns + circ_series_reach_ns(&described) && !session->ended)
        return false;
    *delta = circ_series_between(&from->series, &described, from_ns, to_ns, max_error);
    if (!reached) {
        char why[128];
        say_ended(session, why, sizeof why);
        snprintf(delta->reason, sizeof delta->reason, "%.40s: exec: %.110s", described.name, why);
    }
    return true;
}

static bool between(struct circ_meter_session *session, int channel, int64_t from_ns, int64_t to_ns,
                    double max_error, struct circ_delta *delta)
{
    pthread_mutex_lock(&session->lock);
    bool known = look_between(session, channel, from_ns, to_ns, max_error, delta);
    pthread_mutex_unlock(&session->lock);
    return known;
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
