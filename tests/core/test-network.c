/* Shapes, validation and counts against numbers worked out by hand. */
#include "backends/core/network.h"
#include "tests/tap.h"

#include <math.h>
#include <string.h>

static struct circ_network net;
static struct circ_error err;

static bool begin(int c, int h, int w)
{
    return circ_network_begin(&net, "test", (struct circ_shape){c, h, w}, &err) == CIRC_OK;
}

static enum circ_status append(struct circ_layer layer)
{
    return circ_network_append(&net, &layer, &err);
}

static struct circ_layer fc(int m)
{
    return (struct circ_layer){.op = CIRC_OP_FC, .out.c = m, .bias = true, .compressible = true};
}

static struct circ_layer conv(int taps, int out, int stride, int pad, int groups)
{
    return (struct circ_layer){.op = CIRC_OP_CONV,
                               .out.c = out,
                               .taps_h = taps,
                               .taps_w = taps,
                               .stride = stride,
                               .pad = pad,
                               .groups = groups,
                               .compressible = true};
}

static void test_fc_counts(void)
{
    tap_ok(begin(9216, 1, 1) && !append(fc(4096)), "fc 4096 x 9216");
    struct circ_counts c = circ_network_counts(&net);
    tap_ok(c.flop_dense == 75497472 && c.flop_executed == c.flop_dense &&
               c.weight_count == 37748736 && c.weight_bytes == 4 * 37748736LL,
           "dense counts");
    tap_ok(!circ_network_compress(&net, CIRC_CIRCULANT, 8, 8, &err), "compress with k = 8");
    c = circ_network_counts(&net);
    /* p 512, q 1152: 1664 transforms of 2.5 * 8 * 3 = 60; a block costs 3 * 8 + 2 * 2 = 28, or 22
     */
    tap_ok(c.flop_executed == 1664 * 60 + 589824LL * 28 && c.flop_roof == 1664 * 60 + 589824LL * 22,
           "executed %lld, roof %lld", (long long)c.flop_executed, (long long)c.flop_roof);
    tap_ok(c.weight_count == 589824LL * 8 && c.weight_bytes == 589824LL * 32 &&
               c.weight_count_dense == 37748736 && c.flop_dense == 75497472,
           "circulant weights");
    circ_network_set_precision(&net, CIRC_BF16);
    struct circ_counts narrow = circ_network_counts(&net);
    tap_ok(narrow.weight_bytes == 589824LL * 16 && narrow.weight_count == c.weight_count &&
               narrow.flop_executed == c.flop_executed,
           "bf16 halves the bytes and nothing else");
    static const struct {
        const char *name;
        int64_t bits;
    } words[] = {{"q16", 16}, {"q12", 12}, {"q8", 8}};
    for (int w = 0; w < 3; w++) {
        enum circ_precision q = circ_network_precision_find(words[w].name);
        circ_network_set_precision(&net, q);
        narrow = circ_network_counts(&net);
        tap_ok(!strcmp(circ_network_precision_name(q), words[w].name) &&
                   circ_network_precision_word(q) == words[w].bits &&
                   narrow.weight_bytes == 589824LL * words[w].bits,
               "words of %lld bits are packed", (long long)words[w].bits);
    }
    tap_ok(!circ_network_precision_word(CIRC_F32) && !circ_network_precision_word(CIRC_BF16),
           "f32 and bf16 are floating");
    tap_ok(!circ_network_compress(&net, CIRC_DENSE, 1, 1, &err), "dense again");
    circ_network_set_precision(&net, CIRC_BF16);
    c = circ_network_counts(&net);
    circ_network_set_precision(&net, CIRC_Q12);
    narrow = circ_network_counts(&net);
    tap_ok(c.weight_bytes == 4 * 37748736LL && narrow.weight_bytes == 37748736LL * 3 / 2,
           "dense weights stay whole in bf16 and are words in fixed point");
    tap_ok(!circ_network_compress(&net, CIRC_CIRCULANT, 1, 1, &err) &&
               net.layers[0].precision == CIRC_F32,
           "compress with k = 1");
    c = circ_network_counts(&net);
    tap_ok(c.flop_executed == c.flop_dense && c.weight_count == c.weight_count_dense,
           "k = 1 counts as the dense layer");
    tap_ok(!circ_network_compress(&net, CIRC_PRUNED, 16, 16, &err), "prune to k = 16");
    circ_network_set_precision(&net, CIRC_BF16);
    c = circ_network_counts(&net);
    tap_ok(c.weight_count == 37748736 / 16 && c.weight_bytes == 37748736 / 2 &&
               c.flop_executed == 37748736 / 8,
           "pruned counts");
}

