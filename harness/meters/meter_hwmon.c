/* Energies and powers of sensor chips under class/hwmon: AMD sockets, Jetson's rails, power
 * supplies, what a BMC measures. It chooses, names and nests; reading is hwmon.c, what is known of
 * chips chips.c. Graphics cards are meter_drm.c's, and batteries, whose power is also what charges
 * them, nobody's. */
#include "harness/meters/chips.h"
#include "harness/meters/clock.h"
#include "harness/meters/hwmon.h"
#include "harness/meters/topology.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_FOUND   128
#define MAX_SENSORS 512 /* of one chip */

struct found {
    struct circ_hwmon_sensor sensor;
    const struct circ_chip *kind;
    char place[64]; /* "1-0040": the device, which keeps its name when hwmonN does not */
    int order;      /* in its folder */
    bool demoted;   /* one of several that share a load */
};

struct circ_meter_session {
    struct circ_hwmon_sensor sensors[CIRC_MAX_CHANNELS];
    int count;
};

/* What open came upon, for its sentence. */
struct refusals {
    int denied, failed, code;
    const char *shared; /* what there are several of */
    char path[CIRC_SYSFS_PATH];
};

static bool below(char path[CIRC_SYSFS_PATH], const char *folder, const char *name)
{
    return snprintf(path, CIRC_SYSFS_PATH, "%s/%s", folder, name) < CIRC_SYSFS_PATH;
}

/* Whether the folder is a graphics card's or a battery's. */
static bool belongs_elsewhere(const char *folder)
{
    static const char *const supplies[] = {"Battery", "Mains", "UPS", "USB", "Wireless"};
    char path[CIRC_SYSFS_PATH], text[16];
    if (below(path, folder, "device/drm") && access(path, F_OK) == 0)
        return true;
    if (below(path, folder, "power1_is_battery") && circ_sysfs_text(path, text, sizeof text) == 0 &&
        strcmp(text, "1") == 0)
        return true;
    if (!below(path, folder, "device/type") || circ_sysfs_text(path, text, sizeof text) != 0)
        return false;
    for (size_t i = 0; i < sizeof supplies / sizeof *supplies; i++)
        if (strcmp(text, supplies[i]) == 0)
            return true;
    return false;
}

static void find_place(char place[64], const char *folder)
{
    char path[CIRC_SYSFS_PATH], link[CIRC_SYSFS_PATH];
    ssize_t length = below(path, folder, "device") ? readlink(path, link, sizeof link - 1) : -1;
    const char *name = folder;
    if (length > 0) {
        link[length] = '\0';
        name = link;
    }
    const char *slash = strrchr(name, '/');
    snprintf(place, 64, "%.63s", slash ? slash + 1 : name);
}

static int compare_found(const void *left, const void *right)
{
    const struct found *a = left, *b = right;
    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    int chip = strcmp(a->sensor.chip, b->sensor.chip);
    int place = strverscmp(a->place, b->place);
    return chip ? chip : place ? place : a->order - b->order;
}

/* Where two parts share the load, the power of one is not the machine's. */
static void demote(struct found *found, int count, struct refusals *refusals)
{
    for (int i = 0; i < count; i++)
        for (int j = 0; j < count; j++)
            if (found[i].kind->part && found[j].kind->part &&
                strcmp(found[i].kind->part, found[j].kind->part) == 0 &&
                (strcmp(found[i].place, found[j].place) != 0 ||
                 strcmp(found[i].sensor.chip, found[j].sensor.chip) != 0 ||
                 (i != j && found[i].sensor.unit == found[j].sensor.unit))) {
                found[i].demoted = true;
                refusals->shared = found[i].kind->part;
            }
}

/* Adds the sensors of one folder that can be read. */
static int look_into(const char *folder, struct found *found, int count,
                     struct circ_hwmon_sensor *sensors, struct refusals *refusals)
{
    int there = circ_hwmon_sensors(folder, sensors, MAX_SENSORS);
    for (int i = 0; i < there && i < MAX_SENSORS && count < MAX_FOUND; i++) {
        uint64_t raw;
        const struct circ_chip *kind = circ_chips_find(&sensors[i]);
        if (kind->left_out)
            continue;
        int code = circ_hwmon_try(&sensors[i], &raw);
        if (code) {
            bool denied = code == EACCES || code == EPERM;
            if (refusals->denied + refusals->failed == 0 || (denied && !refusals->denied)) {
                refusals->code = code;
                memcpy(refusals->path, sensors[i].path, sizeof refusals->path);
            }
            refusals->denied += denied;
            refusals->failed += !denied;
            continue;
        }
        found[count] = (struct found){.sensor = sensors[i], .kind = kind, .order = i};
        find_place(found[count++].place, folder);
    }
    return count;
}

