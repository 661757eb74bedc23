/* The energy pass against a machine whose true energy is known, on an injected clock: the real
 * meter reads a real tree, which the simulated machine keeps up to date whenever the time is asked
 * for. */
#include "harness/joules.h"
#include "harness/meters/clock.h"
#include "tests/meters/machine.h"
#include "tests/meters/sysfs_tree.h"
#include "tests/tap.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RUNS      200
#define READ_NS   1500 /* what asking for the time takes */
#define BATCH_NS  300000
#define FRAMES    8
#define HICCUP    61       /* calls of the clock from one to the next, on average */
#define HICCUP_NS 20000000 /* for which this process is kept from the processor */
#define COVERED   0.93

/* The clock, and what it drives. */
static struct {
    struct machine machine;
    struct circ_watch *watch; /* NULL while it is being opened */
    int file;
    uint64_t shown;
    int64_t epoch_ns; /* time 0 of the machine: no test should rely on small numbers */
    bool busy;        /* another process takes the processor now and then */
    struct moment {
        int64_t t_ns;
        double true_uj;
    } * moments;
    size_t count, capacity;
} world;

static void move_to(int64_t t_ns)
{
    machine_advance(&world.machine, t_ns);
    uint64_t counter = machine_counter(&world.machine);
    if (counter != world.shown && !machine_write_counter(&world.machine, world.file))
        abort();
    world.shown = counter;
}

int64_t circ_clock_now_ns(void)
{
    bool away = world.busy && (world.count * 2654435761u >> 16) % HICCUP == 0;
    move_to(world.machine.t_ns + (away ? HICCUP_NS : READ_NS));
    if (world.count == world.capacity) {
        world.capacity = world.capacity ? 2 * world.capacity : 1 << 16;
        world.moments = realloc(world.moments, world.capacity * sizeof *world.moments);
        if (!world.moments)
            abort();
    }
    int64_t now = world.epoch_ns + world.machine.t_ns;
    world.moments[world.count++] = (struct moment){now, world.machine.true_uj};
    return now;
}

int64_t circ_clock_epoch_ns(void)
{
    return circ_clock_now_ns() + INT64_C(1700000000000000000);
}

/* The watch would have a thread; here it gets its turns while time passes. */
void circ_clock_sleep_ns(int64_t ns)
{
    int64_t end = world.machine.t_ns + ns;
    while (world.machine.t_ns < end) {
        int64_t due = world.watch ? circ_watch_due_ns(world.watch) : INT64_MAX;
        due = due == INT64_MAX ? due : due - world.epoch_ns;
        if (due > world.machine.t_ns)
            move_to(due < end ? due : end);
        if (world.watch && due <= end)
            circ_watch_step(world.watch);
    }
}

void circ_clock_probe(int64_t *step_ns, int64_t *cost_ns)
{
    *step_ns = *cost_ns = READ_NS;
}

static bool run_batches(void *context, int64_t batches)
{
    (void)context;
    world.machine.load = 1;
    circ_clock_sleep_ns(batches * BATCH_NS);
    world.machine.load = 0;
    return true;
}

static double true_at(int64_t t_ns)
{
    size_t low = 0, high = world.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (world.moments[middle].t_ns < t_ns)
            low = middle + 1;
        else
            high = middle;
    }
    return low < world.count ? world.moments[low].true_uj : NAN;
}

/* What is asked of one run, and what came of it. */
struct outcome {
    bool told, ok, covered, short_of_time;
    int windows, good, exceeded; /* exceeded: windows called ok and further off than their bound */
    double worst;                /* share of the bound */
    char reason[512];
};

static void judge_windows(const struct circ_joules_result *result, int channel,
                          struct outcome *outcome, double *true_uj, double *frames)
{
    for (int w = 0; w < result->count; w++) {
        const struct circ_window *window = &result->windows[w];
        double truth = true_at(window->after.channels[channel].t_ns) -
                       true_at(window->before.channels[channel].t_ns);
        outcome->windows++;
        if (result->used[w]) {
            *true_uj += truth;
            *frames += (double)window->frames;
        }
        if (window->grade != CIRC_GRADE_OK)
            continue;
        double share = fabs(window->energy_uj - truth) / window->bound_uj;
        outcome->good++;
        outcome->exceeded += !(share <= 1);
        outcome->worst = fmax(outcome->worst, share);
    }
}

