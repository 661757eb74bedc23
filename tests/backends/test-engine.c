/* The kernels of backends/fpga on an emulator, word by word against core/fixed.h, and what they
 * count against core/pipeline.h. Blocks are meant to hurt: all at the largest or the smallest word,
 * single words, zeros, shifts that let everything saturate.
 *
 * usage: test-engine blocks | layers | ways */
#include "backends/core/geometry.h"
#include "backends/core/random.h"
#include "backends/devices/platforms.h"
#include "backends/fpga/engine.h"
#include "tests/tap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_WORDS = 1 << 20 };

static struct circ_accelerator *device;
static int64_t blocks_checked;

/* The first emulator of an FPGA; false, with the reason as a skip, where there is none. */
static bool open_emulator(void)
{
    struct circ_platform_device found[CIRC_MAX_DEVICES];
    struct circ_error err = {.message = "the OpenCL loader finds no FPGA emulator"};
    int count = 0;
    enum circ_status status = circ_platforms_list(found, &count, &err);
    for (int i = 0; i < count && !status && !device; i++)
        if (found[i].public.kind == CIRC_EMULATED && !found[i].public.status &&
            found[i].type & CL_DEVICE_TYPE_ACCELERATOR && !(found[i].type & CL_DEVICE_TYPE_CPU))
            status = circ_accelerator_open(&device, found[i].platform, found[i].device, &err);
    if (!device)
        tap_skip(err.message, "no emulator: ./quickstart fpga installs one");
    return device != NULL;
}

/* Words of a kind; the last kinds are drawn. */
enum { ZEROS, MAXIMA, MINIMA, SIGNS, IMPULSES, SMALL, ANY, KINDS };

static int32_t word_of(struct circ_random *random, int kind, int bits, int64_t i, int64_t which)
{
    int32_t most = (1 << (bits - 1)) - 1;
    switch (kind) {
    case ZEROS:
        return 0;
    case MAXIMA:
        return most;
    case MINIMA:
        return -most - 1;
    case SIGNS:
        return circ_random_below(random, 2) ? most : -most - 1;
    case IMPULSES:
        return i % which ? 0 : i / which % 2 ? -most - 1 : most;
    case SMALL:
        return (int32_t)circ_random_below(random, 9) - 4;
    default:
        return (int32_t)circ_random_below(random, (uint64_t)1 << bits) - most - 1;
    }
}

/* A model's words, then others in their place: weights of a kind, and shifts that are too small. */
static struct circ_fixed *make_words(const struct circ_network *net, int bits,
                                     struct circ_random *random, int kind, bool overflow)
{
    struct circ_model model;
    struct circ_error err;
    struct circ_fixed *fixed = NULL;
    if (circ_weights_create(&model, net, &err))
        return NULL;
    circ_weights_random(&model, circ_random_next(random));
    if (circ_fixed_create(&fixed, &model, bits, NULL, 0, &err))
        tap_note("%s", err.message);
    circ_weights_free(&model);
    for (int i = 0; i < net->layer_count && fixed; i++) {
        struct circ_fixed_layer *layer = &fixed->layers[i];
        int64_t count = layer->weights ? circ_pipeline_weight_words(&net->layers[i]) : 0;
        for (int64_t j = 0; j < count && kind != KINDS; j++)
            layer->weights[j] = (int16_t)word_of(random, kind, bits, j, 5);
        for (int s = 0; s < CIRC_FIXED_MAX_STAGES && overflow; s++) {
            layer->forward[s] = (int)circ_random_below(random, 3) - 1;
            layer->inverse[s] = (int)circ_random_below(random, 3) - 1;
        }
        if (overflow)
            layer->last = (int)circ_random_below(random, 5) - 2;
    }
    return fixed;
}