static int find_all(struct found *found, struct circ_hwmon_sensor *sensors,
                    struct refusals *refusals)
{
    char root[CIRC_SYSFS_PATH], folder[CIRC_SYSFS_PATH];
    int count = 0;
    DIR *dir = circ_sysfs_path(root, "class/hwmon") ? opendir(root) : NULL;
    for (struct dirent *entry = dir ? readdir(dir) : NULL; entry; entry = readdir(dir))
        if (strncmp(entry->d_name, "hwmon", 5) == 0 && below(folder, root, entry->d_name) &&
            !belongs_elsewhere(folder))
            count = look_into(folder, found, count, sensors, refusals);
    if (dir)
        closedir(dir);
    qsort(found, (size_t)count, sizeof *found, compare_found);
    demote(found, count, refusals);
    return count;
}

/* amd_energy counts a "socket" for each NUMA node: they are packages where there are as many. */
static int package_of(const struct found *found, int count, int index)
{
    int nodes = 0, package;
    for (int i = 0; i < count; i++)
        nodes += found[i].kind->scope == CIRC_SCOPE_PACKAGE;
    if (sscanf(found[index].sensor.label, "Esocket%d", &package) != 1 || package < 0)
        return -1;
    return nodes == 1 || nodes == circ_topology_read().sockets ? package : -1;
}

static struct circ_channel make_channel(const struct found *found, int count, int index)
{
    const struct found *one = &found[index];
    const struct circ_hwmon_sensor *sensor = &one->sensor;
    struct circ_channel channel = {
        .unit = sensor->unit,
        .scope = one->demoted ? CIRC_SCOPE_UNCORE : one->kind->scope,
        .scale = sensor->scale,
        .update_ns = sensor->update_ns ? sensor->update_ns : one->kind->update_ns,
        .power_ceiling_w = one->kind->ceiling_w,
        .parent = -1,
        .package = -1,
    };
    channel.lag_ns = sensor->mean ? channel.update_ns : 0;
    if (channel.scope == CIRC_SCOPE_PACKAGE)
        channel.package = package_of(found, count, index);
    if (channel.package >= 0)
        snprintf(channel.name, sizeof channel.name, "package-%d", channel.package);
    else
        snprintf(channel.name, sizeof channel.name, "%.20s-%.42s", sensor->chip, sensor->label);
    for (char *letter = channel.name; *letter; letter++)
        if (*letter <= ' ' || *letter == ',')
            *letter = '_';
    snprintf(channel.source, sizeof channel.source, "hwmon:%.41s", sensor->chip);
    return channel;
}

/* A name that several have gets the device's behind it, in all of them. */
static void tell_apart(struct circ_channel *channels, const struct found *found, int count)
{
    bool twice[CIRC_MAX_CHANNELS] = {false};
    for (int i = 0; i < count; i++)
        for (int j = 0; j < i; j++)
            if (strcmp(channels[i].name, channels[j].name) == 0)
                twice[i] = twice[j] = true;
    for (int i = 0; i < count; i++) {
        char name[sizeof channels->name];
        bool again = false;
        for (int j = 0; j < i && twice[i]; j++)
            again = again || (twice[j] && strcmp(found[i].place, found[j].place) == 0 &&
                              strcmp(found[i].sensor.label, found[j].sensor.label) == 0);
        if (!twice[i])
            continue;
        memcpy(name, channels[i].name, sizeof name);
        if (again) /* one chip gives one label twice: an energy and a power */
            snprintf(channels[i].name, sizeof name, "%.34s@%.20s#%d", name, found[i].place,
                     found[i].order);
        else
            snprintf(channels[i].name, sizeof name, "%.40s@%.22s", name, found[i].place);
    }
}

/* The whole machine or module contains sockets and rails; a regulator's input its outputs. */
static void nest(struct circ_channel *channels, const struct found *found, int count)
{
    for (int i = 0; i < count; i++) {
        const struct circ_hwmon_sensor *sensor = &found[i].sensor;
        bool rail = strcmp(sensor->chip, "ina3221") == 0;
        bool output = strncmp(sensor->label, "pout", 4) == 0;
        for (int j = 0; j < count && channels[i].parent < 0; j++) {
            bool machine = channels[j].scope == CIRC_SCOPE_BOARD &&
                           (rail ? strcmp(found[j].sensor.chip, "ina3221") == 0
                                 : channels[i].scope == CIRC_SCOPE_PACKAGE);
            bool input = output && strncmp(found[j].sensor.label, "pin", 3) == 0 &&
                         strcmp(found[i].place, found[j].place) == 0;
            if (i != j && channels[i].scope != CIRC_SCOPE_BOARD && (machine || input))
                channels[i].parent = j;
        }
    }
}

