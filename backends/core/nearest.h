/* "Did you mean": the candidate that a mistyped word most likely stands for. */
#ifndef CIRC_CORE_NEAREST_H
#define CIRC_CORE_NEAREST_H

#include <stddef.h>

/* A search under way, for candidates that come one by one. Words are borrowed. */
struct circ_nearest {
    const char *word;
    size_t length;
    const char *best; /* NULL while no candidate is near enough to be meant */
    int distance;     /* of best */
};

struct circ_nearest circ_nearest_begin(const char *word, size_t length);
void circ_nearest_offer(struct circ_nearest *nearest, const char *candidate);

/* The same over a list; NULL when none is near enough. */
const char *circ_nearest_find(const char *word, const char *const *candidates, size_t count);

#endif
