/* Words of the small languages read here: rows of whole numbers, and the
 * quotation of words from outside in messages. */
#ifndef CIRC_WORDS_H
#define CIRC_WORDS_H

#include <stdbool.h>
#include <stddef.h>

/* Reads whole numbers joined by the characters of separators: text "3x3@32" with "x@" gives 3, 3,
 * 32 in values[strlen(separators) + 1]. Decimal digits only, no sign, no leading zero, each at most
 * CIRC_MAX_DIM and at least minimum (0 or 1). False for anything else; values is then undefined. */
bool circ_words_numbers(const char *text, size_t length, const char *separators, int minimum,
                        int *values);

/* A word ready for a message: bytes that are not printable ASCII become '?', long words are cut. */
struct circ_quote {
    char text[48];
};

struct circ_quote circ_words_quote(const char *word, size_t length);

#endif
