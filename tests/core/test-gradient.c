/* Gradients against central differences of the oracle in double. */
#include "backends/core/gradient.h"
#include "backends/core/oracle.h"
#include "backends/core/random.h"
#include "tests/tap.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* The layer's oracle is linear in x and in the weights, so a central difference with step 1 is
 * exact up to the rounding of the weights; loss = sum dy o y. */
static double loss(const struct circ_layer *layer, const struct circ_weights *weights,
                   const double *x, const float *dy, double *y)
{
    double sum = 0;
    if (circ_oracle_layer(layer, weights, x, y, NULL))
        return NAN;
    for (int64_t i = 0; i < circ_network_elements(layer->out); i++)
        sum += dy[i] * y[i];
    return sum;
}

static double difference(const struct circ_layer *layer, struct circ_weights *weights, double *x,
                         const float *dy, double *y, float *weight, double *input)
{
    float w = weight ? *weight : 0;
    double v = input ? *input : 0, up, down;
    if (weight)
        *weight = w + 1;
    if (input)
        *input = v + 1;
    up = loss(layer, weights, x, dy, y);
    if (weight)
        *weight = w - 1;
    if (input)
        *input = v - 1;
    down = loss(layer, weights, x, dy, y);
    if (weight)
        *weight = w;
    if (input)
        *input = v;
    return (up - down) / 2;
}

static void test(const char *what, struct circ_layer layer, struct circ_shape in,
                 enum circ_structure structure, int k)
{
    struct circ_network net;
    struct circ_model model;
    layer.compressible = layer.bias = true;
    if (circ_network_begin(&net, what, in, NULL) || circ_network_append(&net, &layer, NULL) ||
        circ_network_compress(&net, structure, k, k, NULL) ||
        circ_weights_create(&model, &net, NULL)) {
        tap_ok(false, "%s: set-up", what);
        return;
    }
    circ_weights_random(&model, 1);
    const struct circ_layer *l = &net.layers[0];
    struct circ_weights *w = &model.layers[0];
    size_t inputs = (size_t)circ_network_elements(l->in),
           outputs = (size_t)circ_network_elements(l->out);
    float *x = calloc(inputs, sizeof *x), *dy = calloc(outputs, sizeof *dy);
    float *dx = calloc(inputs, sizeof *dx), *dw = calloc(w->count, sizeof *dw);
    float *db = calloc((size_t)l->out.c, sizeof *db);
    double *xd = calloc(inputs, sizeof *xd), *y = calloc(outputs, sizeof *y);
    struct circ_random random = circ_random_seed(6, (uint64_t)k);
    circ_random_fill(&random, x, inputs, 1);
    circ_random_fill(&random, dy, outputs, 1);
    for (size_t i = 0; i < inputs; i++)
        xd[i] = x[i];
    bool ok = !circ_gradient_layer(l, w, x, dy, dw, db, dx, NULL);
    double error = 0, norm = 0;
    for (size_t i = 0; i < w->count; i++) {
        double want = difference(l, w, xd, dy, y, w->values + i, NULL);
        error += (dw[i] - want) * (dw[i] - want), norm += want * want;
    }
    for (int i = 0; i < l->out.c; i++) {
        double want = difference(l, w, xd, dy, y, w->bias + i, NULL);
        error += (db[i] - want) * (db[i] - want), norm += want * want;
    }
    for (size_t i = 0; i < inputs; i++) {
        double want = difference(l, w, xd, dy, y, NULL, xd + i);
        error += (dx[i] - want) * (dx[i] - want), norm += want * want;
    }
    tap_ok(ok && sqrt(error / norm) < 2e-6, "%s %s k %d: %.2g", what,
           circ_network_structure_name(structure), k, sqrt(error / norm));
    free(x), free(dy), free(dx), free(dw), free(db), free(xd), free(y);
    circ_weights_free(&model);
}

int main(void)
{
    const struct circ_layer fc = {.op = CIRC_OP_FC, .out.c = 9};
    const struct circ_layer conv = {.op = CIRC_OP_CONV,
                                    .out.c = 6,
                                    .taps_h = 3,
                                    .taps_w = 2,
                                    .stride = 2,
                                    .pad = 1,
                                    .groups = 2};
    for (int k = 1; k <= 13; k++) {
        test("fc 9x14", fc, (struct circ_shape){14, 1, 1}, CIRC_CIRCULANT, k);
        test("conv", conv, (struct circ_shape){4, 6, 5}, CIRC_CIRCULANT, k);
    }
    test("fc 9x14", fc, (struct circ_shape){14, 1, 1}, CIRC_DENSE, 1);
    test("conv", conv, (struct circ_shape){4, 6, 5}, CIRC_DENSE, 1);

    struct circ_layer layer = {.op = CIRC_OP_FC, .structure = CIRC_PRUNED};
    struct circ_error err;
    struct circ_weights none = {0};
    tap_ok(circ_gradient_layer(&layer, &none, NULL, NULL, NULL, NULL, NULL, &err) == CIRC_UNSUP,
           "pruned: %s", err.message);
    return tap_done();
}
