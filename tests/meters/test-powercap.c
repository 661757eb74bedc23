/* The powercap meter on trees in the layout of /sys, and on a tree whose counters move. */
#include "harness/meters/choice.h"
#include "harness/meters/difference.h"
#include "harness/meters/meter.h"
#include "tests/meters/sysfs_tree.h"
#include "tests/tap.h"

#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct circ_meter *meter;
static struct circ_channel channels[CIRC_MAX_CHANNELS];
static struct circ_reading readings[CIRC_MAX_CHANNELS];
static struct circ_error err;

static const struct circ_channel *find(int count, const char *name)
{
    for (int i = 0; i < count; i++)
        if (strcmp(channels[i].name, name) == 0)
            return &channels[i];
    tap_ok(false, "there is a channel %s", name);
    return &channels[0];
}

/* Opens the tree, reads it once, closes it; the number of channels, 0 when it does not open. */
static int replay(const char *fixtures, const char *name)
{
    struct circ_meter_session *session;
    int count = 0;
    tree_use(fixtures, name);
    if (!tap_ok(meter->open(&session, channels, &count, NULL, &err) == CIRC_OK, "%s opens", name)) {
        tap_note("%s", err.message);
        return 0;
    }
    meter->read(session, readings);
    meter->close(session);
    bool valid = true;
    for (int i = 0; i < count; i++)
        valid = valid && readings[i].valid && channels[i].unit == CIRC_UNIT_UJ &&
                channels[i].scale == 1 && channels[i].update_ns > 0;
    tap_ok(valid, "%s: all %d readings are valid", name, count);
    return count;
}

static enum circ_status choose(const struct circ_channel *all, int count, uint64_t packages,
                               int *chosen, int *chosen_count)
{
    const struct circ_consumer consumer = {.cpu = true, .packages = packages};
    return circ_choice_make(all, count, &consumer, chosen, chosen_count, &err);
}

static void two_sockets(const char *fixtures)
{
    int count = replay(fixtures, "intel-2-socket");
    int chosen[CIRC_MAX_CHANNELS], chosen_count;
    tap_ok(count == 5, "two packages, two drams, psys: the mmio twins are merged");
    const struct circ_channel *psys = find(count, "psys"), *first = find(count, "package-0"),
                              *second = find(count, "package-1"),
                              *dram = find(count, "package-1-dram");
    tap_ok(first->package == 0 && second->package == 1 && psys->package == -1,
           "packages are known by name: zone intel-rapl:2 is package 1");
    tap_ok(strcmp(first->source, "powercap:intel-rapl") == 0, "of the twins the MSR's is read");
    tap_ok(readings[second - channels].raw == 98765432109, "package-1 has its own counter");
    tap_ok(first->parent == psys - channels && second->parent == psys - channels &&
               dram->parent == psys - channels && psys->parent == -1,
           "psys contains the packages and the dram");
    tap_ok(dram->scope == CIRC_SCOPE_DRAM && dram->wrap == 65712999613 && dram->package == 1,
           "dram has its own range and its package");
    tap_ok(first->power_ceiling_w == 1000 && dram->power_ceiling_w == 247.5,
           "ceilings: 4 x 635 W stops at the constant, 4 x 61.875 W does not");
    tap_ok(choose(channels, count, 3, chosen, &chosen_count) == CIRC_OK && chosen_count == 2 &&
               channels[chosen[0]].scope == CIRC_SCOPE_PACKAGE &&
               channels[chosen[1]].scope == CIRC_SCOPE_PACKAGE,
           "the default is the sum of the two packages");
}

static void laptop(const char *fixtures)
{
    int count = replay(fixtures, "intel-laptop");
    tap_ok(count == 5, "package, core, uncore, dram and psys, though most are not `enabled`");
    const struct circ_channel *package = find(count, "package-0");
    tap_ok(find(count, "package-0-core")->parent == package - channels &&
               find(count, "package-0-uncore")->parent == package - channels,
           "core and uncore lie in the package");
    tap_ok(find(count, "package-0-dram")->parent == find(count, "psys") - channels,
           "dram does not: it lies in psys");
    tap_ok(package->power_ceiling_w == 256, "its ceiling is 4 x the short-term limit of 64 W");
}

