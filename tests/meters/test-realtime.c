/* The energy pass in real time, thread and all: ten machines, each a process of its own that keeps
 * a tree up to date, five side by side. The truth comes from the process, through shared memory. */
#include "harness/joules.h"
#include "harness/meters/clock.h"
#include "tests/meters/machine.h"
#include "tests/meters/sysfs_tree.h"
#include "tests/tap.h"

#include <math.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define RUNS      10
#define ABREAST   5
#define MOST_NS   40000000000 /* a run is over by then */
#define LOG_NS    500000
#define MOMENTS   (MOST_NS / LOG_NS)
#define AWAY_NS   1500000 /* between two entries of the log: the process was away */
#define BATCH_NS  2000000
#define FRAMES    16
#define TIMEOUT_S 12

/* What the two processes of a run share. */
struct shared {
    atomic_int loaded, ended;
    atomic_size_t count;
    struct {
        int64_t t_ns;
        double true_uj;
    } moments[MOMENTS];
};

/* What a run reports to the test. */
struct verdict {
    bool opened, told, ok, covered;
    int windows, good, exceeded;
    double worst;
    char reason[256];
};

/* The machine: ticks and logs until it is told to end. */
static void be_machine(struct machine *machine, struct shared *shared, const char *root)
{
    int64_t start = circ_clock_now_ns();
    int file = machine_open_counter(root);
    while (!atomic_load(&shared->ended) && machine->t_ns < MOST_NS) {
        int64_t t = circ_clock_now_ns() - start;
        size_t count = atomic_load(&shared->count);
        machine->load = atomic_load(&shared->loaded);
        machine_advance(machine, t);
        machine_write_counter(machine, file);
        if (count < MOMENTS) {
            shared->moments[count].t_ns = start + t;
            shared->moments[count].true_uj = machine->true_uj;
            atomic_store(&shared->count, count + 1);
        }
        int64_t left = machine->next_tick_ns - t;
        circ_clock_sleep_ns(left < LOG_NS ? left : LOG_NS);
    }
    _exit(0);
}

/* The true energy at a moment. *vague grows by what the machine's own process left open there:
 * where it was kept from the processor, the counter that it shows is late too. */
static double true_at(struct shared *shared, int64_t t_ns, double *vague)
{
    size_t count = atomic_load(&shared->count);
    for (size_t i = 1; i < count; i++)
        if (shared->moments[i].t_ns >= t_ns) {
            int64_t left = shared->moments[i - 1].t_ns, right = shared->moments[i].t_ns;
            double gained = shared->moments[i].true_uj - shared->moments[i - 1].true_uj;
            double share = (double)(t_ns - left) / (double)(right - left);
            *vague += right - left > AWAY_NS ? gained : 0;
            return shared->moments[i - 1].true_uj + share * gained;
        }
    return NAN;
}

/* Work that waits instead of computing, so that runs do not slow one another. */
static bool run_batches(void *context, int64_t batches)
{
    struct shared *shared = context;
    atomic_store(&shared->loaded, 1);
    int64_t end = circ_clock_now_ns() + batches * BATCH_NS;
    for (int64_t left = end - circ_clock_now_ns(); left > 0; left = end - circ_clock_now_ns())
        circ_clock_sleep_ns(left);
    atomic_store(&shared->loaded, 0);
    return true;
}

static void judge(const struct circ_joules_result *result, struct shared *shared,
                  struct verdict *verdict)
{
    double true_uj = 0, frames = 0;
    for (int w = 0; w < result->count; w++) {
        const struct circ_window *window = &result->windows[w];
        double vague = 0, end = true_at(shared, window->after.channels[0].t_ns, &vague);
        double truth = end - true_at(shared, window->before.channels[0].t_ns, &vague);
        double share = fabs(window->energy_uj - truth) / (window->bound_uj + vague);
        verdict->windows++;
        if (result->used[w]) {
            true_uj += truth;
            frames += (double)window->frames;
        }
        if (window->grade != CIRC_GRADE_OK)
            continue;
        verdict->good++;
        verdict->exceeded += !(share <= 1);
        verdict->worst = fmax(verdict->worst, share);
    }
    verdict->told = isfinite(result->energy_uj);
    verdict->ok = verdict->told && result->grade == CIRC_GRADE_OK;
    verdict->covered =
        verdict->told && result->low_uj <= true_uj / frames && true_uj / frames <= result->high_uj;
    snprintf(verdict->reason, sizeof verdict->reason, "%.255s", result->reason);
}

