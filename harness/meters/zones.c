/* Finds the zones under class/powercap and says what each one counts, as the kernel's
 * Documentation/power/powercap/powercap.rst describes them. It reads no counter.
 *
 * A zone is known by its `name`, never by its index: psys may sit between the packages. `enabled`
 * is not looked at: it says whether the zone's power LIMIT is enforced (0 for most dram and all AMD
 * zones, and where the firmware locked the limit); the energy counter runs regardless. */
#include "harness/meters/zones.h"
#include "harness/meters/domains.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CEILING_FACTOR                                                                             \
    4 /* a short excursion may exceed the limits: a 15 W part draws 60 W for a while */

/* Adds the zone in path, when its name is one of ours and its id not yet known. */
static void add_zone(struct circ_zone *zones, int *count, const char *path, const char *id)
{
    struct circ_zone zone = {.domain = NULL};
    char file[CIRC_SYSFS_PATH];
    for (int i = 0; i < *count; i++)
        if (strcmp(zones[i].id, id) == 0)
            return;
    if (*count == CIRC_MAX_ZONES || strlen(id) >= sizeof zone.id ||
        snprintf(file, sizeof file, "%s/name", path) >= (int)sizeof file ||
        circ_sysfs_text(file, zone.name, sizeof zone.name) != 0)
        return;
    zone.domain = circ_domains_of_zone(zone.name);
    if (!zone.domain)
        return;
    memcpy(zone.id, id, strlen(id) + 1);
    snprintf(zone.path, sizeof zone.path, "%s", path);
    zones[(*count)++] = zone;
}

/* Collects the zones under a folder. /sys/class/powercap lists all of them side by side; a copy of
 * the tree may hold them nested. Children carry their parent's name as a prefix, which keeps out of
 * `device` and `subsystem`, the links that lead back up. */
static void collect(struct circ_zone *zones, int *count, const char *folder, const char *prefix)
{
    DIR *dir = opendir(folder);
    if (!dir)
        return;
    size_t length = strlen(prefix);
    for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
        char path[CIRC_SYSFS_PATH];
        const char *id = entry->d_name;
        if (id[0] == '.' || (length && (strncmp(id, prefix, length) != 0 || id[length] != ':')) ||
            snprintf(path, sizeof path, "%s/%s", folder, id) >= (int)sizeof path)
            continue;
        if (strchr(id, ':'))
            add_zone(zones, count, path, id);
        collect(zones, count, path, id);
    }
    closedir(dir);
}

/* Packages of one control type before their twins of another: "intel-rapl" (MSR) before
 * "intel-rapl-mmio", then by index. */
static int compare_zones(const void *left, const void *right)
{
    const struct circ_zone *a = left, *b = right;
    size_t length_a = strcspn(a->id, ":"), length_b = strcspn(b->id, ":");
    if (length_a != length_b)
        return length_a < length_b ? -1 : 1;
    return strverscmp(a->id, b->id);
}

int circ_zones_find(const char *root, struct circ_zone *zones)
{
    int count = 0;
    collect(zones, &count, root, "");
    qsort(zones, (size_t)count, sizeof *zones, compare_zones);
    return count;
}

/* The zone whose id is this one's without its last index; NULL at the top. */
static const struct circ_zone *parent_of(const struct circ_zone *zones, int count,
                                         const struct circ_zone *zone)
{
    size_t length = (size_t)(strrchr(zone->id, ':') - zone->id);
    for (int i = 0; i < count; i++)
        if (strlen(zones[i].id) == length && strncmp(zones[i].id, zone->id, length) == 0)
            return &zones[i];
    return NULL;
}

/* The largest limit that the zone states, in watts, 0 if none. */
static double stated_limit_w(const struct circ_zone *zone)
{
    static const char *const files[] = {"max_power_uw", "power_limit_uw"};
    uint64_t largest = 0;
    for (int constraint = 0; constraint < 4; constraint++)
        for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
            char path[CIRC_SYSFS_PATH];
            uint64_t value;
            if (snprintf(path, sizeof path, "%s/constraint_%d_%s", zone->path, constraint,
                         files[i]) < (int)sizeof path &&
                circ_sysfs_number(path, &value) == 0 && value > largest)
                largest = value;
        }
    return (double)largest / 1e6;
}

/* A stated limit may be absurd either way (0, or "no limit" as 4 kW): it only narrows the constant.
 */
static double ceiling_w(const struct circ_zone *zone)
{
    double constant = zone->domain->ceiling_w;
    double limit = CEILING_FACTOR * stated_limit_w(zone);
    if (limit <= 0 || limit > constant)
        return constant;
    return limit < constant / 10 ? constant / 10 : limit;
}

struct circ_channel circ_zones_channel(const struct circ_zone *zones, int count,
                                       const struct circ_zone *zone)
{
    struct circ_channel channel = {.unit = CIRC_UNIT_UJ,
                                   .scope = zone->domain->scope,
                                   .scale = 1,
                                   .wrap = UINT64_MAX,
                                   .update_ns = CIRC_DOMAINS_UPDATE_NS,
                                   .power_ceiling_w = ceiling_w(zone),
                                   .parent = -1,
                                   .package = -1};
    const struct circ_zone *parent = parent_of(zones, count, zone);
    const char *package = parent ? parent->name : zone->name;
    char path[CIRC_SYSFS_PATH];
    uint64_t range;
    if (snprintf(path, sizeof path, "%s/max_energy_range_uj", zone->path) < (int)sizeof path &&
        circ_sysfs_number(path, &range) == 0 && range > 0)
        channel.wrap = range;
    channel.package = circ_domains_package_of(package);
    snprintf(channel.name, sizeof channel.name, "%s%s%s", parent ? parent->name : "",
             parent ? "-" : "", zone->name);
    snprintf(channel.source, sizeof channel.source, "powercap:%.*s", (int)strcspn(zone->id, ":"),
             zone->id);
    return channel;
}
