/* Workers spin a short while for the next run, then sleep: a run that follows at once costs well
 * under a microsecond, and an idle team costs nothing to whoever is measured meanwhile. Barriers
 * spin and yield, so that a team larger than its CPUs still moves. */
#include "backends/cpu/team.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

/* About 20 us: longer than the gap between two launches, shorter than what a scheduler notices. */
#define SPINS_BEFORE_SLEEP 4000
#define SPINS_BEFORE_YIELD 2000

struct worker {
    struct circ_team *team;
    pthread_t thread;
    int index;
};

/* Fields that different threads write lie a cache line apart. */
struct circ_team {
    _Alignas(64) atomic_uint run_number;
    _Alignas(64) atomic_int running;   /* workers that have not ended the current run */
    _Alignas(64) atomic_int arrived;   /* threads at the barrier */
    _Alignas(64) atomic_uint barriers; /* barriers passed */
    _Alignas(64) atomic_int sleepers;
    void (*run)(void *, int);
    void *context;
    atomic_bool ending;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    int threads;
    int started;
    struct worker *workers; /* [threads - 1] */
};

/* Flushes subnormal numbers to zero, as operands and as results, on this thread; returns what was
 * set before. */
static inline unsigned long set_flush(void)
{
#if defined(__x86_64__)
    unsigned before = __builtin_ia32_stmxcsr();
    __builtin_ia32_ldmxcsr(before | 0x8040); /* FTZ, DAZ */
    return before;
#elif defined(__aarch64__)
    unsigned long before;
    __asm__ __volatile__("mrs %0, fpcr" : "=r"(before));
    __asm__ __volatile__("msr fpcr, %0" : : "r"(before | 1ul << 24)); /* FZ */
    return before;
#else
    return 0;
#endif
}

static inline void restore_flush(unsigned long before)
{
#if defined(__x86_64__)
    __builtin_ia32_ldmxcsr((unsigned)before);
#elif defined(__aarch64__)
    __asm__ __volatile__("msr fpcr, %0" : : "r"(before));
#else
    (void)before;
#endif
}

/* On Arm isb and not yield, which does nothing on cores without SMT: the spins would end too soon.
 */
static inline void pause_cpu(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ __volatile__("isb");
#endif
}

/* Waits until the number of runs differs from seen: spinning first, then asleep. */
static void await_run(struct circ_team *team, unsigned seen)
{
    for (int spin = 0; spin < SPINS_BEFORE_SLEEP; spin++) {
        if (atomic_load_explicit(&team->run_number, memory_order_acquire) != seen)
            return;
        pause_cpu();
    }
    pthread_mutex_lock(&team->mutex);
    atomic_fetch_add(&team->sleepers, 1);
    while (atomic_load(&team->run_number) == seen)
        pthread_cond_wait(&team->wake, &team->mutex);
    atomic_fetch_sub(&team->sleepers, 1);
    pthread_mutex_unlock(&team->mutex);
}

static void *work(void *argument)
{
    struct worker *worker = argument;
    struct circ_team *team = worker->team;
    set_flush();
    for (unsigned seen = 0;; seen++) {
        await_run(team, seen);
        if (atomic_load(&team->ending))
            return NULL;
        team->run(team->context, worker->index);
        atomic_fetch_sub_explicit(&team->running, 1, memory_order_release);
    }
}

static void start_run(struct circ_team *team)
{
    atomic_fetch_add(&team->run_number, 1);
    if (atomic_load(&team->sleepers)) {
        pthread_mutex_lock(&team->mutex);
        pthread_cond_broadcast(&team->wake);
        pthread_mutex_unlock(&team->mutex);
    }
}

enum circ_status circ_team_create(struct circ_team **out, int threads, struct circ_error *err)
{
    *out = NULL;
    struct circ_team *team = aligned_alloc(64, sizeof *team);
    if (!team)
        return circ_status_fail(err, CIRC_MEMORY, "no memory for a team of %d threads", threads);
    *team = (struct circ_team){.threads = threads};
    pthread_mutex_init(&team->mutex, NULL);
    pthread_cond_init(&team->wake, NULL);
    team->workers = calloc((size_t)threads, sizeof *team->workers);
    int failed = team->workers ? 0 : -1;
    for (int i = 1; i < threads && !failed; i++) {
        team->workers[i - 1] = (struct worker){.team = team, .index = i};
        failed = pthread_create(&team->workers[i - 1].thread, NULL, work, &team->workers[i - 1]);
        team->started += !failed;
    }
    if (failed) {
        circ_team_free(team);
        return circ_status_fail_native(err, failed < 0 ? CIRC_MEMORY : CIRC_DEVICE, failed,
                                       "could not start %d threads: lower -t or raise the limit "
                                       "(ulimit -u)",
                                       threads);
    }
    *out = team;
    return CIRC_OK;
}

void circ_team_free(struct circ_team *team)
{
    if (!team)
        return;
    atomic_store(&team->ending, true);
    start_run(team);
    for (int i = 0; i < team->started; i++)
        pthread_join(team->workers[i].thread, NULL);
    pthread_cond_destroy(&team->wake);
    pthread_mutex_destroy(&team->mutex);
    free(team->workers);
    free(team);
}

int circ_team_threads(const struct circ_team *team)
{
    return team->threads;
}

void circ_team_run(struct circ_team *team, void (*run)(void *, int), void *context)
{
    if (team->threads == 1) {
        circ_team_alone(run, context);
        return;
    }
    unsigned long before = set_flush();
    team->run = run;
    team->context = context;
    atomic_store(&team->running, team->threads - 1);
    start_run(team);
    run(context, 0);
    for (int spin = 0; atomic_load_explicit(&team->running, memory_order_acquire); spin++) {
        if (spin > SPINS_BEFORE_YIELD)
            sched_yield();
        else
            pause_cpu();
    }
    restore_flush(before);
}

void circ_team_alone(void (*run)(void *, int), void *context)
{
    unsigned long before = set_flush();
    run(context, 0);
    restore_flush(before);
}

void circ_team_barrier(struct circ_team *team)
{
    if (team->threads == 1)
        return;
    unsigned passed = atomic_load(&team->barriers);
    if (atomic_fetch_add(&team->arrived, 1) == team->threads - 1) {
        atomic_store(&team->arrived, 0);
        atomic_fetch_add_explicit(&team->barriers, 1, memory_order_release);
        return;
    }
    for (int spin = 0; atomic_load_explicit(&team->barriers, memory_order_acquire) == passed;
         spin++) {
        if (spin > SPINS_BEFORE_YIELD)
            sched_yield();
        else
            pause_cpu();
    }
}
