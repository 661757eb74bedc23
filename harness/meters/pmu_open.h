/* One counter of a PMU, for a whole CPU, through perf_event_open. Tests put other counters in their
 * place by linking their own functions of these names. */
#ifndef CIRC_PMU_OPEN_H
#define CIRC_PMU_OPEN_H

#include <stdbool.h>
#include <stdint.h>

struct circ_pmu_count {
    uint64_t value, enabled_ns, running_ns;
};

/* Whether the counters are those of the machine that the sysfs root describes. */
bool circ_pmu_open_here(void);

/* Opens and starts a counter of everything that runs on the CPU; its descriptor, or minus an errno.
 */
int circ_pmu_open_counter(uint32_t type, uint64_t config, int cpu);
bool circ_pmu_open_read(int counter, struct circ_pmu_count *count);
void circ_pmu_open_close(int counter);

#endif
