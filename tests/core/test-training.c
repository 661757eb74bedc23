/* The oracle's training step against central differences of its own forward pass, and the judge of
 * steps against steps that are slightly wrong. */
#include "backends/core/descent.h"
#include "backends/core/oracle.h"
#include "backends/core/random.h"
#include "backends/core/training.h"
#include "tests/core/network_fixture.h"
#include "tests/tap.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 3 };

#define STEP 0x1p-18f /* so short that it hardly ever crosses a kink; double keeps nine digits */

struct lesson {
    struct circ_network net;
    struct circ_model model;
    float *input, *target;
    size_t inputs, outputs; /* of the batch */
};

static bool begin(struct lesson *lesson, struct circ_shape in, const struct circ_layer *layers,
                  int count, enum circ_structure structure, int k)
{
    struct circ_random random = circ_random_seed(5, (uint64_t)k);
    memset(lesson, 0, sizeof *lesson);
    if (network_fixture_build(&lesson->net, in, layers, count, structure, k, NULL) ||
        circ_weights_create(&lesson->model, &lesson->net, NULL))
        return false;
    lesson->inputs = (size_t)circ_network_elements(in) * BATCH;
    lesson->outputs =
        (size_t)circ_network_elements(circ_network_output(&lesson->net)) * (size_t)BATCH;
    lesson->input = malloc(lesson->inputs * sizeof(float));
    lesson->target = malloc(lesson->outputs * sizeof(float));
    if (!lesson->input || !lesson->target)
        return false;
    circ_weights_random(&lesson->model, 3);
    circ_random_fill(&random, lesson->input, lesson->inputs, 1);
    circ_random_fill(&random, lesson->target, lesson->outputs, 1);
    return true;
}

static void end(struct lesson *lesson)
{
    circ_weights_free(&lesson->model);
    free(lesson->input);
    free(lesson->target);
}

static double loss(const struct lesson *lesson)
{
    int frames[BATCH] = {0, 1, 2};
    struct circ_selection all = {.frame_count = BATCH, .frames = frames};
    double sum = 0, scale, *y = malloc(lesson->outputs * sizeof *y);
    if (!y || circ_oracle_network(&lesson->model, lesson->input, &all, y, &scale, NULL))
        sum = NAN;
    for (size_t i = 0; i < lesson->outputs && sum == sum; i++)
        sum += (y[i] - lesson->target[i]) * (y[i] - lesson->target[i]);
    free(y);
    return sum / (2 * BATCH);
}

/* Relative RMS error of want[count] against differences in values[count], every `step`th. */
static double compare(const struct lesson *lesson, float *values, const double *want, size_t count,
                      size_t step)
{
    double error = 0, size = 0;
    for (size_t i = 0; i < count; i += step) {
        float was = values[i], up = was + STEP, down = was - STEP;
        values[i] = up;
        double high = loss(lesson);
        values[i] = down;
        double low = loss(lesson);
        values[i] = was;
        double slope = (high - low) / ((double)up - down);
        error += (want[i] - slope) * (want[i] - slope);
        size += slope * slope;
    }
    return size > 0 ? sqrt(error / size) : sqrt(error);
}

static void test_differences(const char *what, struct circ_shape in,
                             const struct circ_layer *layers, int count,
                             enum circ_structure structure, int k)
{
    struct lesson lesson;
    struct circ_training training = {0};
    double worst = 0;
    bool ok = begin(&lesson, in, layers, count, structure, k) &&
              !circ_training_solve(&training, &lesson.model, lesson.input, lesson.target, BATCH,
                                   BATCH, NULL);
    for (int l = 0; l < count && ok; l++) {
        struct circ_weights *w = &lesson.model.layers[l];
        if (!w->values)
            continue;
        double error =
            compare(&lesson, w->values, training.weights[l].want, w->count, w->count / 150 + 1);
        worst = fmax(worst, error);
        error = compare(&lesson, w->bias, training.bias[l].want, (size_t)layers[l].out.c, 1);
        worst = fmax(worst, error);
    }
    if (ok)
        worst = fmax(worst, compare(&lesson, lesson.input, training.dx.want, lesson.inputs,
                                    lesson.inputs / 150 + 1));
    tap_ok(ok && worst < 2e-6, "%s, %s k %d: %.2g", what, circ_network_structure_name(structure), k,
           worst);
    circ_training_free(&training);
    end(&lesson);
}

