/* What the fake PAPI plays: components, their events and values. */
#ifndef CIRC_TEST_FAKE_PAPI_H
#define CIRC_TEST_FAKE_PAPI_H

#include <stdbool.h>

#define FAKE_PAPI_EVENTS 16

struct fake_papi_event {
    int component;
    const char *name, *units, *description;
    long long value;
};

struct fake_papi {
    struct fake_papi_event events[FAKE_PAPI_EVENTS];
    bool read_fails, start_fails;
    int reads;     /* so far */
    int moves_at;  /* the read at which powercap's counters move for the first time */
    int open_sets; /* created and not yet destroyed */
    int misplaced; /* events added to the set of another component */
};

/* The one that there is. */
struct fake_papi *fake_papi(void);

#endif
