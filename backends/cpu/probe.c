/* How the ceilings are measured. A ceiling is what cannot be exceeded, so everything here errs on
 * the fast side: the best of many short runs, spread over several rounds so that no passing
 * disturbance falls on one figure alone, each read with several loops and from several places. What
 * the loops do is in loops.c. */
#include "backends/cpu/probe.h"

#include "backends/cpu/loops.h"
#include "backends/cpu/step.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LEAST_BYTES (16 << 10)           /* of a thread: half of a small first-level cache */
#define MOST_BYTES  ((int64_t)512 << 20) /* of all threads: beyond it a second would not do */
#define ROUNDS      4
#define READ_NS     1000000 /* one loop over one working set in one round */
#define PEAK_NS     4000000
#define SLICE_NS    200000 /* one timed run, far above what the team's start costs */
#define TURNS       1000   /* of a peak's loop in one repeat: a call must not show */
#define FORKS       200

static const struct circ_loops *const rows[] = {
#if defined(__x86_64__)
    &circ_loops_avx512,
    &circ_loops_avx2,
#elif defined(__aarch64__)
    &circ_loops_sve256,
    &circ_loops_neon,
#endif
    &circ_loops_scalar,
};

static int64_t now_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

/* Peaks beyond the row's own instructions. */
static bool cpu_has(const char *metric)
{
#if defined(__x86_64__) && __GNUC__ >= 12 /* the first that knows the names */
    if (!strcmp(metric, "fma_f16"))
        return __builtin_cpu_supports("avx512fp16");
    if (!strcmp(metric, "dot_bf16"))
        return __builtin_cpu_supports("avx512bf16");
#endif
    return !strcmp(metric, "fma_f32");
}

/* What the threads do in one run: `repeats` turns of a peak or passes of a read. */
struct job {
    struct circ_team *team;
    float **memory;               /* [threads], each thread's own */
    size_t floats;                /* of each */
    const struct circ_peak *peak; /* NULL: a read */
    float (*read)(const float *, size_t);
    size_t from, part; /* of a thread's memory */
    int64_t repeats;
};

/* Thread's results go on the stack and into asm, so that loops are not dropped and no line is
 * shared. */
static void run_job(void *context, int thread)
{
    const struct job *job = context;
    float state[3] = {0.5f, 0.25f, 0};
    if (job->peak) {
        job->peak->run(job->repeats * TURNS, state);
    } else {
        for (int64_t i = 0; i < job->repeats; i++)
            state[2] += job->read(job->memory[thread] + job->from, job->part);
    }
    __asm__ volatile("" : : "r"(state) : "memory");
}

static int64_t time_job(struct job *job)
{
    int64_t start = now_ns();
    circ_team_run(job->team, run_job, job);
    int64_t ns = now_ns() - start;
    return ns > 0 ? ns : 1;
}

/* The most of `work` a nanosecond, where one repeat does `work`: slices for at least `ns`, of which
 * the first, which finds cold caches, only says how many repeats fill a slice. */
static double best_rate(struct job *job, double work, int64_t ns)
{
    job->repeats = 1;
    int64_t once = time_job(job), spent = once;
    double best = work / (double)once;
    job->repeats = once < SLICE_NS ? SLICE_NS / once + 1 : 1;
    while (spent < ns) {
        int64_t took = time_job(job);
        double rate = work * (double)job->repeats / (double)took;
        best = rate > best ? rate : best;
        spent += took;
        if (took < SLICE_NS / 2)
            job->repeats *= 2;
    }
    return best;
}

static void allocate(void *context, int thread)
{
    struct job *job = context;
    job->memory[thread] = circ_step_floats(job->floats);
}

static struct circ_ceiling *add(struct circ_ceiling *ceilings, int *count, const char *metric,
                                const char *unit, int64_t bytes)
{
    struct circ_ceiling *ceiling = &ceilings[(*count)++];
    *ceiling = (struct circ_ceiling){.bytes = bytes};
    snprintf(ceiling->metric, sizeof ceiling->metric, "%s", metric);
    snprintf(ceiling->unit, sizeof ceiling->unit, "%s", unit);
    return ceiling;
}

static void measure_peaks(struct job *job, const struct circ_loops *loops,
                          struct circ_ceiling *ceilings)
{
    int threads = circ_team_threads(job->team);
    for (int p = 0; p < loops->peak_count; p++) {
        job->peak = &loops->peaks[p];
        if (!cpu_has(job->peak->metric))
            continue;
        double rate = best_rate(job, (double)job->peak->flop * TURNS * threads, PEAK_NS);
        ceilings->value = rate > ceilings->value ? rate : ceilings->value;
        ceilings++;
    }
    job->peak = NULL;
}

