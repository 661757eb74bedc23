/* The model of hardware: data files, the arithmetic against numbers by hand and against loops, the
 * search against trying everything, and what it must never do. */
#include "backends/core/fixed.h"
#include "backends/core/geometry.h"
#include "backends/model/model.h"
#include "backends/model/search.h"
#include "tests/core/network_fixture.h"
#include "tests/tap.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct circ_error err;
static struct circ_network net;
static struct circ_figures list[CIRC_MAX_DEVICES];
static int count;

static const struct circ_layer fc = {
    .op = CIRC_OP_FC, .out.c = 64, .bias = true, .compressible = true};
static const struct circ_layer convs[] = {
    {.op = CIRC_OP_CONV,
     .out.c = 24,
     .taps_h = 3,
     .taps_w = 3,
     .stride = 1,
     .pad = 1,
     .compressible = true},
    {.op = CIRC_OP_RELU},
    {.op = CIRC_OP_POOL_MAX, .taps_h = 2, .taps_w = 2, .stride = 2},
    {.op = CIRC_OP_CONV,
     .out.c = 16,
     .taps_h = 5,
     .taps_w = 3,
     .stride = 2,
     .pad = 2,
     .compressible = true},
    {.op = CIRC_OP_FLATTEN},
    {.op = CIRC_OP_FC, .out.c = 300, .compressible = true},
    {.op = CIRC_OP_RELU},
    {.op = CIRC_OP_FC, .out.c = 10},
    {.op = CIRC_OP_SOFTMAX},
};

static bool build_fc(int n, int k)
{
    return !network_fixture_build(&net, (struct circ_shape){n, 1, 1}, &fc, 1, CIRC_CIRCULANT, k,
                                  &err);
}

static bool build_conv(int k)
{
    return !network_fixture_build(&net, (struct circ_shape){3, 16, 15}, convs, 9,
                                  k > 1 ? CIRC_CIRCULANT : CIRC_DENSE, k, &err);
}

static struct circ_figures *device(const char *name)
{
    for (int i = 0; i < count; i++)
        if (!strcmp(list[i].device, name))
            return &list[i];
    return NULL;
}

static void test_devices(void)
{
    int bare = 0, asics = 0;
    enum circ_status status = circ_figures_load(list, &count, NULL, &err);
    tap_ok(!status && count >= 4 && device("cyclone5") && device("asic45") && device("arria10") &&
               device("u250"),
           "%d devices in this build %s", count, status ? err.message : "");
    for (int i = 0; i < count; i++) {
        asics += list[i].kind == CIRC_DEVICE_ASIC;
        for (int k = 0; k < CIRC_FIGURES_COUNT; k++)
            bare +=
                !*list[i].figures[k].basis || !list[i].figures[k].name || !list[i].figures[k].unit;
    }
    tap_ok(!bare && asics, "every figure has a source or a reasoning, and one device is an ASIC");
    struct circ_device devices[CIRC_MAX_DEVICES];
    int probed, wrong = 0;
    status = circ_model_backend.probe(devices, &probed, &err);
    for (int i = 0; i < probed && !status; i++)
        wrong += devices[i].kind != CIRC_MODELLED || devices[i].status ||
                 (devices[i].device_kind != CIRC_DEVICE_FPGA &&
                  devices[i].device_kind != CIRC_DEVICE_ASIC);
    tap_ok(!status && probed == count && !wrong, "probe calls all of them modelled");
}

