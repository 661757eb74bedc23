/* Pairs of 16-bit numbers: how far rounding moves them, at every magnitude, and what is no number.
 */
#include "backends/core/random.h"
#include "backends/cpu/pair.h"
#include "tests/tap.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

static uint32_t word_of(double re, double im)
{
    float pair = circ_pair_of(re, im);
    uint32_t word;
    memcpy(&word, &pair, sizeof word);
    return word;
}

static float im_of(uint32_t word)
{
    float im;
    word <<= 16;
    memcpy(&im, &word, sizeof im);
    return im;
}

static void test_errors(void)
{
    struct circ_random random = circ_random_seed(5, 0);
    double worst_re = 0, worst_im = 0, squares = 0;
    int count = 0, subnormal = 0;
    for (int e = -90; e <= 120; e += 3) {
        for (int i = 0; i < 2000; i++) {
            float unit[2], spread = ldexpf(1, (int)circ_random_below(&random, 40) - 20);
            circ_random_fill(&random, unit, 2, 1);
            double re = ldexp(unit[0], e) * (e > 90 ? 1 : spread);
            double im = ldexp(unit[1], e);
            uint32_t word = word_of(re, im);
            float got_re = circ_pair_of(re, im), got_im = im_of(word);
            double slack = fmax(ldexp(fabs(im), -23), 0x1p-125);
            double error = fmax(fabs((double)got_re - re) - slack, 0) / fabs(re);
            worst_re = fmax(worst_re, error);
            worst_im = fmax(worst_im, fabs((double)got_im - im) / fabs(im));
            subnormal += fpclassify(got_re) == FP_SUBNORMAL || fpclassify(got_im) == FP_SUBNORMAL;
            squares += (got_im - im) / im * ((got_im - im) / im);
            count++;
        }
    }
    tap_ok(worst_re <= 0x1.0001p-8 && worst_im <= 0x1.0001p-8,
           "%d pairs: re moves by at most %.3g of itself, im by %.3g: half a place is %.3g", count,
           worst_re, worst_im, 0x1p-8);
    tap_ok(sqrt(squares / count) < 0.45 * 0x1p-8 && sqrt(squares / count) > 0.35 * 0x1p-8,
           "in the root mean square by %.2f of that, as the judge's bound assumes",
           sqrt(squares / count) / 0x1p-8);
    tap_ok(!subnormal, "no number becomes subnormal");
}

static void test_places(void)
{
    /* 1 + 2^-8 lies in the middle between 1 and 1 + 2^-7 */
    tap_ok(im_of(word_of(0, 1 + 0x1p-8)) == 1, "im: the middle goes down to even");
    tap_ok(im_of(word_of(0, 1 + 3 * 0x1p-8)) == 1 + 0x1p-6f, "im: the middle goes up to even");
    tap_ok(im_of(word_of(0, -1 - 0x1.01p-8)) == -1 - 0x1p-7f, "im: beyond the middle goes away");
    tap_ok(circ_pair_of(1.5, 0) == 1.5f && circ_pair_of(-3, 0) == -3,
           "re is exact where im is zero and it fits");
    tap_ok(!word_of(0, 0) && !word_of(1e-40, -1e-40) && !word_of(0, -0.0), "zeros are zero bits");
    tap_ok(fabs(circ_pair_of(0, 1)) < 0x1p-23 && fabs(circ_pair_of(0, 1)) > 0x1p-26,
           "a re of zero is small beside im, and normal");
    tap_ok(isfinite(circ_pair_of(0x1.fcp127, 0x1.fcp127)), "great numbers stay finite");
}

static void test_no_numbers(void)
{
    const double odd[] = {INFINITY, -INFINITY, NAN, -NAN};
    int right = 0;
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < 5; j++) {
            double other = j < 4 ? odd[j] : 1;
            right +=
                !isfinite(circ_pair_of(odd[i], other)) && !isfinite(im_of(word_of(other, odd[i])));
            right += isnan(circ_pair_of(odd[i], other)) || !isnan(odd[i]);
            right += isnan(im_of(word_of(other, odd[i]))) == isnan(odd[i]);
        }
    tap_ok(right == 60, "NaN and infinities are never numbers: %d of 60", right);
}

int main(void)
{
    test_errors();
    test_places();
    test_no_numbers();
    return tap_done();
}
