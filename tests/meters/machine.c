/* The simulated machine. Energy is integrated in steps no longer than a tenth of a millisecond. */
#include "tests/meters/machine.h"

#include "tests/meters/sysfs_tree.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define STEP_NS     100000
#define BEFORE_WRAP 0.4   /* of the range: where the counter starts */
#define NOISE_S     0.004 /* a power lasts so long on average */
#define COUNTER     "class/powercap/intel-rapl/intel-rapl:0/energy_uj"

static double draw(struct machine *machine)
{
    machine->random = machine->random * 6364136223846793005u + 1442695040888963407u;
    return (double)(machine->random >> 11) / (double)(UINT64_C(1) << 53);
}

static int64_t ns(double seconds)
{
    return (int64_t)(seconds * 1e9);
}

static void plan_tick(struct machine *machine, int64_t after_ns)
{
    const struct machine_plan *plan = &machine->plan;
    int64_t tick = ns(plan->tick_s);
    int64_t next = (after_ns / tick + 1) * tick; /* lateness does not add up */
    int64_t stuck = ns(plan->stuck_at_s), free = stuck + ns(plan->stuck_s);
    if (plan->stuck_s > 0 && next >= stuck && next < free)
        next = (free / tick + 1) * tick;
    machine->next_tick_ns = next + ns(draw(machine) * plan->jitter * plan->tick_s);
}

void machine_begin(struct machine *machine, const struct machine_plan *plan)
{
    *machine = (struct machine){.plan = *plan, .random = plan->seed};
    for (int i = 0; i < 8; i++)
        draw(machine);
    machine->noise_w = plan->low_w;
    plan_tick(machine, 0);
}

/* Power between now and a step later, in watts. */
static double power(struct machine *machine)
{
    const struct machine_plan *plan = &machine->plan;
    double t = (double)machine->t_ns / 1e9, span = plan->high_w - plan->low_w;
    switch (plan->shape) {
    case MACHINE_STEP:
        return fmod(t, 2 * plan->period_s) < plan->period_s ? plan->low_w : plan->high_w;
    case MACHINE_RAMP:
        return plan->low_w + span * fmod(t, plan->period_s) / plan->period_s;
    case MACHINE_NOISE:
        if (machine->t_ns >= machine->next_noise_ns) {
            machine->noise_w = plan->low_w + span * draw(machine);
            machine->next_noise_ns = machine->t_ns + ns(2 * NOISE_S * draw(machine));
        }
        return machine->noise_w;
    case MACHINE_LOAD:
        return plan->low_w + span * machine->load;
    default:
        return plan->high_w;
    }
}

void machine_advance(struct machine *machine, int64_t t_ns)
{
    while (machine->t_ns < t_ns) {
        int64_t end = machine->t_ns + STEP_NS;
        end = end < t_ns ? end : t_ns;
        end = end < machine->next_tick_ns ? end : machine->next_tick_ns;
        machine->true_uj += power(machine) * (double)(end - machine->t_ns) / 1e3;
        machine->t_ns = end;
        if (end == machine->next_tick_ns) {
            bool falls = machine->plan.back_uj > 0 && end >= ns(machine->plan.back_at_s);
            machine->lost_uj = falls ? machine->plan.back_uj : 0;
            machine->ticked_uj = machine->true_uj - machine->lost_uj;
            plan_tick(machine, end);
        }
    }
}

uint64_t machine_counter(const struct machine *machine)
{
    double start = (1 - BEFORE_WRAP) * (double)machine->plan.range_uj;
    return (uint64_t)(start + machine->ticked_uj) % machine->plan.range_uj;
}

bool machine_write_tree(const struct machine *machine, const char *root)
{
    static const char *const files[][2] = {
        {"name", "package-0"}, {"enabled", "1"}, {"constraint_0_name", "long_term"}};
    char path[128], range[32], count[32];
    bool written = tree_write(root, "class/powercap/intel-rapl/enabled", "1");
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(path, sizeof path, "class/powercap/intel-rapl/intel-rapl:0/%s", files[i][0]);
        written = written && tree_write(root, path, files[i][1]);
    }
    snprintf(range, sizeof range, "%llu", (unsigned long long)machine->plan.range_uj);
    snprintf(count, sizeof count, "%015llu", (unsigned long long)machine_counter(machine));
    return written &&
           tree_write(root, "class/powercap/intel-rapl/intel-rapl:0/max_energy_range_uj", range) &&
           tree_write(root, COUNTER, count);
}

bool machine_write_counter(const struct machine *machine, int fd)
{
    char text[32];
    int length =
        snprintf(text, sizeof text, "%015llu\n", (unsigned long long)machine_counter(machine));
    return pwrite(fd, text, (size_t)length, 0) == length;
}

int machine_open_counter(const char *root)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", root, COUNTER);
    return open(path, O_WRONLY | O_CLOEXEC);
}

enum machine_shape machine_shape_find(const char *name)
{
    static const char *const names[MACHINE_SHAPES] = {"constant", "step", "ramp", "noise", "load"};
    enum machine_shape shape = 0;
    while (shape < MACHINE_SHAPES && strcmp(names[shape], name) != 0)
        shape++;
    return shape;
}
