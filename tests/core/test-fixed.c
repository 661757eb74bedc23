/* Networks in fixed point against a slow model in integers, and against the oracle. */
#include "backends/core/fixed_judge.h"
#include "tests/core/fixed_fixture.h"
#include "tests/core/network_fixture.h"
#include "tests/tap.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SEED = 7 };

/* Layers under test: what networks have, odd sizes. */
static const struct {
    const char *name;
    struct circ_shape in;
    struct circ_layer layer;
} subjects[] = {
    {"fc 37x50", {50, 1, 1}, {.op = CIRC_OP_FC, .out.c = 37, .bias = true}},
    {"fc 10x3x3x7", {7, 3, 3}, {.op = CIRC_OP_FC, .out.c = 10}},
    {"conv 3x3 pad 1",
     {5, 6, 7},
     {.op = CIRC_OP_CONV, .out.c = 9, .taps_h = 3, .taps_w = 3, .pad = 1, .bias = true}},
    {"conv 5x2 stride 2 of 2 groups",
     {12, 9, 8},
     {.op = CIRC_OP_CONV,
      .out.c = 10,
      .taps_h = 5,
      .taps_w = 2,
      .stride = 2,
      .pad = 1,
      .groups = 2,
      .bias = true}},
    {"conv 1x1 of 3 groups",
     {9, 4, 4},
     {.op = CIRC_OP_CONV, .out.c = 6, .taps_h = 1, .taps_w = 1, .groups = 3}},
};
enum { SUBJECTS = sizeof subjects / sizeof *subjects };

static bool build(struct circ_network *net, struct circ_model *model, int which, int k)
{
    struct circ_layer layer = subjects[which].layer;
    layer.compressible = true;
    if (network_fixture_build(net, subjects[which].in, &layer, 1, k ? CIRC_CIRCULANT : CIRC_DENSE,
                              k ? k : 1, NULL) ||
        circ_weights_create(model, net, NULL))
        return false;
    circ_weights_random(model, SEED);
    return true;
}

/* Blocks of 1 and 2 in integers by their definition: no transform to speak of, so every step is
 * known exactly. */
static int32_t slow_output(const struct circ_fixed *fixed, const int32_t *x, int channel, int oy,
                           int ox)
{
    const struct circ_layer *layer = &fixed->network->layers[0];
    const struct circ_fixed_layer *own = &fixed->layers[0];
    int m, n, p, q, k = layer->block, bits = fixed->bits, in_h = layer->in.h, in_w = layer->in.w;
    int taps_h = layer->taps_h, taps_w = layer->taps_w, stride = layer->stride, pad = layer->pad;
    circ_network_matrix(layer, &m, &n);
    circ_network_blocks(layer, &p, &q);
    if (layer->op == CIRC_OP_FC)
        taps_h = taps_w = in_h = in_w = 1;
    int group = channel / m, row = channel % m, i = row / k;
    int64_t sums[2] = {0};
    for (int ty = 0; ty < taps_h; ty++)
        for (int tx = 0; tx < taps_w; tx++)
            for (int j = 0; j < q; j++) {
                int iy = oy * stride - pad + ty, ix = ox * stride - pad + tx;
                if (iy < 0 || iy >= in_h || ix < 0 || ix >= in_w)
                    continue;
                int64_t words[2] = {0};
                for (int c = 0; c < k && j * k + c < n; c++)
                    words[c] = x[((group * n + j * k + c) * in_h + iy) * in_w + ix];
                int tap = (group * taps_h + ty) * taps_w + tx;
                const int16_t *w = own->weights + (((int64_t)tap * p + i) * q + j) * k;
                if (k == 1) {
                    sums[0] += w[0] * words[0];
                    continue;
                }
                sums[0] += w[0] * (int64_t)circ_fixed_fft_round(words[0] + words[1],
                                                                own->forward[0], bits);
                sums[1] += w[1] * (int64_t)circ_fixed_fft_round(words[0] - words[1],
                                                                own->forward[0], bits);
            }
    int64_t a = circ_fixed_fft_round(sums[0], own->product, bits);
    if (k == 2) {
        int64_t b = circ_fixed_fft_round(sums[1], own->product, bits);
        a = circ_fixed_fft_round(row % 2 ? a - b : a + b, own->inverse[0] + 1, bits);
    }
    return circ_fixed_fft_round(a + (own->bias ? own->bias[channel] : 0), own->last, bits);
}

