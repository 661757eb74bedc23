/* Transforms in words of few bits against their definition in double, and the rounding that they
 * are made of. */
#include "backends/core/fixed.h"
#include "tests/core/fixed_fixture.h"
#include "tests/tap.h"

#include <math.h>
#include <stdlib.h>

#define PI 3.14159265358979323846

enum { SEED = 7 };

static void test_rounding(void)
{
    static const struct {
        int64_t value;
        int shift;
        int32_t word;
    } cases[] = {{0, 1, 0},
                 {1, 1, 1},
                 {-1, 1, 0},
                 {3, 1, 2},
                 {-3, 1, -1},
                 {2, 2, 1},
                 {-2, 2, 0},
                 {5, 2, 1},
                 {6, 2, 2},
                 {-6, 2, -1},
                 {-7, 2, -2},
                 {7, 0, 7},
                 {-3, -2, -12},
                 {127, 0, 127},
                 {128, 0, 127},
                 {-128, 0, -128},
                 {-129, 0, -128},
                 {255, 1, 127},
                 {253, 1, 127},
                 {252, 1, 126},
                 {64, -1, 127},
                 {-65, -1, -128},
                 {-257, 1, -128},
                 {INT64_C(1) << 46, 47, 1},
                 {(INT64_C(1) << 46) - 1, 47, 0}};
    int wrong = 0, count = (int)(sizeof cases / sizeof *cases);
    for (int i = 0; i < count; i++)
        wrong += circ_fixed_fft_round(cases[i].value, cases[i].shift, 8) != cases[i].word;
    tap_ok(!wrong, "rounding: half up, saturating, left shifts: %d of %d cases wrong", wrong,
           count);

    tap_ok(circ_fixed_word(0.5, 0, 8) == 1 && circ_fixed_word(-0.5, 0, 8) == 0 &&
               circ_fixed_word(1.5, 2, 8) == 6 && circ_fixed_word(1e30, 0, 12) == 2047 &&
               circ_fixed_word(-INFINITY, 3, 16) == -32768 && circ_fixed_word(NAN, 3, 16) == 0,
           "numbers become words to nearest, half up, saturating");

    double worst = 0;
    bool within = true;
    for (int pixels = 1; pixels < 70000; pixels++) {
        int shift;
        int32_t r = circ_fixed_reciprocal(pixels, &shift);
        within &= r >= 1 << 14 && r <= 1 << 15;
        worst = fmax(worst, fabs(r * (double)pixels / ldexp(1, shift) - 1));
    }
    tap_ok(within && worst <= 0x1p-15, "reciprocals keep 15 bits for every window: %.3g", worst);
}

/* The transform by its definition, as slots. */
static void direct(int k, const double *x, double *slots)
{
    for (int f = 0; f <= k / 2; f++) {
        double re = 0, im = 0;
        for (int i = 0; i < k; i++) {
            re += x[i] * cos(2 * PI * (double)(f * (int64_t)i % k) / k);
            im -= x[i] * sin(2 * PI * (double)(f * (int64_t)i % k) / k);
        }
        if (f == 0 || k == 1)
            slots[0] = re;
        else if (f == k / 2)
            slots[1] = re;
        if (f > 0 && f < k / 2) {
            slots[2 * f] = re;
            slots[2 * f + 1] = im;
        }
    }
}

/* One shift a stage: nothing can overflow but by the rounding of what is at the edge, and the words
 * are the transform divided by 2^stages. */
static void test_transform(int k, int bits)
{
    struct circ_fixed_fft *plan;
    if (circ_fixed_fft_create(&plan, k, bits, NULL)) {
        tap_ok(false, "a plan of %d words of %d bits", k, bits);
        return;
    }
    struct circ_random random = circ_random_seed(SEED, (uint64_t)(k * 100 + bits));
    int32_t *x = malloc((size_t)k * 3 * sizeof *x), *slots = x + k, *back = slots + k;
    double *real = malloc((size_t)k * 3 * sizeof *real), *want = real + k, *got = want + k;
    int shift[CIRC_FIXED_MAX_STAGES], zero[CIRC_FIXED_MAX_STAGES] = {0};
    double worst = 0, exact = 0, returned = 0, peak[CIRC_FIXED_MAX_STAGES] = {0};
    bool zeros = true, saturates = k == 1;
    for (int s = 0; s < CIRC_FIXED_MAX_STAGES; s++)
        shift[s] = 1;
    for (int kind = 0; kind < FIXED_FIXTURE_KINDS; kind++) {
        fixed_fixture_fill(kind, &random, bits, k, x);
        for (int i = 0; i < k; i++)
            real[i] = x[i];
        direct(k, real, want);
        circ_fixed_fft_forward_f64(plan, real, got, peak);
        circ_fixed_fft_forward(plan, x, shift, slots);
        for (int i = 0; i < k; i++) {
            exact = fmax(exact, fabs(got[i] - want[i]) / (k * (double)fixed_fixture_most(bits)));
            worst = fmax(worst, fabs(slots[i] - ldexp(want[i], -plan->stages)));
            zeros &= kind != FIXED_FIXTURE_ZEROS || !slots[i];
        }
        /* back: words of the definition's transform, halved a stage, give x / 2^stages times n */
        for (int i = 0; i < k; i++)
            slots[i] = circ_fixed_word(want[i], -plan->stages, bits);
        circ_fixed_fft_inverse(plan, slots, shift, back);
        for (int i = 0; i < k; i++)
            returned =
                fmax(returned,
                     fabs(back[i] - ldexp(real[i] * (k > 1 ? plan->n : 1), -2 * plan->stages)));
        if (kind == FIXED_FIXTURE_ALL_MOST && k > 1) /* its sum does not fit */
            saturates = circ_fixed_fft_forward(plan, x, zero, slots) &&
                        slots[0] == fixed_fixture_most(bits);
    }
    /* each stage rounds by half a unit, adds the error of both its inputs and halves it, and the
     * roots are off by 2^-(bits-1) of numbers that fill the word */
    double allowed = 3.0 * (plan->stages + 1);
    tap_ok(
        exact < 1e-12 && worst <= allowed && returned <= allowed && zeros && saturates,
        "transforms of %d words of %d bits: %.2f units off forward, %.2f inverse (%.0f allowed), "
        "double %.2g",
        k, bits, worst, returned, allowed, exact);
    free(real);
    free(x);
    circ_fixed_fft_free(plan);
}

int main(void)
{
    tap_note("seed %d", SEED);
    test_rounding();
    for (int k = 1; k <= CIRC_FIXED_MAX_BLOCK; k *= k < 256 ? 2 : 16)
        for (int bits = 8; bits <= 16; bits += 4)
            test_transform(k, bits);
    return tap_done();
}
