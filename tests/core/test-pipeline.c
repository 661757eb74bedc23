/* The counts of a pipeline's stages against loops that walk through the same work. */
#include "backends/core/geometry.h"
#include "backends/core/pipeline.h"
#include "tests/core/network_fixture.h"
#include "tests/tap.h"

#include <string.h>

static struct circ_network net;
static struct circ_error err;

/* A transform walked through: one for every butterfly that fixed_fft.h's definition performs. */
static int64_t walk_transform(int k)
{
    int n = k / 2;
    int64_t count = 0;
    for (int m = n / 2; m > 0; m /= 2)
        for (int start = 0; start < n; start += 2 * m)
            for (int j = 0; j < m; j++)
                count++;
    for (int f = 0; k > 1 && f <= n - f; f++)
        count++;
    return count;
}

/* Stage by stage, as pipeline.h tells it. */
static struct circ_pipeline_counts walk(const struct circ_pipeline_step *step,
                                        const struct circ_pipeline *pipeline)
{
    const struct circ_layer *layer = &net.layers[step->layer];
    struct circ_geometry g = circ_geometry_of(layer);
    struct circ_pipeline_counts c = {0};
    int64_t weights = 0;
    for (int group = 0; group < g.groups; group++) {
        for (int pixel = 0; pixel < g.in_pixels; pixel++)
            for (int j = 0; j < g.q; j++) {
                for (int r = 0; r < g.k; r++, c.words[0]++, c.words[1]++)
                    c.read_words += j * g.k + r < g.n;
                c.butterflies[0] += walk_transform(g.k);
            }
        for (int i = 0; i < g.p; i++) {
            weights += (int64_t)g.taps * g.q * g.k;
            for (int pixel = 0; pixel < g.out_pixels; pixel++) {
                for (int tap = 0; tap < g.taps; tap++)
                    for (int j = 0; j < g.q && circ_geometry_under(layer, pixel, tap) >= 0; j++)
                        for (int slot = 0; slot == 0 || slot < g.k / 2; slot++)
                            c.multiplies++;
                c.butterflies[1] += walk_transform(g.k);
                c.words[2] += g.k;
                c.words[3] += g.k;
            }
        }
    }
    *(weights <= pipeline->onchip_words ? &c.resident_words : &c.streamed_words) = weights;
    struct circ_shape out = net.layers[step->last].out;
    for (int i = 0; i < out.c; i++)
        for (int y = 0; y < out.h; y++)
            for (int x = 0; x < out.w; x++)
                c.written_words++;
    return c;
}

static bool same(const struct circ_pipeline_counts *a, const struct circ_pipeline_counts *b)
{
    return !memcmp(a, b, sizeof *a);
}

static void test_counts(void)
{
    static const struct circ_layer convs[] = {
        {.op = CIRC_OP_CONV, .out.c = 12, .taps_h = 3, .taps_w = 3, .stride = 1, .pad = 1},
        {.op = CIRC_OP_CONV, .out.c = 12, .taps_h = 3, .taps_w = 3, .stride = 2, .pad = 0},
        {.op = CIRC_OP_CONV, .out.c = 12, .taps_h = 5, .taps_w = 2, .stride = 3, .pad = 2},
        {.op = CIRC_OP_CONV, .out.c = 12, .taps_h = 1, .taps_w = 1, .stride = 4, .pad = 0},
        {.op = CIRC_OP_CONV, .out.c = 18, .taps_h = 4, .taps_w = 7, .stride = 1, .pad = 6},
        {.op = CIRC_OP_CONV,
         .out.c = 9,
         .taps_h = 3,
         .taps_w = 3,
         .stride = 1,
         .pad = 1,
         .groups = 3},
        {.op = CIRC_OP_FC, .out.c = 1},
        {.op = CIRC_OP_FC, .out.c = 100},
    };
    struct circ_pipeline_step steps[CIRC_MAX_LAYERS];
    int count, wrong = 0, tried = 0;
    for (size_t l = 0; l < sizeof convs / sizeof *convs; l++)
        for (int k = 1; k <= 256; k *= 2)
            for (int stay = 0; stay < 2; stay++) {
                struct circ_layer layer = convs[l];
                layer.compressible = true;
                if (network_fixture_build(&net, (struct circ_shape){6, 11, 7}, &layer, 1,
                                          CIRC_CIRCULANT, k, &err) ||
                    circ_pipeline_plan(&net, steps, &count, &err)) {
                    tap_ok(false, "%s", err.message);
                    continue;
                }
                int64_t words = circ_pipeline_weight_words(&net.layers[0]);
                struct circ_pipeline pipeline = {2, 1, 4, 16, words - !stay};
                struct circ_pipeline_counts got = circ_pipeline_count(&net, steps, &pipeline);
                struct circ_pipeline_counts want = walk(steps, &pipeline);
                wrong += !same(&got, &want);
                tried++;
            }
    tap_ok(tried && !wrong, "%d of %d counts are those of the loops", tried - wrong, tried);
}

