/* Images of digits and a network that has learned them. It tests nothing itself. */
#include "tests/workloads/digits_fixture.h"

#include "backends/core/descent.h"
#include "backends/core/random.h"
#include "workloads/dataset.h"
#include "workloads/workload.h"

#include <stdlib.h>
#include <string.h>

enum { BATCH = 10, SEED = 1 };

/* One channel of from x from pixels -> to x to, bilinear between the centres of pixels. */
static void resize(const float *image, int from, int to, float *out)
{
    for (int i = 0; i < to * to; i++) {
        float at[2] = {((float)(i / to) + 0.5f) * (float)from / (float)to - 0.5f,
                       ((float)(i % to) + 0.5f) * (float)from / (float)to - 0.5f};
        int low[2], high[2];
        for (int d = 0; d < 2; d++) {
            at[d] = at[d] < 0 ? 0 : at[d] > (float)(from - 1) ? (float)(from - 1) : at[d];
            low[d] = (int)at[d];
            high[d] = low[d] + 1 < from ? low[d] + 1 : low[d];
            at[d] -= (float)low[d];
        }
        const float *top = image + low[0] * from, *bottom = image + high[0] * from;
        float above = top[low[1]] + (top[high[1]] - top[low[1]]) * at[1];
        float below = bottom[low[1]] + (bottom[high[1]] - bottom[low[1]]) * at[1];
        out[i] = above + (below - above) * at[0];
    }
}

/* Images first to first + count of both splits, one after the other. */
static void take(const struct circ_dataset sets[2], int first, int count, int side, float *images,
                 uint8_t *labels)
{
    for (int i = 0; i < count; i++) {
        int at = first + i;
        const struct circ_dataset *set = &sets[at >= sets[0].count];
        at -= at >= sets[0].count ? sets[0].count : 0;
        int from = set->shape.w;
        resize(set->images + (size_t)at * (size_t)(from * from), from, side,
               images + (size_t)i * (size_t)(side * side));
        labels[i] = set->labels[at];
    }
}

/* Steps on batches in a new order each epoch. The softmax at the end is left out: a least-squares
 * fit of its inputs learns faster, and the largest stays the largest. A circulant weight stands in
 * k places, so its steps are k times as small. */
static enum circ_status train(struct digits_fixture *digits, const uint8_t *labels, int epochs,
                              struct circ_error *err)
{
    struct circ_network net = digits->network;
    net.layer_count--;
    struct circ_model model = digits->model;
    model.network = &net;
    size_t inputs = (size_t)circ_network_elements(net.input);
    int count = digits->seen_count, *order = malloc((size_t)count * sizeof *order);
    float *memory = malloc(2 * BATCH * inputs * sizeof *memory), *x = memory;
    float y[BATCH * DIGITS_FIXTURE_CLASSES], rate[CIRC_MAX_LAYERS];
    struct circ_descent *descent = NULL;
    struct circ_random random = circ_random_seed(SEED, 17);
    enum circ_status status = circ_descent_create(&descent, &model, err);
    if (!status && (!memory || !order))
        status = circ_status_fail(err, CIRC_MEMORY, "no memory for a batch of digits");
    for (int i = 0; i < count && !status; i++)
        order[i] = i;
    for (int e = 0; e < epochs && !status; e++) {
        for (int l = 0; l < net.layer_count; l++) {
            bool conv = net.layers[l].op == CIRC_OP_CONV;
            rate[l] = (conv ? 0.1f : 0.4f) * (float)(epochs - e) / (float)epochs /
                      (float)net.layers[l].block;
        }
        for (int i = count - 1; i > 0; i--) {
            int other = (int)circ_random_below(&random, (uint64_t)i + 1), t = order[i];
            order[i] = order[other];
            order[other] = t;
        }
        for (int b = 0; b + BATCH <= count && !status; b += BATCH) {
            float target[BATCH * DIGITS_FIXTURE_CLASSES] = {0};
            for (int i = 0; i < BATCH; i++) {
                int at = order[b + i];
                memcpy(x + (size_t)i * inputs, digits->seen + (size_t)at * inputs,
                       inputs * sizeof *x);
                target[i * DIGITS_FIXTURE_CLASSES + labels[at]] = 1;
            }
            status = circ_descent_step(descent, x, target, rate, BATCH, y, x + BATCH * inputs, err);
        }
    }
    for (int l = 0; l < net.layer_count && !status; l++) {
        const struct circ_weights *learned = &circ_descent_model(descent)->layers[l];
        struct circ_weights *own = &digits->model.layers[l];
        if (!own->values)
            continue;
        memcpy(own->values, learned->values, own->count * sizeof *own->values);
        if (own->bias)
            memcpy(own->bias, learned->bias, (size_t)net.layers[l].out.c * sizeof *own->bias);
    }
    circ_descent_free(descent);
    free(order);
    free(memory);
    return status;
}

enum circ_status digits_fixture_make(struct digits_fixture *digits, const char *workload, int k,
                                     const char *folder, int images, int epochs,
                                     struct circ_error *err)
{
    struct circ_dataset sets[2] = {0};
    const char *name = folder ? "mnist" : "optdigits";
    uint8_t *labels = NULL;
    memset(digits, 0, sizeof *digits);
    enum circ_status status = circ_workload_find(workload, &digits->network, err);
    if (!status)
        status = circ_network_compress(&digits->network, CIRC_CIRCULANT, k, k, err);
    if (!status)
        status = circ_weights_create(&digits->model, &digits->network, err);
    for (int s = 0; s < 2 && !status; s++)
        status =
            circ_dataset_read(name, s ? CIRC_TEST_SPLIT : CIRC_TRAIN_SPLIT, folder, &sets[s], err);
    if (!status) {
        int all = sets[0].count + sets[1].count, side = digits->network.input.w;
        size_t inputs = (size_t)circ_network_elements(digits->network.input);
        digits->seen_count = folder ? images : all - DIGITS_FIXTURE_TESTS;
        digits->seen = malloc((size_t)digits->seen_count * inputs * sizeof *digits->seen);
        digits->tests = malloc(DIGITS_FIXTURE_TESTS * inputs * sizeof *digits->tests);
        labels = malloc((size_t)digits->seen_count);
        if (!digits->seen || !digits->tests || !labels) {
            status = circ_status_fail(err, CIRC_MEMORY, "no memory for %d digits", all);
        } else {
            take(sets, 0, digits->seen_count, side, digits->seen, labels);
            take(sets, folder ? sets[0].count : digits->seen_count, DIGITS_FIXTURE_TESTS, side,
                 digits->tests, digits->labels);
            circ_weights_random(&digits->model, SEED);
            status = train(digits, labels, epochs, err);
        }
    }
    free(labels);
    circ_dataset_free(&sets[0]);
    circ_dataset_free(&sets[1]);
    return status;
}

void digits_fixture_free(struct digits_fixture *digits)
{
    circ_weights_free(&digits->model);
    free(digits->seen);
    free(digits->tests);
    digits->seen = digits->tests = NULL;
}

int digits_fixture_class(const float *outputs)
{
    int best = 0;
    for (int i = 1; i < DIGITS_FIXTURE_CLASSES; i++)
        best = outputs[i] > outputs[best] ? i : best;
    return best;
}