/* The reference's step is right; the same step with one thing changed is not. */
static void test_judge(const struct circ_layer *layers, int count, struct circ_shape in)
{
    struct lesson lesson;
    struct circ_training training = {0};
    struct circ_descent *descent = NULL;
    struct circ_model after = {0};
    float *y = NULL, *dx = NULL;
    bool ok = begin(&lesson, in, layers, count, CIRC_CIRCULANT, 4) &&
              !circ_training_solve(&training, &lesson.model, lesson.input, lesson.target, BATCH,
                                   BATCH, NULL) &&
              !circ_descent_create(&descent, &lesson.model, NULL) &&
              !circ_weights_create(&after, &lesson.net, NULL);
    if (ok) {
        y = malloc(lesson.outputs * sizeof *y);
        dx = malloc(lesson.inputs * sizeof *dx);
    }
    if (!y || !dx ||
        circ_descent_step(descent, lesson.input, lesson.target, training.rate, BATCH, y, dx,
                          NULL)) {
        tap_ok(false, "set-up");
        goto done;
    }
    for (int l = 0; l < count; l++) {
        const struct circ_weights *w = &circ_descent_model(descent)->layers[l];
        if (w->values)
            memcpy(after.layers[l].values, w->values, w->count * sizeof(float));
        if (w->bias)
            memcpy(after.layers[l].bias, w->bias, (size_t)layers[l].out.c * sizeof(float));
    }
    struct circ_verdict v = circ_training_judge(&training, &lesson.model, y, dx, &after);
    tap_ok(v.right, "the reference's step is right: %s %.2g of %.2g", v.reason, v.rel_rms_error,
           v.bound);
    tap_ok(v.checked == v.total && v.checked > (int64_t)(lesson.inputs + lesson.outputs),
           "all of it is compared: %lld values", (long long)v.checked);
    float *changed[] = {y + 1, dx + 5, after.layers[0].values + 2, after.layers[0].bias + 1};
    static const char *const names[] = {"an output", "an input's gradient", "a weight", "a bias"};
    for (int i = 0; i < 4; i++) {
        float was = *changed[i];
        *changed[i] = was * 1.01f + 1e-4f;
        v = circ_training_judge(&training, &lesson.model, y, dx, &after);
        tap_ok(!v.right, "%s changed by a hundredth is found: %s", names[i], v.reason);
        *changed[i] = NAN;
        v = circ_training_judge(&training, &lesson.model, y, dx, &after);
        tap_ok(!v.right, "%s that is NaN is found: %s", names[i], v.reason);
        *changed[i] = was;
    }
    v = circ_training_judge(&training, &lesson.model, y, dx, &lesson.model);
    tap_ok(!v.right, "weights that did not move are found: %s", v.reason);
done:
    circ_training_free(&training);
    circ_descent_free(descent);
    circ_weights_free(&after);
    free(y);
    free(dx);
    end(&lesson);
}

