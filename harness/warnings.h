/* Warnings about what makes a machine's timings doubtful. */
#ifndef CIRC_WARNINGS_H
#define CIRC_WARNINGS_H

#include "harness/host.h"

/* Fills host->warnings from its facts and from sysfs, the gravest first. circ_host_read calls it.
 */
void circ_warnings_collect(struct circ_host *host);

#endif