/* frames of the reference. */
static bool reference(const struct circ_fixed *fixed, const int16_t *input, int batch,
                      int16_t *output)
{
    const struct circ_network *net = fixed->network;
    static int32_t x[MOST_WORDS], y[MOST_WORDS];
    int64_t inputs = circ_network_elements(net->input);
    int64_t outputs = circ_network_elements(circ_network_output(net));
    struct circ_error err;
    for (int frame = 0; frame < batch; frame++) {
        for (int64_t i = 0; i < inputs; i++)
            x[i] = input[frame * inputs + i];
        for (int i = 0; i < circ_fixed_layers(net); i++) {
            if (circ_fixed_run(fixed, i, x, y, NULL, &err))
                return false;
            memcpy(x, y, (size_t)circ_network_elements(net->layers[i].out) * sizeof *x);
        }
        for (int64_t i = 0; i < outputs; i++)
            output[frame * outputs + i] = (int16_t)x[i];
    }
    return true;
}

/* What an engine makes of the input, with the counters of that run. */
static bool run_engine(struct circ_engine *engine, const int16_t *input, int16_t *output,
                       struct circ_error *err)
{
    int64_t ns;
    return !circ_engine_write(engine, input, err) && !circ_engine_run(engine, err) &&
           !circ_engine_wait(engine, &ns, err) && !circ_engine_read(engine, output, err);
}

/* Counters after one run of a batch, against the formulas. */
static bool counted(struct circ_engine *engine, const struct circ_fixed *fixed,
                    const struct circ_design *design, int batch)
{
    static uint64_t counts[CIRC_MAX_LAYERS][CIRC_CARD_COUNTS];
    struct circ_error err = {.message = ""};
    bool right = !circ_engine_counts(engine, counts, &err);
    for (int i = 0; i < design->step_count; i++) {
        struct circ_pipeline_counts want =
            circ_pipeline_count(fixed->network, &design->steps[i], &design->pipeline);
        int64_t wanted[CIRC_CARD_COUNTS] = {
            want.butterflies[0], want.butterflies[1], want.multiplies,   want.words[0],
            want.words[1],       want.words[2],       want.words[3],     want.resident_words,
            want.streamed_words, want.read_words,     want.written_words};
        for (int c = 0; c < CIRC_CARD_COUNTS; c++) {
            int64_t times = c == CIRC_CARD_RESIDENT ? circ_engine_launches(engine, i) : batch;
            if ((int64_t)counts[i][c] != wanted[c] * times) {
                tap_note("step %d, count %d: %lld counted, %lld predicted", i, c,
                         (long long)counts[i][c], (long long)(wanted[c] * times));
                right = false;
            }
        }
    }
    return right;
}

/* One network with words of so many bits, one design: all answers and all counts. */
static void check(const struct circ_fixed *fixed, const char *tuning, int16_t *input, int batch,
                  int channel, const char *what)
{
    const struct circ_network *net = fixed->network;
    struct circ_design design;
    struct circ_engine *engine = NULL;
    struct circ_error err = {.message = ""};
    struct circ_pipeline pipeline = {.bits = fixed->bits};
    int64_t outputs = circ_network_elements(circ_network_output(net)) * batch, wrong = -1;
    int16_t *want = calloc((size_t)outputs, sizeof *want), *got = malloc((size_t)outputs * 2);
    bool ran = want && got && circ_pipeline_read(tuning, &pipeline) &&
               reference(fixed, input, batch, want) &&
               !circ_design_make(&design, net, &pipeline, &err) &&
               !circ_engine_create(&engine,
                                   &(struct circ_engine_case){.accelerator = device,
                                                              .fixed = fixed,
                                                              .design = &design,
                                                              .batch = batch,
                                                              .emulated = true,
                                                              .channel = channel},
                                   &err) &&
               run_engine(engine, input, got, &err);
    for (int64_t i = 0; i < outputs && ran && wrong < 0; i++)
        wrong = got[i] != want[i] ? i : -1;
    tap_ok(ran && wrong < 0, "%s, %d bits, %s: equal%s%s", what, fixed->bits, tuning,
           ran ? "" : ": ", err.message);
    if (wrong >= 0)
        tap_note("word %lld is %d and must be %d", (long long)wrong, got[wrong], want[wrong]);
    tap_ok(ran && counted(engine, fixed, &design, batch), "%s, %d bits, %s: counts", what,
           fixed->bits, tuning);
    for (int i = 0; i < net->layer_count; i++)
        if (circ_network_has_weights(&net->layers[i])) {
            struct circ_geometry g = circ_geometry_of(&net->layers[i]);
            blocks_checked += (int64_t)batch * g.groups *
                              ((int64_t)g.q * g.in_pixels + (int64_t)g.p * g.out_pixels);
        }
    circ_engine_free(engine);
    free(want);
    free(got);
}

