/* How warm and how fast the processors are at a moment. */
#ifndef CIRC_CONDITIONS_H
#define CIRC_CONDITIONS_H

/* temperature_mc: of the hottest CPU package, in thousandths of a degree Celsius. frequency_khz:
 * the mean over the CPUs of this thread's affinity mask. NaN: not readable here. */
void circ_conditions_read(double *temperature_mc, double *frequency_khz);

#endif
