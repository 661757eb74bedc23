/* From axes to points: expands a sweep, resolves names, fills in defaults, cuts it into groups. It
 * measures nothing.
 *
 * A group is what will be divided by one another: one workload, batch, threads, device and pass, in
 * all precisions. Its points lie together, those that share weights next to each other; with --cold
 * each is followed by the same point with cold weights. */
#ifndef CIRC_SWEEP_H
#define CIRC_SWEEP_H

#include "harness/options.h"
#include "harness/target.h"
#include "results/trial.h"

struct circ_planned {
    struct circ_point point;            /* strings live as long as the sweep */
    const struct circ_network *network; /* dense; the runner compresses a copy */
    const struct circ_target *target;
    enum circ_structure structure;
    enum circ_pass pass;
    bool skip; /* already measured: --resume */
    /* Where several variants are the default: all of them, of which the runner keeps the fastest.
     * point.variant is the first until then. 0: point.variant is what was asked for. */
    const char *rivals[CIRC_MAX_VARIANTS];
    int rival_count;
    int64_t cold_bytes; /* of a cold point, set by the runner: what its weights must fill */
    char tuning[CIRC_TUNING_TEXT]; /* to run with; "": the backend's own choice */
};

struct circ_group {
    int first, count; /* points */
};

struct circ_sweep {
    struct circ_network *networks;     /* owned, one a workload */
    char (*digests)[CIRC_DIGEST_SIZE]; /* owned, of the networks */
    struct circ_target *targets;       /* owned */
    struct circ_planned *points;       /* owned */
    struct circ_group *groups;         /* owned, in the order in which they are to run */
    int network_count, target_count, point_count, group_count;
    char *axes; /* owned: canonical text of all axes and options that change a result */
};

/* What stands for an axis that was not given. NULL lists stand for "the best here". */
struct circ_sweep_defaults {
    const char *workloads, *structures, *blocks, *batches, *backends, *passes;
    bool all_isas, all_variants;
};

/* Expands options->axes. Order of groups is seeded (options->seed); --shard takes every n-th group.
 * USAGE names an unknown workload, structure, backend, device, variant, precision, pass or isa and
 * the nearest valid one; NOTHING when no point is left; MEMORY. */
CIRC_MUST_USE enum circ_status circ_sweep_expand(struct circ_sweep *sweep,
                                                 const struct circ_options *options,
                                                 const struct circ_sweep_defaults *defaults,
                                                 struct circ_error *err);
void circ_sweep_free(struct circ_sweep *sweep);

/* Seconds that the whole is predicted to take: the least time of each point's samples, the
 * verification at 10^9 multiplications a second, and energy_s more for each point. */
double circ_sweep_estimate_s(const struct circ_sweep *sweep, const struct circ_options *options,
                             double energy_s);

/* The point's network with the structure and blocks of the point. */
CIRC_MUST_USE enum circ_status circ_sweep_network(const struct circ_planned *planned,
                                                  struct circ_network *net, struct circ_error *err);

#endif