static void test_files(void)
{
    static const struct {
        const char *text, *says;
    } wrong[] = {
        {"", "empty"},
        {"# nothing\n", "empty"},
        {"clock = 3 MHz | assumed: x\n", "f:1: clock: the first line"},
        {"device = cyclone5\n\nclok = 3 MHz | assumed: x\n",
         "f:3: clok: no figure has this name, did you mean 'clock'"},
        {"device = cyclone5\nclock\n", "f:2: clock: a line is 'key = value'"},
        {"device = cyclone5\nclock = 3 MHz\n", "f:2: clock: after the unit"},
        {"device = cyclone5\nclock = 3 MHz | guess: x\n", "f:2: clock: a figure needs"},
        {"device = cyclone5\nclock = 3 MHz | source:\n", "f:2: clock: a figure needs"},
        {"device = cyclone5\nclock = fast MHz | source: x\n",
         "f:2: clock: 'fast MHz' is not a number and its unit, MHz"},
        {"device = cyclone5\nclock = 3 GHz | source: x\n", "is not a number and its unit, MHz"},
        {"device = cyclone5\nclock = nan MHz | source: x\n", "is not a number"},
        {"device = cyclone5\nclock = -3 MHz | source: x\n", "is not a number"},
        {"device = cyclone5\nclock = 1e9 MHz | source: x\n", "must be from 1 to 100000 MHz"},
        {"device = cyclone5\nkind = cpu\n", "f:2: kind: it is fpga or asic"},
        {"device = mine\nkind = fpga\ndescription = x\nclock = 3 MHz | source: x\n",
         "device mine is new here and has no 'dsp_blocks'"},
        {"device = mine\n", "has no 'description'"},
        {"device =\n", "f:1: device: it is empty"},
    };
    struct circ_figures mine[CIRC_MAX_DEVICES], before[CIRC_MAX_DEVICES];
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        int n = count;
        memcpy(mine, list, sizeof mine);
        memcpy(before, mine, sizeof mine);
        enum circ_status status = circ_figures_read(mine, &n, "f", wrong[i].text, &err);
        tap_ok(status == CIRC_USAGE && n == count && !memcmp(mine, before, sizeof mine) &&
                   strstr(err.message, wrong[i].says),
               "refused: %s", err.message);
    }
    char longest[1500];
    snprintf(longest, sizeof longest, "device = cyclone5\nclock = 3 MHz | source: %01200d\n", 7);
    memcpy(mine, list, sizeof mine);
    int n = count;
    tap_ok(circ_figures_read(mine, &n, "f", longest, &err) == CIRC_USAGE &&
               strstr(err.message, "f:2:"),
           "refused: %s", err.message);
    bool read = !circ_figures_read(mine, &n, "f",
                                   "device = cyclone5 # mine\r\n"
                                   "clock = 150 MHz # faster\n"
                                   "   # and why\n"
                                   "   | assumed: a hope,\n\tand no more\n",
                                   &err);
    const struct circ_figure *was = device("cyclone5")->figures,
                             *is = mine[device("cyclone5") - list].figures;
    int changed = 0;
    for (int k = 0; k < CIRC_FIGURES_COUNT; k++)
        changed += was[k].value != is[k].value;
    tap_ok(read && n == count && changed == 1 && is[CIRC_FIGURE_CLOCK].value == 150 &&
               !strcmp(is[CIRC_FIGURE_CLOCK].basis, "a hope, and no more"),
           "a file over a known device changes what it names: %s",
           read ? is[0].basis : err.message);
}

/* A device in round numbers. */
static struct circ_figures plain(void)
{
    static const double values[CIRC_FIGURES_COUNT] = {
        [CIRC_FIGURE_CLOCK] = 100,         [CIRC_FIGURE_DSP_BLOCKS] = 1000,
        [CIRC_FIGURE_MULTIPLIERS_16] = 2,  [CIRC_FIGURE_MULTIPLIERS_8] = 3,
        [CIRC_FIGURE_ONCHIP_MEMORY] = 1e9, [CIRC_FIGURE_BANDWIDTH] = 10,
        [CIRC_FIGURE_LATENCY] = 7,         [CIRC_FIGURE_MULTIPLY_16] = 16,
        [CIRC_FIGURE_MULTIPLY_12] = 12,    [CIRC_FIGURE_MULTIPLY_8] = 8,
        [CIRC_FIGURE_ADD_16] = 1.5,        [CIRC_FIGURE_ADD_12] = 1.25,
        [CIRC_FIGURE_ADD_8] = 1,           [CIRC_FIGURE_ADD_32] = 3,
        [CIRC_FIGURE_ONCHIP_BYTE] = 2,     [CIRC_FIGURE_MEMORY_BYTE] = 100,
        [CIRC_FIGURE_OVERHEAD] = 1,        [CIRC_FIGURE_STATIC_POWER] = 0.5,
        [CIRC_FIGURE_POWER_BUDGET] = 1000};
    struct circ_figures figures = *device("cyclone5");
    for (int k = 0; k < CIRC_FIGURES_COUNT; k++)
        figures.figures[k].value = values[k];
    return figures;
}

