/* Graphics cards through their kernel driver's sensors: amdgpu, i915, xe, nouveau, below
 * class/drm/cardN/device/hwmon. It says which card a sensor measures, and how much of it; listing
 * and reading sensors is hwmon.c.
 *
 * Sources: Documentation/ABI/testing/sysfs-driver-intel-i915-hwmon and -xe-hwmon: energy1 is the
 * card's, xe's energy2 that of its chip, "i915_gtN" one part of it. Documentation/gpu/amdgpu:
 * power1 is that of the chip with what is on its package, and on an APU of its CPU too. */
#include "harness/meters/clock.h"
#include "harness/meters/hwmon.h"
#include "harness/meters/meter.h"
#include "harness/meters/sysfs.h"

#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_CARDS   64
#define CEILING_W   2500    /* of one card or module; twice what the largest draw */
#define ENERGY_NS   1000000 /* Intel's counters are of RAPL's kind */
#define ENERGY_UJ   (UINT64_C(262144) * 1000000) /* range of their register: 2^32 of 2^-14 J */
#define POWER_NS    20000000 /* no driver says; the firmware averages over some milliseconds */
#define MAX_SENSORS 16       /* of one folder */

/* What a driver's sensor measures: the first row that fits. */
static const struct kind {
    const char *chip, *label; /* patterns of fnmatch */
    enum circ_scope scope;
    const char *part; /* after the card's name; "": the card itself */
} kinds[] = {
    {"i915", "energy1", CIRC_SCOPE_BOARD, ""}, {"xe", "energy1", CIRC_SCOPE_BOARD, ""},
    {"xe", "card", CIRC_SCOPE_BOARD, ""},      {"xe", "energy2", CIRC_SCOPE_GPU, "-chip"},
    {"xe", "pkg", CIRC_SCOPE_GPU, "-chip"},    {"amdgpu", "*", CIRC_SCOPE_GPU, "-chip"},
    {"nouveau", "*", CIRC_SCOPE_BOARD, ""},
};

struct circ_meter_session {
    int count;
    struct circ_hwmon_sensor sensors[CIRC_MAX_CHANNELS];
};

struct opening {
    struct circ_meter_session *session;
    struct circ_channel *channels;
    int cards, card_sensors; /* cards seen, and sensors that they have */
    int code;                /* of the first sensor that could not be read */
    char refused[CIRC_SYSFS_PATH];
};

/* The card's place on the bus, as its device's uevent says; false where it is on none. */
static bool find_place(char pci[16], const char *device)
{
    static const char key[] = "PCI_SLOT_NAME=";
    char path[CIRC_SYSFS_PATH], line[128];
    bool found = false;
    if (snprintf(path, sizeof path, "%s/uevent", device) >= (int)sizeof path)
        return false;
    FILE *file = fopen(path, "r");
    while (file && !found && fgets(line, sizeof line, file)) {
        found = strncmp(line, key, strlen(key)) == 0;
        line[strcspn(line, "\n")] = '\0';
    }
    if (file)
        fclose(file);
    size_t length = found ? strlen(line + strlen(key)) : 0;
    if (!found || length >= 16)
        return false;
    memcpy(pci, line + strlen(key), length + 1);
    return true;
}

static const struct kind *kind_of(const struct circ_hwmon_sensor *sensor)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (fnmatch(kinds[i].chip, sensor->chip, 0) == 0 &&
            fnmatch(kinds[i].label, sensor->label, 0) == 0)
            return &kinds[i];
    return NULL;
}

/* amdgpu has the northbridge's voltage on APUs only. */
static bool is_apu(const struct circ_hwmon_sensor *sensor, const char *folder)
{
    char path[CIRC_SYSFS_PATH], text[16];
    return strcmp(sensor->chip, "amdgpu") == 0 &&
           snprintf(path, sizeof path, "%s/in1_input", folder) < (int)sizeof path &&
           circ_sysfs_text(path, text, sizeof text) != ENOENT;
}

