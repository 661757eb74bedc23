/* Ctrl-C and SIGTERM as a flag: the work in hand ends in order, and a second signal ends at once.
 */
#ifndef CIRC_INTERRUPT_H
#define CIRC_INTERRUPT_H

#include <stdbool.h>

/* From now on the first SIGINT or SIGTERM sets the flag, and the second has its default effect. */
void circ_interrupt_install(void);
bool circ_interrupt_requested(void);

#endif
