/* The exec meter with small commands of sh: what it takes, what it refuses, and that nothing of the
 * command is left. */
#include "harness/meters/clock.h"
#include "harness/meters/difference.h"
#include "harness/meters/mark.h"
#include "harness/meters/meter.h"
#include "harness/meters/sysfs.h"
#include "harness/meters/watch.h"
#include "tests/meters/sysfs_tree.h"
#include "tests/tap.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MS INT64_C(1000000)

static const struct circ_meter *meter;
static struct circ_channel channels[CIRC_MAX_CHANNELS];
static struct circ_reading readings[CIRC_MAX_CHANNELS];
static struct circ_error err;
static int count;

static enum circ_status start(struct circ_meter_session **session, const char *command)
{
    const struct circ_meter_request request = {.command = command};
    count = 0;
    return meter->open(session, channels, &count, &request, &err);
}

/* What `between` says once the lines have come, which is waited for. */
static struct circ_delta window(struct circ_meter_session *session, int channel, int64_t from_ns,
                                int64_t to_ns)
{
    struct circ_delta delta = {.grade = CIRC_GRADE_NO_TICK};
    for (int i = 0; i < 2000; i++) {
        if (meter->between(session, channel, from_ns, to_ns, 1, &delta))
            return delta;
        circ_clock_sleep_ns(5 * MS);
    }
    tap_ok(false, "the lines come within 10 s");
    return delta;
}

static void absent(const char *command, const char *words, const char *what)
{
    struct circ_meter_session *session;
    int64_t begun = circ_clock_now_ns();
    tap_ok(start(&session, command) == CIRC_ABSENT && strstr(err.message, words), "%s: %s", what,
           err.message);
    tap_note("after %.1f s", (double)(circ_clock_now_ns() - begun) / 1e9);
}

static void refusals(void)
{
    struct circ_meter_session *session;
    int none;
    tap_ok(meter->open(&session, channels, &none, NULL, &err) == CIRC_ABSENT &&
               strstr(err.message, "--meter-exec"),
           "no command: %s", err.message);
    absent("echo no such sensor >&2; exit 3", "ended with status 3 (no such sensor)",
           "one that fails at once");
    absent("there-is-no-such-command", "ended with status 127", "one that does not exist");
    absent("echo hello; echo 1 2 3; echo - wall_w nan; echo - wall_w 0x10; echo - wall 5",
           "5 lines were skipped, the first: hello", "one that prints rubbish");
    absent("kill -9 $$", "ended by signal 9", "one that is killed");
    absent("yes", "lines were skipped, the first: y", "one that prints without end");
    absent("sleep 60", "no reading within 5 s", "one that is silent");
}

/* Ten readings a second of a power and of an energy, described. */
static void described(void)
{
    struct circ_meter_session *session;
    static const char command[] =
        "echo '# channel wall_w scope board update_ms 50 error 1% ceiling_w 300'\n"
        "echo '# source wt310'\n"
        "echo '# channel card_mj pci 0000:65:00.0 scope gpu'\n"
        "echo '# channel socket_uw package 1 lag_ms 250'\n"
        "echo '# anything else'\n"
        "i=0; while :; do echo - socket_uw 5000000; echo \"- card_mj $((i * 1000))\"\n"
        "echo - wall_w 20; i=$((i+1)); sleep 0.05; done";
    if (!tap_ok(start(&session, command) == CIRC_OK, "a command that describes itself: %s",
                err.message))
        return;
    tap_ok(count == 3 && strcmp(channels[0].name, "wall") == 0 &&
               strcmp(channels[2].name, "socket") == 0 && strcmp(channels[1].name, "card") == 0,
           "three channels, without their endings, in the order in which they were described");
    tap_ok(channels[0].unit == CIRC_UNIT_UW && channels[0].scope == CIRC_SCOPE_BOARD &&
               channels[0].error == 0.01 && channels[0].update_ns == 50 * MS &&
               channels[0].power_ceiling_w == 300 && channels[0].package == -1,
           "the wall's description");
    tap_ok(channels[1].unit == CIRC_UNIT_UJ && channels[1].scope == CIRC_SCOPE_GPU &&
               strcmp(channels[1].pci, "0000:65:00.0") == 0 && channels[1].update_ns > 0,
           "the card's, and an interval that was measured: %.1f ms",
           (double)channels[1].update_ns / 1e6);
    tap_ok(channels[2].scope == CIRC_SCOPE_PACKAGE && channels[2].package == 1 &&
               channels[2].lag_ns == 250 * MS && channels[0].lag_ns == 0,
           "a package means scope package; its power is a mean over 250 ms");
    tap_ok(channels[2].power_ceiling_w == 1000 && channels[1].power_ceiling_w == 2000,
           "without a ceiling that of the scope");
    tap_ok(strcmp(channels[0].source, "exec:wt310") == 0, "the source is what it says");
    struct circ_delta delta;
    int64_t from = circ_clock_now_ns(), to = from + 400 * MS;
    tap_ok(!meter->between(session, 0, from, to, 1, &delta), "lines that have yet to come");
    delta = window(session, 0, from, to);
    tap_ok(delta.grade == CIRC_GRADE_OK && fabs(delta.value - 8e6) < 1 &&
               fabs(delta.bound - 8e4) < 1,
           "20 W for 0.4 s are 8 J, the sensor's 1 %% its bound");
    delta = window(session, 1, from, to);
    tap_ok((delta.grade == CIRC_GRADE_OK || delta.grade == CIRC_GRADE_SHORT) && delta.value > 0 &&
               delta.bound > 0,
           "the card's energy: %.2f J +- %.2f J", delta.value / 1e6, delta.bound / 1e6);
    meter->read(session, readings);
    tap_ok(readings[0].valid && readings[0].raw == 20000000 && readings[0].t_ns >= to - 200 * MS,
           "read gives the last line");
    tap_ok(window(session, 0, from - 3600000 * MS, from).grade == CIRC_GRADE_LOST,
           "an hour ago it did not run");
    meter->close(session);
}

