/* Roofs by hand-made ceilings: the two terms, sizes between those measured, levels, sums over
 * layers, what is broken. No clock decides here. */
#include "harness/roof.h"
#include "tests/tap.h"

#include <math.h>
#include <string.h>

/* 100 GFLOP/s; 200 GB/s to 32 KB, 100 to 1 MB, 10 beyond 64 MB. */
static const struct circ_ceiling ceilings[] = {
    {.metric = "dot_bf16", .unit = "GFLOP/s", .value = 1000},
    {.metric = "fma_f32", .unit = "GFLOP/s", .value = 100},
    {.metric = "fork_join", .unit = "ns", .value = 500},
    {.metric = "read", .unit = "GB/s", .bytes = 32 << 10, .value = 200},
    {.metric = "read", .unit = "GB/s", .bytes = 1 << 20, .value = 100},
    {.metric = "read", .unit = "GB/s", .bytes = 64 << 20, .value = 10},
};
enum { COUNT = sizeof ceilings / sizeof *ceilings };

static const struct circ_caches caches = {48 << 10, 2 << 20, 32 << 20};

static bool near(double a, double b)
{
    return fabs(a - b) <= 1e-9 * fabs(b);
}

static struct circ_roof_case on(const struct circ_network *net, int batch)
{
    return (struct circ_roof_case){.network = net,
                                   .batch = batch,
                                   .threads = 1,
                                   .caches = &caches,
                                   .ceilings = ceilings,
                                   .count = COUNT};
}

/* FC layers of these widths, one after the other, with a ReLU behind each. */
static struct circ_network layers(const int *widths, int count, enum circ_structure structure,
                                  int block)
{
    struct circ_network net;
    struct circ_error err;
    enum circ_status status =
        circ_network_begin(&net, "net", (struct circ_shape){widths[0], 1, 1}, &err);
    for (int i = 1; i < count && !status; i++) {
        struct circ_layer fc = {
            .op = CIRC_OP_FC, .out = {widths[i], 1, 1}, .bias = true, .compressible = true};
        status = circ_network_append(&net, &fc, &err);
        if (!status)
            status = circ_network_append(&net, &(struct circ_layer){.op = CIRC_OP_RELU}, &err);
    }
    if (!status)
        status = circ_network_compress(&net, structure, block, block, &err);
    tap_ok(!status, "a network of %d layers", count - 1);
    return net;
}

static void test_bandwidth(void)
{
    tap_ok(circ_roof_bandwidth(ceilings, COUNT, 32 << 10) == 200 &&
               circ_roof_bandwidth(ceilings, COUNT, 1 << 20) == 100,
           "what was measured is what it is");
    tap_ok(near(circ_roof_bandwidth(ceilings, COUNT, 8 << 20), 55) &&
               near(circ_roof_bandwidth(ceilings, COUNT, 64 << 10), 180),
           "between two sizes it follows the logarithm");
    tap_ok(circ_roof_bandwidth(ceilings, COUNT, 100) == 200 &&
               circ_roof_bandwidth(ceilings, COUNT, INT64_MAX) == 10,
           "beyond them it stays");
    tap_ok(isnan(circ_roof_bandwidth(ceilings, 3, 100)), "without reads it is unknown");
}

