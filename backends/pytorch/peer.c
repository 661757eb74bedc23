/* Starting, speaking to and ending the other process. One request is under way at a time, so
 * nothing is buffered but the answer's line. */
#include "backends/pytorch/peer.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define LINE_SIZE 512

extern char **environ;

struct circ_peer {
    int socket;
    pid_t process; /* 0: it has ended */
    int how;       /* as waitpid tells */
};

/* In a process group of its own, so that Ctrl-C reaches only the one who asked. */
static int spawn(pid_t *process, const char *python, const char *script, int end)
{
    char isolated[] = "-I", command[] = "-c"; /* nothing of the user's environment is imported */
    char *arguments[] = {(char *)python, isolated, command, (char *)script, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int failed = posix_spawn_file_actions_init(&actions);
    if (failed)
        return failed;
    failed = posix_spawnattr_init(&attributes);
    if (failed) {
        posix_spawn_file_actions_destroy(&actions);
        return failed;
    }
    failed = posix_spawn_file_actions_adddup2(&actions, end, 0);
    for (int fd = 1; fd <= 2 && !failed; fd++)
        failed = posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_WRONLY, 0);
    if (!failed)
        failed = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
    if (!failed)
        failed = posix_spawn(process, python, &actions, &attributes, arguments, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return failed;
}

enum circ_status circ_peer_start(struct circ_peer **peer, const char *python, const char *script,
                                 struct circ_error *err)
{
    int ends[2];
    *peer = calloc(1, sizeof **peer);
    if (!*peer)
        return circ_status_fail(err, CIRC_MEMORY, "no memory to start %s", python);
    int failed = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) ? errno : 0;
    if (!failed) {
        failed = spawn(&(*peer)->process, python, script, ends[1]);
        close(ends[1]);
        if (failed)
            close(ends[0]);
    }
    if (failed) {
        free(*peer);
        *peer = NULL;
        return circ_status_fail_native(err, CIRC_ABSENT, failed, "%s cannot be started: %s", python,
                                       strerror(failed));
    }
    (*peer)->socket = ends[0];
    return CIRC_OK;
}

static void reap(struct circ_peer *peer)
{
    while (peer->process && waitpid(peer->process, &peer->how, 0) < 0 && errno == EINTR)
        ;
    peer->process = 0;
}

void circ_peer_stop(struct circ_peer *peer)
{
    if (!peer)
        return;
    close(peer->socket);
    reap(peer);
    free(peer);
}

/* The sentence of a process that is no longer there: why it ended. */
static enum circ_status gone(struct circ_peer *peer, struct circ_error *err)
{
    shutdown(peer->socket, SHUT_RDWR);
    reap(peer);
    int how = peer->how;
    if (WIFSIGNALED(how))
        return circ_status_fail_native(err, CIRC_DEVICE, WTERMSIG(how),
                                       "its process was ended by signal %d (%s)", WTERMSIG(how),
                                       strsignal(WTERMSIG(how)));
    return circ_status_fail_native(err, CIRC_DEVICE, WEXITSTATUS(how),
                                   "its process ended with exit code %d", WEXITSTATUS(how));
}

bool circ_peer_ended(const struct circ_peer *peer)
{
    return !peer->process;
}

enum circ_status circ_peer_send(struct circ_peer *peer, const void *data, size_t size,
                                struct circ_error *err)
{
    const char *at = data;
    while (size) {
        ssize_t sent = send(peer->socket, at, size, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return gone(peer, err);
        at += sent;
        size -= (size_t)sent;
    }
    return CIRC_OK;
}

enum circ_status circ_peer_receive(struct circ_peer *peer, void *data, size_t size,
                                   struct circ_error *err)
{
    char *at = data;
    while (size) {
        ssize_t got = recv(peer->socket, at, size, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return gone(peer, err);
        at += got;
        size -= (size_t)got;
    }
    return CIRC_OK;
}

enum circ_status circ_peer_answer(struct circ_peer *peer, char *detail, size_t size,
                                  struct circ_error *err)
{
    char line[LINE_SIZE], *end = NULL;
    size_t length = 0;
    while (!end) { /* what may follow the line stays in the socket: peeked at, then taken */
        ssize_t got = recv(peer->socket, line + length, sizeof line - 1 - length, MSG_PEEK);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return gone(peer, err);
        end = memchr(line + length, '\n', (size_t)got);
        size_t take = end ? (size_t)(end - line) + 1 - length : (size_t)got;
        enum circ_status status = circ_peer_receive(peer, line + length, take, err);
        if (status)
            return status;
        length += take;
        if (!end && length == sizeof line - 1)
            return circ_status_fail(err, CIRC_DEVICE, "its answer is too long to be one");
    }
    *end = '\0';
    char *space = strchr(line, ' ');
    const char *rest = space ? space + 1 : "";
    if (space)
        *space = '\0';
    if (!strcmp(line, "ok")) {
        snprintf(detail, size, "%s", rest);
        return CIRC_OK;
    }
    static const enum circ_status statuses[] = {CIRC_UNSUP, CIRC_ABSENT, CIRC_MEMORY};
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++)
        if (!strcmp(line, circ_status_name(statuses[i])))
            return circ_status_fail(err, statuses[i], "%s", rest);
    return circ_status_fail(err, CIRC_DEVICE, "%s", rest);
}
