/* Writes messages on stderr. It keeps nothing: on a terminal every message first wipes the line
 * that a progress bar may have left there, and the bar draws itself anew. */
#include "harness/log.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define WIPE   "\r\033[K" /* to the line's start, erase to its end */
#define YELLOW "\033[33m"
#define RED    "\033[31m"
#define PLAIN  "\033[0m"

/* https://no-color.org: any value but the empty one. */
static bool colourful(void)
{
    const char *no = getenv("NO_COLOR"), *terminal = getenv("TERM");
    return !(no && *no) && !(terminal && !strcmp(terminal, "dumb"));
}

static void print(const char *colour, const char *prefix, const char *format, va_list args)
{
    bool terminal = isatty(STDERR_FILENO), paint = terminal && *colour && colourful();
    char text[1024];
    if (vsnprintf(text, sizeof text, format, args) < 0) {
        return;
    }
    for (char *c = text; *c; c++) { /* names of files may hold what a terminal would obey */
        if (iscntrl((unsigned char)*c) && *c != '\n') {
            *c = '?';
        }
    }
    /* one call, so that lines of several processes do not mix */
    fprintf(stderr, "%s%s%s%s%s\n", terminal ? WIPE : "", paint ? colour : "", prefix,
            paint ? PLAIN : "", text);
}

void circ_log_warn(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    print(YELLOW, "circbench: warning: ", format, args);
    va_end(args);
}

void circ_log_note(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    print("", "", format, args);
    va_end(args);
}

void circ_log_error(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    print(RED, "circbench: ", format, args);
    va_end(args);
}

int circ_log_width(int descriptor)
{
    struct winsize size;
    return ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

int circ_log_height(int descriptor)
{
    struct winsize size;
    return ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 ? size.ws_row : 24;
}

void circ_log_fold(FILE *file, const char *text, int indent, int width)
{
    int column = indent;
    while (*text) {
        int length = (int)strcspn(text, " ");
        if (column > indent && column + 1 + length > width) {
            fprintf(file, "\n%*s", indent, "");
            column = indent;
        } else if (column > indent) {
            fputc(' ', file);
            column++;
        }
        fprintf(file, "%.*s", length, text);
        column += length;
        text += length + (text[length] == ' ');
    }
    fputc('\n', file);
}
