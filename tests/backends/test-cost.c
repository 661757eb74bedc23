/* The predicted costs against measurements: that the choice between the two ways of computing an FC
 * layer is the faster one, or near it, and that predictions are of the right size. The measurements
 * are minima in microseconds on one core of an AVX-512 server at 3.5 GHz, each way forced in turn;
 * no clock runs here. */
#include "backends/cpu/cost.h"
#include "tests/tap.h"

#include <math.h>

static const struct {
    int m, n, k, batch;
    double stream, columns;
} measured[] = {
    {10, 500, 8, 1, 0.7, 1.5},           {10, 500, 8, 4, 3.3, 1.7},
    {10, 500, 8, 16, 15.9, 1.8},         {10, 500, 32, 1, 0.6, 1.9},
    {10, 500, 32, 4, 3.1, 1.9},          {10, 500, 32, 16, 12.7, 1.9},
    {10, 500, 128, 1, 1.6, 3.1},         {10, 500, 128, 4, 7.1, 3.1},
    {10, 500, 128, 16, 33.9, 3.2},       {300, 784, 8, 1, 2.2, 10.6},
    {300, 784, 8, 4, 10.5, 11.3},        {300, 784, 8, 16, 51.8, 10.8},
    {300, 784, 32, 1, 1.4, 5.8},         {300, 784, 32, 4, 7.2, 6.3},
    {300, 784, 32, 16, 38.5, 5.8},       {300, 784, 128, 1, 2.1, 6.8},
    {300, 784, 128, 4, 10.2, 7.1},       {300, 784, 128, 16, 54.3, 6.6},
    {1000, 4096, 8, 1, 38.2, 163.6},     {1000, 4096, 8, 4, 159.6, 172.2},
    {1000, 4096, 8, 16, 891.6, 166.0},   {1000, 4096, 32, 1, 7.6, 55.6},
    {1000, 4096, 32, 4, 40.1, 58.4},     {1000, 4096, 32, 16, 178.8, 57.0},
    {1000, 4096, 128, 1, 6.2, 29.0},     {1000, 4096, 128, 4, 33.7, 29.5},
    {1000, 4096, 128, 16, 162.5, 27.8},  {4096, 4096, 4, 1, 606.8, 1377.9},
    {4096, 4096, 4, 2, 1176.2, 1253.8},  {4096, 4096, 4, 4, 2349.6, 1384.8},
    {4096, 4096, 4, 8, 4756.5, 1570.6},  {4096, 4096, 4, 16, 9624.1, 1331.3},
    {4096, 4096, 8, 1, 304.6, 840.3},    {4096, 4096, 8, 2, 607.5, 707.9},
    {4096, 4096, 8, 4, 1210.4, 810.8},   {4096, 4096, 8, 8, 2487.0, 714.1},
    {4096, 4096, 8, 16, 5024.1, 802.9},  {4096, 4096, 16, 1, 145.9, 421.5},
    {4096, 4096, 16, 2, 298.4, 384.0},   {4096, 4096, 16, 4, 605.7, 420.1},
    {4096, 4096, 16, 8, 1252.8, 382.5},  {4096, 4096, 16, 16, 2645.6, 411.6},
    {4096, 4096, 64, 1, 13.0, 130.2},    {4096, 4096, 64, 2, 31.3, 120.2},
    {4096, 4096, 64, 4, 63.8, 130.8},    {4096, 4096, 64, 8, 146.1, 122.9},
    {4096, 4096, 64, 16, 346.2, 128.5},  {4096, 4096, 128, 1, 9.0, 85.4},
    {4096, 4096, 128, 2, 21.6, 80.1},    {4096, 4096, 128, 4, 43.9, 85.4},
    {4096, 4096, 128, 8, 97.8, 81.1},    {4096, 4096, 128, 16, 256.7, 83.7},
    {4096, 4096, 256, 1, 6.9, 64.9},     {4096, 4096, 256, 2, 18.3, 60.3},
    {4096, 4096, 256, 4, 37.1, 64.4},    {4096, 4096, 256, 8, 85.0, 61.9},
    {4096, 4096, 256, 16, 217.4, 61.5},  {4096, 4096, 512, 1, 6.3, 69.3},
    {4096, 4096, 512, 2, 17.2, 64.2},    {4096, 4096, 512, 4, 34.2, 64.2},
    {4096, 4096, 512, 8, 80.4, 65.8},    {4096, 4096, 512, 16, 207.1, 66.2},
    {4096, 4096, 1024, 1, 6.2, 98.1},    {4096, 4096, 1024, 2, 17.1, 88.9},
    {4096, 4096, 1024, 4, 33.9, 93.7},   {4096, 4096, 1024, 8, 78.9, 89.0},
    {4096, 4096, 1024, 16, 207.8, 93.7},
};

#define COUNT     (sizeof measured / sizeof *measured)
#define CYCLES_US 3500.0

static struct circ_cost_layer layer_of(size_t i)
{
    return (struct circ_cost_layer){.k = measured[i].k,
                                    .p = (measured[i].m + measured[i].k - 1) / measured[i].k,
                                    .q = (measured[i].n + measured[i].k - 1) / measured[i].k,
                                    .batch = measured[i].batch,
                                    .lanes = 16};
}