static void test_exact(int which, int k, int bits)
{
    struct circ_network net;
    struct circ_model model;
    struct circ_fixed *fixed = NULL;
    struct circ_random random = circ_random_seed(SEED, (uint64_t)(which * 10 + k));
    if (!build(&net, &model, which, k) || circ_fixed_create(&fixed, &model, bits, NULL, 0, NULL)) {
        tap_ok(false, "%s, block %d, %d bits", subjects[which].name, k, bits);
        return;
    }
    const struct circ_shape out = net.layers[0].out;
    int64_t count = circ_network_elements(out), inputs = circ_network_elements(net.input);
    int32_t *x = malloc((size_t)inputs * sizeof *x), *y = malloc((size_t)count * sizeof *y);
    int64_t wrong = 0, saturated = 0;
    for (int kind = 0; kind < FIXED_FIXTURE_KINDS; kind++) {
        fixed_fixture_fill(kind, &random, bits, inputs, x);
        if (circ_fixed_run(fixed, 0, x, y, &saturated, NULL))
            wrong++;
        for (int64_t i = 0; i < count; i++) {
            int pixel = (int)(i % (out.h * out.w));
            wrong += y[i] != slow_output(fixed, x, (int)(i / (out.h * out.w)), pixel / out.w,
                                         pixel % out.w);
        }
    }
    tap_ok(!wrong && saturated > 0,
           "%s, block %d (0: dense), %d bits: integers of a slow model, "
           "%lld differ, %lld words saturated",
           subjects[which].name, k, bits, (long long)wrong, (long long)saturated);
    free(x);
    free(y);
    circ_fixed_free(fixed);
    circ_weights_free(&model);
}

/* Any block against the oracle, on inputs of the calibration's kind. */
static void test_oracle(int which, int k, int bits)
{
    struct circ_network net;
    struct circ_model model;
    struct circ_fixed *fixed = NULL;
    enum { FRAMES = 8 };
    if (!build(&net, &model, which, k) || circ_fixed_create(&fixed, &model, bits, NULL, 0, NULL)) {
        tap_ok(false, "%s, block %d, %d bits", subjects[which].name, k, bits);
        return;
    }
    int64_t count = circ_network_elements(net.layers[0].out);
    int64_t inputs = circ_network_elements(net.input), saturated[CIRC_MAX_LAYERS] = {0};
    float *x = malloc((size_t)(FRAMES * inputs) * sizeof *x);
    float *y = malloc((size_t)(FRAMES * count) * sizeof *y);
    double *real = malloc((size_t)inputs * sizeof *real);
    double *want = malloc((size_t)(FRAMES * count) * sizeof *want);
    struct circ_random random = circ_random_seed(SEED, 99);
    circ_random_fill(&random, x, (size_t)(FRAMES * inputs), 1);
    bool ran = !circ_fixed_forward(fixed, x, FRAMES, y, saturated, NULL);
    for (int f = 0; f < FRAMES; f++) {
        for (int64_t i = 0; i < inputs; i++)
            real[i] = x[f * inputs + i];
        ran &= !circ_oracle_layer(&net.layers[0], &model.layers[0], real, want + f * count, NULL);
    }
    double bound = circ_fixed_judge_bound(fixed, saturated, FRAMES);
    struct circ_verdict v =
        circ_judge_compare(y, want, FRAMES * count, circ_fixed_judge_scale(fixed), bound);
    /* and no wider than it need be: the next frame's answer, and another output's, are wrong */
    struct circ_verdict next = circ_judge_compare(y + count, want, (FRAMES - 1) * count,
                                                  circ_fixed_judge_scale(fixed), bound);
    struct circ_verdict shifted =
        circ_judge_compare(y + 1, want, FRAMES * count - 1, circ_fixed_judge_scale(fixed), bound);
    tap_ok(ran && v.right && !next.right && !shifted.right,
           "%s, block %d, %d bits: error %.3g of %.3g, SQNR %.1f dB %s", subjects[which].name, k,
           bits, v.rel_rms_error, bound, fixed->layers[0].sqnr_db, v.reason);
    free(want);
    free(real);
    free(y);
    free(x);
    circ_fixed_free(fixed);
    circ_weights_free(&model);
}

