/* Test Anything Protocol output: counts, prints, and refuses to pass on no tests. */
#include "tests/tap.h"

#include <stdarg.h>
#include <stdio.h>

static int run, failed;

static void print_line(const char *prefix, const char *format, va_list args)
{
    fputs(prefix, stdout);
    vprintf(format, args);
}

bool tap_ok(bool ok, const char *format, ...)
{
    va_list args;
    run++;
    failed += !ok;
    printf("%sok %d - ", ok ? "" : "not ", run);
    va_start(args, format);
    print_line("", format, args);
    va_end(args);
    putchar('\n');
    fflush(stdout);
    return ok;
}

void tap_skip(const char *reason, const char *format, ...)
{
    va_list args;
    run++;
    printf("ok %d - ", run);
    va_start(args, format);
    print_line("", format, args);
    va_end(args);
    printf(" # SKIP %s\n", reason);
    fflush(stdout);
}

void tap_note(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    print_line("# ", format, args);
    va_end(args);
    putchar('\n');
}

int tap_done(void)
{
    printf("1..%d\n", run);
    return failed || !run;
}