/* Why it does not open; after it did, what is missing. */
static enum circ_status explain(const struct refusals *refusals,
                                const struct circ_channel *channels, int count,
                                struct circ_error *err)
{
    enum circ_status status = count ? CIRC_OK : CIRC_ABSENT;
    bool defaults = false;
    for (int i = 0; i < count; i++)
        defaults = defaults || channels[i].scope == CIRC_SCOPE_BOARD ||
                   (channels[i].scope == CIRC_SCOPE_PACKAGE && channels[i].package >= 0);
    if (refusals->denied)
        return circ_status_fail_native(
            err, status, refusals->code,
            "hwmon: %s is not readable for this user%s; until the next boot:\n"
            "    sudo chmod a+r /sys/class/hwmon/hwmon*/energy*_input "
            "/sys/class/hwmon/hwmon*/power*_average /sys/class/hwmon/hwmon*/power*_input",
            refusals->path, refusals->denied > 1 ? ", nor are others" : "");
    if (!count && refusals->failed)
        return circ_status_fail_native(err, status, refusals->code,
                                       "hwmon: %s cannot be read: %s; none of %d sensors can",
                                       refusals->path, strerror(refusals->code), refusals->failed);
    if (!count)
        return circ_status_fail(err, status,
                                "hwmon: no chip under %s/class/hwmon measures energy or power",
                                circ_meters_sysfs_root());
    if (refusals->shared)
        return circ_status_fail(err, status,
                                "hwmon: several %s share the load: each is stored, none is the "
                                "machine; a command for exec can add them",
                                refusals->shared);
    if (!defaults)
        return circ_status_fail(err, status,
                                "hwmon: none of the sensors is known to cover a package or the "
                                "machine: stored, never chosen");
    return circ_status_fail_native(
        err, status, refusals->code, "%s%s%s%s", refusals->failed ? "hwmon: " : "",
        refusals->failed ? refusals->path : "", refusals->failed ? " cannot be read now: " : "",
        refusals->failed ? strerror(refusals->code) : "");
}

static enum circ_status open_hwmon(struct circ_meter_session **session,
                                   struct circ_channel *channels, int *count,
                                   const struct circ_meter_request *request, struct circ_error *err)
{
    enum circ_status status;
    struct refusals refusals = {.denied = 0};
    (void)request;
    struct circ_meter_session *opened = calloc(1, sizeof *opened);
    struct found *found = calloc(MAX_FOUND, sizeof *found);
    struct circ_hwmon_sensor *sensors = calloc(MAX_SENSORS, sizeof *sensors);
    if (!opened || !found || !sensors) {
        status = circ_status_fail(err, CIRC_MEMORY, "hwmon: out of memory");
        goto done;
    }
    int there = find_all(found, sensors, &refusals);
    opened->count = there < CIRC_MAX_CHANNELS ? there : CIRC_MAX_CHANNELS;
    for (int i = 0; i < opened->count; i++) {
        channels[i] = make_channel(found, there, i);
        opened->sensors[i] = found[i].sensor;
    }
    tell_apart(channels, found, opened->count);
    nest(channels, found, opened->count);
    status = explain(&refusals, channels, opened->count, err);
done:
    free(sensors);
    free(found);
    if (status != CIRC_OK) {
        free(opened);
        return status;
    }
    *count = opened->count;
    *session = opened;
    return CIRC_OK;
}

static void read_hwmon(struct circ_meter_session *session, struct circ_reading *readings)
{
    for (int i = 0; i < session->count; i++) {
        readings[i] = (struct circ_reading){.valid = false};
        readings[i].valid = circ_hwmon_read(&session->sensors[i], &readings[i].raw);
        readings[i].t_ns = circ_clock_now_ns();
    }
}

static void close_hwmon(struct circ_meter_session *session)
{
    free(session);
}

static enum circ_status probe(const struct circ_meter_request *request, struct circ_error *err)
{
    struct circ_channel channels[CIRC_MAX_CHANNELS];
    struct circ_meter_session *session;
    int count;
    enum circ_status status = open_hwmon(&session, channels, &count, request, err);
    if (status == CIRC_OK)
        close_hwmon(session);
    return status;
}

extern const struct circ_meter circ_meter_hwmon;
const struct circ_meter circ_meter_hwmon = {
    .name = "hwmon",
    .description = "sensor chips: AMD sockets, Jetson rails, power supplies, a BMC's power meter",
    .probe = probe,
    .open = open_hwmon,
    .read = read_hwmon,
    .close = close_hwmon,
    .energy = true,
    .optional = true,
};
