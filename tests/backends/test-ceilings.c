/* The ceilings that backends measure: names, sizes and units are right and values are possible. How
 * large a value is depends on the machine and decides nothing here. */
#include "backends/registry.h"
#include "tests/tap.h"

#include <math.h>
#include <string.h>

static void check(const struct circ_backend *backend, struct circ_session *session, const char *isa,
                  int threads)
{
    struct circ_ceiling c[CIRC_MAX_CEILINGS];
    struct circ_error err = {.message = ""};
    int count = 0, reads = 0, peaks = 0, forks = 0, rising = 0, possible = 0, units = 0;
    enum circ_status status = backend->ceilings(session, isa, threads, c, &count, &err);
    tap_ok(!status && count > 0 && count <= CIRC_MAX_CEILINGS, "%s %s, %d threads: %d ceilings %s",
           backend->name, isa, threads, count, err.message);
    for (int i = 0; i < count && !status; i++) {
        bool read = !strcmp(c[i].metric, "read"), fork = !strcmp(c[i].metric, "fork_join");
        reads += read;
        forks += fork;
        peaks += !strcmp(c[i].metric, "fma_f32");
        rising += read && (reads == 1 || c[i].bytes > c[i - 1].bytes);
        possible += isfinite(c[i].value) && c[i].value > 0 && (c[i].bytes > 0) == read &&
                    c[i].bytes % threads == 0 && !*c[i].level;
        units += !strcmp(c[i].unit, read ? "GB/s" : fork ? "ns" : "GFLOP/s");
        tap_note("%s %lld: %g %s", c[i].metric, (long long)c[i].bytes, c[i].value, c[i].unit);
    }
    tap_ok(peaks == 1 && forks == 1 && reads > 10, "one f32 peak, one start, %d reads", reads);
    tap_ok(rising == reads, "working sets rise");
    tap_ok(possible == count && units == count, "values are possible, units are right");
}

int main(void)
{
    int count;
    const struct circ_backend *const *list = circ_registry_list(&count);
    for (int b = 0; b < count; b++) {
        const char *isas[CIRC_MAX_VARIANTS];
        struct circ_device devices[CIRC_MAX_DEVICES];
        struct circ_ceiling c[CIRC_MAX_CEILINGS];
        struct circ_session *session;
        struct circ_error err;
        int found, rows;
        if (!list[b]->ceilings)
            continue;
        rows = list[b]->isas(isas);
        if (list[b]->probe(devices, &found, &err) ||
            list[b]->open(devices[0].name, &session, &err)) {
            tap_skip(err.message, "%s", list[b]->name);
            continue;
        }
        for (int i = 0; i < rows; i++) /* more threads than one take no other way through them */
            check(list[b], session, isas[i], i ? 1 : devices[0].threads);
        tap_ok(list[b]->ceilings(session, "none", 1, c, &found, &err) == CIRC_UNSUP, "%s",
               err.message);
        tap_ok(list[b]->ceilings(session, "", 100000, c, &found, &err) == CIRC_UNSUP, "%s",
               err.message);
        list[b]->close(session);
    }
    return tap_done();
}