static void test_pointwise(void)
{
    static const struct circ_layer layers[] = {
        {.op = CIRC_OP_RELU},
        {.op = CIRC_OP_POOL_MAX, .taps_h = 3, .taps_w = 2, .stride = 2, .pad = 1},
        {.op = CIRC_OP_POOL_AVG, .taps_h = 3, .taps_w = 3, .stride = 2, .pad = 1},
        {.op = CIRC_OP_POOL_AVG, .taps_h = 7, .taps_w = 9},
        {.op = CIRC_OP_FLATTEN},
    };
    struct circ_random random = circ_random_seed(SEED, 5);
    for (size_t l = 0; l < sizeof layers / sizeof *layers; l++) {
        struct circ_network net;
        struct circ_model model;
        struct circ_fixed *fixed = NULL;
        bool ran = !network_fixture_build(&net, (struct circ_shape){3, 7, 9}, &layers[l], 1,
                                          CIRC_DENSE, 1, NULL) &&
                   !circ_weights_create(&model, &net, NULL) &&
                   !circ_fixed_create(&fixed, &model, 12, NULL, 0, NULL);
        int64_t count = circ_network_elements(circ_network_output(&net));
        int32_t x[189], y[189];
        double real[189], want[189], worst = 0;
        for (int kind = 0; kind < FIXED_FIXTURE_KINDS && ran; kind++) {
            fixed_fixture_fill(kind, &random, 12, 189, x);
            for (int i = 0; i < 189; i++)
                real[i] = x[i];
            ran = !circ_oracle_layer(&net.layers[0], &model.layers[0], real, want, NULL) &&
                  !circ_fixed_run(fixed, 0, x, y, NULL, NULL);
            /* a reduction by fmax is more than gcc 12 for aarch64 lives through */
            for (int64_t i = 0; i < count && ran; i++)
                if (fabs(y[i] - want[i]) > worst)
                    worst = fabs(y[i] - want[i]);
        }
        bool mean = layers[l].op == CIRC_OP_POOL_AVG; /* half a unit, and what R is off by */
        tap_ok(ran && worst <= (mean ? 0.5 + 2048 * 0x1p-15 : 0), "%s on words: %.3f units off",
               circ_network_op_name(layers[l].op), worst);
        circ_fixed_free(fixed);
        circ_weights_free(&model);
    }
}

/* LeNet's shape in small, for what concerns whole networks. */
static const struct circ_layer chain[] = {
    {.op = CIRC_OP_CONV, .out.c = 16, .taps_h = 5, .taps_w = 5, .bias = true},
    {.op = CIRC_OP_RELU},
    {.op = CIRC_OP_POOL_MAX, .taps_h = 2, .taps_w = 2, .stride = 2},
    {.op = CIRC_OP_CONV, .out.c = 32, .taps_h = 3, .taps_w = 3, .bias = true, .compressible = true},
    {.op = CIRC_OP_RELU},
    {.op = CIRC_OP_POOL_AVG, .taps_h = 2, .taps_w = 2, .stride = 2},
    {.op = CIRC_OP_FLATTEN},
    {.op = CIRC_OP_FC, .out.c = 128, .bias = true, .compressible = true},
    {.op = CIRC_OP_RELU},
    {.op = CIRC_OP_FC, .out.c = 10, .bias = true, .compressible = true},
    {.op = CIRC_OP_SOFTMAX},
};
enum { CHAIN = sizeof chain / sizeof *chain, BATCH = 8 };

/* Stated floors of every layer's SQNR, all layers before it in words too: 6 dB a bit, less what
 * transforms and depth take. */
static double floor_of(int bits)
{
    return 6.02 * bits - 42;
}

