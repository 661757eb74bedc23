/* Every built-in network: its layers, shapes and dense layers against written-out expectations, its
 * parameters against the published totals, and its seeded input. */
#include "tests/tap.h"
#include "workloads/workload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct expectation {
    const char *name;
    const char *layers; /* output shape of each layer; '!' marks a layer that stays dense */
    int64_t parameters; /* weights and biases */
};

static const struct expectation expectations[] = {
    {"alexnet-fc6", "9216x1x1 fc:4096x1x1", 37752832},
    {"alexnet-fc7", "4096x1x1 fc:4096x1x1", 16781312},
    {"alexnet-fc8", "4096x1x1 fc:1000x1x1", 4097000},
    {"vgg16-fc6", "25088x1x1 fc:4096x1x1", 102764544},
    {"vgg16-fc7", "4096x1x1 fc:4096x1x1", 16781312},
    {"vgg16-fc8", "4096x1x1 fc:1000x1x1", 4097000},
    {"mnist-mlp-256",
     "1x16x16 flatten:256x1x1 fc:128x1x1 relu:128x1x1 fc:128x1x1 relu:128x1x1 fc!:10x1x1 "
     "softmax:10x1x1",
     256 * 128 + 128 + 128 * 128 + 128 + 128 * 10 + 10},
    {"mnist-mlp-121",
     "1x11x11 flatten:121x1x1 fc:64x1x1 relu:64x1x1 fc:64x1x1 relu:64x1x1 fc!:10x1x1 "
     "softmax:10x1x1",
     121 * 64 + 64 + 64 * 64 + 64 + 64 * 10 + 10},
    {"lenet",
     "1x28x28 conv!:32x24x24 relu:32x24x24 pool_max:32x12x12 conv:64x8x8 relu:64x8x8 "
     "pool_max:64x4x4 "
     "flatten:1024x1x1 fc:1024x1x1 relu:1024x1x1 fc:10x1x1 softmax:10x1x1",
     832 + 51264 + 1049600 + 10250},
    {"cifar-cnn",
     "3x32x32 conv!:64x32x32 relu:64x32x32 conv!:64x32x32 relu:64x32x32 pool_max:64x16x16 "
     "conv:128x16x16 relu:128x16x16 conv:128x16x16 relu:128x16x16 pool_max:128x8x8 "
     "flatten:8192x1x1 "
     "fc:512x1x1 relu:512x1x1 fc:1024x1x1 relu:1024x1x1 fc:1024x1x1 relu:1024x1x1 fc!:10x1x1 "
     "softmax:10x1x1",
     1792 + 36928 + 73856 + 147584 + 4194816 + 525312 + 1049600 + 10250},
    {"cifarnet",
     "3x32x32 conv:64x32x32 relu:64x32x32 pool_max:64x15x15 conv:64x15x15 relu:64x15x15 "
     "pool_max:64x7x7 flatten:3136x1x1 fc:384x1x1 relu:384x1x1 fc:192x1x1 relu:192x1x1 fc:10x1x1 "
     "softmax:10x1x1",
     4864 + 102464 + 1204608 + 73920 + 1930},
    {"alexnet",
     "3x227x227 conv!:96x55x55 relu:96x55x55 lrn:96x55x55 pool_max:96x27x27 conv:256x27x27 "
     "relu:256x27x27 lrn:256x27x27 pool_max:256x13x13 conv:384x13x13 relu:384x13x13 conv:384x13x13 "
     "relu:384x13x13 conv:256x13x13 relu:256x13x13 pool_max:256x6x6 flatten:9216x1x1 fc:4096x1x1 "
     "relu:4096x1x1 fc:4096x1x1 relu:4096x1x1 fc:1000x1x1 softmax:1000x1x1",
     60965224}, /* as published for the grouped network */
    {"vgg16",
     "3x224x224 conv:64x224x224 relu:64x224x224 conv:64x224x224 relu:64x224x224 "
     "pool_max:64x112x112 "
     "conv:128x112x112 relu:128x112x112 conv:128x112x112 relu:128x112x112 pool_max:128x56x56 "
     "conv:256x56x56 relu:256x56x56 conv:256x56x56 relu:256x56x56 conv:256x56x56 relu:256x56x56 "
     "pool_max:256x28x28 conv:512x28x28 relu:512x28x28 conv:512x28x28 relu:512x28x28 "
     "conv:512x28x28 "
     "relu:512x28x28 pool_max:512x14x14 conv:512x14x14 relu:512x14x14 conv:512x14x14 "
     "relu:512x14x14 "
     "conv:512x14x14 relu:512x14x14 pool_max:512x7x7 flatten:25088x1x1 fc:4096x1x1 relu:4096x1x1 "
     "fc:4096x1x1 relu:4096x1x1 fc:1000x1x1 softmax:1000x1x1",
     138357544}, /* as published for configuration D */
    {"llm-proj-4096", "4096x1x1 fc:4096x1x1", 16781312},
    {"llm-ffn-11008", "11008x1x1 fc:4096x1x1", 45092864},
    {"control-conv-rgb", "3x32x32 conv:64x32x32", 4864},
    {"control-softmax10", "1024x1x1 fc:10x1x1 softmax:10x1x1", 10250},
    {"control-small", "3x6x6 conv:5x6x6 relu:5x6x6 fc:7x1x1 relu:7x1x1 fc:20x1x1",
     140 + 1267 + 160},
};