static void test_level(void)
{
    static const struct circ_caches none = {0, 0, 0}, no_l3 = {32 << 10, 1 << 20, 0};
    static const struct {
        const struct circ_caches *caches;
        int64_t bytes;
        int threads;
        const char *level;
    } cases[] = {
        {&caches, 48 << 10, 1, "L1"}, {&caches, 49 << 10, 1, "L2"},
        {&caches, 96 << 10, 2, "L1"}, {&caches, 4 << 20, 2, "L2"},
        {&caches, 4 << 20, 1, "L3"},  {&caches, 33 << 20, 8, "dram"},
        {&caches, 17 << 20, 8, "L3"}, {&none, 1, 1, "memory"},
        {&no_l3, 2 << 20, 1, "dram"}, {&caches, INT64_MAX, 1, "dram"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *level = circ_roof_level(cases[i].caches, cases[i].bytes, cases[i].threads);
        tap_ok(!strcmp(level, cases[i].level), "%lld bytes, %d threads: %s",
               (long long)cases[i].bytes, cases[i].threads, level);
    }
}

static void test_layer(void)
{
    const int widths[] = {1024, 1024};
    struct circ_network dense = layers(widths, 2, CIRC_DENSE, 1);
    struct circ_roof_case one = on(&dense, 1), many = on(&dense, 1000);
    struct circ_roof roof = circ_roof_of(&one);
    int64_t bytes = 4 * (1024 * 1024 + 2048);
    tap_ok(roof.bytes == bytes && roof.flop == 2 * 1024 * 1024,
           "weights, input and output once: %lld bytes", (long long)roof.bytes);
    tap_ok(near(roof.time_ns, (double)bytes / circ_roof_bandwidth(ceilings, COUNT, bytes)) &&
               !strcmp(roof.bound, "L3"),
           "one sample is bound by its weights: %g ns, %s", roof.time_ns, roof.bound);
    roof = circ_roof_of(&many);
    tap_ok(near(roof.time_ns, 2.0 * 1024 * 1024 * 1000 / 100) && !strcmp(roof.bound, "flop"),
           "many samples by multiply-adds: %g ns, %s", roof.time_ns, roof.bound);
    one.train = true;
    roof = circ_roof_of(&one);
    tap_ok(roof.bytes == 2 * bytes && roof.flop == (3 * 2 + 2) * 1024 * 1024,
           "a training step moves all of it twice: %lld bytes", (long long)roof.bytes);
    int64_t room = bytes + 4 * 2048; /* gradients of input and output; weights stay in place */
    tap_ok(near(roof.time_ns, 2.0 * (double)bytes / circ_roof_bandwidth(ceilings, COUNT, room)),
           "at the bandwidth of the room it takes: %g ns", roof.time_ns);
    one.train = false;
    one.cold = true;
    roof = circ_roof_of(&one);
    tap_ok(near(roof.time_ns, 4.0 * 1024 * 1024 / 10) && roof.bytes == bytes &&
               !strcmp(roof.bound, "dram"),
           "cold weights come from DRAM, their activations do not");
    many.cold = true;
    roof = circ_roof_of(&many);
    tap_ok(near(roof.time_ns, 2.0 * 1024 * 1024 * 1000 / 100) && !strcmp(roof.bound, "flop"),
           "and where multiply-adds take longer they cost nothing");

    struct circ_network circulant = layers(widths, 2, CIRC_CIRCULANT, 64);
    struct circ_roof_case compressed = on(&circulant, 1);
    roof = circ_roof_of(&compressed);
    struct circ_counts counts = circ_network_counts(&circulant);
    tap_ok(roof.bytes == 4 * (1024 * 1024 / 64 + 2048) && roof.flop == counts.flop_roof &&
               counts.flop_roof < counts.flop_executed,
           "block-circulant weights count with three products: %lld FLOP", (long long)roof.flop);
    struct circ_network pruned = layers(widths, 2, CIRC_PRUNED, 64);
    struct circ_roof_case sparse = on(&pruned, 1);
    roof = circ_roof_of(&sparse);
    tap_ok(roof.bytes == 8 * 1024 * 1024 / 64 + 4 * 2048 && roof.flop == 2 * 1024 * 1024 / 64,
           "pruned weights bring their columns: %lld bytes", (long long)roof.bytes);
}

static void test_network(void)
{
    const int widths[] = {2048, 2048, 16, 2048}, first[] = {2048, 2048}, second[] = {2048, 16},
              third[] = {16, 2048};
    struct circ_network net = layers(widths, 4, CIRC_DENSE, 1);
    struct circ_network parts[] = {layers(first, 2, CIRC_DENSE, 1),
                                   layers(second, 2, CIRC_DENSE, 1),
                                   layers(third, 2, CIRC_DENSE, 1)};
    struct circ_roof_case whole = on(&net, 4);
    struct circ_roof roof = circ_roof_of(&whole);
    double time = 0;
    int64_t bytes = 0;
    for (int i = 0; i < 3; i++) {
        struct circ_roof_case part = on(&parts[i], 4);
        struct circ_roof one = circ_roof_of(&part);
        time += one.time_ns;
        bytes += one.bytes;
    }
    tap_ok(near(roof.time_ns, time) && roof.bytes == bytes,
           "a network is the sum of its layers: %g ns", roof.time_ns);
    tap_ok(!strcmp(roof.bound, "L3"), "and is bound by what takes most of it: %s", roof.bound);
}

static void test_unknown(void)
{
    const int widths[] = {64, 64};
    struct circ_network net = layers(widths, 2, CIRC_DENSE, 1), empty;
    struct circ_error err;
    struct circ_roof_case point = on(&net, 1);
    point.count = 1;
    struct circ_roof roof = circ_roof_of(&point);
    tap_ok(isnan(roof.time_ns) && !*roof.bound && roof.bytes > 0,
           "without ceilings there is no roof, and the counts stay");
    point.count = 3;
    roof = circ_roof_of(&point);
    tap_ok(isnan(roof.time_ns) && !*roof.bound, "nor without reads");
    point.ceilings = ceilings + 3;
    roof = circ_roof_of(&point);
    tap_ok(isnan(roof.time_ns) && !*roof.bound, "nor without a peak");
    tap_ok(!circ_network_begin(&empty, "empty", (struct circ_shape){8, 1, 1}, &err), "no layer");
    point = on(&empty, 1);
    roof = circ_roof_of(&point);
    tap_ok(isnan(roof.time_ns), "nor for a network without weights");
}

static void test_broken(void)
{
    tap_ok(!circ_roof_is_broken(1000, 1000) && !circ_roof_is_broken(1029, 1000) &&
               !circ_roof_is_broken(900, 1000),
           "a row at its roof, within noise, is right");
    tap_ok(circ_roof_is_broken(1031, 1000), "one above it is a bug");
    tap_ok(!circ_roof_is_broken(NAN, 1000), "what is not known is not broken");
}

int main(void)
{
    test_bandwidth();
    test_level();
    test_layer();
    test_network();
    test_unknown();
    test_broken();
    return tap_done();
}