static void amd(const char *fixtures)
{
    int count = replay(fixtures, "amd");
    tap_ok(count == 2 && find(count, "package-0")->wrap == 65532610987 &&
               find(count, "package-0-core")->parent == 0,
           "package and core, with the range that the zone states");
    count = replay(fixtures, "amd-no-range");
    tap_ok(count == 1 && channels[0].wrap == UINT64_MAX, "a range that cannot be read is unknown");
    struct circ_meter_session *session;
    tree_use(fixtures, "no-zones");
    tap_ok(meter->probe(NULL, &err) == CIRC_ABSENT && strstr(err.message, "modprobe"),
           "no zones: absent, %s", err.message);
    tap_ok(meter->open(&session, channels, &count, NULL, &err) == CIRC_ABSENT,
           "and it does not open");
    tree_use(fixtures, "there-is-no-such-tree");
    tap_ok(meter->probe(NULL, &err) == CIRC_ABSENT, "no tree at all: absent");
}

/* The two readings of a window, with the counter set in between. */
static struct circ_delta window(const char *root, const char *before, const char *after)
{
    static const char counter[] = "class/powercap/intel-rapl:0/energy_uj";
    struct circ_delta failed = {.grade = CIRC_GRADE_LOST};
    struct circ_meter_session *session;
    struct circ_reading first[CIRC_MAX_CHANNELS], second[CIRC_MAX_CHANNELS];
    int count;
    if (!tree_write(root, counter, before) ||
        meter->open(&session, channels, &count, NULL, &err) != CIRC_OK)
        return failed;
    meter->read(session, first);
    bool written = tree_write(root, counter, after);
    meter->read(session, second);
    meter->close(session);
    second[0].t_ns = first[0].t_ns + 1000000000; /* a second, whatever the test machine took */
    return written ? circ_difference_take(&channels[0], &first[0], &second[0], 0.05) : failed;
}

static void moving(void)
{
    char root[TREE_PATH];
    if (!tap_ok(
            tree_create(root) &&
                tree_write(root, "class/powercap/intel-rapl:0/name", "package-0") &&
                tree_write(root, "class/powercap/intel-rapl:0/max_energy_range_uj", "262143328850"),
            "a tree to write in"))
        return;
    struct circ_delta delta = window(root, "1000", "60001000");
    tap_ok(delta.grade == CIRC_GRADE_OK && delta.value == 6e7, "a counter that moves: 60 J");
    delta = window(root, "262143328000", "59999150");
    tap_ok(delta.grade == CIRC_GRADE_OK && delta.wrapped && delta.value == 6e7,
           "the same over a wrap");
    tap_ok(window(root, "1000", "1000").grade == CIRC_GRADE_NO_TICK, "one that stands still");
    tap_ok(window(root, "5000000000", "1000").grade == CIRC_GRADE_LOST, "one that was reset");
    tap_ok(window(root, "1000", "").grade == CIRC_GRADE_LOST &&
               window(root, "1000", "error").grade == CIRC_GRADE_LOST,
           "one that stops being a number: lost, not zero");
    tree_remove(root);
}

/* Two packages of which one gives no number, and twins. A folder in the place of a file is one that
 * not even root can read. */
static void partly(void)
{
    char root[TREE_PATH];
    int count = 0, chosen[CIRC_MAX_CHANNELS], chosen_count;
    struct circ_meter_session *session;
    bool made = tree_create(root) &&
                tree_write(root, "class/powercap/intel-rapl:0/name", "package-0") &&
                tree_write(root, "class/powercap/intel-rapl:0/energy_uj", "1000") &&
                tree_write(root, "class/powercap/intel-rapl:0/max_energy_range_uj", "many") &&
                tree_write(root, "class/powercap/intel-rapl:1/name", "package-1") &&
                tree_write(root, "class/powercap/intel-rapl:1/energy_uj/folder", "");
    if (!tap_ok(made && meter->open(&session, channels, &count, NULL, &err) == CIRC_OK &&
                    count == 1,
                "one of two packages is kept"))
        return;
    tap_ok(strstr(err.message, "without package-1") && strstr(err.message, "intel-rapl:1"),
           "and the other named: %s", err.message);
    tap_ok(channels[0].wrap == UINT64_MAX, "a range that is no number is unknown");
    tap_ok(choose(channels, count, 3, chosen, &chosen_count) == CIRC_ABSENT,
           "one package is not the sum of two: %s", err.message);
    meter->close(session);
    tap_ok(meter->probe(NULL, &err) == CIRC_OK && strstr(err.message, "without package-1"),
           "probe says so too");

    tree_write(root, "class/powercap/intel-rapl-mmio:0/name", "package-1");
    tree_write(root, "class/powercap/intel-rapl-mmio:0/energy_uj", "2000");
    tap_ok(meter->open(&session, channels, &count, NULL, &err) == CIRC_OK && count == 2 &&
               strcmp(find(count, "package-1")->source, "powercap:intel-rapl-mmio") == 0 &&
               !*err.message,
           "where the MSR's twin cannot be read, the other is");
    meter->read(session, readings);
    char path[2 * TREE_PATH], aside[2 * TREE_PATH];
    snprintf(path, sizeof path, "%s/class/powercap/intel-rapl-mmio:0", root);
    snprintf(aside, sizeof aside, "%s/aside", root);
    tap_ok(readings[0].valid && readings[1].valid && rename(path, aside) == 0, "both are read");
    meter->read(session, readings);
    tap_ok(readings[0].valid && readings[0].raw == 1000 && !readings[1].valid,
           "a zone that vanishes fails alone");
    tap_ok(rename(aside, path) == 0, "it comes back");
    meter->read(session, readings);
    tap_ok(readings[1].valid && readings[1].raw == 2000, "and is read again");
    meter->close(session);
    tree_remove(root);
}