static bool near(double a, double b)
{
    return fabs(a - b) <= 1e-9 * fabs(b);
}

/* 64 x 64 in blocks of 16 with P 2, D 2 and M 8: 4 x 4 blocks, tokens of 4 words. */
static void test_by_hand(void)
{
    struct circ_figures figures = plain();
    struct circ_estimate_case about = {&net, &figures, 16, 1};
    struct circ_pipeline pipeline = {2, 2, 8, 0, 0};
    struct circ_estimate e;
    bool made = build_fc(64, 16) && !circ_estimate_make(&about, &pipeline, &e, &err);
    /* 4 tokens a block; 4 stages are 2 trips of 8 / 4 cycles: 4; 16 products of blocks of 8 slots
     */
    const double want[CIRC_ESTIMATE_TERMS] = {16, 16, 16, 16, 16, 256 / 10e9 * 100e6};
    bool right = made;
    for (int t = 0; t < CIRC_ESTIMATE_TERMS; t++)
        right = right && near(e.term_cycles[t], want[t]);
    tap_ok(right && near(e.cycles, 16 + 16 + 7 * 7) && near(e.time_ns, 810),
           "FC: cycles of each stage, and %.0f of the frame", e.cycles);
    /* 8 transforms of 3 x 4 + 5 butterflies, 16 x 8 products */
    double arithmetic = 136 * (4 * 16 + 6 * 1.5) + 128 * (4 * 16 + 2 * 1.5 + 2 * 3.0);
    /* channels 4 x 64 in and out; 4 words a product; 2 trips in and out of 128 words; 2 words of
     * roots a butterfly; spectra once */
    double onchip = (512 + 128 * 4 + 2 * 2 * 128 + 2 * 136 + 64) * 2 * 2;
    tap_ok(made && near(e.arithmetic_uj, arithmetic / 1e6) && near(e.onchip_uj, onchip / 1e6) &&
               near(e.memory_uj, 256 * 100 / 1e6) && near(e.static_uj, 0.5 * 0.81) &&
               near(e.energy_uj, e.arithmetic_uj + e.onchip_uj + e.memory_uj + e.static_uj) &&
               near(e.power_w, e.energy_uj / 0.81),
           "FC: joules of each part");
    tap_ok(made && e.multipliers == 4 * (8 + 2 * 2 * 2) && e.multipliers_there == 2000 &&
               e.resident_steps == 1 && e.counts.streamed_words == 0 &&
               near(e.onchip_bits, 16 * (2 * 64 + 2 * 64 + 2 * 2 * 16 + 256)),
           "FC: what it needs");
    about.batch = 10; /* the slowest stage ten times, and one frame's transforms before */
    made = !circ_estimate_make(&about, &pipeline, &e, &err);
    tap_ok(made && near(e.cycles, 160 + 16 + 49) && near(e.memory_uj, 0.0256), "FC: a batch of 10");
    pipeline.multiply = 1;
    made = !circ_estimate_make(&about, &pipeline, &e, &err);
    tap_ok(made && near(e.cycles, 1280 + 16 + 49) && e.multipliers == 4 * (1 + 2 * 2 * 2) &&
               e.bound == CIRC_PIPELINE_MULTIPLY,
           "FC: one product at a time");
    pipeline.multiply = 8;
    about.bits = 8;
    about.batch = 1;
    figures.figures[CIRC_FIGURE_ONCHIP_MEMORY].value = 8 * (2 * 64 + 2 * 64 + 2 * 2 * 16 + 255);
    made = !circ_estimate_make(&about, &pipeline, &e, &err);
    tap_ok(made && e.multipliers_there == 3000 && e.resident_steps == 0 &&
               e.counts.streamed_words == 256 && near(e.memory_bytes, 256 + 128) &&
               near(e.arithmetic_uj, (136 * (32 + 6.0) + 128 * (32 + 2 + 6.0)) / 1e6),
           "FC in 8 bits, weights one word too many for the chip");
}

