/* Escapes text for HTML, JSON and Markdown. It knows nothing of documents. */
#include "reports/escape.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define REPLACEMENT 0xFFFDu

/* Decodes one code point and moves on; overlong forms, surrogates and cut sequences are one
 * REPLACEMENT a byte. */
static uint32_t decode(const char **text)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *bytes = (const unsigned char *)*text;
    uint32_t lead = bytes[0];
    int length = lead < 0x80       ? 1
                 : lead >> 5 == 6  ? 2
                 : lead >> 4 == 14 ? 3
                 : lead >> 3 == 30 ? 4
                                   : 0;
    uint32_t code = length == 1 ? lead : lead & (0xFFu >> (length + 1));
    for (int i = 1; i < length; i++) {
        if ((bytes[i] & 0xC0) != 0x80) {
            length = 0;
            break;
        }
        code = code << 6 | (bytes[i] & 0x3Fu);
    }
    bool valid = length > 0 && code >= least[length] && code <= 0x10FFFF &&
                 !(code >= 0xD800 && code <= 0xDFFF);
    *text += valid ? length : 1;
    return valid ? code : REPLACEMENT;
}

static bool reorders(uint32_t code)
{
    return (code >= 0x202A && code <= 0x202E) || (code >= 0x2066 && code <= 0x2069);
}

static uint32_t next(const char **text)
{
    uint32_t code = decode(text);
    bool control = (code < 0x20 && code != '\n' && code != '\t') || (code >= 0x7F && code < 0xA0);
    return control || reorders(code) ? REPLACEMENT : code;
}

static void put(FILE *file, uint32_t code)
{
    if (code < 0x80) {
        fputc((int)code, file);
    } else if (code < 0x800) {
        fprintf(file, "%c%c", (int)(0xC0 | code >> 6), (int)(0x80 | (code & 0x3F)));
    } else if (code < 0x10000) {
        fprintf(file, "%c%c%c", (int)(0xE0 | code >> 12), (int)(0x80 | (code >> 6 & 0x3F)),
                (int)(0x80 | (code & 0x3F)));
    } else {
        fprintf(file, "%c%c%c%c", (int)(0xF0 | code >> 18), (int)(0x80 | (code >> 12 & 0x3F)),
                (int)(0x80 | (code >> 6 & 0x3F)), (int)(0x80 | (code & 0x3F)));
    }
}

void circ_escape_html(FILE *file, const char *text)
{
    while (*text) {
        uint32_t code = next(&text);
        switch (code) {
        case '&':
            fputs("&amp;", file);
            break;
        case '<':
            fputs("&lt;", file);
            break;
        case '>':
            fputs("&gt;", file);
            break;
        case '"':
            fputs("&quot;", file);
            break;
        case '\'':
            fputs("&#39;", file);
            break;
        default:
            put(file, code);
        }
    }
}

void circ_escape_json(FILE *file, const char *text)
{
    fputc('"', file);
    while (*text) {
        uint32_t code = next(&text);
        if (code < 0x20 || strchr("\"\\<>&", (int)(code < 0x80 ? code : 'a')))
            fprintf(file, "\\u%04x", (unsigned)code);
        else
            put(file, code);
    }
    fputc('"', file);
}

static bool is_word(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Whether an ASCII character would be markup where it stands. An underscore inside a word is none,
 * nor is a bracket that no link can follow; leaving those alone keeps the source readable. */
static bool is_markup(const char *start, const char *at)
{
    char c = *at, after = at[1], before = at > start ? at[-1] : '\0';
    if (strchr("\\`*|~", c))
        return true;
    if (c == '_')
        return !(is_word(before) && is_word(after));
    if (c == ']')
        return after == '(' || after == '[' || after == ':';
    if (at == start)
        return strchr("#+-=>", c) != NULL;
    bool numbered = (c == '.' || c == ')') && (after == ' ' || after == '\0') &&
                    strspn(start, "0123456789") == (size_t)(at - start);
    return numbered;
}

void circ_escape_md(FILE *file, const char *text)
{
    const char *start = text;
    while (*text) {
        const char *at = text;
        uint32_t code = next(&text);
        if (code == '<' || code == '>' || code == '&')
            fputs(code == '<' ? "&lt;" : code == '>' ? "&gt;" : "&amp;", file);
        else if (code == '\n' || code == '\t')
            fputc(' ', file);
        else if (code < 0x80 && is_markup(start, at))
            fprintf(file, "\\%c", (int)code);
        else
            put(file, code);
    }
}

void circ_escape_plain(FILE *file, const char *text)
{
    while (*text) {
        uint32_t code = next(&text);
        put(file, code == '\n' || code == '\t' ? ' ' : code);
    }
}