/* A package of two dies, one of which gives no number, beside one that is whole. */
static void dies(void)
{
    char root[TREE_PATH];
    int count = 0, chosen[CIRC_MAX_CHANNELS], chosen_count;
    struct circ_meter_session *session;
    bool made = tree_create(root) &&
                tree_write(root, "class/powercap/intel-rapl:0/name", "package-0-die-0") &&
                tree_write(root, "class/powercap/intel-rapl:0/energy_uj", "1000") &&
                tree_write(root, "class/powercap/intel-rapl:1/name", "package-0-die-1") &&
                tree_write(root, "class/powercap/intel-rapl:1/energy_uj", "2000") &&
                tree_write(root, "class/powercap/intel-rapl:2/name", "package-1") &&
                tree_write(root, "class/powercap/intel-rapl:2/energy_uj", "3000");
    if (!tap_ok(made && meter->open(&session, channels, &count, NULL, &err) == CIRC_OK &&
                    count == 3,
                "two dies and a package"))
        return;
    meter->close(session);
    tap_ok(find(count, "package-0-die-0")->package == 0 &&
               find(count, "package-0-die-1")->package == 0 &&
               choose(channels, count, 3, chosen, &chosen_count) == CIRC_OK && chosen_count == 3,
           "both dies are package 0");
    made = tree_write(root, "class/powercap/intel-rapl:1/energy_uj", "none");
    if (!tap_ok(made && meter->open(&session, channels, &count, NULL, &err) == CIRC_OK &&
                    count == 2,
                "one of the dies cannot be read"))
        return;
    meter->close(session);
    tap_ok(find(count, "package-0-die-0")->package == -1 && find(count, "package-1")->package == 1,
           "the other is kept, and not for the package");
    tap_ok(strstr(err.message, "without package-0-die-1 (so that package 0 is not whole)"),
           "which is said: %s", err.message);
    tap_ok(choose(channels, count, 1, chosen, &chosen_count) == CIRC_ABSENT, "nor chosen: %s",
           err.message);
    tap_ok(choose(channels, count, 2, chosen, &chosen_count) == CIRC_OK && chosen_count == 1,
           "the package beside it is");

    tree_write(root, "class/powercap/intel-rapl:1/name", "package-abc");
    tree_write(root, "class/powercap/intel-rapl:1/energy_uj", "2000");
    tree_write(root, "class/powercap/intel-rapl:2/name", "package-0x");
    if (tap_ok(meter->open(&session, channels, &count, NULL, &err) == CIRC_OK && count == 1 &&
                   strcmp(channels[0].name, "package-0-die-0") == 0,
               "a name without a number is no package"))
        meter->close(session);
    tree_remove(root);
}