/* Cycles of the stages of the network, walked through block by block. */
static void walk(int parallel, int depth, int multiply, double *cycles)
{
    memset(cycles, 0, CIRC_ESTIMATE_TERMS * sizeof *cycles);
    for (int l = 0; l < net.layer_count; l++) {
        const struct circ_layer *layer = &net.layers[l];
        if (!circ_network_has_weights(layer))
            continue;
        struct circ_geometry g = circ_geometry_of(layer);
        int w = 1, stages = 0, trips = 0;
        while (2 * w <= parallel && 2 * w <= g.k / 2)
            w *= 2;
        while (g.k >> (stages + 1))
            stages++;
        for (int s = 0; s < stages; s += depth)
            trips++;
        int pass = g.k / 2 > 2 * w ? g.k / 2 / (2 * w) : 1;
        int transform = trips * pass > g.k / (2 * w) ? trips * pass : g.k / (2 * w);
        int64_t products = 0;
        int token = g.k > 1 ? 1 : multiply; /* blocks of one */
        for (int group = 0; group < g.groups; group++) {
            for (int pixel = 0; pixel < g.in_pixels; pixel++)
                for (int j = 0; j < g.q; j += token) {
                    cycles[CIRC_PIPELINE_LOAD] += g.k > 1 ? g.k / (2 * w) : 1;
                    cycles[CIRC_PIPELINE_TRANSFORM] += g.k > 1 ? transform : 1;
                }
            for (int pixel = 0; pixel < g.out_pixels; pixel++)
                for (int i = 0; i < g.p; i++) {
                    bool first = i % token == 0;
                    cycles[CIRC_PIPELINE_INVERSE] += !first ? 0 : g.k > 1 ? transform : 1;
                    cycles[CIRC_PIPELINE_STORE] += !first ? 0 : g.k > 1 ? g.k / (2 * w) : 1;
                    for (int tap = 0; tap < g.taps; tap++)
                        products += circ_geometry_under(layer, pixel, tap) >= 0
                                        ? g.q * (g.k > 1 ? g.k / 2 : 1)
                                        : 0;
                }
        }
        cycles[CIRC_PIPELINE_MULTIPLY] += ceil((double)products / (multiply * (g.k > 1 ? 1 : 4)));
    }
}

static void test_walk(void)
{
    struct circ_figures figures = plain();
    struct circ_estimate_case about = {&net, &figures, 16, 1};
    int wrong = 0, tried = 0;
    for (int k = 1; k <= 64; k *= 2)
        for (int p = 1; p <= 16; p *= 2)
            for (int d = 1; d <= 7; d++) {
                double cycles[CIRC_ESTIMATE_TERMS];
                int m = 1 << (3 * (p + d) + k) % 11;
                struct circ_pipeline pipeline = {p, d, m, 0, 0};
                struct circ_estimate e;
                if (!build_conv(k) || circ_estimate_make(&about, &pipeline, &e, &err))
                    continue;
                walk(p, d, m, cycles);
                for (int t = 0; t < CIRC_ESTIMATE_MEMORY; t++)
                    wrong += !near(e.term_cycles[t], cycles[t]);
                tried++;
            }
    tap_ok(tried == 7 * 5 * 7 && !wrong,
           "cycles of %d networks of CONV and FC are those of the loops", tried);
}