static void test_plan(void)
{
    static const struct circ_layer layers[] = {
        {.op = CIRC_OP_CONV, .out.c = 8, .taps_h = 3, .taps_w = 3, .compressible = true},
        {.op = CIRC_OP_RELU},
        {.op = CIRC_OP_POOL_MAX, .taps_h = 2, .taps_w = 2, .stride = 2},
        {.op = CIRC_OP_RELU},
        {.op = CIRC_OP_FLATTEN},
        {.op = CIRC_OP_FC, .out.c = 10},
        {.op = CIRC_OP_SOFTMAX},
    };
    struct circ_pipeline_step s[CIRC_MAX_LAYERS];
    int count;
    tap_ok(!network_fixture_build(&net, (struct circ_shape){4, 10, 10}, layers, 7, CIRC_CIRCULANT,
                                  4, &err) &&
               !circ_pipeline_plan(&net, s, &count, &err) && count == 2,
           "two steps of seven layers");
    tap_ok(s[0].layer == 0 && s[0].last == 4 && s[0].pool == 2 && s[0].relu_before &&
               s[0].relu_after && s[1].layer == 5 && s[1].last == 5 && s[1].pool == -1 &&
               !s[1].relu_before && !s[1].relu_after,
           "what each store does");
    struct circ_pipeline pipeline = {1, 1, 2, 16, 0};
    struct circ_pipeline_counts c = circ_pipeline_count(&net, s, &pipeline);
    tap_ok(c.read_words == 400 && c.written_words == 8 * 4 * 4,
           "a pooled output is what is written");
    static const struct {
        struct circ_layer layers[4];
        int count;
    } refused[] = {
        {{{.op = CIRC_OP_RELU}, {.op = CIRC_OP_FC, .out.c = 4}}, 2},
        {{{.op = CIRC_OP_FLATTEN}}, 1},
        {{{.op = CIRC_OP_FC, .out.c = 4}, {.op = CIRC_OP_SOFTMAX}, {.op = CIRC_OP_RELU}}, 3},
        {{{.op = CIRC_OP_CONV, .out.c = 4, .taps_h = 1, .taps_w = 1},
          {.op = CIRC_OP_POOL_MAX, .taps_h = 2, .taps_w = 2},
          {.op = CIRC_OP_POOL_AVG, .taps_h = 2, .taps_w = 2}},
         3},
        {{{.op = CIRC_OP_CONV, .out.c = 4, .taps_h = 1, .taps_w = 1},
          {.op = CIRC_OP_LRN, .lrn_size = 3, .lrn_bias = 1}},
         2},
    };
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        enum circ_status built =
            network_fixture_build(&net, (struct circ_shape){4, 10, 10}, refused[i].layers,
                                  refused[i].count, CIRC_DENSE, 1, &err);
        tap_ok(!built && circ_pipeline_plan(&net, s, &count, &err) == CIRC_UNSUP, "refused: %s",
               err.message);
    }
}

static void test_tuning(void)
{
    static const char *const wrong[] = {"",         "p4",        "d2",          "p4d2x",
                                        "p3 d1",    "p0 d1",     "p4 d0",       "p-4 d1",
                                        "P4 d1",    "p4 d2 ",    "p4 d2 m",     "p4 d2 m0",
                                        "p4 d2 m6", "p4 d2 m-8", "p4 d2 m2048", "p4 m8",
                                        "m8",       "p3 d1 m4",  "p4 d2 m8 ",   "p4 d2 m8x"};
    static const struct {
        const char *text;
        int p, d, m;
    } right_texts[] = {{"p8 d2", 8, 2, 16},
                       {"p4 d2 m1", 4, 2, 1},
                       {"p1 d1", 1, 1, 2},
                       {"p1 d12 m1024", 1, 12, 1024},
                       {"p1024 d1", 1024, 1, 1024}};
    static const int most[][3] = {{1, 0, 1}, {2, 1, 1}, {4, 2, 2}, {8, 4, 3}, {256, 128, 8}};
    const struct circ_layer layer = {.op = CIRC_OP_FC, .out.c = 300, .compressible = true};
    struct circ_pipeline of = {16, 3, 128, 16, 0}, is = {0};
    int read = 0, right = 0;
    char text[32];
    circ_pipeline_write(text, sizeof text, &of);
    tap_ok(circ_pipeline_read(text, &is) && is.parallel == 16 && is.depth == 3 &&
               is.multiply == 128 && !strcmp(text, "p16 d3 m128"),
           "%s is read as it is written", text);
    for (size_t i = 0; i < sizeof right_texts / sizeof *right_texts; i++) {
        bool ok = circ_pipeline_read(right_texts[i].text, &is) && is.parallel == right_texts[i].p &&
                  is.depth == right_texts[i].d && is.multiply == right_texts[i].m && !is.bits;
        tap_ok(ok, "%s: m%d", right_texts[i].text, is.multiply);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        read += circ_pipeline_read(wrong[i], &is);
    tap_ok(!read, "other texts are no tunings");
    for (size_t i = 0; i < sizeof most / sizeof *most; i++)
        right += !network_fixture_build(&net, (struct circ_shape){300, 1, 1}, &layer, 1,
                                        CIRC_CIRCULANT, most[i][0], &err) &&
                 circ_pipeline_most_parallel(&net) == most[i][1] &&
                 circ_pipeline_most_depth(&net) == most[i][2];
    tap_ok(right == sizeof most / sizeof *most, "the largest P and D that are of use");
}

int main(void)
{
    test_counts();
    test_plan();
    test_tuning();
    return tap_done();
}
