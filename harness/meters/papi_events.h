/* Which of PAPI's native events are energies or powers, and in what unit. It calls no PAPI. */
#ifndef CIRC_PAPI_EVENTS_H
#define CIRC_PAPI_EVENTS_H

#include "harness/meters/domains.h"

struct circ_papi_event {
    struct circ_channel channel; /* of a card, pci is "?" and PAPI's number: it tells no place, and
                                    a number is not compared with anything */
    const struct circ_domain *domain; /* to be counted on each CPU of the power PMU, by `:cpu=N`,
                                         for a channel each; NULL: the channel is whole */
    bool settles; /* the first values may be the counter's own, until it has moved once */
};

/* How a component's event is named, without the component's prefix, and what it says of itself. */
struct circ_papi_words {
    const char *component, *event;
    const char *units;   /* "" where PAPI does not say */
    const char *zone;    /* powercap: the `name` of its package's zone, else "" */
    const char *subzone; /* powercap: the `name` of the zone inside that, else "" */
};

/* False for what is neither energy nor power, or one whose unit is not known for certain. */
bool circ_papi_events_classify(const struct circ_papi_words *words, struct circ_papi_event *event);

/* The components that have such events: their names, NULL past the last. */
const char *circ_papi_events_component(int index);

#endif