/* More of anything is never slower; the search finds what trying everything finds. */
static void test_search(void)
{
    int slower = 0, tried = 0, beaten = 0, unfit = 0, searches = 0;
    static const int bits[] = {16, 12, 8};
    for (int i = 0; i < count; i++)
        for (int k = 1; k <= 64; k *= 4)
            for (int b = 0; b < 3; b++) {
                struct circ_estimate_case about = {&net, &list[i], bits[b], 1 + 3 * b};
                struct circ_search_result found;
                const struct circ_figure *f = list[i].figures;
                if (!build_conv(k) || circ_search_best(&about, &found, &err)) {
                    tap_ok(false, "%s", err.message);
                    continue;
                }
                const struct circ_estimate *best = &found.estimate;
                unfit += best->multipliers > best->multipliers_there ||
                         best->buffer_bits > f[CIRC_FIGURE_ONCHIP_MEMORY].value ||
                         best->power_w > f[CIRC_FIGURE_POWER_BUDGET].value;
                searches++;
                int most = circ_pipeline_most_parallel(&net);
                for (int d = 1; d <= circ_pipeline_most_depth(&net); d++)
                    for (int p = 1; p <= (most ? most : 1); p *= 2) {
                        double last = INFINITY;
                        for (int m = 1; m <= 1024; m *= 2, tried++) {
                            struct circ_pipeline pipeline = {p, d, m, 0, 0},
                                                 half = {p / 2, d, m, 0, 0};
                            struct circ_estimate e, narrow;
                            if (circ_estimate_make(&about, &pipeline, &e, &err) ||
                                (p > 1 && circ_estimate_make(&about, &half, &narrow, &err)))
                                continue;
                            slower += e.time_ns > last || (p > 1 && e.time_ns > narrow.time_ns);
                            last = e.time_ns;
                            beaten += e.multipliers <= e.multipliers_there &&
                                      e.buffer_bits <= f[CIRC_FIGURE_ONCHIP_MEMORY].value &&
                                      e.power_w <= f[CIRC_FIGURE_POWER_BUDGET].value &&
                                      e.time_ns * 1.001 < best->time_ns;
                        }
                    }
            }
    tap_ok(tried && !slower, "of %d pipelines none is slower for a larger P or M", tried);
    tap_ok(searches && !beaten, "nothing that fits beats what %d searches found", searches);
    tap_ok(!unfit, "and what they found fits");
}

static void test_limits(void)
{
    struct circ_figures figures = plain();
    struct circ_figure *f = figures.figures;
    struct circ_estimate_case about = {&net, &figures, 16, 1};
    struct circ_search_result free_one, r;
    f[CIRC_FIGURE_LATENCY].value = 1; /* so that a wide and deep pipeline pays */
    f[CIRC_FIGURE_BANDWIDTH].value = 100;
    bool ok = build_fc(1024, 64) && !circ_search_best(&about, &free_one, &err);
    tap_ok(ok && free_one.pipeline.parallel == 32 &&
               strstr(free_one.limits[CIRC_SEARCH_PARALLEL], "large enough"),
           "without a limit P is what the block has use for: p%d d%d m%d",
           free_one.pipeline.parallel, free_one.pipeline.depth, free_one.pipeline.multiply);
    f[CIRC_FIGURE_DSP_BLOCKS].value = 40; /* 80 multipliers: 4 M + 8 P D */
    ok = !circ_search_best(&about, &r, &err);
    tap_ok(ok && r.estimate.multipliers <= 80 && r.estimate.time_ns > free_one.estimate.time_ns &&
               strstr(r.limits[CIRC_SEARCH_PARALLEL], "multipliers of 80") &&
               strstr(r.limits[CIRC_SEARCH_MULTIPLY], "multipliers of 80"),
           "multipliers bind: p%d d%d m%d, twice the P %s, twice the M %s", r.pipeline.parallel,
           r.pipeline.depth, r.pipeline.multiply, r.limits[CIRC_SEARCH_PARALLEL],
           r.limits[CIRC_SEARCH_MULTIPLY]);
    tap_ok(circ_search_one(&about, &(struct circ_pipeline){8, 1, 16, 0, 0}, &r, &err) ==
                   CIRC_UNSUP &&
               strstr(err.message, "p8 d1 m16 needs 128 multipliers of 80"),
           "one of the user's that does not fit: %s", err.message);
    tap_ok(circ_search_one(&about, &(struct circ_pipeline){1, 1, 32, 0, 0}, &r, &err) ==
                   CIRC_UNSUP &&
               strstr(err.message, "p1 d1 m32 needs 136 multipliers of 80"),
           "and one with too large an M: %s", err.message);
    tap_ok(circ_search_one(&about, &(struct circ_pipeline){64, 1, 1, 0, 0}, &r, &err) ==
                   CIRC_UNSUP &&
               strstr(err.message, "at most p32 d6"),
           "one beyond the block: %s", err.message);
    f[CIRC_FIGURE_DSP_BLOCKS].value = 5;
    tap_ok(circ_search_best(&about, &r, &err) == CIRC_UNSUP &&
               strstr(err.message, "p1 d1 m1 needs 12 multipliers of 10"),
           "too small a device: %s", err.message);
    f[CIRC_FIGURE_DSP_BLOCKS].value = 1000;
    f[CIRC_FIGURE_POWER_BUDGET].value = 0.55;
    ok = !circ_search_best(&about, &r, &err);
    tap_ok(ok && r.estimate.power_w <= 0.55 && r.estimate.time_ns > free_one.estimate.time_ns &&
               strstr(r.limits[CIRC_SEARCH_PARALLEL], " W of 0.55"),
           "power binds: p%d d%d m%d, twice the P %s", r.pipeline.parallel, r.pipeline.depth,
           r.pipeline.multiply, r.limits[CIRC_SEARCH_PARALLEL]);
    f[CIRC_FIGURE_POWER_BUDGET].value = 0.4;
    tap_ok(circ_search_best(&about, &r, &err) == CIRC_UNSUP && strstr(err.message, " W of 0.4"),
           "less than it takes doing nothing: %s", err.message);
    f[CIRC_FIGURE_POWER_BUDGET].value = 1000;
    f[CIRC_FIGURE_ONCHIP_MEMORY].value = 7e4;
    f[CIRC_FIGURE_BANDWIDTH].value = 0.1;
    ok = !circ_search_best(&about, &r, &err);
    tap_ok(ok && !r.estimate.resident_steps && r.estimate.bound == CIRC_ESTIMATE_MEMORY &&
               r.estimate.counts.streamed_words == 1024 * 64 / 64,
           "memory on chip binds: weights are streamed, and memory is the bottleneck");
    f[CIRC_FIGURE_ONCHIP_MEMORY].value = 1e3;
    tap_ok(circ_search_best(&about, &r, &err) == CIRC_UNSUP &&
               strstr(err.message, "Mbit on chip of"),
           "no room for one frame: %s", err.message);
}

