/* Oracle and reference against each other, against brute force, and the choice of outputs to
 * verify. */
#include "backends/core/judge.h"
#include "backends/core/random.h"
#include "backends/core/reference.h"
#include "tests/core/network_fixture.h"
#include "tests/tap.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const enum circ_structure structures[] = {CIRC_DENSE, CIRC_CIRCULANT, CIRC_PRUNED};

/* Reference against oracle on a network; returns the relative RMS error over its bound. */
static double compare(const char *what, struct circ_network *net, int batch)
{
    struct circ_model model;
    struct circ_reference *reference = NULL;
    double scale = 0;
    struct circ_selection all = {0};
    size_t inputs = (size_t)circ_network_elements(net->input) * (size_t)batch;
    int64_t outputs = circ_network_elements(circ_network_output(net));
    float *x = malloc(inputs * sizeof *x),
          *got = circ_judge_guarded_alloc((size_t)(outputs * batch));
    double *want = malloc((size_t)(outputs * batch) * sizeof *want);
    if (circ_weights_create(&model, net, NULL) || !x || !got || !want ||
        circ_oracle_select(net, batch, 1e12, 1, &all, NULL)) {
        tap_ok(false, "%s: set-up", what);
        return INFINITY;
    }
    struct circ_random random = circ_random_seed(9, 9);
    circ_random_fill(&random, x, inputs, 1);
    circ_weights_random(&model, 2);
    bool ran = !circ_reference_create(&reference, &model, NULL) &&
               !circ_oracle_network(&model, x, &all, want, &scale, NULL);
    if (ran)
        circ_reference_forward(reference, x, batch, got);
    struct circ_verdict v =
        circ_judge_selection(got, outputs, batch, &all, want, scale, circ_judge_bound(net));
    tap_ok(ran && v.right && v.checked == outputs * batch &&
               circ_judge_guards_intact(got, (size_t)(outputs * batch)),
           "%s: rms %.2g of %.2g %s", what, v.rel_rms_error, v.bound, v.reason);
    circ_reference_free(reference);
    circ_oracle_selection_free(&all);
    circ_weights_free(&model);
    free(x);
    free(want);
    circ_judge_guarded_free(got);
    return v.rel_rms_error / v.bound;
}

static void test_layers(void)
{
    double worst = 0;
    for (int k = 1; k <= 20; k++) {
        for (size_t s = 0; s < 3; s++) {
            char what[96];
            struct circ_network net;
            struct circ_layer fc = {
                .op = CIRC_OP_FC, .out.c = 23, .bias = true, .compressible = true};
            snprintf(what, sizeof what, "fc 23x37 %s k %d",
                     circ_network_structure_name(structures[s]), k);
            if (!network_fixture_build(&net, (struct circ_shape){37, 1, 1}, &fc, 1, structures[s],
                                       k, NULL))
                worst = fmax(worst, compare(what, &net, 3));
            struct circ_layer conv = {.op = CIRC_OP_CONV,
                                      .out.c = 10,
                                      .taps_h = 3,
                                      .taps_w = 2,
                                      .stride = 2,
                                      .pad = 1,
                                      .groups = 2,
                                      .bias = k % 2,
                                      .compressible = true};
            snprintf(what, sizeof what, "conv %s k %d", circ_network_structure_name(structures[s]),
                     k);
            if (!network_fixture_build(&net, (struct circ_shape){6, 7, 9}, &conv, 1, structures[s],
                                       k, NULL))
                worst = fmax(worst, compare(what, &net, 2));
        }
    }
    tap_note("worst error over bound %.2g", worst);
}

static void test_chain(void)
{
    const struct circ_layer layers[] = {
        {.op = CIRC_OP_CONV, .out.c = 8, .taps_h = 3, .taps_w = 3, .pad = 1, .bias = true},
        {.op = CIRC_OP_RELU},
        {.op = CIRC_OP_LRN, .lrn_size = 5, .lrn_alpha = 1e-1f, .lrn_beta = 0.75f, .lrn_bias = 1},
        {.op = CIRC_OP_POOL_MAX, .taps_h = 3, .taps_w = 3, .stride = 2},
        {.op = CIRC_OP_CONV,
         .out.c = 12,
         .taps_h = 3,
         .taps_w = 3,
         .pad = 1,
         .bias = true,
         .compressible = true},
        {.op = CIRC_OP_POOL_AVG, .taps_h = 2, .taps_w = 2, .stride = 1, .pad = 1},
        {.op = CIRC_OP_FLATTEN},
        {.op = CIRC_OP_FC, .out.c = 10, .bias = true, .compressible = true},
        {.op = CIRC_OP_SOFTMAX},
    };
    for (size_t s = 0; s < 3; s++) {
        char what[64];
        struct circ_network net;
        snprintf(what, sizeof what, "nine layers, %s", circ_network_structure_name(structures[s]));
        if (tap_ok(!network_fixture_build(&net, (struct circ_shape){3, 11, 9}, layers, 9,
                                          structures[s], 4, NULL),
                   "%s", what))
            compare(what, &net, 2);
    }
}

/* The sampled outputs must be the same numbers as the whole computation's. */
static void test_selection(void)
{
    for (size_t s = 0; s < 3; s++) {
        struct circ_layer conv = {.op = CIRC_OP_CONV,
                                  .out.c = 12,
                                  .taps_h = 3,
                                  .taps_w = 3,
                                  .pad = 1,
                                  .bias = true,
                                  .compressible = true,
                                  .groups = 2};
        struct circ_network net;
        struct circ_model model;
        struct circ_selection some, all;
        struct circ_random random = circ_random_seed(4, 4);
        float x[3 * 8 * 5 * 6];
        double want[3 * 12 * 5 * 6], got[3 * 12 * 5 * 6];
        circ_random_fill(&random, x, sizeof x / sizeof *x, 1);
        if (network_fixture_build(&net, (struct circ_shape){8, 5, 6}, &conv, 1, structures[s], 4,
                                  NULL) ||
            circ_weights_create(&model, &net, NULL)) {
            tap_ok(false, "set-up");
            return;
        }
        double scale;
        circ_weights_random(&model, 8);
        double cost = circ_oracle_cost(&net) * 3;
        bool ok = !circ_oracle_select(&net, 3, cost * 0.9, 5, &some, NULL) &&
                  !circ_oracle_select(&net, 3, cost, 5, &all, NULL) &&
                  !circ_oracle_network(&model, x, &some, got, &scale, NULL) &&
                  !circ_oracle_network(&model, x, &all, want, &scale, NULL);
        tap_ok(ok && some.output_count && some.output_count < 360 / 4 && some.frame_count == 3 &&
                   !all.output_count && all.frame_count == 3,
               "%s: a short budget checks %lld outputs of %d frames",
               circ_network_structure_name(structures[s]), (long long)some.output_count,
               some.frame_count);
        double worst = 0;
        for (int f = 0; f < some.frame_count; f++)
            for (int64_t i = 0; i < some.output_count; i++)
                worst = fmax(
                    worst, fabs(got[f * some.output_count + i] - want[f * 360 + some.outputs[i]]));
        tap_ok(worst < 1e-12, "sampled outputs equal the whole (%.2g)", worst);
        circ_oracle_selection_free(&some);
        circ_oracle_selection_free(&all);
        circ_weights_free(&model);
    }
}

int main(void)
{
    test_layers();
    test_chain();
    test_selection();
    return tap_done();
}