/* i915 and xe add up a 32-bit register, and see one wrap between two reads: the range is that of
 * the register, which says how often to read. */
static uint64_t wrap_of(const struct circ_hwmon_sensor *sensor)
{
    bool intel = strncmp(sensor->chip, "i915", 4) == 0 || strcmp(sensor->chip, "xe") == 0;
    return intel && sensor->unit == CIRC_UNIT_UJ ? ENERGY_UJ : 0;
}

static struct circ_channel describe(const struct circ_hwmon_sensor *sensor, const char *pci,
                                    const char *folder)
{
    const struct kind *kind = kind_of(sensor);
    int64_t usual = sensor->unit == CIRC_UNIT_UJ ? ENERGY_NS : POWER_NS;
    struct circ_channel channel = {.unit = sensor->unit,
                                   .scope = kind ? kind->scope : CIRC_SCOPE_GPU,
                                   .scale = sensor->scale,
                                   .wrap = wrap_of(sensor),
                                   .update_ns = sensor->update_ns ? sensor->update_ns : usual,
                                   .power_ceiling_w = CEILING_W,
                                   .parent = -1,
                                   .package = -1};
    channel.lag_ns = sensor->mean ? channel.update_ns : 0;
    snprintf(channel.pci, sizeof channel.pci, "%s", pci);
    snprintf(channel.source, sizeof channel.source, "drm:%.32s", sensor->chip);
    if (is_apu(sensor, folder))
        snprintf(channel.name, sizeof channel.name, "apu-%s", pci);
    else if (kind)
        snprintf(channel.name, sizeof channel.name, "gpu-%s%s", pci, kind->part);
    else
        snprintf(channel.name, sizeof channel.name, "gpu-%s-%.12s-%.12s", pci, sensor->chip,
                 sensor->label);
    if (!kind)
        channel.scope = CIRC_SCOPE_UNCORE; /* of a part: stored, and never the card's default */
    return channel;
}

static void add_sensor(struct opening *opening, const struct circ_hwmon_sensor *sensor,
                       const char *pci, const char *folder)
{
    struct circ_meter_session *session = opening->session;
    struct circ_channel channel = describe(sensor, pci, folder);
    uint64_t raw;
    if (session->count == CIRC_MAX_CHANNELS)
        return;
    for (int i = 0; i < session->count; i++)
        if (strcmp(opening->channels[i].name, channel.name) == 0)
            return; /* one thing, as energy and as power */
    opening->card_sensors++;
    int code = circ_hwmon_try(sensor, &raw);
    if (code && !opening->code) {
        opening->code = code;
        memcpy(opening->refused, sensor->path, sizeof opening->refused);
    }
    if (code == EACCES || code == ENOENT || code == ENODEV || code == EOPNOTSUPP)
        return; /* any other may pass: a card that sleeps answers EPERM until it is used */
    opening->channels[session->count] = channel;
    session->sensors[session->count++] = *sensor;
}

static void add_card(struct opening *opening, const char *device)
{
    char path[CIRC_SYSFS_PATH], folder[CIRC_SYSFS_PATH], pci[16];
    struct circ_hwmon_sensor sensors[MAX_SENSORS];
    if (!find_place(pci, device) ||
        snprintf(path, sizeof path, "%s/hwmon", device) >= (int)sizeof path)
        return;
    opening->cards++;
    int first = opening->session->count;
    DIR *dir = opendir(path);
    for (struct dirent *entry = dir ? readdir(dir) : NULL; entry; entry = readdir(dir)) {
        if (strncmp(entry->d_name, "hwmon", 5) != 0 ||
            snprintf(folder, sizeof folder, "%s/%s", path, entry->d_name) >= (int)sizeof folder)
            continue;
        int there = circ_hwmon_sensors(folder, sensors, MAX_SENSORS);
        for (int i = 0; i < there && i < MAX_SENSORS; i++)
            add_sensor(opening, &sensors[i], pci, folder);
    }
    if (dir)
        closedir(dir);
    int board = -1;
    for (int i = first; i < opening->session->count; i++)
        if (opening->channels[i].scope == CIRC_SCOPE_BOARD)
            board = i;
    for (int i = first; i < opening->session->count; i++)
        if (i != board)
            opening->channels[i].parent = board;
}