/* One run, in a process of its own: a machine beside it, and the energy pass. */
static void be_run(const struct machine_plan *plan, struct verdict *verdict)
{
    static char name[] = "powercap";
    static char *names[] = {name};
    struct circ_options options = {.energy_error = 0.02, .timeout_s = TIMEOUT_S, .seed = 1};
    struct circ_joules joules;
    struct circ_joules_result result;
    struct circ_error err;
    struct machine machine;
    char root[TREE_PATH];
    struct shared *shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    options.meters.items = names;
    options.meters.count = 1;
    machine_begin(&machine, plan);
    if (shared == MAP_FAILED || !tree_create(root) || !machine_write_tree(&machine, root))
        _exit(1);
    pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        be_machine(&machine, shared, root);
    }
    const struct circ_work work = {run_batches, shared, BATCH_NS, FRAMES};
    const struct circ_chosen chosen = {.items = {0}, .count = 1};
    verdict->opened = !circ_joules_open(&joules, &options,
                                        (struct circ_meter_request){.command = NULL}, true, &err) &&
                      joules.watch;
    if (verdict->opened && !circ_joules_take(&joules, &work, &chosen, &result, &err)) {
        circ_clock_sleep_ns(5 * LOG_NS); /* the log goes beyond the last window */
        judge(&result, shared, verdict);
        circ_joules_free(&result);
    }
    circ_joules_close(&joules);
    atomic_store(&shared->ended, 1);
    if (child > 0)
        waitpid(child, NULL, 0);
    munmap(shared, sizeof *shared);
    tree_remove(root);
    _exit(0);
}

static struct machine_plan draw_plan(int run)
{
    return (struct machine_plan){
        .shape = (enum machine_shape)(run % MACHINE_SHAPES),
        .low_w = 8,
        .high_w = 35 + 5 * run,
        .period_s = 0.4 + 0.3 * run,
        .tick_s = run % 5 == 4 ? 0.005 : 0.001,
        .jitter = run % 2 ? 0.3 : 0,
        .stuck_at_s = run == 7 ? 2.5 : 0,
        .stuck_s = run == 7 ? 1 : 0,
        .range_uj = run % 3 == 1 ? 60000000 : 262143328850, /* 60 J: passed every second or two */
        .seed = (uint64_t)run + 1,
    };
}

int main(void)
{
    struct verdict *verdicts = mmap(NULL, RUNS * sizeof *verdicts, PROT_READ | PROT_WRITE,
                                    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int told = 0, covered = 0, exceeded = 0, good = 0, windows = 0;
    double worst = 0;
    if (verdicts == MAP_FAILED) {
        tap_ok(false, "shared memory");
        return tap_done();
    }
    memset(verdicts, 0, RUNS * sizeof *verdicts);
    for (int first = 0; first < RUNS; first += ABREAST) {
        for (int run = first; run < first + ABREAST; run++) {
            struct machine_plan plan = draw_plan(run);
            if (fork() == 0)
                be_run(&plan, &verdicts[run]);
        }
        while (wait(NULL) > 0)
            continue;
    }
    for (int run = 0; run < RUNS; run++) {
        const struct verdict *v = &verdicts[run];
        told += v->told;
        covered += v->covered;
        exceeded += v->exceeded;
        good += v->good;
        windows += v->windows;
        worst = fmax(worst, v->worst);
        tap_note("run %d: %s, %d of %d windows good, the worst at %.2f of its bound %s", run + 1,
                 v->ok     ? "ok"
                 : v->told ? "short"
                           : "no figure",
                 v->good, v->windows, v->worst, v->reason);
        tap_ok(v->opened, "run %d: the meter opens", run + 1);
    }
    tap_ok(exceeded == 0,
           "none of %d good windows (of %d) is further off than its bound: %.2f of it", good,
           windows, worst);
    tap_ok(covered >= 0.93 * told, "the interval holds the truth in %d of %d runs", covered, told);
    /* a machine too busy for the watch gets no figure, and says so: that is not wrong */
    tap_ok(told >= RUNS / 2, "%d of %d runs come to a figure", told, RUNS);
    munmap(verdicts, RUNS * sizeof *verdicts);
    return tap_done();
}