/* 4096 x 9216 with k = 16: 256 x 576 blocks, each 7 complex and 2 real bins. */
static void test_training_counts(void)
{
    tap_ok(begin(9216, 1, 1) && !append(fc(4096)), "fc 4096 x 9216");
    struct circ_counts c = circ_network_training_counts(&net, 64);
    tap_ok(c.flop_dense == 3 * 2 * 37748736LL && c.flop_executed == c.flop_dense + 37748736 / 32,
           "dense training: three products, and the update shared by the batch");
    int64_t blocks = 256 * 576, transforms = 2 * (256 + 576) * 160; /* 2.5 k log2 k = 160 */
    tap_ok(!circ_network_compress(&net, CIRC_CIRCULANT, 16, 16, &err), "k = 16");
    c = circ_network_training_counts(&net, 1);
    tap_ok(c.flop_dense == 3 * 2 * 37748736LL &&
               c.flop_executed == 3 * blocks * (7 * 8 + 4) + transforms + 2 * blocks * 16 &&
               c.flop_roof == 3 * blocks * (7 * 6 + 4) + transforms + 2 * blocks * 16,
           "circulant training: three products and four families of transforms");
}

static void test_edges(void)
{
    int m, n, p, q;
    tap_ok(begin(10, 1, 1) && !append(fc(7)) &&
               !circ_network_compress(&net, CIRC_CIRCULANT, 4, 4, &err),
           "fc 7 x 10 with k = 4");
    circ_network_matrix(&net.layers[0], &m, &n);
    circ_network_blocks(&net.layers[0], &p, &q);
    tap_ok(m == 7 && n == 10 && p == 2 && q == 3, "edge blocks are padded");
    tap_ok(circ_network_counts(&net).weight_count == 24, "their padding counts");
    tap_ok(!circ_network_compress(&net, CIRC_CIRCULANT, 64, 64, &err) &&
               circ_network_counts(&net).weight_count == 64,
           "k larger than the matrix is one block");
    tap_ok(!circ_network_compress(&net, CIRC_PRUNED, 64, 64, &err) &&
               circ_network_counts(&net).weight_count == 64,
           "pruned has the same number");
    tap_ok(!circ_network_compress(&net, CIRC_PRUNED, 100, 100, &err) &&
               circ_network_counts(&net).weight_count == 70,
           "but never more than the matrix");
}

static void test_conv(void)
{
    tap_ok(begin(3, 227, 227) && !append(conv(11, 96, 4, 0, 1)) && net.layers[0].out.h == 55 &&
               net.layers[0].out.w == 55,
           "alexnet's first layer");
    tap_ok(circ_network_counts(&net).flop_dense == 2LL * 96 * 3 * 121 * 55 * 55, "its work");
    tap_ok(begin(96, 27, 27) && !append(conv(5, 256, 1, 2, 2)) && net.layers[0].out.h == 27,
           "groups");
    tap_ok(circ_network_counts(&net).weight_count == 25LL * 256 * 48, "weights of two groups");
    tap_ok(!circ_network_compress(&net, CIRC_CIRCULANT, 16, 16, &err) &&
               circ_network_counts(&net).weight_count == 25LL * 256 * 48 / 16,
           "circulant within each group");
    struct circ_layer pool = {.op = CIRC_OP_POOL_MAX, .taps_h = 3, .taps_w = 3, .stride = 2};
    tap_ok(!append(pool) && net.layers[1].out.h == 13 && net.layers[1].out.c == 256, "pooling");
    struct circ_layer flat = {.op = CIRC_OP_FLATTEN};
    tap_ok(!append(flat) && net.layers[2].out.c == 256 * 169, "flatten");
}

