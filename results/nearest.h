/* "Did you mean": the candidate nearest to a word. */
#ifndef CIRC_NEAREST_H
#define CIRC_NEAREST_H

#include <stddef.h>

/* By edit distance, case ignored; NULL when more than half of the word would have to change. */
const char *circ_nearest_find(const char *word, const char *const *candidates, size_t count);

#endif