/* A reader beside a writer that empties the file and fills it, or replaces it. */
static void torn(void)
{
    static const char *const numbers[] = {"111111111111", "2222222222", "33333333333333"};
    static const char counter[] = "class/powercap/intel-rapl:0/energy_uj";
    char root[TREE_PATH], path[2 * TREE_PATH], fresh[2 * TREE_PATH];
    struct circ_meter_session *session;
    int count = 0, state, valid = 0, wrong = 0;
    bool made = tree_create(root) &&
                tree_write(root, "class/powercap/intel-rapl:0/name", "package-0") &&
                tree_write(root, counter, numbers[0]);
    snprintf(path, sizeof path, "%s/%s", root, counter);
    snprintf(fresh, sizeof fresh, "%s/fresh", root);
    if (!tap_ok(made && meter->open(&session, channels, &count, NULL, &err) == CIRC_OK,
                "a counter that is rewritten"))
        return;
    pid_t child = fork();
    if (child == 0)
        alarm(60); /* should this test not live to end it */
    for (unsigned i = 0; child == 0; i++) {
        if (i % 3 == 0 && tree_write(root, "fresh", numbers[i / 3 % 3]))
            rename(fresh, path);
        else
            tree_write(root, counter, numbers[i % 3]);
    }
    for (int i = 0; i < 20000; i++) {
        meter->read(session, readings);
        char text[32];
        snprintf(text, sizeof text, "%llu", (unsigned long long)readings[0].raw);
        valid += readings[0].valid;
        wrong += readings[0].valid && strcmp(text, numbers[0]) != 0 &&
                 strcmp(text, numbers[1]) != 0 && strcmp(text, numbers[2]) != 0;
    }
    kill(child, SIGKILL);
    tap_ok(waitpid(child, &state, 0) == child && wrong == 0 && valid > 0,
           "%d of 20000 readings are valid, none of them is part of a number", valid);
    meter->close(session);
    static const char *const none[] = {
        "", "-1", "1e6", "12 34", "99999999999999999999", "184467440737095516150"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        tap_ok(window(root, "1000", none[i]).grade == CIRC_GRADE_LOST, "'%s' is no number",
               none[i]);
    FILE *file = fopen(path, "w");
    tap_ok(file && fputs("1234", file) >= 0 && fclose(file) == 0 &&
               meter->probe(NULL, &err) == CIRC_ABSENT && strstr(err.message, "whole number"),
           "a number that is cut short: %s", err.message);
    tree_remove(root);
}

/* Modes do not bind root: the child gives it up first. */
static void denied(void)
{
    static const char counter[] = "class/powercap/intel-rapl:0/energy_uj";
    char root[TREE_PATH], path[2 * TREE_PATH];
    int out[2], state = 0;
    if (!tap_ok(tree_create(root) &&
                    tree_write(root, "class/powercap/intel-rapl:0/name", "package-0") &&
                    tree_write(root, counter, "5") && pipe(out) == 0,
                "a tree to lock"))
        return;
    snprintf(path, sizeof path, "%s/%s", root, counter);
    bool locked = chmod(path, geteuid() == 0 ? 0400 : 0) == 0;
    pid_t child = fork();
    if (child == 0) {
        struct circ_error why = {0};
        if (geteuid() == 0 && (setgroups(0, NULL) != 0 || setgid(65534) != 0 || setuid(65534) != 0))
            _exit(2);
        bool absent = meter->probe(NULL, &why) == CIRC_ABSENT;
        ssize_t sent = write(out[1], why.message, strlen(why.message) + 1);
        _exit(!absent || sent <= 0);
    }
    char message[sizeof err.message] = "";
    close(out[1]);
    ssize_t got = read(out[0], message, sizeof message - 1);
    close(out[0]);
    bool ended = child > 0 && waitpid(child, &state, 0) == child && WIFEXITED(state);
    if (ended && WEXITSTATUS(state) == 2)
        tap_skip("root cannot be given up here", "a counter that only root may read");
    else
        tap_ok(locked && got > 0 && ended && WEXITSTATUS(state) == 0 &&
                   strstr(message, "sudo chmod a+r") && strstr(message, "udev"),
               "a counter that only root may read is absent, with the lines to paste");
    tap_ok(strlen(message) < sizeof message - 1, "the message is whole");
    for (char *line = strtok(message, "\n"); line; line = strtok(NULL, "\n"))
        tap_note("%s", line);
    tree_remove(root);
}

int main(int argc, char **argv)
{
    meter = circ_meters_find("powercap");
    if (!tap_ok(argc == 2 && meter && meter->energy, "the meter is there, for the energy pass"))
        return tap_done();
    two_sockets(argv[1]);
    laptop(argv[1]);
    amd(argv[1]);
    moving();
    partly();
    dies();
    torn();
    denied();
    return tap_done();
}
