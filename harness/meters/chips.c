/* The table of chips. It reads nothing. */
#include "harness/meters/chips.h"

#include <fnmatch.h>

#define MS INT64_C(1000000)

/* By name and label: the first row that fits. The kernel's Documentation/hwmon has a page for each
 * driver; Jetson's labels are in its device trees. A chip that nobody knows is stored and never a
 * default: its scope is UNCORE with no package, because a regulator's input may be a board's or one
 * rail's, and no file says which. */
static const struct circ_chip chips[] = {
    {"power_meter", "*", CIRC_SCOPE_BOARD, 1000 * MS, 8000, "power meters", false},
    {"ibmpowernv", "System*", CIRC_SCOPE_BOARD, 1000 * MS, 8000, "power meters", false},
    {"cffps*", "pin*", CIRC_SCOPE_BOARD, 1000 * MS, 8000, "power supplies", false},
    {"pfe[13]*00", "pin*", CIRC_SCOPE_BOARD, 1000 * MS, 8000, "power supplies", false},
    {"bp[ad]?rs600", "pin*", CIRC_SCOPE_BOARD, 1000 * MS, 8000, "power supplies", false},
    {"crps*", "pin*", CIRC_SCOPE_BOARD, 1000 * MS, 8000, "power supplies", false},
    {"dps[0-9]*", "pin*", CIRC_SCOPE_BOARD, 1000 * MS, 8000, "power supplies", false},
    {"ipsps1", "pin*", CIRC_SCOPE_BOARD, 1000 * MS, 8000, "power supplies", false},
    {"*fsg032", "pin*", CIRC_SCOPE_BOARD, 1000 * MS, 8000, "power supplies", false},
    {"corsairpsu", "power total", CIRC_SCOPE_BOARD, 1000 * MS, 8000, "power supplies", false},
    {"adm1[02]*", "pin*", CIRC_SCOPE_BOARD, 100 * MS, 8000, "hot-swap controllers", false},
    {"lm506*", "pin*", CIRC_SCOPE_BOARD, 100 * MS, 8000, "hot-swap controllers", false},
    {"lm250[56]6", "pin*", CIRC_SCOPE_BOARD, 100 * MS, 8000, "hot-swap controllers", false},
    {"ltc428[67]", "pin*", CIRC_SCOPE_BOARD, 100 * MS, 8000, "hot-swap controllers", false},
    {"ina3221", "VDD_IN", CIRC_SCOPE_BOARD, 100 * MS, 300, "inputs of a module", false},
    {"ina3221", "VIN", CIRC_SCOPE_BOARD, 100 * MS, 300, "inputs of a module", false},
    {"ina3221", "*5V_IN", CIRC_SCOPE_BOARD, 100 * MS, 300, "inputs of a module", false},
    {"ina3221", "*CPU*GPU*", CIRC_SCOPE_UNCORE, 100 * MS, 300, NULL, false},
    {"ina3221", "*GPU*", CIRC_SCOPE_GPU, 100 * MS, 300, NULL, false},
    {"ina3221", "*CPU*", CIRC_SCOPE_CORE, 100 * MS, 300, NULL, false},
    {"ina3221", "*DDR*", CIRC_SCOPE_DRAM, 100 * MS, 300, NULL, false},
    {"ina3221", "VDDQ*", CIRC_SCOPE_DRAM, 100 * MS, 300, NULL, false},
    {"ina3221", "*", CIRC_SCOPE_UNCORE, 100 * MS, 300, NULL, false},
    {"amd_energy", "Esocket*", CIRC_SCOPE_PACKAGE, MS, 1000, NULL, false},
    /* hundreds, which nothing is chosen from: powercap and perf have the packages' cores */
    {"amd_energy", "Ecore*", CIRC_SCOPE_CORE, MS, 1000, NULL, true},
    {"amdgpu", "*", CIRC_SCOPE_GPU, 0, 0, NULL, true},
    {"radeon", "*", CIRC_SCOPE_GPU, 0, 0, NULL, true},
    {"nouveau", "*", CIRC_SCOPE_GPU, 0, 0, NULL, true},
    {"i915", "*", CIRC_SCOPE_GPU, 0, 0, NULL, true},
    {"xe", "*", CIRC_SCOPE_GPU, 0, 0, NULL, true},
    /* many drivers answer from a cache of a second or so */
    {"*", "*", CIRC_SCOPE_UNCORE, 1000 * MS, 8000, NULL, false},
};

const struct circ_chip *circ_chips_find(const struct circ_hwmon_sensor *sensor)
{
    const struct circ_chip *chip = chips;
    while (fnmatch(chip->name, sensor->chip, 0) || fnmatch(chip->label, sensor->label, 0))
        chip++; /* the last row fits all */
    return chip;
}