/* What M is for: with equal devices block-circulant layers are no slower than dense ones in a
 * layer as large as AlexNet's, down to blocks of 8; and a dense layer uses all that its device has.
 */
static void test_fairness(void)
{
    struct circ_figures figures = plain();
    struct circ_estimate_case about = {&net, &figures, 16, 1};
    struct circ_search_result dense, r;
    static const struct circ_layer square = {.op = CIRC_OP_FC, .out.c = 4096, .compressible = true};
    int slower = 0, tried = 0;
    for (double blocks = 50; blocks <= 12800; blocks *= 4) {
        figures.figures[CIRC_FIGURE_DSP_BLOCKS].value = blocks;
        for (int k = 1; k <= 256; k *= k == 1 ? 8 : 2) {
            struct circ_search_result *to = k == 1 ? &dense : &r;
            if (network_fixture_build(&net, (struct circ_shape){4096, 1, 1}, &square, 1,
                                      k > 1 ? CIRC_CIRCULANT : CIRC_DENSE, k, &err) ||
                circ_search_best(&about, to, &err)) {
                tap_ok(false, "%s", err.message);
                continue;
            }
            slower += k > 1 && r.estimate.time_ns > dense.estimate.time_ns;
            tried += k > 1;
        }
        double most = fmin(2 * blocks, 4 * CIRC_PIPELINE_MOST_MULTIPLY);
        tap_ok(dense.estimate.multipliers > most / 2 && dense.pipeline.parallel == 1,
               "a dense layer takes %.0f of %.0f multipliers", dense.estimate.multipliers,
               dense.estimate.multipliers_there);
    }
    tap_ok(tried && !slower, "FC in blocks of 8 to 256 on %d devices: none slower than dense",
           tried);
}

/* Value of a part of a prediction; NaN where there is none. */
static double part(const struct circ_prediction *prediction, const char *name)
{
    for (int i = 0; i < prediction->part_count; i++)
        if (!strcmp(prediction->parts[i].name, name))
            return prediction->parts[i].value;
    return NAN;
}

