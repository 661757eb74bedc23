/* Lists and reads the sensors of a hwmon folder: energyN_input, powerN_average or powerN_input, and
 * voltage times current where a chip has no power of its own. What a sensor covers is for its
 * caller to know. */
#include "harness/meters/hwmon.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_NUMBERS 512 /* amd_energy has a number for each core and socket */
#define MS          INT64_C(1000000)

/* Chips whose voltage N and current N belong to one rail, and how many rails they have. Of others
 * the numbers need not match: ina3221's own in4 to in6 are drops over the shunts. */
static const struct rails {
    const char *chip;
    int count;
} rail_chips[] = {{"ina3221", 3}};

struct listing {
    const char *folder;
    char chip[64];
    int64_t update_ns; /* of the chip */
    struct circ_hwmon_sensor *sensors;
    int count, capacity;
};

static bool join(char path[CIRC_SYSFS_PATH], const char *folder, const char *kind, int number,
                 const char *rest)
{
    return snprintf(path, CIRC_SYSFS_PATH, "%s/%s%d_%s", folder, kind, number, rest) <
           CIRC_SYSFS_PATH;
}

static bool exists(const char *path)
{
    char text[8];
    int code = circ_sysfs_text(path, text, sizeof text);
    return code != ENOENT && code != ENOTDIR; /* one that may not be read is there all the same */
}

/* A file of milliseconds in ns, 0 when it is not there. */
static int64_t milliseconds(const char *path)
{
    uint64_t value;
    return circ_sysfs_number(path, &value) == 0 && value < 86400000 ? (int64_t)value * MS : 0;
}

/* Numbers of the files kindN_rest, which need not be without gaps, in rising order. */
static int numbers(const char *folder, const char *kind, const char *rest, bool *there)
{
    int count = 0;
    memset(there, 0, MAX_NUMBERS * sizeof *there);
    DIR *dir = opendir(folder);
    for (struct dirent *entry = dir ? readdir(dir) : NULL; entry; entry = readdir(dir)) {
        size_t length = strlen(kind);
        char *end;
        if (strncmp(entry->d_name, kind, length) != 0 || entry->d_name[length] < '0' ||
            entry->d_name[length] > '9')
            continue;
        long number = strtol(entry->d_name + length, &end, 10);
        if (*end != '_' || strcmp(end + 1, rest) != 0 || number >= MAX_NUMBERS)
            continue;
        count += !there[number];
        there[number] = true;
    }
    if (dir)
        closedir(dir);
    return count;
}

/* Adds a sensor whose path is set; its label is what kindN_label says. */
static void add(struct listing *listing, struct circ_hwmon_sensor *sensor, const char *kind,
                int number)
{
    char path[CIRC_SYSFS_PATH], enabled[CIRC_SYSFS_PATH], text[8];
    if (join(enabled, listing->folder, kind, number, "enable") &&
        circ_sysfs_text(enabled, text, sizeof text) == 0 && strcmp(text, "0") == 0)
        return;
    if (!join(path, listing->folder, kind, number, "label") ||
        circ_sysfs_text(path, sensor->label, sizeof sensor->label) != 0 || !*sensor->label)
        snprintf(sensor->label, sizeof sensor->label, "%s%d", kind, number);
    snprintf(sensor->chip, sizeof sensor->chip, "%s", listing->chip);
    if (!sensor->update_ns)
        sensor->update_ns = listing->update_ns;
    if (listing->count < listing->capacity)
        listing->sensors[listing->count] = *sensor;
    listing->count++;
}

static void add_energies(struct listing *listing)
{
    bool there[MAX_NUMBERS];
    if (numbers(listing->folder, "energy", "input", there) == 0)
        return;
    for (int i = 0; i < MAX_NUMBERS; i++) {
        struct circ_hwmon_sensor sensor = {.unit = CIRC_UNIT_UJ, .scale = 1};
        if (there[i] && join(sensor.path, listing->folder, "energy", i, "input"))
            add(listing, &sensor, "energy", i);
    }
}

/* An average over its own interval misses nothing between two readings, a momentary power does. */
static int add_powers(struct listing *listing)
{
    bool averages[MAX_NUMBERS], inputs[MAX_NUMBERS];
    int found = numbers(listing->folder, "power", "average", averages) +
                numbers(listing->folder, "power", "input", inputs);
    for (int i = 0; i < MAX_NUMBERS && found; i++) {
        struct circ_hwmon_sensor sensor = {.unit = CIRC_UNIT_UW, .scale = 1, .mean = averages[i]};
        char path[CIRC_SYSFS_PATH];
        if (averages[i] && join(path, listing->folder, "power", i, "average_interval"))
            sensor.update_ns = milliseconds(path);
        if ((averages[i] || inputs[i]) &&
            join(sensor.path, listing->folder, "power", i, averages[i] ? "average" : "input"))
            add(listing, &sensor, "power", i);
    }
    return found;
}

/* Millivolts times milliamperes are microwatts. */
static void add_rails(struct listing *listing)
{
    int count = 0;
    for (size_t i = 0; i < sizeof rail_chips / sizeof *rail_chips; i++)
        if (strcmp(listing->chip, rail_chips[i].chip) == 0)
            count = rail_chips[i].count;
    for (int i = 1; i <= count; i++) {
        struct circ_hwmon_sensor sensor = {.unit = CIRC_UNIT_UW, .scale = 1};
        if (join(sensor.path, listing->folder, "in", i, "input") && exists(sensor.path) &&
            join(sensor.factor, listing->folder, "curr", i, "input") && exists(sensor.factor))
            add(listing, &sensor, "in", i);
    }
}

int circ_hwmon_sensors(const char *folder, struct circ_hwmon_sensor *sensors, int capacity)
{
    struct listing listing = {.folder = folder, .sensors = sensors, .capacity = capacity};
    char path[CIRC_SYSFS_PATH];
    if (snprintf(path, sizeof path, "%s/name", folder) < (int)sizeof path)
        circ_sysfs_text(path, listing.chip, sizeof listing.chip);
    if (snprintf(path, sizeof path, "%s/update_interval", folder) < (int)sizeof path)
        listing.update_ns = milliseconds(path);
    add_energies(&listing);
    if (add_powers(&listing) == 0)
        add_rails(&listing);
    return listing.count;
}

int circ_hwmon_try(const struct circ_hwmon_sensor *sensor, uint64_t *raw)
{
    uint64_t factor = 1;
    int code = circ_sysfs_counter(sensor->path, raw);
    if (!code && *sensor->factor)
        code = circ_sysfs_counter(sensor->factor, &factor);
    return !code && __builtin_mul_overflow(*raw, factor, raw) ? ERANGE : code;
}

bool circ_hwmon_read(const struct circ_hwmon_sensor *sensor, uint64_t *raw)
{
    return circ_hwmon_try(sensor, raw) == 0;
}
