/* What all kernels share: vectors of V floats, V = 1 on GPUs and the machine's own width on CPUs.
 * Each lane is a column: a sample, a pixel, or in small batches a block.
 *
 * Activations lie [channel][row][column][sample]. Spectra lie [slot][part][block][place], parts re
 * and im (one part only where K is 1), blocks of all groups one after the other; slots as in
 * backends/core/fft.h. A plane is what the places of one block make up: the pixels of the padded
 * image, those of each residue modulo the stride next to each other, so that the places under a tap
 * of all output pixels are one run, whatever the stride. */

#define JOIN_(a, b) a##b
#define JOIN(a, b)  JOIN_(a, b)

#if V == 1
typedef float real;
#define LOAD(p)     (*(p))
#define STORE(v, p) (*(p) = (v))
#define LOAD_S LOAD
#define STORE_S STORE
#else
typedef JOIN(float, V) real;
#if defined(__clang__)
/* vloadn and vstoren are made of smaller pieces by some compilers for CPUs */
typedef real __attribute__((aligned(4))) real_anywhere;
#define LOAD(p)     (*(__global const real_anywhere *)(p))
#define STORE(v, p) (*(__global real_anywhere *)(p) = (v))
#define LOAD_S(p)     (*(SPECTRA const real_anywhere *)(p))
#define STORE_S(v, p) (*(SPECTRA real_anywhere *)(p) = (v))
#else
#define LOAD(p)     JOIN(vload, V)(0, p)
#define STORE(v, p) JOIN(vstore, V)(v, 0, p)
#define LOAD_S LOAD
#define STORE_S STORE
#endif
#endif

/* A kernel whose work-items compute in vectors already: compilers for CPUs that would make vectors of
 * work-items are told not to, which is up to seven times slower. */
#define KERNEL __kernel __attribute__((vec_type_hint(real)))

/* Functions whose int and bool arguments are constants: without them inlined, and their loops unrolled,
 * arrays of registers become memory. */
#define INLINE static inline __attribute__((always_inline))

/* Where spectra lie; LOAD_S and STORE_S are LOAD and STORE there. */
#ifndef SPECTRA
#define SPECTRA __global
#endif

union lanes {
    real v;
    float at[V];
};

/* A vector of which `left` floats exist, zeros after them; and the sum of one. */
static inline real head(__global const float *from, int left)
{
    if (left >= V)
        return LOAD(from);
    union lanes a = {.v = 0};
    for (int l = 0; l < left; l++)
        a.at[l] = from[l];
    return a.v;
}

static inline float sum_of(real value)
{
    union lanes a = {.v = value};
    float sum = 0;
    for (int l = 0; l < V; l++)
        sum += a.at[l];
    return sum;
}
