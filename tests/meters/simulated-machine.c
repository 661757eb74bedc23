/* A machine to try the energy pass on where there is no counter: keeps a tree in the layout of /sys
 * up to date, and says on its standard output what the truth is. No test by itself.
 *
 * usage: simulated-machine TREE [SHAPE [LOW_W HIGH_W [TICK_MS [RANGE_UJ [SECONDS]]]]]
 *
 * SHAPE is constant, step, ramp, noise, or load (the default: LOW_W when the CPUs are idle, HIGH_W
 * when all are busy). It prints `t_ns uj` lines, the energy since the start at moments of
 * CLOCK_MONOTONIC, a hundred a second, and ends after SECONDS or by a signal. */
#include "tests/meters/machine.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define PRINT_NS 10000000
#define LOAD_NS  20000000 /* the kernel counts busy time in hundredths of a second */

static volatile sig_atomic_t ending;

static void end(int signal)
{
    (void)signal;
    ending = 1;
}

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Share of the CPUs' time that was not idle since the last call. */
static double load(void)
{
    static unsigned long long last_busy, last_all;
    unsigned long long user, nice, system, idle, wait, irq, soft;
    FILE *file = fopen("/proc/stat", "r");
    if (!file)
        return 0;
    int read = fscanf(file, "cpu %llu %llu %llu %llu %llu %llu %llu", &user, &nice, &system, &idle,
                      &wait, &irq, &soft);
    fclose(file);
    unsigned long long busy = user + nice + system + irq + soft, all = busy + idle + wait;
    double share =
        read == 7 && all > last_all ? (double)(busy - last_busy) / (double)(all - last_all) : 0;
    last_busy = busy;
    last_all = all;
    return share < 0 ? 0 : share > 1 ? 1 : share;
}

static int run(struct machine *machine, const char *root, double seconds)
{
    int64_t start = now_ns(), print = 0, look = 0;
    int file = machine_open_counter(root);
    if (file < 0) {
        fprintf(stderr, "simulated-machine: %s: %s\n", root, strerror(errno));
        return 1;
    }
    while (!ending && (seconds <= 0 || machine->t_ns < seconds * 1e9)) {
        int64_t t = now_ns() - start;
        if (machine->plan.shape == MACHINE_LOAD && t >= look) {
            machine->load = load();
            look = t + LOAD_NS;
        }
        machine_advance(machine, t);
        if (!machine_write_counter(machine, file))
            return 1;
        if (t >= print) {
            printf("%lld %.0f\n", (long long)(start + t), machine->true_uj);
            fflush(stdout);
            print = t + PRINT_NS;
        }
        int64_t left = machine->next_tick_ns - (now_ns() - start);
        if (left > 0)
            nanosleep(&(struct timespec){left / 1000000000, left % 1000000000}, NULL);
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct machine_plan plan = {.shape = MACHINE_LOAD,
                                .low_w = 10,
                                .high_w = 40,
                                .period_s = 1,
                                .tick_s = 0.001,
                                .range_uj = 262143328850,
                                .seed = 1};
    struct machine machine;
    double seconds = argc > 7 ? atof(argv[7]) : 0;
    if (argc < 2) {
        fputs(
            "usage: simulated-machine TREE [SHAPE [LOW_W HIGH_W [TICK_MS [RANGE_UJ [SECONDS]]]]]\n",
            stderr);
        return 2;
    }
    if (argc > 2)
        plan.shape = machine_shape_find(argv[2]);
    if (argc > 4) {
        plan.low_w = atof(argv[3]);
        plan.high_w = atof(argv[4]);
    }
    if (argc > 5)
        plan.tick_s = atof(argv[5]) / 1e3;
    if (argc > 6)
        plan.range_uj = strtoull(argv[6], NULL, 10);
    if (plan.shape == MACHINE_SHAPES || plan.tick_s <= 0 || plan.range_uj == 0 || plan.low_w < 0 ||
        plan.high_w < plan.low_w) {
        fputs("simulated-machine: SHAPE, powers, tick or range make no machine\n", stderr);
        return 2;
    }
    signal(SIGTERM, end);
    signal(SIGINT, end);
    mkdir(argv[1], 0755); /* may be there */
    machine_begin(&machine, &plan);
    if (!machine_write_tree(&machine, argv[1])) {
        fprintf(stderr, "simulated-machine: cannot write %s: %s\n", argv[1], strerror(errno));
        return 1;
    }
    return run(&machine, argv[1], seconds);
}