/* One working set in one round. Small parts lie elsewhere in each round: with 4 KB pages it is
 * chance how well a part fits the sets of a cache, and a ceiling is the best chance. */
static void measure_read(struct job *job, const struct circ_loops *loops, int round,
                         struct circ_ceiling *ceiling)
{
    int threads = circ_team_threads(job->team);
    job->part = (size_t)(ceiling->bytes / threads) / sizeof(float);
    job->from = job->part * ROUNDS <= job->floats ? job->part * (size_t)round : 0;
    for (int r = 0; r < CIRC_READS; r++) {
        job->read = loops->reads[r];
        double rate = best_rate(job, (double)ceiling->bytes, READ_NS);
        ceiling->value = rate > ceiling->value ? rate : ceiling->value;
    }
}

static void do_nothing(void *context, int thread)
{
    (void)context;
    (void)thread;
}

static void measure_fork(struct circ_team *team, struct circ_ceiling *ceiling)
{
    int64_t start = now_ns();
    for (int i = 0; i < FORKS; i++)
        circ_team_run(team, do_nothing, NULL);
    double each = (double)(now_ns() - start) / FORKS;
    if (each > 0 && (ceiling->value == 0 || each < ceiling->value))
        ceiling->value = each;
}

/* Names what will be measured; values are 0. Returns the number of peaks. */
static int plan(const struct circ_loops *loops, int threads, int64_t most_bytes,
                struct circ_ceiling *ceilings, int *count)
{
    *count = 0;
    for (int p = 0; p < loops->peak_count; p++)
        if (cpu_has(loops->peaks[p].metric))
            add(ceilings, count, loops->peaks[p].metric, "GFLOP/s", 0);
    int peaks = *count;
    int64_t unit = (int64_t)loops->read_floats * (int64_t)sizeof(float);
    double part = LEAST_BYTES;
    do {
        int64_t whole = (int64_t)(part + 0.5) / unit * unit;
        add(ceilings, count, "read", "GB/s", whole * threads);
        part *= 1.4142135623730951;
    } while (part * threads <= (double)most_bytes && *count < CIRC_MAX_CEILINGS - 1);
    add(ceilings, count, "fork_join", "ns", 0);
    return peaks;
}

enum circ_status circ_probe_ceilings(struct circ_team *team, const char *isa, int64_t most_bytes,
                                     struct circ_ceiling ceilings[CIRC_MAX_CEILINGS], int *count,
                                     struct circ_error *err)
{
    const int threads = circ_team_threads(team);
    const struct circ_loops *loops = NULL;
    enum circ_status status = CIRC_OK;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (!strcmp(rows[i]->name, isa))
            loops = rows[i];
    if (!loops)
        return circ_status_fail(err, CIRC_UNSUP, "there are no loops to measure isa %s with", isa);
    int peaks =
        plan(loops, threads, most_bytes < MOST_BYTES ? most_bytes : MOST_BYTES, ceilings, count);
    int last = *count - 1;
    struct job job = {.team = team,
                      .floats = (size_t)(ceilings[last - 1].bytes / threads) / sizeof(float)};
    job.memory = calloc((size_t)threads, sizeof *job.memory);
    if (!job.memory)
        return circ_status_fail(err, CIRC_MEMORY, "no memory for the parts of %d threads", threads);
    circ_team_run(team, allocate, &job);
    for (int t = 0; t < threads && !status; t++)
        if (!job.memory[t])
            status = circ_status_fail(err, CIRC_MEMORY,
                                      "no memory to measure the bandwidth with: %lld MB",
                                      (long long)(ceilings[last - 1].bytes >> 20));
    for (int round = 0; round < ROUNDS && !status; round++) {
        measure_peaks(&job, loops, ceilings);
        for (int i = peaks; i < last; i++)
            if (round < ROUNDS / 2 || ceilings[i].bytes < MOST_BYTES / 8) /* the large ones take
                                                                            most of the time */
                measure_read(&job, loops, round, &ceilings[i]);
        for (int i = 0; i < ROUNDS; i++)
            measure_fork(team, &ceilings[last]);
    }
    for (int t = 0; t < threads; t++)
        free(job.memory[t]);
    free(job.memory);
    return status;
}
