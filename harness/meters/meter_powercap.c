/* The energy counters of the kernel's power capping framework: RAPL on Intel and AMD processors. It
 * opens and reads counters; which zones there are, and what they mean, is zones.c. It writes
 * nothing. */
#include "harness/meters/clock.h"
#include "harness/meters/domains.h"
#include "harness/meters/meter.h"
#include "harness/meters/sysfs.h"
#include "harness/meters/zones.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct circ_meter_session {
    int count;
    int fds[CIRC_MAX_CHANNELS];
};

static bool has_channel(const struct circ_channel *channels, int count, const char *name)
{
    for (int i = 0; i < count; i++)
        if (strcmp(channels[i].name, name) == 0)
            return true;
    return false;
}

/* Opens the energy counter of a zone; the descriptor after one good read, or minus an errno. */
static int open_counter(const struct circ_zone *zone, char path[CIRC_SYSFS_PATH])
{
    char text[32] = "";
    uint64_t value;
    if (snprintf(path, CIRC_SYSFS_PATH, "%s/energy_uj", zone->path) >= CIRC_SYSFS_PATH)
        return -ENAMETOOLONG;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    ssize_t got = pread(fd, text, sizeof text - 1, 0);
    if (got <= 0 || !circ_sysfs_parse(text, &value)) {
        int code = got < 0 ? errno : EIO;
        close(fd);
        return -code;
    }
    return fd;
}

static enum circ_status fail_open(struct circ_error *err, const char *path, int code)
{
    if (code == EACCES || code == EPERM)
        return circ_status_fail_native(
            err, CIRC_ABSENT, code,
            "powercap: %s is readable by root only (CVE-2020-8694); until the next boot:\n"
            "    sudo chmod a+r /sys/class/powercap/*/energy_uj\n"
            "or for good:\n"
            "    echo 'SUBSYSTEM==\"powercap\", ACTION==\"add\", RUN+=\"/bin/chmod a+r "
            "/sys%%p/energy_uj\"' | sudo tee /etc/udev/rules.d/60-energy.rules",
            path);
    return circ_status_fail_native(err, CIRC_ABSENT, code, "powercap: %s cannot be read: %s", path,
                                   strerror(code));
}

static enum circ_status open_powercap(struct circ_meter_session **session,
                                      struct circ_channel *channels, int *count,
                                      const struct circ_meter_request *request,
                                      struct circ_error *err)
{
    enum circ_status status = CIRC_OK;
    char root[CIRC_SYSFS_PATH], path[CIRC_SYSFS_PATH], refused[CIRC_SYSFS_PATH] = "";
    int zone_count = 0, code = 0;
    (void)request;
    struct circ_meter_session *opened = calloc(1, sizeof *opened);
    struct circ_zone *zones = calloc(CIRC_MAX_ZONES, sizeof *zones);
    if (!opened || !zones) {
        status = circ_status_fail(err, CIRC_MEMORY, "powercap: out of memory");
        goto done;
    }
    if (!circ_sysfs_path(root, "class/powercap")) {
        status = circ_status_fail(err, CIRC_USAGE, "powercap: CIRCBENCH_SYSFS is too long a path");
        goto done;
    }
    zone_count = circ_zones_find(root, zones);
    for (int i = 0; i < zone_count && opened->count < CIRC_MAX_CHANNELS; i++) {
        struct circ_channel channel = circ_zones_channel(zones, zone_count, &zones[i]);
        if (has_channel(channels, opened->count, channel.name))
            continue; /* the twin of a package that is there already */
        int fd = open_counter(&zones[i], path);
        if (fd < 0 && !code) {
            code = -fd;
            snprintf(refused, sizeof refused, "%s", path);
        }
        if (fd >= 0) {
            channels[opened->count] = channel;
            opened->fds[opened->count++] = fd;
        }
    }
    if (opened->count == 0 && code)
        status = fail_open(err, refused, code);
    else if (opened->count == 0)
        status =
            circ_status_fail(err, CIRC_ABSENT,
                             "powercap: no energy counter under %s; virtual machines have none, "
                             "elsewhere try: sudo modprobe intel_rapl_msr",
                             root);
    else
        circ_domains_nest(channels, 0, opened->count);
done:
    free(zones);
    if (status != CIRC_OK) {
        free(opened);
        return status;
    }
    *count = opened->count;
    *session = opened;
    return CIRC_OK;
}

static void read_powercap(struct circ_meter_session *session, struct circ_reading *readings)
{
    for (int i = 0; i < session->count; i++) {
        char text[32];
        ssize_t got = pread(session->fds[i], text, sizeof text - 1, 0);
        int64_t now = circ_clock_now_ns();
        readings[i] = (struct circ_reading){.valid = false};
        if (got <= 0)
            continue;
        text[got] = '\0';
        readings[i].t_ns = now;
        readings[i].valid = circ_sysfs_parse(text, &readings[i].raw);
    }
}

static void close_powercap(struct circ_meter_session *session)
{
    if (!session)
        return;
    for (int i = 0; i < session->count; i++)
        close(session->fds[i]);
    free(session);
}

static enum circ_status probe(const struct circ_meter_request *request, struct circ_error *err)
{
    struct circ_channel channels[CIRC_MAX_CHANNELS];
    struct circ_meter_session *session;
    int count;
    enum circ_status status = open_powercap(&session, channels, &count, request, err);
    if (status != CIRC_OK)
        return status;
    close_powercap(session);
    return circ_status_fail(err, CIRC_OK, "%s", "");
}

extern const struct circ_meter circ_meter_powercap;
const struct circ_meter circ_meter_powercap = {
    .name = "powercap",
    .description = "energy of CPU packages and their domains (RAPL, through /sys/class/powercap)",
    .probe = probe,
    .open = open_powercap,
    .read = read_powercap,
    .close = close_powercap,
    .energy = true,
};
