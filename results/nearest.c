/* Levenshtein distance over short names. It allocates nothing. */
#include "results/nearest.h"

#include <ctype.h>
#include <string.h>

#define MAX_WORD 64 /* longer ones are compared by their beginning */

static size_t min_of(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t distance(const char *a, const char *b)
{
    size_t row[MAX_WORD + 1];
    size_t length_a = min_of(strlen(a), MAX_WORD), length_b = min_of(strlen(b), MAX_WORD);

    for (size_t j = 0; j <= length_b; j++)
        row[j] = j;
    for (size_t i = 1; i <= length_a; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t j = 1; j <= length_b; j++) {
            int same = tolower((unsigned char)a[i - 1]) == tolower((unsigned char)b[j - 1]);
            size_t replaced = diagonal + !same;

            diagonal = row[j];
            row[j] = min_of(replaced, min_of(row[j], row[j - 1]) + 1);
        }
    }
    return row[length_b];
}

const char *circ_nearest_find(const char *word, const char *const *candidates, size_t count)
{
    const char *nearest = NULL;
    size_t best = strlen(word) / 2 + 1;

    for (size_t i = 0; i < count; i++) {
        size_t changes = distance(word, candidates[i]);

        if (changes < best) {
            best = changes;
            nearest = candidates[i];
        }
    }
    return nearest;
}