static void times(void)
{
    struct circ_meter_session *session;
    char command[512];
    int64_t epoch = circ_clock_epoch_ns(), now = circ_clock_now_ns();
    snprintf(command, sizeof command,
             "echo %lld a_w 1; echo '# channel b_w error 1%%'; echo %lld b_w 2; echo %lld a_w 1; "
             "echo %lld b_w 2; sleep 60",
             (long long)epoch, (long long)now, (long long)(epoch + 1000 * MS),
             (long long)(now + 1000 * MS));
    if (!tap_ok(start(&session, command) == CIRC_OK && count == 2, "times of both clocks"))
        return;
    meter->read(session, readings);
    tap_ok(llabs(readings[0].t_ns - now - 1000 * MS) < 100 * MS, "since the epoch: %.3f ms off",
           (double)(readings[0].t_ns - now - 1000 * MS) / 1e6);
    circ_clock_sleep_ns(20 * MS);
    meter->read(session, readings);
    tap_ok(readings[1].t_ns == now + 1000 * MS, "and of CLOCK_MONOTONIC");
    tap_ok(llabs(channels[1].update_ns - 1000 * MS) < MS, "its interval is a second");
    struct circ_delta delta = window(session, 1, now + 100 * MS, now + 600 * MS);
    tap_ok(delta.grade == CIRC_GRADE_OK && fabs(delta.value - 1e6) < 1, "2 W for 0.5 s are 1 J");
    delta = window(session, 0, now + 100 * MS, now + 600 * MS);
    tap_ok(delta.grade == CIRC_GRADE_SHORT && strstr(delta.reason, "error 2%"),
           "moments a second apart, and no error stated: %s", delta.reason);
    meter->close(session);
}

/* A line has the time at which it came, and not that of the next read. */
static void arrival(void)
{
    struct circ_meter_session *session;
    char command[1024], root[TREE_PATH], path[TREE_PATH + 16];
    bool made = tree_create(root);
    snprintf(path, sizeof path, "%s/said", root);
    snprintf(command, sizeof command,
             "echo - w_w 5; sleep 0.05; echo - w_w 5; until [ -e %s/go ]; do sleep 0.01; done; "
             "echo - w_w 7; echo 1 > %s; sleep 60",
             root, path);
    if (!tap_ok(made && start(&session, command) == CIRC_OK, "a command that is told when"))
        return;
    uint64_t said;
    tree_write(root, "go", "1");
    for (int i = 0; i < 2000 && circ_sysfs_counter(path, &said) != 0; i++)
        circ_clock_sleep_ns(5 * MS);
    circ_clock_sleep_ns(500 * MS);
    int64_t asked_ns = circ_clock_now_ns();
    meter->read(session, readings);
    tap_ok(readings[0].raw == 7000000 && readings[0].t_ns < asked_ns,
           "its line came %.0f ms before it was asked for",
           (double)(asked_ns - readings[0].t_ns) / 1e6);
    meter->close(session);
    tree_remove(root);
}

static int64_t processor_ns(void)
{
    struct timespec spent;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent);
    return spent.tv_sec * 1000 * MS + spent.tv_nsec;
}

/* Good lines without end, and several at once. */
static void floods(void)
{
    struct circ_meter_session *session;
    if (!tap_ok(start(&session, "yes -- '- a_w 30'") == CIRC_OK && count == 1 && !*err.message,
                "lines without end: all are good: %s", err.message))
        return;
    int64_t from = circ_clock_now_ns(), begun = processor_ns();
    circ_clock_sleep_ns(500 * MS);
    tap_note("%.1f %% of a processor",
             (double)(processor_ns() - begun) / (double)(circ_clock_now_ns() - from) * 100);
    struct circ_delta delta = window(session, 0, from, from + 400 * MS);
    tap_ok(fabs(delta.value - 12e6) < 1 && channels[0].update_ns >= MS,
           "30 W for 0.4 s, thinned to one in %.1f ms %s", (double)channels[0].update_ns / 1e6,
           delta.reason);
    meter->close(session);
    if (!tap_ok(start(&session, "while :; do printf -- '- a_w 1\\n- a_w 2\\n- b_j 5\\n- a_w 3\\n'; "
                                "sleep 0.02; done") == CIRC_OK &&
                    count == 2 && !*err.message,
                "four lines at once are no rubbish: %s", err.message))
        return;
    meter->read(session, readings);
    tap_ok(readings[0].valid && readings[0].raw == 3000000, "the last of them counts");
    meter->close(session);
    if (!tap_ok(start(&session, "while :; do echo - a_w 1e30; sleep 0.02; done") == CIRC_OK,
                "a command that lies"))
        return;
    from = circ_clock_now_ns();
    delta = window(session, 0, from, from + 100 * MS);
    tap_ok(delta.grade == CIRC_GRADE_AMBIGUOUS && isnan(delta.value), "%s", delta.reason);
    meter->close(session);
}