/* The fewest flop are some, and no more than an algorithm takes, whatever the window. */
static void test_roofs(void)
{
    static const int taps[] = {1, 2, 3, 5, 6, 7, 11}, strides[] = {1, 2, 4, 300},
                     blocks[] = {1, 4, 16};
    int wrong = 0, asked = 0;
    int64_t dense = 0; /* blocks of one are that by another name */
    for (int t = 0; t < 7; t++)
        for (int s = 0; s < 4; s++)
            for (int pad = 0; pad < taps[t]; pad += 2)
                for (int k = 0; k < 4; k++) { /* dense, and blocks */
                    if (!begin(32, 12, 12) || append(conv(taps[t], 48, strides[s], pad, 2)) ||
                        (k && circ_network_compress(&net, CIRC_CIRCULANT, blocks[k - 1],
                                                    blocks[k - 1], &err)))
                        continue;
                    struct circ_counts c = circ_network_counts(&net);
                    wrong += c.flop_roof <= 0 || c.flop_roof > c.flop_executed;
                    dense = k ? dense : c.flop_roof;
                    wrong += k == 1 && c.flop_roof != dense;
                    asked++;
                }
    tap_ok(!wrong && asked > 100, "roofs of %d windows: %d out of their range", asked, wrong);
    bool made = begin(8, 5, 5) && !append(conv(1, 8, 1, 0, 1)) &&
                !circ_network_compress(&net, CIRC_CIRCULANT, 4, 4, &err);
    struct circ_counts c = circ_network_counts(&net);
    /* 4 transforms of 2.5 * 4 * 2 = 20 and 4 blocks of 6 + 4 for each of 25 pixels */
    tap_ok(made && c.flop_roof == 25 * (4 * 20 + 4 * 10), "a window of one has no rows: %lld",
           (long long)c.flop_roof);
    made = begin(2, 1, 1) && !append(conv(3, 2, 1, 1, 1));
    c = circ_network_counts(&net);
    tap_ok(made && c.flop_dense == 72 && c.flop_roof == 8, "taps in the padding are no work: %lld",
           (long long)c.flop_roof);
}

static void refuse(const char *what, struct circ_layer layer, const char *words)
{
    int count = net.layer_count;
    tap_ok(append(layer) == CIRC_USAGE && strstr(err.message, words) && net.layer_count == count,
           "%s is refused: %s", what, err.message);
}

int main(void)
{
    test_fc_counts();
    test_training_counts();
    test_edges();
    test_conv();
    test_roofs();
    tap_ok(!begin(0, 1, 1) && !begin(1, -1, 1) && !begin(CIRC_MAX_DIM + 1, 1, 1) &&
               !begin(CIRC_MAX_DIM, CIRC_MAX_DIM, CIRC_MAX_DIM),
           "inputs that cannot be: %s", err.message);
    tap_ok(begin(3, 8, 8), "3x8x8");
    refuse("a window larger than its input", conv(11, 8, 1, 0, 1), "larger than its padded input");
    refuse("groups that do not divide", conv(3, 8, 1, 1, 2), "must divide");
    refuse("no outputs", fc(0), "outputs");
    refuse("a negative stride", conv(3, 8, -1, 1, 1), "stride");
    refuse("an even LRN", (struct circ_layer){.op = CIRC_OP_LRN, .lrn_size = 4, .lrn_bias = 1},
           "odd");
    refuse("padding as wide as a pool's window",
           (struct circ_layer){.op = CIRC_OP_POOL_AVG, .taps_h = 2, .taps_w = 2, .pad = 2},
           "padding");
    tap_ok(circ_network_compress(&net, CIRC_CIRCULANT, 0, 4, &err) == CIRC_USAGE, "k = 0: %s",
           err.message);
    int appended = 0;
    while (!append((struct circ_layer){.op = CIRC_OP_RELU}))
        appended++;
    tap_ok(appended == CIRC_MAX_LAYERS && err.code == CIRC_USAGE, "too many layers: %s",
           err.message);
    return tap_done();
}