/* Cards in the order of their numbers: an entry like card0-HDMI-A-1 is a connector. */
static enum circ_status add_cards(struct opening *opening, struct circ_error *err)
{
    for (int i = 0; i < MAX_CARDS; i++) {
        char device[CIRC_SYSFS_PATH];
        if (!circ_sysfs_path(device, "class/drm/card%d/device", i))
            return circ_status_fail(err, CIRC_USAGE, "drm: CIRCBENCH_SYSFS is too long a path");
        add_card(opening, device);
    }
    return CIRC_OK;
}

/* Why there is nothing to open, or not all. */
static enum circ_status explain(const struct opening *opening, enum circ_status status,
                                struct circ_error *err)
{
    if (!opening->cards)
        return circ_status_fail(
            err, status,
            "drm: no graphics card on the PCI bus under class/drm; on a machine that has one, "
            "its kernel driver is not loaded");
    if (!opening->card_sensors)
        return circ_status_fail(err, status,
                                "drm: no driver of a graphics card here has a sensor of energy or "
                                "power: amdgpu has one, i915 and xe for cards and not for graphics "
                                "in a processor; NVIDIA's is the meter nvml");
    if (opening->code == EACCES)
        return circ_status_fail_native(err, status, opening->code,
                                       "drm: %.200s is readable by root only; until the next boot: "
                                       "sudo chmod a+r %.200s",
                                       opening->refused, opening->refused);
    if (opening->code)
        return circ_status_fail_native(err, status, opening->code,
                                       "drm: %.300s does not answer (%s): a card that sleeps does "
                                       "so once it is used",
                                       opening->refused, strerror(opening->code));
    return circ_status_fail(err, status, "%s", "");
}

static void close_drm(struct circ_meter_session *session)
{
    free(session);
}

static enum circ_status open_noting(struct circ_meter_session **session,
                                    struct circ_channel *channels, int *count,
                                    struct circ_error *missing, struct circ_error *err)
{
    struct opening opening = {.session = calloc(1, sizeof **session), .channels = channels};
    if (!opening.session)
        return circ_status_fail(err, CIRC_MEMORY, "drm: out of memory");
    enum circ_status status = add_cards(&opening, err);
    if (!status && !opening.session->count)
        status = explain(&opening, CIRC_ABSENT, err);
    if (status) {
        close_drm(opening.session);
        return status;
    }
    *session = opening.session;
    *count = opening.session->count;
    return explain(&opening, CIRC_OK, missing);
}

static enum circ_status open_drm(struct circ_meter_session **session, struct circ_channel *channels,
                                 int *count, const struct circ_meter_request *request,
                                 struct circ_error *err)
{
    (void)request;
    return open_noting(session, channels, count, NULL, err);
}

static void read_drm(struct circ_meter_session *session, struct circ_reading *readings)
{
    for (int i = 0; i < session->count; i++) {
        readings[i] = (struct circ_reading){.valid = false};
        readings[i].valid = circ_hwmon_read(&session->sensors[i], &readings[i].raw);
        readings[i].t_ns = circ_clock_now_ns();
    }
}

static enum circ_status probe(const struct circ_meter_request *request, struct circ_error *err)
{
    struct circ_channel channels[CIRC_MAX_CHANNELS];
    struct circ_meter_session *session;
    int count;
    (void)request;
    enum circ_status status = open_noting(&session, channels, &count, err, err);
    if (!status)
        close_drm(session);
    return status;
}

extern const struct circ_meter circ_meter_drm;
const struct circ_meter circ_meter_drm = {
    .name = "drm",
    .description = "energy or power of AMD and Intel cards (their kernel drivers' sensors)",
    .probe = probe,
    .open = open_drm,
    .read = read_drm,
    .close = close_drm,
    .energy = true,
    .optional = true,
};