static void fill(struct circ_random *random, int16_t *input, int64_t frame, int batch, int bits)
{
    for (int b = 0; b < batch; b++)
        for (int64_t i = 0; i < frame; i++)
            input[b * frame + i] = (int16_t)word_of(random, b % KINDS, bits, i, b + 1);
}

/* FC layers, all block sizes and word lengths; P, D and M so that each value is met with several:
 * M below 2P, above the slots of a block and above those of a row. */
static void test_blocks(void)
{
    enum { BATCH = 35, LEAST = 10000 };
    static const int bits[] = {16, 12, 8}, products[] = {2, 16, 1, 128, 1024, 4, 64, 8};
    static int16_t input[BATCH * 1024];
    struct circ_random random = circ_random_seed(8, 1);
    int turn = 0;
    for (int k = 4; k <= 256; k *= 2)
        for (int b = 0; b < 3; b++, turn++) {
            struct circ_network net;
            struct circ_error err;
            char what[64], tuning[48];
            int m = 3 * k - k / 2, n = 4 * k - 1; /* edge blocks on both sides */
            const struct circ_layer layer = {
                .op = CIRC_OP_FC, .out.c = m, .bias = turn % 2, .compressible = true};
            bool made = !circ_network_begin(&net, "blocks", (struct circ_shape){n, 1, 1}, &err) &&
                        !circ_network_append(&net, &layer, &err) &&
                        !circ_network_compress(&net, CIRC_CIRCULANT, k, k, &err);
            int most_p = circ_design_most_parallel(&net), most_d = circ_pipeline_most_depth(&net);
            int parallel = 1 << (turn % 7), depth = 1 + turn % most_d;
            parallel = parallel > most_p ? most_p : parallel;
            for (int overflow = 0; overflow < 2 && made; overflow++) {
                struct circ_fixed *fixed =
                    make_words(&net, bits[b], &random, overflow ? turn % KINDS : KINDS, overflow);
                snprintf(what, sizeof what, "k %d%s", k, overflow ? ", saturating" : "");
                snprintf(tuning, sizeof tuning, "p%d d%d m%d", parallel, depth,
                         products[(turn + 3 * overflow) % 8]);
                fill(&random, input, n, BATCH, bits[b]);
                if (fixed)
                    check(fixed, tuning, input, BATCH, 0, what);
                else
                    tap_ok(false, "%s: no words", what);
                circ_fixed_free(fixed);
                depth = most_d + 1 - depth;
                parallel = most_p / parallel;
            }
        }
    tap_ok(blocks_checked >= LEAST, "%lld blocks", (long long)blocks_checked);
}

#define FC(m)                                                                                      \
    {                                                                                              \
        .op = CIRC_OP_FC, .out.c = m, .bias = true, .compressible = true                           \
    }
#define CONV(h, w, p, ...)                                                                         \
    {                                                                                              \
        .op = CIRC_OP_CONV, .out.c = p, .taps_h = h, .taps_w = w, .compressible = true,            \
        __VA_ARGS__                                                                                \
    }
#define POOL(kind, h, w, ...)                                                                      \
    {                                                                                              \
        .op = CIRC_OP_POOL_##kind, .taps_h = h, .taps_w = w, __VA_ARGS__                           \
    }
