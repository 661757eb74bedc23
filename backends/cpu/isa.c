/* The table of ISA rows and the question whether the CPU, and the system, can run each. */
#include "backends/cpu/isa.h"

#include <stdbool.h>
#include <string.h>
#if defined(__aarch64__)
#include <sys/auxv.h>
#include <sys/prctl.h>
#endif

#if defined(__x86_64__)
static bool has_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

static bool has_avx512(void)
{
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
}
#elif defined(__aarch64__)
/* Its code holds for vectors of 32 bytes and no others, and how long they are is the system's say.
 */
static bool has_sve256(void)
{
    int length = getauxval(AT_HWCAP) & HWCAP_SVE ? prctl(PR_SVE_GET_VL) : -1;
    return length >= 0 && (length & PR_SVE_VL_LEN_MASK) == 32;
}
#endif

static bool always(void)
{
    return true;
}

static const struct {
    const struct circ_kernels *table;
    const struct circ_learning *learning;
    bool (*runs)(void);
} rows[] = {
/* best first */
#if defined(__x86_64__)
    {&circ_kernels_avx512, &circ_learning_avx512, has_avx512},
    {&circ_kernels_avx2, &circ_learning_avx2, has_avx2},
#elif defined(__aarch64__)
    {&circ_kernels_sve256, &circ_learning_sve256, has_sve256},
    /* Advanced SIMD is part of what every aarch64 Linux runs on */
    {&circ_kernels_neon, &circ_learning_neon, always},
#endif
    {&circ_kernels_scalar, &circ_learning_scalar, always},
};

int circ_isa_list(const struct circ_kernels *tables[8])
{
    int count = 0;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].runs())
            tables[count++] = rows[i].table;
    return count;
}

const struct circ_kernels *circ_isa_find(const char *name)
{
    const struct circ_kernels *tables[8];
    int count = circ_isa_list(tables);
    for (int i = 0; i < count; i++)
        if (!name || !strcmp(tables[i]->name, name))
            return tables[i];
    return NULL;
}

const struct circ_learning *circ_isa_learning(const struct circ_kernels *kernels)
{
    size_t i = 0;
    while (rows[i].table != kernels)
        i++;
    return rows[i].learning;
}