static void test_chain(int k, int bits)
{
    struct circ_network net;
    struct circ_model model;
    struct circ_fixed *fixed = NULL, *again = NULL;
    bool ran = !network_fixture_build(&net, (struct circ_shape){1, 20, 20}, chain, CHAIN,
                                      CIRC_CIRCULANT, k, NULL) &&
               !circ_weights_create(&model, &net, NULL);
    if (ran)
        circ_weights_random(&model, SEED);
    static float x[BATCH * 400], y[BATCH * 10], larger[BATCH * 400];
    static double want[BATCH * 10];
    int frames[BATCH];
    int64_t quiet[CIRC_MAX_LAYERS] = {0}, loud[CIRC_MAX_LAYERS] = {0}, within = 0, beyond = 0;
    struct circ_random random = circ_random_seed(SEED, 3);
    circ_random_fill(&random, x, BATCH * 400, 1);
    for (int f = 0; f < BATCH; f++)
        frames[f] = f;
    const struct circ_selection all = {.frame_count = BATCH, .frames = frames};
    double scale, lowest = INFINITY;
    ran = ran && !circ_fixed_create(&fixed, &model, bits, x, BATCH, NULL) &&
          !circ_fixed_create(&again, &model, bits, x, BATCH, NULL) &&
          !circ_fixed_forward(fixed, x, BATCH, y, quiet, NULL) &&
          !circ_oracle_network(&model, x, &all, want, &scale, NULL);
    if (!tap_ok(ran, "a chain of %d layers, block %d, %d bits", CHAIN, k, bits))
        return;
    bool same = true;
    for (int l = 0; l < net.layer_count; l++)
        if (circ_network_has_weights(&net.layers[l])) {
            size_t count = (size_t)circ_network_layer_counts(&net.layers[l]).weight_count;
            lowest = fmin(lowest, fixed->layers[l].sqnr_db);
            same &= !memcmp(fixed->layers[l].weights, again->layers[l].weights,
                            count * sizeof *fixed->layers[l].weights);
        }
    for (int i = 0; i < BATCH * 400; i++)
        larger[i] = 8 * x[i];
    ran = !circ_fixed_forward(fixed, larger, BATCH, y, loud, NULL) &&
          !circ_fixed_forward(fixed, x, BATCH, y, NULL, NULL);
    for (int l = 0; l < net.layer_count; l++) {
        within += quiet[l];
        beyond += loud[l];
    }
    tap_ok(ran && same && !within, "its words are the same again, and its frames saturate none");
    struct circ_verdict v =
        circ_judge_compare(y, want, BATCH * 10, fmax(scale, circ_fixed_judge_scale(fixed)),
                           circ_fixed_judge_bound(fixed, quiet, BATCH));
    tap_ok(v.right && lowest >= floor_of(bits),
           "error %.3g of %.3g; lowest SQNR %.1f dB, floor %.1f %s", v.rel_rms_error, v.bound,
           lowest, floor_of(bits), v.reason);
    tap_note("frames 8 times as large as those calibrated on saturate %lld words",
             (long long)beyond);
    circ_fixed_free(again);
    circ_fixed_free(fixed);
    circ_weights_free(&model);
}

static void test_judge(void)
{
    struct circ_network net;
    struct circ_model model;
    struct circ_fixed *fixed = NULL;
    if (!build(&net, &model, 0, 8) || circ_fixed_create(&fixed, &model, 16, NULL, 0, NULL)) {
        tap_ok(false, "a network to judge");
        return;
    }
    float x[100], y[74], got[74];
    double want[74];
    struct circ_random random = circ_random_seed(SEED, 1);
    circ_random_fill(&random, x, 100, 1);
    bool ran = !circ_fixed_forward(fixed, x, 2, y, NULL, NULL);
    for (int i = 0; i < 74; i++) {
        got[i] = y[i];
        want[i] = y[i];
    }
    double bound = circ_fixed_judge_bound(fixed, NULL, 2);
    struct circ_verdict v = circ_judge_compare(got, want, 74, 0, bound);
    circ_fixed_judge_equal(&v, got, y, 37, 2);
    tap_ok(ran && v.right && v.checked == 74, "the same words are right");
    got[40] += (float)ldexp(1, -fixed->layers[0].out_fraction);
    v = circ_judge_compare(got, want, 74, 0, bound);
    bool near = v.right;
    circ_fixed_judge_equal(&v, got, y, 37, 2);
    tap_ok(near && !v.right && strstr(v.reason, "frame 1, output 3 "),
           "one unit of one output is wrong: %s", v.reason);
    got[40] = NAN;
    v = circ_judge_compare(got, want, 74, 0, bound);
    circ_fixed_judge_equal(&v, got, y, 37, 2);
    tap_ok(!v.right && strstr(v.reason, "frame 1, output 3 "), "NaN is wrong: %s", v.reason);
    circ_fixed_free(fixed);
    circ_weights_free(&model);
}