static void death(void)
{
    struct circ_meter_session *session;
    if (!tap_ok(start(&session, "echo - w_w 5; sleep 0.05; echo - w_w 5; echo oops; sleep 0.3; "
                                "echo bad weather >&2; exit 7") == CIRC_OK,
                "a command that will die"))
        return;
    int64_t now = circ_clock_now_ns();
    struct circ_delta delta = window(session, 0, now, now + 2000 * MS);
    tap_ok(delta.grade == CIRC_GRADE_LOST && isnan(delta.value) &&
               strstr(delta.reason, "ended with status 7 (bad weather)"),
           "the window is lost: %s", delta.reason);
    meter->read(session, readings);
    tap_ok(!readings[0].valid, "and its readings are not valid");
    meter->close(session);

    tap_ok(start(&session, "echo - w_w 5; sleep 0.05; echo - w_w 5; exec >&-; sleep 60") == CIRC_OK,
           "one that closes its output");
    now = circ_clock_now_ns();
    delta = window(session, 0, now, now + 2000 * MS);
    tap_ok(strstr(delta.reason, "closed its output"), "is lost too: %s", delta.reason);
    meter->close(session);
}

/* Its children are gone with it, though they ignore being asked. */
static void ending(void)
{
    struct circ_meter_session *session;
    char command[1024], root[TREE_PATH], path[TREE_PATH + 16];
    int child = 0;
    bool made = tree_create(root);
    snprintf(path, sizeof path, "%s/child", root);
    snprintf(command, sizeof command,
             "(trap '' TERM; echo $$ > %s; while :; do sleep 1; done) & "
             "sh -c 'echo $$ > %s; trap \"\" TERM; while :; do sleep 1; done' & "
             "echo - w_w 5; sleep 0.1; echo - w_w 5; sleep 60",
             path, path);
    if (!tap_ok(made && start(&session, command) == CIRC_OK, "a command with children"))
        return;
    for (int i = 0; i < 400 && child == 0; i++) {
        uint64_t number;
        if (circ_sysfs_counter(path, &number) == 0)
            child = (int)number;
        circ_clock_sleep_ns(5 * MS);
    }
    tap_ok(child > 0 && kill(child, 0) == 0, "one of which is %d", child);
    meter->close(session);
    bool gone = false;
    for (int i = 0; i < 400 && !gone; i++) {
        gone = kill(child, 0) != 0 && errno == ESRCH;
        circ_clock_sleep_ns(5 * MS);
    }
    tap_ok(gone, "is gone after close");
    tree_remove(root);
    meter->close(NULL);
}

/* The same through the watch, whose marks are moments that the lines reach later. */
static void watched(void)
{
    const struct circ_meter_request request = {
        .command = "echo '# channel wall_w error 1%'\n"
                   "while :; do echo - wall_w 40; sleep 0.02; done"};
    const char *const only[] = {"exec"};
    const struct circ_watch_rule rule = {
        .names = only, .name_count = 1, .request = &request, .threaded = true};
    struct circ_watch *watch;
    if (!tap_ok(circ_watch_open(&watch, &rule, &err) == CIRC_OK, "a watch of exec alone"))
        return;
    struct circ_mark *marks = calloc(2, sizeof *marks);
    int first = 0;
    circ_watch_begin(watch);
    circ_mark_set(watch, &marks[0]);
    circ_clock_sleep_ns(300 * MS);
    circ_mark_set(watch, &marks[1]);
    bool settled = circ_mark_settle(watch, &marks[1], &first, 1, 5000 * MS);
    struct circ_delta delta = circ_mark_difference(watch, 0, &marks[0], &marks[1], 0.02);
    circ_watch_end(watch);
    int64_t length = marks[1].channels[0].t_ns - marks[0].channels[0].t_ns;
    tap_ok(settled && delta.grade == CIRC_GRADE_OK && length == delta.duration_ns &&
               length >= 300 * MS && fabs(delta.value - 4e7 * (double)length / 1e9) < 1,
           "40 W between two marks: %.3f J", delta.value / 1e6);
    free(marks);
    circ_watch_close(watch);
}

int main(void)
{
    meter = circ_meters_find("exec");
    if (!tap_ok(meter && meter->energy && meter->between, "the meter is there"))
        return tap_done();
    refusals();
    described();
    times();
    arrival();
    floods();
    death();
    ending();
    watched();
    return tap_done();
}
