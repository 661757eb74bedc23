/* Which channels are a device's energy: the narrowest that cover it. */
#ifndef CIRC_CHOICE_H
#define CIRC_CHOICE_H

#include "harness/meters/meter.h"

/* Whose energy is asked for. */
struct circ_consumer {
    bool cpu; /* the host's processors; else a card or a board */
    uint64_t
        packages;    /* of a CPU: where its threads may run, bit i for package i; 0: unknown, all */
    const char *pci; /* of a card: "0000:65:00.0"; "": not known */
};

/* Writes the indices of the channels whose sum is the consumer's energy into chosen[count]. Of a
 * CPU: its packages (several dies of one are siblings and all taken), else psys, else the whole
 * machine's board; never a nested domain, never a partial sum. Of a card: its board or chip by
 * PCI place, never by order; else the whole machine's board. Of several sources of one scope the
 * first in the order of channels is taken, alone. ABSENT says what no channel covers. */
CIRC_MUST_USE enum circ_status circ_choice_make(const struct circ_channel *channels, int count,
                                                const struct circ_consumer *consumer, int *chosen,
                                                int *chosen_count, struct circ_error *err);

#endif
