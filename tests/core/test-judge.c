/* The judge must call wrong what is wrong: NaN, unwritten outputs, shifted outputs, damaged guards.
 */
#include "backends/core/judge.h"
#include "tests/tap.h"

#include <math.h>
#include <stddef.h>

int main(void)
{
    const double want[4] = {1, -2, 3, -4};
    float got[4] = {1, -2, 3, -4};
    struct circ_verdict v = circ_judge_compare(got, want, 4, 0, 1e-6);
    tap_ok(v.right && v.rel_rms_error == 0 && v.checked == 4, "equal answers are right");

    got[2] = 3.00001f;
    v = circ_judge_compare(got, want, 4, 0, 1e-6);
    tap_ok(!v.right && v.rel_rms_error > 1e-6 && v.reason[0], "an error beyond the bound: %s",
           v.reason);
    v = circ_judge_compare(got, want, 4, 0, 1e-5);
    tap_ok(v.right, "the same error within a wider bound");

    got[2] = NAN;
    v = circ_judge_compare(got, want, 4, 0, 1);
    tap_ok(!v.right && isnan(v.rel_rms_error), "NaN: %s", v.reason);
    got[2] = INFINITY;
    v = circ_judge_compare(got, want, 4, 0, 1);
    tap_ok(!v.right, "infinity: %s", v.reason);
    v = circ_judge_compare(got, want, 0, 0, 1);
    tap_ok(!v.right, "nothing compared is not right: %s", v.reason);

    const double zeros[4] = {0};
    float small[4] = {0, 0, 1e-30f, 0};
    v = circ_judge_compare(small, zeros, 4, 0, 1);
    tap_ok(!v.right, "not quite zero where all is zero: %s", v.reason);

    const double cancelled[2] = {1e-9, -1e-9};
    const float nearly[2] = {2e-9f, -1e-9f};
    v = circ_judge_compare(nearly, cancelled, 2, 1, 1e-6);
    tap_ok(v.right && v.rel_rms_error < 1e-8, "what cancels is held to the size of its terms");
    v = circ_judge_compare(nearly, cancelled, 2, 0, 1e-6);
    tap_ok(!v.right, "where that is known");

    struct circ_network net;
    const struct circ_layer fc = {.op = CIRC_OP_FC, .out.c = 64, .compressible = true};
    bool built = !circ_network_begin(&net, "narrow", (struct circ_shape){64, 1, 1}, NULL) &&
                 !circ_network_append(&net, &fc, NULL) &&
                 !circ_network_compress(&net, CIRC_CIRCULANT, 8, 8, NULL);
    double wide = built ? circ_judge_bound(&net) : 0;
    circ_network_set_precision(&net, CIRC_BF16);
    double bound = circ_judge_bound(&net);
    tap_ok(built && fabs(bound - wide - 0x1p-7) < 1e-12 && wide < 1e-6,
           "spectra in bf16 may be off by 2^-7: %.3g, in f32 by %.3g", bound, wide);
    for (int i = 0; i < 4; i++)
        got[i] = (float)(want[i] * (1 + (i % 2 ? 1 : -1) * 0.9 * bound));
    v = circ_judge_compare(got, want, 4, 0, bound);
    tap_ok(v.right, "an error of nine tenths of that");
    for (int i = 0; i < 4; i++)
        got[i] = (float)(want[i] * (1 + (i % 2 ? 1 : -1) * 1.1 * bound));
    v = circ_judge_compare(got, want, 4, 0, bound);
    tap_ok(!v.right && v.reason[0], "one of eleven tenths is caught: %s", v.reason);

    float *buffer = circ_judge_guarded_alloc(5);
    tap_ok(buffer && isnan(buffer[0]) && isnan(buffer[4]), "a guarded buffer starts poisoned");
    for (int i = 0; buffer && i < 5; i++)
        buffer[i] = 1;
    tap_ok(buffer && circ_judge_guards_intact(buffer, 5),
           "writing inside leaves the guards intact");
    if (buffer) {
        volatile float *outside = buffer;
        float before = outside[-1];
        outside[-1] = 1;
        tap_ok(!circ_judge_guards_intact(buffer, 5), "writing before the buffer is seen");
        outside[-1] = before;
        outside[5] = 1;
        tap_ok(!circ_judge_guards_intact(buffer, 5), "writing after the buffer is seen");
    }
    circ_judge_guarded_free(buffer);
    circ_judge_guarded_free(NULL);
    tap_ok(circ_judge_guarded_alloc(SIZE_MAX / 4) == NULL, "an impossible size is refused");
    return tap_done();
}
