/* What the sensors of known hwmon chips cover. */
#ifndef CIRC_CHIPS_H
#define CIRC_CHIPS_H

#include "harness/meters/hwmon.h"

struct circ_chip {
    const char *name, *label; /* patterns of fnmatch */
    enum circ_scope scope;
    int64_t update_ns; /* where the chip's folder does not say */
    double ceiling_w;
    const char *part; /* several of these share one load, so that none is the machine; NULL: alone
                         or no part */
    bool left_out;    /* nobody's energy, or another meter's */
};

/* Never NULL: a sensor that is not known has a row too. */
const struct circ_chip *circ_chips_find(const struct circ_hwmon_sensor *sensor);

#endif
