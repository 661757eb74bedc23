/* The team: every thread runs once a run, barriers order memory, sleeping workers wake, teams end.
 */
#include "backends/cpu/team.h"
#include "tests/tap.h"

#include <stdatomic.h>
#include <string.h>
#include <time.h>

#define THREADS 4

struct work {
    struct circ_team *team;
    atomic_int calls[THREADS];
    int plain[THREADS][16]; /* written before the barrier, read after it by the others */
    atomic_int stale;
};

static void run(void *context, int thread)
{
    struct work *work = context;
    int round = atomic_fetch_add(&work->calls[thread], 1);
    for (int barrier = 0; barrier < 3; barrier++) {
        int value = round * 3 + barrier + 1;
        work->plain[thread][0] = value;
        circ_team_barrier(work->team);
        for (int t = 0; t < THREADS; t++)
            if (work->plain[t][0] != value)
                atomic_fetch_add(&work->stale, 1);
        circ_team_barrier(work->team);
    }
}

int main(void)
{
    struct circ_error err;
    struct work work;
    memset(&work, 0, sizeof work);
    if (!tap_ok(!circ_team_create(&work.team, THREADS, &err), "a team of %d", THREADS))
        return tap_done();
    tap_ok(circ_team_threads(work.team) == THREADS, "knows its size");
    for (int i = 0; i < 300; i++) {
        circ_team_run(work.team, run, &work);
        if (i % 100 == 50) /* long enough for the workers to fall asleep */
            nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    }
    int calls = 0;
    for (int t = 0; t < THREADS; t++)
        calls += atomic_load(&work.calls[t]) == 300;
    tap_ok(calls == THREADS, "each thread ran 300 times");
    tap_ok(!atomic_load(&work.stale), "what was written before a barrier is visible after it");
    circ_team_free(work.team);
    for (int i = 0; i < 50; i++) {
        if (circ_team_create(&work.team, 3, &err)) {
            tap_ok(false, "%s", err.message);
            break;
        }
        circ_team_free(work.team);
    }
    circ_team_free(NULL);
    tap_ok(true, "teams that never ran end");
    return tap_done();
}
