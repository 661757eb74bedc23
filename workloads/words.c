/* Strict numbers and quotation. It knows no keyword. */
#include "workloads/words.h"

#include "backends/core/network.h"

#include <string.h>

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