enum { EXPECTED = sizeof expectations / sizeof *expectations };

static void summarise(const struct circ_network *net, char *text, size_t size)
{
    int used = snprintf(text, size, "%dx%dx%d", net->input.c, net->input.h, net->input.w);
    for (int i = 0; i < net->layer_count; i++) {
        const struct circ_layer *layer = &net->layers[i];
        bool dense = circ_network_has_weights(layer) && !layer->compressible;
        used += snprintf(text + used, size - (size_t)used, " %s%s:%dx%dx%d",
                         circ_network_op_name(layer->op), dense ? "!" : "", layer->out.c,
                         layer->out.h, layer->out.w);
    }
}

static int64_t count_parameters(const struct circ_network *net)
{
    int64_t count = circ_network_counts(net).weight_count_dense;
    for (int i = 0; i < net->layer_count; i++)
        count += net->layers[i].bias ? net->layers[i].out.c : 0;
    return count;
}

static void check_network(const struct circ_builtin *builtin, const struct expectation *expected)
{
    struct circ_network net;
    struct circ_error err = {.message = ""};
    char text[2048];
    tap_ok(!strcmp(builtin->name, expected->name), "%s: its place in the list", builtin->name);
    tap_ok(!strncmp(builtin->text, "# ", 2) &&
               !strncmp(builtin->text + 2, builtin->description, strlen(builtin->description)) &&
               builtin->text[2 + strlen(builtin->description)] == '\n',
           "%s: the description is the first comment", builtin->name);
    tap_ok(strlen(builtin->name) + strlen(builtin->description) < 120,
           "%s: the description fits on a line", builtin->name);
    if (!tap_ok(!circ_workload_find(builtin->name, &net, &err), "%s: found", builtin->name)) {
        tap_note("%s", err.message);
        return;
    }
    tap_ok(!strcmp(net.name, builtin->name), "%s: named '%s'", builtin->name, net.name);
    summarise(&net, text, sizeof text);
    if (!tap_ok(!strcmp(text, expected->layers), "%s: layers and shapes", builtin->name))
        tap_note("got %s", text);
    int64_t parameters = count_parameters(&net);
    tap_ok(parameters == expected->parameters, "%s: %lld parameters", builtin->name,
           (long long)parameters);
}

static void check_alexnet(void)
{
    struct circ_network net;
    if (!tap_ok(!circ_workload_find("alexnet", &net, NULL), "alexnet: found again"))
        return;
    int groups[5], convs = 0;
    for (int i = 0; i < net.layer_count && convs < 5; i++)
        if (net.layers[i].op == CIRC_OP_CONV)
            groups[convs++] = net.layers[i].groups;
    tap_ok(convs == 5 && groups[0] == 1 && groups[1] == 2 && groups[2] == 1 && groups[3] == 2 &&
               groups[4] == 2,
           "alexnet: groups 1, 2, 1, 2, 2");
    const struct circ_layer *lrn = &net.layers[2];
    tap_ok(lrn->lrn_size == 5 && lrn->lrn_alpha == 1e-4f && lrn->lrn_beta == 0.75f &&
               lrn->lrn_bias == 1,
           "alexnet: constants of the normalisation");
}

static void check_input(void)
{
    enum { BATCH = 7, MORE = 4 };
    struct circ_network net;
    if (!tap_ok(!circ_workload_find("mnist-mlp-121", &net, NULL), "input: network found"))
        return;
    const size_t n = 121;
    float *small = calloc(MORE * n, sizeof *small), *large = calloc(BATCH * n + 1, sizeof *large);
    if (!tap_ok(small && large, "input: memory"))
        goto done;
    large[BATCH * n] = 42;
    circ_workload_input(&net, MORE, 1, small);
    circ_workload_input(&net, BATCH, 1, large);
    tap_ok(!memcmp(small, large, MORE * n * sizeof *small),
           "input: a frame is the same in any batch");
    tap_ok(large[BATCH * n] == 42, "input: nothing is written behind it");
    tap_ok(memcmp(large, large + n, n * sizeof *large), "input: frames differ");
    double sum = 0, squares = 0;
    bool inside = true;
    for (size_t i = 0; i < BATCH * n; i++) {
        inside = inside && large[i] >= -1 && large[i] < 1;
        sum += large[i];
        squares += large[i] * (double)large[i];
    }
    tap_ok(inside && sum * sum < BATCH * n * 9 / 3.0 && squares > BATCH * n * 0.28 &&
               squares < BATCH * n * 0.39,
           "input: uniform in [-1, 1): mean %.3f, mean square %.3f", sum / (BATCH * n),
           squares / (BATCH * n));
    circ_workload_input(&net, MORE, 2, large);
    tap_ok(memcmp(small, large, MORE * n * sizeof *small), "input: another seed, other numbers");
done:
    free(small);
    free(large);
}

int main(void)
{
    int count;
    const struct circ_builtin *list = circ_workload_list(&count);
    tap_ok(count == EXPECTED, "%d networks are built in", count);
    for (int i = 0; i < count && i < EXPECTED; i++)
        check_network(&list[i], &expectations[i]);
    check_alexnet();
    check_input();
    return tap_done();
}
