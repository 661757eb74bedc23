/* Quantities as people read them: three significant digits, a fitting unit, an interval in the same
 * unit. */
#ifndef CIRC_HUMAN_H
#define CIRC_HUMAN_H

#include <stddef.h>

enum circ_quantity {
    CIRC_QUANTITY_TIME,   /* ns */
    CIRC_QUANTITY_RATIO,  /* times, printed with the multiplication sign */
    CIRC_QUANTITY_BYTES,  /* binary units, as caches are quoted */
    CIRC_QUANTITY_ENERGY, /* uJ */
    CIRC_QUANTITY_POWER,  /* uW */
    CIRC_QUANTITY_EDP,    /* uJ ns: energy x time */
    CIRC_QUANTITY_SHARE,  /* of one, printed in percent */
    CIRC_QUANTITY_RATE,   /* per second, without the words */
    CIRC_QUANTITY_COUNT,  /* whole number, digits grouped by a thin space */
    CIRC_QUANTITY_NUMBER  /* no unit; exponent where small */
};

#define CIRC_HUMAN_SIZE 96

/* Writes "2.20 ms" or, where low and high are both known (not NaN), "2.20 ms [2.19, 2.22]". value
 * NaN gives an empty string. Digits are added, two at most, until the interval's ends differ. */
void circ_human_format(char text[CIRC_HUMAN_SIZE], enum circ_quantity quantity, double value,
                       double low, double high);

/* As circ_human_format in two parts: the value with its unit, and "[low, high]" or "". */
void circ_human_split(char value_text[CIRC_HUMAN_SIZE], char interval_text[CIRC_HUMAN_SIZE],
                      enum circ_quantity quantity, double value, double low, double high);

/* "time", "ratio", "bytes", ...: the name by which chart.js chooses its axis. */
const char *circ_human_quantity_name(enum circ_quantity quantity);

#endif
