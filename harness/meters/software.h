/* Software events of the kernel, counted for one thread with perf_event_open. */
#ifndef CIRC_SOFTWARE_H
#define CIRC_SOFTWARE_H

#include "harness/meters/meter.h"

#include <sys/types.h>

#define CIRC_MAX_SOFTWARE 9 /* rows of the table: a thread's group never exceeds it */

struct circ_software_event {
    const char *name;   /* channel name, perf's own: "page-faults" */
    const char *symbol; /* PAPI's and libpfm4's name: "perf::PAGE-FAULTS" */
    uint64_t config;    /* PERF_COUNT_SW_* */
    enum circ_unit unit;
    bool in_kernel; /* happens in the kernel, so that counting user space alone says 0 */
};

/* The first circ_software_default_count() are counted unless the user names others. */
const struct circ_software_event *
circ_software_find(const char *name); /* either name; NULL: none */
const struct circ_software_event *circ_software_row(int index);
int circ_software_default_count(void);

/* One group of events on a thread. */
struct circ_software {
    int count;
    int fds[CIRC_MAX_SOFTWARE]; /* the first leads the group */
};

/* Opens and starts the events on thread tid. in_kernel: also what happens in the kernel, which
 * needs perf_event_paranoid <= 1 or CAP_PERFMON. Returns 0 or an errno, with nothing left open. */
int circ_software_open(struct circ_software *group, const struct circ_software_event *const *events,
                       int count, pid_t tid, bool in_kernel);
void circ_software_close(struct circ_software *group); /* harmless on a zeroed one */

/* Adds the group's counts and times to readings[count]; false when the read fails. */
bool circ_software_add(const struct circ_software *group, struct circ_reading *readings);

#endif
