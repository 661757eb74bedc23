/* Sets the marker. What it is for is trace.c's. */
#include "harness/marker.h"

#include "harness/interrupt.h"
#include "harness/meters/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE_NS INT64_C(10000000000)
#define PAUSE_NS    200000 /* of looking whether it is over: the marker is known as well as that */

extern char **environ;

/* A group of its own, so that what the command began ends with it. What it prints goes to
 * stderr, for stdout has rows. errno's code. */
static int start(const char *command, pid_t *child)
{
    const char *words[] = {"sh", "-c", command, NULL};
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_t actions;
    int code = posix_spawnattr_init(&attributes);
    if (code)
        return code;
    code = posix_spawn_file_actions_init(&actions);
    if (code) {
        posix_spawnattr_destroy(&attributes);
        return code;
    }
    code = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
    if (!code)
        code = posix_spawnattr_setpgroup(&attributes, 0);
    if (!code)
        code = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    if (!code)
        code = posix_spawn_file_actions_adddup2(&actions, 2, 1);
    if (!code)
        code = posix_spawn(child, "/bin/sh", &actions, &attributes, (char *const *)words, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return code;
}

/* Whether the command ended by itself in time; else it is ended. */
static bool await(pid_t child, int *result)
{
    int64_t give_up = circ_clock_now_ns() + PATIENCE_NS;
    pid_t ended;
    while ((ended = waitpid(child, result, WNOHANG)) == 0 || (ended < 0 && errno == EINTR)) {
        if (circ_clock_now_ns() >= give_up || circ_interrupt_requested()) {
            kill(-child, SIGKILL);
            while (waitpid(child, result, 0) < 0 && errno == EINTR)
                continue;
            return false;
        }
        circ_clock_sleep_ns(PAUSE_NS);
    }
    return ended == child;
}

enum circ_status circ_marker_set(const char *command, int64_t *marker_ns, struct circ_error *err)
{
    int result = 0;
    pid_t child;
    int64_t before = circ_clock_epoch_ns();
    int code = start(command, &child);
    if (code)
        return circ_status_fail_native(err, CIRC_USAGE, code, "--marker-command '%s': %s", command,
                                       strerror(code));
    bool ended = await(child, &result);
    int64_t after = circ_clock_epoch_ns();
    if (!ended)
        return circ_status_fail(
            err, CIRC_USAGE,
            "--marker-command '%s' had not ended after %.0f s and was ended: it is to set the "
            "marker and end at once",
            command, (double)(after - before) / 1e9);
    if (!WIFEXITED(result) || WEXITSTATUS(result))
        return circ_status_fail_native(
            err, CIRC_USAGE, result,
            "--marker-command '%s' failed%s: without a marker the recording cannot be aligned",
            command, WIFEXITED(result) && WEXITSTATUS(result) == 127 ? " (not found)" : "");
    *marker_ns = before + (after - before) / 2;
    return CIRC_OK;
}