/* Frames that repeat count as often as they do. */
static void test_repeats(const struct circ_layer *layers, int count, struct circ_shape in)
{
    struct lesson lesson;
    struct circ_training whole = {0}, some = {0};
    bool ok = begin(&lesson, in, layers, count, CIRC_CIRCULANT, 4);
    size_t inputs = lesson.inputs / BATCH, outputs = lesson.outputs / BATCH;
    if (ok) {
        memcpy(lesson.input + 2 * inputs, lesson.input, inputs * sizeof(float));
        memcpy(lesson.target + 2 * outputs, lesson.target, outputs * sizeof(float));
    }
    ok = ok &&
         !circ_training_solve(&whole, &lesson.model, lesson.input, lesson.target, BATCH, 3, NULL) &&
         !circ_training_solve(&some, &lesson.model, lesson.input, lesson.target, BATCH, 2, NULL);
    double worst = 0;
    for (int64_t i = 0; ok && i < whole.weights[0].count; i++)
        worst = fmax(worst, fabs(whole.weights[0].want[i] - some.weights[0].want[i]));
    tap_ok(ok && worst < 1e-12, "two frames, one of them twice, are three frames: %.2g", worst);
    tap_ok(circ_training_distinct(&lesson.net, 64, 1e15) == 64 &&
               circ_training_distinct(&lesson.net, 64, 1) == 1 &&
               circ_training_distinct(&lesson.net, 64, 3e1 * circ_oracle_cost(&lesson.net)) == 9,
           "distinct frames by budget");
    circ_training_free(&whole);
    circ_training_free(&some);
    end(&lesson);
}

int main(void)
{
    const struct circ_layer fc = {.op = CIRC_OP_FC, .out.c = 9, .bias = true, .compressible = true};
    const struct circ_layer conv = {.op = CIRC_OP_CONV,
                                    .out.c = 6,
                                    .taps_h = 3,
                                    .taps_w = 2,
                                    .stride = 2,
                                    .pad = 1,
                                    .groups = 2,
                                    .bias = true,
                                    .compressible = true};
    const struct circ_layer deep[] = {
        {.op = CIRC_OP_CONV,
         .out.c = 8,
         .taps_h = 3,
         .taps_w = 3,
         .pad = 1,
         .bias = true,
         .compressible = true},
        {.op = CIRC_OP_RELU},
        {.op = CIRC_OP_LRN, .lrn_size = 5, .lrn_alpha = 0.5f, .lrn_beta = 0.75f, .lrn_bias = 1},
        {.op = CIRC_OP_POOL_MAX, .taps_h = 3, .taps_w = 3, .stride = 2, .pad = 1},
        {.op = CIRC_OP_CONV,
         .out.c = 10,
         .taps_h = 2,
         .taps_w = 3,
         .groups = 2,
         .bias = true,
         .compressible = true},
        {.op = CIRC_OP_POOL_AVG, .taps_h = 2, .taps_w = 2, .stride = 2, .pad = 1},
        {.op = CIRC_OP_FLATTEN},
        {.op = CIRC_OP_FC, .out.c = 12, .bias = true, .compressible = true},
        {.op = CIRC_OP_RELU},
        {.op = CIRC_OP_FC, .out.c = 5, .bias = true, .compressible = true},
        {.op = CIRC_OP_SOFTMAX},
    };
    const int depth = sizeof deep / sizeof *deep;
    for (int k = 1; k <= 9; k++) {
        test_differences("fc 9x14", (struct circ_shape){14, 1, 1}, &fc, 1, CIRC_CIRCULANT, k);
        test_differences("conv", (struct circ_shape){4, 6, 5}, &conv, 1, CIRC_CIRCULANT, k);
        test_differences("eleven layers", (struct circ_shape){3, 9, 8}, deep, depth, CIRC_CIRCULANT,
                         k);
    }
    test_differences("fc 9x14", (struct circ_shape){14, 1, 1}, &fc, 1, CIRC_DENSE, 1);
    test_differences("conv", (struct circ_shape){4, 6, 5}, &conv, 1, CIRC_DENSE, 1);
    test_differences("eleven layers", (struct circ_shape){3, 9, 8}, deep, depth, CIRC_DENSE, 1);
    test_judge(deep, depth, (struct circ_shape){3, 9, 8});
    test_judge(&fc, 1, (struct circ_shape){14, 1, 1});
    test_repeats(&fc, 1, (struct circ_shape){14, 1, 1});
    return tap_done();
}