/* One sweep's energy pass of one point, from nothing. */
static struct outcome measure(const struct machine_plan *plan, const char *root, double timeout_s)
{
    static char name[] = "powercap";
    static char *names[] = {name};
    struct circ_options options = {
        .energy_error = 0.02, .timeout_s = timeout_s, .seed = plan->seed};
    struct outcome outcome = {.told = false};
    struct circ_joules joules;
    struct circ_joules_result result;
    struct circ_error err = {0};
    options.meters.items = names;
    options.meters.count = 1;
    world.watch = NULL;
    world.count = 0;
    /* what a short range means, nobody knows who was away for longer than it lasts */
    world.busy = plan->seed % 2 && plan->range_uj > 1000000000;
    world.epoch_ns = 1000000000000;
    machine_begin(&world.machine, plan);
    world.shown = machine_counter(&world.machine);
    if (!machine_write_tree(&world.machine, root) ||
        (world.file = machine_open_counter(root)) < 0 ||
        circ_joules_open(&joules, &options, (struct circ_meter_request){.command = NULL}, false,
                         &err) ||
        !joules.watch) {
        tap_ok(false, "a simulated machine opens: %s", err.message);
        return outcome;
    }
    world.watch = joules.watch;
    const struct circ_work work = {.run = run_batches, .batch_ns = BATCH_NS, .frames = FRAMES};
    const struct circ_chosen chosen = {.items = {0}, .count = 1};
    circ_joules_idle(&joules, true);
    if (circ_joules_take(&joules, &work, &chosen, &result, &err)) {
        tap_ok(false, "a pass ends: %s", err.message);
    } else {
        double true_uj = 0, frames = 0;
        judge_windows(&result, 0, &outcome, &true_uj, &frames);
        outcome.told = isfinite(result.energy_uj);
        outcome.ok = outcome.told && result.grade == CIRC_GRADE_OK;
        outcome.short_of_time = outcome.told && result.grade == CIRC_GRADE_SHORT;
        outcome.covered =
            outcome.told && result.low_uj <= true_uj / frames && true_uj / frames <= result.high_uj;
        snprintf(outcome.reason, sizeof outcome.reason, "%s", result.reason);
    }
    circ_joules_free(&result);
    circ_joules_close(&joules);
    world.watch = NULL;
    close(world.file);
    return outcome;
}

/* The machines of the seeds: every shape, both ticks, ranges that wrap many times in a window,
 * once, or never, jitter, and stuck seconds. */
static struct machine_plan draw_plan(int run)
{
    static const uint64_t ranges[] = {262143328850, 4000000, 30000000, 65712999613};
    bool slow = run / MACHINE_SHAPES % 2;
    uint64_t range = ranges[run / 10 % 4];
    struct machine_plan plan = {
        .shape = (enum machine_shape)(run % MACHINE_SHAPES),
        .low_w = 5 + run % 7,
        .high_w = 30 + 3 * (run % 23),
        .period_s = 0.3 + 0.37 * (run % 11),
        .tick_s = slow ? 0.1 : 0.001,
        .jitter = run % 3 ? 0.25 * (run % 3) : 0,
        .stuck_at_s = run % 4 == 3 ? 2.2 + 0.05 * (run % 50) : 0,
        .stuck_s = run % 4 == 3 ? 1 : 0,
        /* at 1000 W, which is believed of a package, the range must outlast a tick */
        .range_uj = slow && range < 1000000000 ? 1000 * range : range,
        .seed = (uint64_t)run + 1,
    };
    return plan;
}

