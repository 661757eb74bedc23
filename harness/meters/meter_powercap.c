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

/* The kernel's file is kept open: a read costs a system call. A file of a tree that stands for /sys
 * may be replaced by another of its name at any moment, and is opened anew for each read. */
struct counter {
    int fd; /* -1 in a tree */
    char path[CIRC_SYSFS_PATH];
};

struct circ_meter_session {
    int count;
    struct counter counters[CIRC_MAX_CHANNELS];
};

/* Zones whose counters cannot be read. */
struct refusals {
    const struct circ_zone *zones[CIRC_MAX_ZONES];
    int count, code; /* the errno of the first */
};

static bool has_channel(const struct circ_channel *channels, int count, const char *name)
{
    for (int i = 0; i < count; i++)
        if (strcmp(channels[i].name, name) == 0)
            return true;
    return false;
}

static int read_counter(const struct counter *counter, uint64_t *raw)
{
    return counter->fd >= 0 ? circ_sysfs_counter_at(counter->fd, raw)
                            : circ_sysfs_counter(counter->path, raw);
}

/* Opens the energy counter of a zone and reads it once; 0 or an errno. */
static int open_counter(struct counter *counter, const struct circ_zone *zone)
{
    uint64_t raw;
    counter->fd = -1;
    if (snprintf(counter->path, sizeof counter->path, "%s/energy_uj", zone->path) >=
        CIRC_SYSFS_PATH)
        return ENAMETOOLONG;
    if (!circ_meters_replayed()) {
        counter->fd = open(counter->path, O_RDONLY | O_CLOEXEC);
        if (counter->fd < 0)
            return errno;
    }
    int code = read_counter(counter, &raw);
    if (code && counter->fd >= 0)
        close(counter->fd);
    return code;
}

/* Of a package whose dies are counted one by one, those that can be read are not the package while
 * one is missing: they are kept, and never chosen for it. */
static bool split(struct circ_channel *channels, int count, const struct circ_channel *missing)
{
    bool kept = false;
    for (int i = 0; i < count && missing->scope == CIRC_SCOPE_PACKAGE; i++)
        if (channels[i].scope == CIRC_SCOPE_PACKAGE &&
            circ_domains_package_of(channels[i].name) == missing->package) {
            channels[i].package = -1;
            kept = true;
        }
    return kept;
}

/* Why it does not open, or, when some channels did, what is missing beside them. A zone whose twin
 * could be read is not missing. */
static enum circ_status explain(const struct refusals *refusals, struct circ_channel *channels,
                                int count, const struct circ_zone *zones, int zone_count,
                                struct circ_error *err)
{
    enum circ_status status = count ? CIRC_OK : CIRC_ABSENT;
    const struct circ_zone *first = NULL;
    char missing[128] = "";
    int broken = -1; /* a package of which a die is missing */
    for (int i = 0; i < refusals->count; i++) {
        struct circ_channel channel = circ_zones_channel(zones, zone_count, refusals->zones[i]);
        size_t used = strlen(missing);
        if (has_channel(channels, count, channel.name))
            continue;
        first = first ? first : refusals->zones[i];
        if (split(channels, count, &channel))
            broken = channel.package;
        if (count && used < 64)
            snprintf(missing + used, sizeof missing - used, "%s%.24s", used ? ", " : "without ",
                     channel.name);
    }
    if (broken >= 0)
        snprintf(missing + strlen(missing), sizeof missing - strlen(missing),
                 " (so that package %d is not whole)", broken);
    const char *colon = *missing ? ": " : "";
    if (!first)
        return circ_status_fail(err, status, "%s", "");
    if (refusals->code == EACCES || refusals->code == EPERM)
        return circ_status_fail_native(
            err, status, refusals->code,
            "powercap: %s%s%.120s/energy_uj is readable by root only (CVE-2020-8694); until the "
            "next boot:\n"
            "    sudo chmod a+r /sys/class/powercap/*/energy_uj\n"
            "or for good:\n"
            "    echo 'SUBSYSTEM==\"powercap\", ACTION==\"add\", RUN+=\"/bin/chmod a+r "
            "/sys%%p/energy_uj\"' | sudo tee /etc/udev/rules.d/60-energy.rules",
            missing, colon, first->path);
    return circ_status_fail_native(
        err, status, refusals->code, "powercap: %s%s%s/energy_uj cannot be read: %s", missing,
        colon, first->path,
        refusals->code == EINVAL || refusals->code == EAGAIN ? "it does not hold a whole number"
                                                             : strerror(refusals->code));
}

static enum circ_status open_powercap(struct circ_meter_session **session,
                                      struct circ_channel *channels, int *count,
                                      const struct circ_meter_request *request,
                                      struct circ_error *err)
{
    enum circ_status status = CIRC_OK;
    char root[CIRC_SYSFS_PATH];
    struct refusals refusals = {.count = 0};
    int zone_count = 0;
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
        int code = open_counter(&opened->counters[opened->count], &zones[i]);
        if (!code) {
            channels[opened->count++] = channel;
            continue;
        }
        refusals.code = refusals.count ? refusals.code : code;
        refusals.zones[refusals.count++] = &zones[i];
    }
    if (opened->count == 0 && refusals.count == 0)
        status =
            circ_status_fail(err, CIRC_ABSENT,
                             "powercap: no energy counter under %s; virtual machines have none, "
                             "elsewhere try: sudo modprobe intel_rapl_msr",
                             root);
    else
        status = explain(&refusals, channels, opened->count, zones, zone_count, err);
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
        readings[i] = (struct circ_reading){.valid = false};
        readings[i].valid = read_counter(&session->counters[i], &readings[i].raw) == 0;
        readings[i].t_ns = circ_clock_now_ns();
    }
}

static void close_powercap(struct circ_meter_session *session)
{
    if (!session)
        return;
    for (int i = 0; i < session->count; i++)
        if (session->counters[i].fd >= 0)
            close(session->counters[i].fd);
    free(session);
}

static enum circ_status probe(const struct circ_meter_request *request, struct circ_error *err)
{
    struct circ_channel channels[CIRC_MAX_CHANNELS];
    struct circ_meter_session *session;
    int count;
    enum circ_status status = open_powercap(&session, channels, &count, request, err);
    if (status == CIRC_OK)
        close_powercap(session); /* what open says is missing stays in err */
    return status;
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