static void test_choice(void)
{
    double worst = 1, sum = 0;
    size_t at = 0;
    for (size_t i = 0; i < COUNT; i++) {
        struct circ_cost_layer layer = layer_of(i);
        bool stream = circ_cost_stream(layer) < circ_cost_columns(layer);
        double chosen = stream ? measured[i].stream : measured[i].columns;
        double loss = chosen / fmin(measured[i].stream, measured[i].columns);
        sum += log(loss);
        if (loss > worst)
            worst = loss, at = i;
    }
    tap_ok(worst < 2, "no choice takes twice the best: the worst, %dx%d k %d batch %d, takes %.2f",
           measured[at].m, measured[at].n, measured[at].k, measured[at].batch, worst);
    double mean = exp(sum / (double)COUNT);
    tap_ok(mean < 1.05, "all choices together lose less than 5 %% (%.1f %%)", 100 * (mean - 1));
}

static void test_size(void)
{
    double worst = 1;
    size_t at = 0;
    for (size_t i = 0; i < COUNT; i++) {
        struct circ_cost_layer layer = layer_of(i);
        double ratios[] = {circ_cost_stream(layer) / CYCLES_US / measured[i].stream,
                           circ_cost_columns(layer) / CYCLES_US / measured[i].columns};
        for (int j = 0; j < 2; j++) {
            double off = fmax(ratios[j], 1 / ratios[j]);
            if (off > worst)
                worst = off, at = i;
        }
    }
    tap_ok(worst < 4, "predictions are of the right size: the worst, %dx%d k %d batch %d, by %.2f",
           measured[at].m, measured[at].n, measured[at].k, measured[at].batch, worst);
}

static void test_pairs(void)
{
    struct circ_cost_layer whole = {.k = 8, .p = 512, .q = 512, .batch = 1, .lanes = 16};
    struct circ_cost_layer pairs = whole;
    pairs.pairs = true;
    tap_ok(circ_cost_stream_rows(pairs) < 0.6 * circ_cost_stream_rows(whole) &&
               circ_cost_stream_slots(pairs) < circ_cost_stream_slots(whole) &&
               circ_cost_columns(pairs) <= circ_cost_columns(whole),
           "two numbers a word: half the time where words come from afar");
}

/* CONV layers by taps and by Winograd's elements: microseconds of one core with AVX-512, of 3x3,
 * 128 to 128 channels at 32x32; 5x5, 48 to 128 at 27x27; 3x3, 384 to 384 at 13x13. Then batches of
 * 16 (Zen 4): 3x3, 128 to 128 at 32x32; 192 to 128, 192 to 192, 256 to 384 at 13x13; 5x5, 48 to
 * 128 at 27x27. */
static const struct {
    int p, q, taps_w, taps_h, vectors, element_vectors;
    double taps, elements;
} conv[] = {
    {32, 32, 3, 3, 66, 16, 644, 410},      {16, 16, 3, 3, 66, 16, 401, 270},
    {8, 8, 3, 3, 66, 16, 285, 212},        {4, 4, 3, 3, 66, 20, 212, 190},
    {32, 12, 5, 5, 49, 28, 404, 328},      {16, 6, 5, 5, 49, 28, 254, 225},
    {8, 3, 5, 5, 49, 28, 162, 170},        {4, 2, 5, 5, 49, 28, 137, 150},
    {96, 96, 3, 3, 12, 4, 934, 746},       {48, 48, 3, 3, 12, 4, 514, 459},
    {24, 24, 3, 3, 12, 4, 311, 302},       {12, 12, 3, 3, 12, 4, 179, 181},
    {6, 6, 3, 3, 12, 4, 131, 143},         {32, 32, 3, 3, 1056, 280, 15133, 9323},
    {16, 16, 3, 3, 1056, 264, 9002, 5733}, {8, 8, 3, 3, 1056, 256, 5720, 4242},
    {4, 4, 3, 3, 1056, 256, 5070, 3440},   {32, 48, 3, 3, 182, 56, 3773, 2649},
    {16, 24, 3, 3, 182, 56, 2146, 1532},   {8, 12, 3, 3, 182, 52, 1248, 997},
    {4, 6, 3, 3, 182, 52, 808, 710},       {48, 48, 3, 3, 182, 56, 5600, 3753},
    {24, 24, 3, 3, 182, 56, 3136, 2172},   {12, 12, 3, 3, 182, 52, 1772, 1371},
    {6, 6, 3, 3, 182, 52, 1136, 948},      {48, 32, 3, 3, 182, 60, 8462, 5920},
    {24, 16, 3, 3, 182, 56, 4756, 3622},   {12, 8, 3, 3, 182, 52, 3023, 2621},
    {32, 12, 5, 5, 783, 392, 11185, 7458}, {16, 6, 5, 5, 783, 378, 6314, 4549},
    {8, 3, 5, 5, 783, 378, 3667, 3062},    {4, 2, 5, 5, 783, 378, 3288, 2650},
};

