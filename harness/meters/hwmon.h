/* The sensors of energy and power in one folder of class/hwmon. */
#ifndef CIRC_HWMON_H
#define CIRC_HWMON_H

#include "harness/meters/meter.h"
#include "harness/meters/sysfs.h"

struct circ_hwmon_sensor {
    char path[CIRC_SYSFS_PATH];   /* the file that is read */
    char factor[CIRC_SYSFS_PATH]; /* a second file, whose value multiplies the first's; "": none */
    enum circ_unit unit;          /* UJ: accumulated; UW: to be integrated */
    double scale;                 /* unit per raw count */
    char label[64];               /* "pin", "VDD_IN"; "energy1", "power1" where the chip has none */
    char chip[64];                /* "ina3221": the folder's `name` */
    bool mean;                    /* a power over its update interval, and not of a moment */
    int64_t update_ns; /* how often it moves, as the folder's files say; 0: they do not */
};

/* Fills sensors[capacity] with the energies, then the powers of a folder (".../hwmon3"), each in
 * the order of its numbers, and returns how many there are; those beyond capacity are not
 * written. Reads no sensor. Source: the kernel's Documentation/hwmon/sysfs-interface.rst. */
int circ_hwmon_sensors(const char *folder, struct circ_hwmon_sensor *sensors, int capacity);

/* False when a file cannot be read or does not hold one unsigned number: a rail whose current is
 * below zero, a card that sleeps. */
bool circ_hwmon_read(const struct circ_hwmon_sensor *sensor, uint64_t *raw);

/* The same, with the errno why not; 0: read. */
int circ_hwmon_try(const struct circ_hwmon_sensor *sensor, uint64_t *raw);

#endif