static void many(const char *root)
{
    int told = 0, ok = 0, covered = 0, exceeded = 0, good = 0, windows = 0;
    double worst = 0;
    for (int run = 0; run < RUNS; run++) {
        struct machine_plan plan = draw_plan(run);
        struct outcome outcome = measure(&plan, root, plan.tick_s > 0.01 ? 150 : 10);
        told += outcome.told;
        ok += outcome.ok;
        covered += outcome.covered;
        exceeded += outcome.exceeded;
        good += outcome.good;
        windows += outcome.windows;
        worst = fmax(worst, outcome.worst);
        if (!outcome.ok || !outcome.covered || outcome.exceeded)
            tap_note("seed %d: %s, %scovered, %d windows beyond their bound; %s", run + 1,
                     outcome.ok     ? "ok"
                     : outcome.told ? "short"
                                    : "no figure",
                     outcome.covered ? "" : "not ", outcome.exceeded, outcome.reason);
    }
    tap_note(
        "%d runs: %d with a figure, %d of them ok; %d of %d windows good, the worst at %.2f of "
        "its bound",
        RUNS, told, ok, good, windows, worst);
    tap_ok(told >= RUNS * 95 / 100, "%d of %d runs come to a figure", told, RUNS);
    tap_ok(ok >= RUNS * 9 / 10, "%d of them within the error that was asked for", ok);
    tap_ok(covered >= COVERED * told, "the interval holds the truth in %d of %d", covered, told);
    tap_ok(exceeded == 0, "no window that is called ok is further off than its bound");
}

/* Machines of which the truth cannot be known: whatever they show, no figure is called ok. */
static void unknowable(const char *root)
{
    static const struct {
        const char *what;
        struct machine_plan plan;
    } cases[] = {
        {"a range that may be passed between two ticks",
         {MACHINE_CONSTANT, 40, 40, 1, 0.1, 0, 0, 0, 5000000, 1, 0, 0}},
        {"a counter that never moves",
         {MACHINE_CONSTANT, 40, 40, 1, 0.001, 0, 0.001, 1e4, 262143328850, 2, 0, 0}},
        {"a counter that stops in the first window",
         {MACHINE_LOAD, 10, 40, 1, 0.001, 0, 2.5, 1e4, 262143328850, 3, 0, 0}},
        {"more power than a package can draw",
         {MACHINE_CONSTANT, 5000, 5000, 1, 0.001, 0, 0, 0, 262143328850, 4, 0, 0}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct outcome outcome = measure(&cases[i].plan, root, 10);
        tap_ok(!outcome.told && !outcome.exceeded && *outcome.reason, "%s: no figure, since %s",
               cases[i].what, outcome.reason);
    }
}

/* What a window lacks, the next one gets. */
static void growing(const char *root)
{
    struct machine_plan plan = {MACHINE_CONSTANT, 40, 40, 1, 0.03, 0, 0, 0, 262143328850, 6, 0, 0};
    struct outcome little = measure(&plan, root, 10), much = measure(&plan, root, 60);
    tap_ok(little.short_of_time && little.covered && strstr(little.reason, "--timeout"),
           "too little time: a figure that says so, and holds the truth: %s", little.reason);
    tap_ok(much.ok && much.covered, "with more time it is ok");
    plan.stuck_at_s = 3.2;
    plan.stuck_s = 1;
    plan.tick_s = 0.001;
    struct machine_plan back = plan, slow = plan;
    struct outcome stuck = measure(&plan, root, 10);
    tap_ok(stuck.ok && stuck.covered, "a stuck second costs a window at most: %d of %d good %s",
           stuck.good, stuck.windows, stuck.reason);
    back.stuck_s = 0;
    back.back_at_s = 3.4;
    back.back_uj = 2000000;
    struct outcome fallen = measure(&back, root, 10);
    tap_ok(fallen.ok && fallen.covered && !fallen.exceeded && fallen.good < fallen.windows,
           "so does a counter that falls back by what 50 ms bring");
    slow.stuck_s = 0;
    slow.tick_s = 1;
    struct outcome hasty = measure(&slow, root, 10), patient = measure(&slow, root, 60);
    tap_ok(!hasty.told && *hasty.reason, "ticks of a second and no time: no figure, since %s",
           hasty.reason);
    tap_ok(patient.short_of_time && patient.covered && !patient.exceeded,
           "with a minute a short one: %s", patient.reason);
}

int main(void)
{
    char root[TREE_PATH];
    if (!tree_create(root)) {
        tap_ok(false, "a temporary tree");
        return tap_done();
    }
    growing(root);
    unknowable(root);
    many(root);
    tree_remove(root);
    free(world.moments);
    return tap_done();
}
