/* libm's multiply-adds, after a vzeroupper: loaded into qemu on x86-64, where they take a tenth of
 * the time while it runs SVE. Answers stay libm's.
 *
 * For vectors of 32 bytes qemu writes AVX code and leaves the upper halves of registers in use; the
 * rest of it is SSE, and the fmaf that libm chooses AVX again. While upper halves are in use, each
 * change from one to the other costs Intel's processors 75 ns (a Sapphire Rapids: 150 ns for an
 * fmaf and an SSE instruction, 4 ns after a vzeroupper). */
#include <dlfcn.h>

static float (*libm_fmaf)(float, float, float);
static double (*libm_fma)(double, double, double);
static int has_upper_halves;

float fmaf(float a, float b, float c);
double fma(double a, double b, double c);

__attribute__((constructor)) static void find(void)
{
    *(void **)&libm_fmaf = dlsym(RTLD_NEXT, "fmaf");
    *(void **)&libm_fma = dlsym(RTLD_NEXT, "fma");
    has_upper_halves = __builtin_cpu_supports("avx");
}

/* No caller of a function has anything there that it wants back. */
static inline void leave_upper_halves(void)
{
    if (has_upper_halves)
        __asm__ volatile("vzeroupper");
}

float fmaf(float a, float b, float c)
{
    leave_upper_halves();
    return libm_fmaf(a, b, c);
}

double fma(double a, double b, double c)
{
    leave_upper_halves();
    return libm_fma(a, b, c);
}
