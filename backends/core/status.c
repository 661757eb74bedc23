/* Names of outcomes and the filling of errors. It prints nothing. */
#include "backends/core/status.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

static const char *const names[] = {
    [CIRC_OK] = "ok",         [CIRC_UNSUP] = "unsup",     [CIRC_ABSENT] = "absent",
    [CIRC_DEVICE] = "device", [CIRC_WRONG] = "wrong",     [CIRC_TIMEOUT] = "timeout",
    [CIRC_USAGE] = "usage",   [CIRC_NOTHING] = "nothing", [CIRC_MEMORY] = "memory",
    [CIRC_IO] = "io",         [CIRC_STOPPED] = "stopped", [CIRC_INTERNAL] = "internal",
};

const char *circ_status_name(enum circ_status status)
{
    size_t index = (size_t)status;
    return index < sizeof names / sizeof *names ? names[index] : "internal";
}

static void fill(struct circ_error *err, enum circ_status status, int native, const char *format,
                 va_list args)
{
    if (err) {
        err->code = status;
        err->native = native;
        vsnprintf(err->message, sizeof err->message, format, args);
    }
}

enum circ_status circ_status_fail(struct circ_error *err, enum circ_status status,
                                  const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fill(err, status, 0, format, args);
    va_end(args);
    return status;
}

enum circ_status circ_status_fail_native(struct circ_error *err, enum circ_status status,
                                         int native, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fill(err, status, native, format, args);
    va_end(args);
    return status;
}