/* The same by taps and unfolded, batch 1 (Zen 4): 5x5, 48 to 128 at 27x27; 3x3, 128 to 128 at
 * 32x32, 13x13, 7x7 and 14x14; without padding 3x3, 64 to 64 at 10x10, and 5x5, 32 to 64 at 12x12;
 * 5x5, 64 to 64 at 15x15, 16 to 64 at 32x32. Then blocks of one. */
static const struct {
    int p, q, taps, vectors, row_vectors, run_vectors, copies;
    bool ones;
    double by_taps, unfolded;
} narrow[] = {
    {32, 12, 5, 49, 54, 46, 310, false, 707.2, 688.3},
    {8, 3, 5, 49, 54, 46, 310, false, 255.9, 262.9},
    {2, 1, 5, 49, 54, 46, 310, false, 187.0, 221.4},
    {16, 16, 3, 66, 64, 64, 204, false, 569.1, 605.6},
    {4, 4, 3, 66, 64, 64, 204, false, 250.7, 288.2},
    {2, 2, 3, 66, 64, 64, 204, false, 251.9, 267.9},
    {32, 32, 3, 12, 13, 11, 45, false, 174.3, 175.0},
    {8, 8, 3, 12, 13, 11, 45, false, 61.3, 71.4},
    {2, 2, 3, 12, 13, 11, 45, false, 40.2, 55.8},
    {32, 32, 3, 4, 7, 4, 27, false, 60.9, 66.1},
    {8, 8, 3, 4, 7, 4, 27, false, 22.7, 29.1},
    {2, 2, 3, 4, 7, 4, 27, false, 16.3, 24.0},
    {8, 8, 3, 14, 14, 13, 48, false, 70.9, 82.1},
    {16, 16, 3, 5, 8, 4, 30, false, 19.3, 15.8},
    {4, 4, 3, 5, 8, 4, 30, false, 8.2, 7.4},
    {2, 2, 3, 5, 8, 4, 30, false, 9.6, 7.6},
    {16, 8, 5, 6, 8, 4, 60, false, 29.5, 20.5},
    {4, 2, 5, 6, 8, 4, 60, false, 11.5, 8.7},
    {2, 1, 5, 6, 8, 4, 60, false, 12.1, 8.6},
    {16, 16, 5, 16, 15, 15, 95, false, 155.0, 166.5},
    {4, 4, 5, 16, 15, 15, 95, false, 51.3, 67.5},
    {1, 1, 5, 16, 15, 15, 95, false, 30.6, 56.7},
    {4, 1, 5, 68, 64, 64, 360, false, 75.8, 81.8},
    {32, 16, 3, 14, 14, 13, 48, true, 11.5, 11.5},
    {32, 1, 5, 48, 48, 36, 280, true, 12.4, 9.6},
    {64, 3, 3, 64, 64, 64, 204, true, 36.2, 36.4},
    {64, 32, 3, 12, 12, 9, 42, true, 35.6, 36.3},
    {16, 3, 7, 14, 14, 13, 140, true, 10.9, 10.7},
};

static void lose_little(const char *choice, double lost, size_t count)
{
    double mean = lost / (double)count;
    tap_ok(mean < 0.03, "%s: the choices together lose less than 3 %% (%.1f %%)", choice,
           100 * mean);
}

static void test_elements(void)
{
    double lost = 0;
    size_t count = sizeof conv / sizeof *conv;
    for (size_t i = 0; i < count; i++) {
        struct circ_cost_rows rows = {.p = conv[i].p,
                                      .q = conv[i].q,
                                      .taps_w = conv[i].taps_w,
                                      .taps_h = conv[i].taps_h,
                                      .vectors = conv[i].vectors,
                                      .element_vectors = conv[i].element_vectors};
        bool elements = circ_cost_elements(rows) < circ_cost_taps(rows);
        double chosen = elements ? conv[i].elements : conv[i].taps;
        lost += chosen / fmin(conv[i].taps, conv[i].elements) - 1;
    }
    lose_little("Winograd's elements or taps", lost, count);
}

static void test_unfolded(void)
{
    double lost = 0;
    size_t count = sizeof narrow / sizeof *narrow;
    for (size_t i = 0; i < count; i++) {
        struct circ_cost_rows rows = {.p = narrow[i].p,
                                      .q = narrow[i].q,
                                      .taps_w = narrow[i].taps,
                                      .taps_h = narrow[i].taps,
                                      .vectors = narrow[i].vectors,
                                      .ones = narrow[i].ones,
                                      .row_vectors = narrow[i].row_vectors,
                                      .run_vectors = narrow[i].run_vectors,
                                      .copies = narrow[i].copies};
        bool unfolded = circ_cost_unfolded(rows) < circ_cost_taps(rows);
        double chosen = unfolded ? narrow[i].unfolded : narrow[i].by_taps;
        lost += chosen / fmin(narrow[i].by_taps, narrow[i].unfolded) - 1;
    }
    lose_little("unfolded planes or taps", lost, count);
}

int main(void)
{
    test_choice();
    test_size();
    test_pairs();
    test_elements();
    test_unfolded();
    return tap_done();
}