#define RELU                                                                                       \
    {                                                                                              \
        .op = CIRC_OP_RELU                                                                         \
    }

/* CONV of every sort, poolings, whole networks; and one whose weights do not stay on chip. */
static const struct {
    const char *name;
    struct circ_shape in;
    int k;
    const char *tuning;
    int batch, bits;
    struct circ_layer layers[10];
} nets[] = {
    {"conv 3x3", {24, 9, 11}, 8, "p2 d3 m16", 2, 16, {CONV(3, 3, 40, .pad = 1, .bias = true)}},
    {"conv stride 2", {7, 12, 9}, 4, "p1 d2 m1", 2, 12, {CONV(5, 2, 9, .stride = 2, .pad = 2)}},
    {"conv stride beyond its taps",
     {6, 11, 10},
     4,
     "p1 d1 m256",
     1,
     16,
     {CONV(1, 2, 5, .stride = 3)}},
    {"conv groups", {12, 6, 7}, 8, "p1 d3 m2", 2, 8, {CONV(3, 2, 20, .groups = 2, .pad = 1)}},
    {"conv dense", {3, 8, 8}, 1, "p4 d1 m2", 2, 16, {CONV(3, 3, 5, .pad = 1, .bias = true)}},
    {"fc dense", {37, 1, 1}, 1, "p8 d1 m4", 3, 12, {FC(21)}},
    {"fc dense, one lane", {37, 1, 1}, 1, "p1 d1 m1", 2, 16, {FC(21)}},
    {"fc dense, idle lanes", {37, 1, 1}, 1, "p2 d1 m128", 2, 16, {FC(21)}},
    {"fc of one block", {16, 1, 1}, 256, "p16 d8 m512", 3, 16, {FC(16)}},
    {"fc of k 2", {9, 1, 1}, 2, "p1 d1 m64", 3, 16, {FC(5)}},
    {"dense after blocks",
     {32, 1, 1},
     16,
     "p2 d3 m8",
     2,
     16,
     {FC(40), RELU, {.op = CIRC_OP_FC, .out.c = 10}}},
    {"weights streamed", {1024, 1, 1}, 2, "p1 d1 m32", 2, 16, {FC(1024)}},
    {"average of odd windows",
     {5, 9, 10},
     4,
     "p1 d2 m4",
     2,
     16,
     {CONV(3, 3, 10, .pad = 1), RELU, POOL(AVG, 3, 2, .stride = 2, .pad = 1), RELU, FC(7)}},
    {"maximum, stride beyond it",
     {4, 13, 11},
     4,
     "p1 d1 m1",
     2,
     12,
     {CONV(3, 3, 6), POOL(MAX, 2, 2, .stride = 3), RELU, CONV(2, 2, 8), POOL(MAX, 3, 2), FC(10)}},
    {"a network",
     {1, 20, 20},
     16,
     "p4 d2 m32",
     3,
     16,
     {CONV(5, 5, 16, .bias = true),
      RELU,
      POOL(MAX, 2, 2, .stride = 2),
      CONV(3, 3, 24, .groups = 2, .pad = 1),
      RELU,
      POOL(AVG, 2, 2, .stride = 2),
      {.op = CIRC_OP_FLATTEN},
      FC(60),
      RELU,
      {.op = CIRC_OP_SOFTMAX}}},
};

static bool build(struct circ_network *net, size_t i)
{
    struct circ_error err = {.message = ""};
    enum circ_status status = circ_network_begin(net, nets[i].name, nets[i].in, &err);
    for (int l = 0; l < 10 && !status && (nets[i].layers[l].out.c || nets[i].layers[l].op); l++)
        status = circ_network_append(net, &nets[i].layers[l], &err);
    if (!status)
        status = circ_network_compress(net, CIRC_CIRCULANT, nets[i].k, nets[i].k, &err);
    return tap_ok(!status, "%s is a network: %s", nets[i].name, err.message);
}