static void test_backend(void)
{
    const struct circ_backend *backend = &circ_model_backend;
    enum { BATCH = 3, IN = 3 * 16 * 15, OUT = 10 };
    static float input[BATCH * IN], output[BATCH * OUT], want[BATCH * OUT];
    struct circ_session *session;
    struct circ_program *program = NULL;
    struct circ_program_info info;
    struct circ_prediction prediction;
    struct circ_fixed *fixed;
    struct circ_model model;
    int64_t device_ns;
    if (!build_conv(16) || circ_weights_create(&model, &net, &err) ||
        backend->open("cyclone5", &session, &err)) {
        tap_ok(false, "%s", err.message);
        return;
    }
    circ_weights_random(&model, 5);
    for (int i = 0; i < BATCH * IN; i++)
        input[i] = (float)((i * 37) % 101 - 50) / 50;
    struct circ_request request = {.model = &model,
                                   .batch = BATCH,
                                   .threads = 1,
                                   .precision = "q12",
                                   .variant = "pipeline",
                                   .tuning = "p2 d1 m16"};
    enum circ_status status = backend->supports(session, &request, &err);
    if (!status)
        status = backend->prepare(session, &request, &program, &err);
    if (!status)
        status = backend->upload(program, input, NULL, &err);
    if (!status)
        status = backend->launch(program, &err);
    if (!status)
        status = backend->wait(program, &device_ns, &err);
    if (!status)
        status = backend->download(program, output, &err);
    if (!status)
        status = circ_fixed_create(&fixed, &model, 12, NULL, 0, &err);
    if (!status)
        status = circ_fixed_forward(fixed, input, BATCH, want, NULL, &err);
    tap_ok(!status && device_ns == -1 && !memcmp(output, want, sizeof want),
           "its answers are those of fixed point %s", status ? err.message : "");
    if (!status) {
        backend->describe(program, &info);
        backend->predict(program, &prediction);
        struct circ_pipeline_step steps[CIRC_MAX_LAYERS];
        int step_count;
        int64_t multiplies = 0, read = 0;
        status = circ_pipeline_plan(&net, steps, &step_count, &err);
        for (int s = 0; s < step_count && !status; s++) {
            struct circ_pipeline_counts c =
                circ_pipeline_count(&net, &steps[s], &(struct circ_pipeline){2, 1, 16, 12, 0});
            multiplies += c.multiplies;
            read += c.read_words;
        }
        tap_ok(!status && !strcmp(info.tuning, "p2 d1 m16") && prediction.time_ns > 0 &&
                   prediction.energy_uj_per_frame > 0 &&
                   part(&prediction, "multiplies") == (double)(BATCH * multiplies) &&
                   part(&prediction, "words-activations-read") == (double)(BATCH * read),
               "its counts are the pipeline's; %s", prediction.remark);
        double joules = part(&prediction, "energy-arithmetic") +
                        part(&prediction, "energy-onchip") + part(&prediction, "energy-memory") +
                        part(&prediction, "energy-static");
        tap_ok(near(joules, BATCH * prediction.energy_uj_per_frame), "its parts add up");
        circ_fixed_free(fixed);
    }
    backend->release(program);
    static const struct {
        const char *what, *precision, *tuning;
        enum circ_pass pass;
        int threads;
    } refused[] = {
        {"float", "f32", NULL, CIRC_INFER, 1},
        {"training", "q16", NULL, CIRC_TRAIN, 1},
        {"threads", "q16", NULL, CIRC_INFER, 2},
        {"a tuning it does not read", "q16", "p3 d1", CIRC_INFER, 1},
        {"too large a P", "q16", "p64 d1", CIRC_INFER, 1},
    };
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        request.precision = refused[i].precision;
        request.tuning = refused[i].tuning;
        request.pass = refused[i].pass;
        request.threads = refused[i].threads;
        tap_ok(backend->supports(session, &request, &err) == CIRC_UNSUP, "%s is refused: %s",
               refused[i].what, err.message);
    }
    circ_weights_free(&model);
    backend->close(session);
    tap_ok(backend->open("no such", &session, &err) == CIRC_ABSENT && !session, "absent: %s",
           err.message);
}

int main(void)
{
    unsetenv(CIRC_MODEL_FILE); /* the user's own has no part in this */
    test_devices();
    test_files();
    test_by_hand();
    test_walk();
    test_search();
    test_limits();
    test_fairness();
    test_backend();
    return tap_done();
}
