/* Edit distance over short names, case ignored, with transpositions of neighbours (optimal string
 * alignment), since "swpe" for "sweep" is the commonest slip. It allocates nothing. */
#include "backends/core/nearest.h"

#include <ctype.h>
#include <limits.h>
#include <string.h>
#include <strings.h>

enum { LONGEST = 64 }; /* longer words are near to nothing */

static int same(char a, char b)
{
    return tolower((unsigned char)a) == tolower((unsigned char)b);
}

static int least(int a, int b)
{
    return a < b ? a : b;
}

static int edit_distance(const char *a, int a_length, const char *b, int b_length)
{
    int table[LONGEST + 1][LONGEST + 1];
    for (int i = 0; i <= a_length; i++) {
        for (int j = 0; j <= b_length; j++) {
            if (!i || !j) {
                table[i][j] = i + j;
                continue;
            }
            table[i][j] = least(table[i - 1][j - 1] + !same(a[i - 1], b[j - 1]),
                                1 + least(table[i - 1][j], table[i][j - 1]));
            if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1]))
                table[i][j] = least(table[i][j], table[i - 2][j - 2] + 1);
        }
    }
    return table[a_length][b_length];
}

struct circ_nearest circ_nearest_begin(const char *word, size_t length)
{
    return (struct circ_nearest){word, length, NULL, INT_MAX};
}

void circ_nearest_offer(struct circ_nearest *nearest, const char *candidate)
{
    size_t typed = nearest->length, length = strlen(candidate);
    if (typed > LONGEST || length > LONGEST)
        return;
    int away = edit_distance(nearest->word, (int)typed, candidate, (int)length);
    /* a prefix of three letters or more ("alex") is as near as one slip */
    if (away > 1 && typed >= 3 && !strncasecmp(nearest->word, candidate, typed))
        away = 1;
    size_t shorter = typed < length ? typed : length, longer = typed + length - shorter;
    int allowed = shorter < 4 ? 1 : (int)shorter / 3 + 1;
    if (away < nearest->distance && away <= allowed && (size_t)away < longer) {
        nearest->distance = away;
        nearest->best = candidate;
    }
}

const char *circ_nearest_find(const char *word, const char *const *candidates, size_t count)
{
    struct circ_nearest nearest = circ_nearest_begin(word, strlen(word));
    for (size_t i = 0; i < count; i++)
        circ_nearest_offer(&nearest, candidates[i]);
    return nearest.best;
}
