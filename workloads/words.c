/* Strict numbers, edit distance and quotation. It knows no keyword. */
#include "workloads/words.h"

#include "backends/core/network.h"

#include <ctype.h>
#include <string.h>

#define LONGEST 32 /* words longer than this have no neighbour */

/* One number at *at, which moves behind it; -1 if there is none that fits. */
static int read_number(const char **at, const char *end, int minimum)
{
    const char *start = *at;
    int value = 0;
    while (*at < end && **at >= '0' && **at <= '9') {
        value = value * 10 + (**at - '0');
        if (value > CIRC_MAX_DIM)
            return -1;
        (*at)++;
    }
    bool leading_zero = *at - start > 1 && *start == '0';
    return *at == start || leading_zero || value < minimum ? -1 : value;
}

bool circ_words_numbers(const char *text, size_t length, const char *separators, int minimum,
                        int *values)
{
    const char *end = text + length;
    for (;; separators++, text++) {
        int value = read_number(&text, end, minimum);
        if (value < 0)
            return false;
        *values++ = value;
        if (!*separators)
            return text == end;
        if (text == end || *text != *separators)
            return false;
    }
}

static bool same(char a, char b)
{
    return tolower((unsigned char)a) == tolower((unsigned char)b);
}

static int least(int a, int b)
{
    return a < b ? a : b;
}

/* Insertions, deletions, substitutions and swaps of neighbours that turn a into b, whatever the
 * case: optimal string alignment, because swapped letters are the commonest slip. */
static int edit_distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
    int rows[3][LONGEST + 1];
    int *before = rows[0], *last = rows[1], *row = rows[2];
    for (size_t j = 0; j <= b_length; j++)
        last[j] = (int)j;
    for (size_t i = 1; i <= a_length; i++) {
        row[0] = (int)i;
        for (size_t j = 1; j <= b_length; j++) {
            int substituted = last[j - 1] + !same(a[i - 1], b[j - 1]);
            row[j] = least(substituted, 1 + least(last[j], row[j - 1]));
            if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1]))
                row[j] = least(row[j], before[j - 2] + 1);
        }
        int *free_row = before;
        before = last;
        last = row;
        row = free_row;
    }
    return last[b_length];
}

struct circ_nearest circ_words_nearest(const char *word, size_t length)
{
    int limit = length < 3 ? 1 : length < 9 ? 2 : (int)(length / 3);
    return (struct circ_nearest){word, length, NULL, limit + 1};
}

void circ_words_offer(struct circ_nearest *nearest, const char *candidate)
{
    size_t length = strlen(candidate);
    if (nearest->length > LONGEST || length > LONGEST)
        return;
    int distance = edit_distance(nearest->word, nearest->length, candidate, length);
    if (distance < nearest->distance) {
        nearest->distance = distance;
        nearest->best = candidate;
    }
}

struct circ_quote circ_words_quote(const char *word, size_t length)
{
    struct circ_quote quote = {""};
    size_t room = sizeof quote.text - 1;
    size_t shown = length > room ? room - 3 : length;
    for (size_t i = 0; i < shown; i++)
        quote.text[i] = word[i] >= ' ' && word[i] <= '~' ? word[i] : '?';
    if (shown < length)
        memcpy(quote.text + shown, "...", 4);
    return quote;
}