/* Weights and biases of sizes that share no scale. */
static void test_extremes(void)
{
    static const struct {
        float weight, bias, input;
    } cases[] = {
        {0, 0, 1},           {0, 1, 1},      {1e-20f, 3, 1}, {1, 1e-20f, 1},    {1e20f, 1, 1},
        {1e-30f, 1e-38f, 1}, {1, 1, 1e-30f}, {1, 1, 1e30f},  {1e30f, 1e30f, 1}, {1, 0, 0}};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++)
        for (int k = 1; k <= 64; k *= 8) {
            struct circ_network net;
            struct circ_model model;
            struct circ_fixed *fixed = NULL;
            float x[BATCH * 50], y[BATCH * 37];
            double real[50], want[BATCH * 37];
            struct circ_random random = circ_random_seed(SEED, 2);
            bool ran = build(&net, &model, 0, k);
            for (size_t i = 0; i < model.layers[0].count; i++)
                model.layers[0].values[i] *= cases[c].weight;
            for (int i = 0; i < 37; i++)
                model.layers[0].bias[i] *= cases[c].bias;
            circ_random_fill(&random, x, BATCH * 50, cases[c].input);
            ran = ran && !circ_fixed_create(&fixed, &model, 16, x, BATCH, NULL) &&
                  !circ_fixed_forward(fixed, x, BATCH, y, NULL, NULL);
            for (int f = 0; f < BATCH && ran; f++) {
                for (int i = 0; i < 50; i++)
                    real[i] = x[f * 50 + i];
                ran =
                    !circ_oracle_layer(&net.layers[0], &model.layers[0], real, want + f * 37, NULL);
            }
            struct circ_verdict v = {0};
            if (ran)
                v = circ_judge_compare(y, want, BATCH * 37, circ_fixed_judge_scale(fixed), 1e-3);
            tap_ok(ran && v.right, "weights x %g, bias x %g, inputs x %g, block %d: %.3g %s",
                   (double)cases[c].weight, (double)cases[c].bias, (double)cases[c].input, k,
                   v.rel_rms_error, v.reason);
            circ_fixed_free(fixed);
            circ_weights_free(&model);
        }
}

static void test_refusals(void)
{
    struct circ_network net;
    struct circ_model model;
    struct circ_fixed *fixed;
    struct circ_error err = {0};
    const struct circ_shape in = {3, 21, 17};
    bool built = !network_fixture_build(&net, in, network_fixture_layers, NETWORK_FIXTURE_LAYERS,
                                        CIRC_CIRCULANT, 8, NULL);
    tap_ok(built && circ_fixed_supports(&net, &err) == CIRC_UNSUP, "LRN: %s", err.message);
    struct circ_layer layers[] = {{.op = CIRC_OP_SOFTMAX},
                                  {.op = CIRC_OP_FC, .out.c = 16, .compressible = true}};
    built = !network_fixture_build(&net, in, layers, 2, CIRC_CIRCULANT, 8, NULL);
    tap_ok(built && circ_fixed_supports(&net, &err) == CIRC_UNSUP, "a softmax inside: %s",
           err.message);
    built = !network_fixture_build(&net, in, layers + 1, 1, CIRC_PRUNED, 8, NULL);
    tap_ok(built && circ_fixed_supports(&net, &err) == CIRC_UNSUP, "pruned: %s", err.message);
    for (int k = 3; k <= 8192; k += 8189) {
        built = !network_fixture_build(&net, in, layers + 1, 1, CIRC_CIRCULANT, k, NULL);
        tap_ok(built && circ_fixed_supports(&net, &err) == CIRC_UNSUP, "a block of %d: %s", k,
               err.message);
    }
    built = build(&net, &model, 0, 4);
    model.layers[0].values[5] = INFINITY;
    tap_ok(built && circ_fixed_create(&fixed, &model, 16, NULL, 0, &err) == CIRC_UNSUP && !fixed,
           "an infinite weight: %s", err.message);
    circ_weights_free(&model);
}

int main(void)
{
    tap_note("seed %d", SEED);
    for (int which = 0; which < SUBJECTS; which++)
        for (int k = 0; k <= 2; k++)
            for (int bits = 8; bits <= 16; bits += 4)
                test_exact(which, k, bits);
    for (int which = 0; which < SUBJECTS; which++)
        for (int k = 1; k <= 64; k *= 2)
            for (int bits = 8; bits <= 16; bits += 4)
                test_oracle(which, k, bits);
    for (int k = 128; k <= 256; k *= 2)
        for (int bits = 8; bits <= 16; bits += 4)
            test_oracle(0, k, bits);
    test_pointwise();
    for (int k = 4; k <= 64; k *= 4)
        for (int bits = 8; bits <= 16; bits += 4)
            test_chain(k, bits);
    test_judge();
    test_extremes();
    test_refusals();
    return tap_done();
}