static void test_layers(void)
{
    static int16_t input[8 * 4096];
    struct circ_random random = circ_random_seed(8, 2);
    for (size_t i = 0; i < sizeof nets / sizeof *nets; i++) {
        struct circ_network net;
        struct circ_fixed *fixed =
            build(&net, i) ? make_words(&net, nets[i].bits, &random, KINDS, false) : NULL;
        if (!fixed)
            continue;
        for (int64_t j = 0; j < circ_network_elements(nets[i].in) * nets[i].batch; j++)
            input[j] = (int16_t)word_of(&random, ANY, nets[i].bits, j, 1);
        check(fixed, nets[i].tuning, input, nets[i].batch, 0, nets[i].name);
        circ_fixed_free(fixed);
    }
}

/* The other ways to the same words: a queue for each kernel, as on a board, with channels that do
 * not hold a frame; and a binary, kept and loaded again. */
static void test_ways(void)
{
    static int16_t input[2 * 4096], again[4096], first[4096];
    struct circ_random random = circ_random_seed(8, 3);
    struct circ_network net;
    struct circ_error err = {.message = ""};
    struct circ_design design;
    struct circ_engine *engine = NULL, *reloaded = NULL;
    char *binary = NULL;
    size_t size = 0;
    if (!build(&net, 0))
        return;
    struct circ_fixed *fixed = make_words(&net, 16, &random, KINDS, false);
    for (int64_t j = 0; j < 2 * circ_network_elements(net.input); j++)
        input[j] = (int16_t)word_of(&random, ANY, 16, j, 1);
    check(fixed, "p2 d2 m8", input, 1, 512, "five queues");
    struct circ_engine_case about = {
        .accelerator = device, .fixed = fixed, .design = &design, .batch = 1, .emulated = true};
    tap_ok(
        !circ_design_make(&design, &net,
                          &(struct circ_pipeline){.parallel = 2, .depth = 3, .bits = 16}, &err) &&
            !circ_engine_create(&engine, &about, &err) && run_engine(engine, input, first, &err) &&
            !circ_engine_binary(engine, &binary, &size, &err) && size > 0,
        "a binary is taken: %zu bytes %s", size, err.message);
    about.binary = binary;
    about.binary_size = size;
    tap_ok(binary && !circ_engine_create(&reloaded, &about, &err) &&
               run_engine(reloaded, input, again, &err) &&
               !memcmp(first, again, (size_t)circ_network_elements(circ_network_output(&net)) * 2),
           "and answers the same when loaded again: %s", err.message);
    circ_engine_free(reloaded);
    about.binary_size = size / 2;
    tap_ok(circ_engine_create(&reloaded, &about, &err) == CIRC_DEVICE &&
               strstr(err.message, "damaged"),
           "half of it is refused: %s", err.message);
    circ_engine_free(reloaded);
    tap_ok(
        !circ_network_begin(&net, "vast", (struct circ_shape){128, 1024, 1024}, &err) &&
            !circ_network_append(
                &net,
                &(struct circ_layer){
                    .op = CIRC_OP_CONV, .out.c = 8, .taps_h = 1, .taps_w = 1, .compressible = true},
                &err) &&
            circ_design_make(&design, &net, &(struct circ_pipeline){.bits = 16}, &err) ==
                CIRC_UNSUP,
        "more than fits on any chip is refused: %s", err.message);
    circ_engine_free(engine);
    circ_fixed_free(fixed);
    free(binary);
}

int main(int argc, char **argv)
{
    const char *group = argc > 1 ? argv[1] : "";
    if (!open_emulator())
        return tap_done();
    if (!strcmp(group, "blocks"))
        test_blocks();
    else if (!strcmp(group, "layers"))
        test_layers();
    else
        test_ways();
    circ_accelerator_close(device);
    return tap_done();
}
