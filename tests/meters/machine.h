/* A simulated machine: a package's energy counter that follows a stated power, in a tree in the
 * layout of /sys. It knows the true energy at any time, which no real machine does.
 *
 * Its clock is given from outside, so that it serves an injected clock (test-proof.c) and the real
 * one (simulated-machine.c) alike. */
#ifndef CIRC_TEST_MACHINE_H
#define CIRC_TEST_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum machine_shape {
    MACHINE_CONSTANT,
    MACHINE_STEP,  /* to twice the power, every period */
    MACHINE_RAMP,  /* from low to high over a period, and again */
    MACHINE_NOISE, /* another power every few milliseconds, within low and high */
    MACHINE_LOAD,  /* low when idle, high under load */
    MACHINE_SHAPES
};

struct machine_plan {
    enum machine_shape shape;
    double low_w, high_w;
    double period_s;            /* of steps and ramps */
    double tick_s;              /* the counter moves so often */
    double jitter;              /* each tick is late by up to this share of an interval */
    double stuck_at_s, stuck_s; /* the counter stands still from then on for so long; 0: never */
    uint64_t range_uj;          /* it wraps here */
    uint64_t seed;
    double back_at_s, back_uj; /* it falls back by so much then; 0: never */
};

struct machine {
    struct machine_plan plan;
    int64_t t_ns;   /* since it was made */
    double true_uj; /* at t_ns */
    double load;    /* 0 to 1, for MACHINE_LOAD: set by whoever drives it */
    /* the counter */
    double ticked_uj; /* energy at the last tick: what it shows, before the wrap */
    double lost_uj;   /* by falling back */
    int64_t next_tick_ns;
    int64_t next_noise_ns;
    double noise_w;
    uint64_t random;
};

/* At time 0, with a counter that starts close to its wrap. */
void machine_begin(struct machine *machine, const struct machine_plan *plan);

/* Lets time go on to t_ns. */
void machine_advance(struct machine *machine, int64_t t_ns);

/* What energy_uj shows now. */
uint64_t machine_counter(const struct machine *machine);

/* Writes the tree: one package with its constants. False when a
 * file cannot be written. */
bool machine_write_tree(const struct machine *machine, const char *root);

/* Overwrites energy_uj in place: always as long, so that no reader sees half a number. */
bool machine_write_counter(const struct machine *machine, int fd);

/* Opens energy_uj of a tree for the above; -1 and errno. */
int machine_open_counter(const char *root);

/* "constant", "step", "ramp", "noise", "load"; MACHINE_SHAPES for another word. */
enum machine_shape machine_shape_find(const char *name);

#endif
