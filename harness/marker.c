/* Sets the marker. What it is for is trace.c's. */
#include "harness/marker.h"

#include "harness/meters/clock.h"

#include <stdlib.h>
#include <sys/wait.h>

enum circ_status circ_marker_set(const char *command, int64_t *marker_ns, struct circ_error *err)
{
    int64_t before = circ_clock_epoch_ns();
    int result = system(command);
    int64_t after = circ_clock_epoch_ns();
    if (result == -1 || !WIFEXITED(result) || WEXITSTATUS(result))
        return circ_status_fail_native(
            err, CIRC_USAGE, result,
            "--marker-command '%s' failed%s: without a marker the recording cannot be aligned",
            command,
            result != -1 && WIFEXITED(result) && WEXITSTATUS(result) == 127 ? " (not found)" : "");
    *marker_ns = before + (after - before) / 2;
    return CIRC_OK;
}
