/* Expansion, projection and first-row import of block-circulant weights. */
#include "backends/core/random.h"
#include "backends/core/weights.h"
#include "tests/tap.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_DENSE 4096

static struct circ_network single(struct circ_layer layer, struct circ_shape in, int k)
{
    struct circ_network net;
    layer.compressible = true;
    if (circ_network_begin(&net, "single", in, NULL) || circ_network_append(&net, &layer, NULL) ||
        circ_network_compress(&net, CIRC_CIRCULANT, k, k, NULL))
        net.layer_count = 0;
    return net;
}

/* Expands random weights, checks entries by their definition, and projects them back. */
static void round_trip(const char *what, struct circ_layer layer, struct circ_shape in, int k)
{
    struct circ_network net = single(layer, in, k);
    struct circ_model model;
    if (!tap_ok(net.layer_count && !circ_weights_create(&model, &net, NULL), "%s k %d", what, k))
        return;
    circ_weights_random(&model, 3);
    const struct circ_layer *l = &net.layers[0];
    float dense[MAX_DENSE], *back = calloc(model.layers[0].count, sizeof *back);
    circ_weights_expand(l, &model.layers[0], dense);
    int m, n, p, q;
    circ_network_matrix(l, &m, &n);
    circ_network_blocks(l, &p, &q);
    int taps = l->op == CIRC_OP_CONV ? l->taps_h * l->taps_w : 1, wrong = 0;
    for (int g = 0; g < (l->op == CIRC_OP_CONV ? l->groups : 1); g++)
        for (int t = 0; t < taps; t++)
            for (int r = 0; r < m; r++)
                for (int c = 0; c < n; c++) {
                    int block = ((g * taps + t) * p + r / k) * q + c / k;
                    float want = model.layers[0].values[block * k + ((r - c) % k + k) % k];
                    wrong += dense[((g * m + r) * n + c) * taps + t] != want;
                }
    tap_ok(!wrong, "%s k %d: every entry is w[(r - c) mod k]", what, k);

    double worst = 0;
    float again[MAX_DENSE];
    circ_weights_project(l, dense, back);
    struct circ_weights projected = model.layers[0];
    projected.values = back;
    circ_weights_expand(l, &projected, again);
    for (size_t i = 0; i < (size_t)circ_network_layer_counts(l).weight_count_dense; i++)
        worst = fmax(worst, fabs((double)again[i] - dense[i]));
    tap_ok(worst < 1e-6, "%s k %d: a circulant matrix projects onto itself (%.2g)", what, k, worst);
    free(back);
    circ_weights_free(&model);
}

/* The projection is the nearest: moving any of its numbers either way increases the distance. */
static void nearest(void)
{
    struct circ_layer layer = {.op = CIRC_OP_FC, .out.c = 7};
    struct circ_network net = single(layer, (struct circ_shape){10, 1, 1}, 4);
    float dense[70], w[24], moved[70];
    struct circ_random random = circ_random_seed(11, 0);
    circ_random_fill(&random, dense, 70, 1);
    circ_weights_project(&net.layers[0], dense, w);
    struct circ_weights weights = {.values = w, .count = 24};
    double best = 0;
    circ_weights_expand(&net.layers[0], &weights, moved);
    for (int i = 0; i < 70; i++)
        best += (moved[i] - dense[i]) * (double)(moved[i] - dense[i]);
    int nearer = 0;
    for (int i = 0; i < 24; i++) {
        for (float step = -0.01f; step < 0.02f; step += 0.02f) {
            double distance = 0;
            w[i] += step;
            circ_weights_expand(&net.layers[0], &weights, moved);
            w[i] -= step;
            for (int e = 0; e < 70; e++)
                distance += (moved[e] - dense[e]) * (double)(moved[e] - dense[e]);
            nearer += distance < best - 1e-7;
        }
    }
    tap_ok(!nearer, "the projection is the nearest block-circulant matrix");
}

static void first_row(void)
{
    float w[8] = {0, 1, 2, 3, 10, 11, 12, 13};
    const float want[8] = {0, 3, 2, 1, 10, 13, 12, 11};
    circ_weights_import_first_row(w, 2, 4);
    tap_ok(!memcmp(w, want, sizeof w), "first rows become first columns");
    float odd[3] = {5, 6, 7};
    circ_weights_import_first_row(odd, 1, 3);
    tap_ok(odd[0] == 5 && odd[1] == 7 && odd[2] == 6, "also for odd k");
}

static void pruned(void)
{
    struct circ_network net;
    struct circ_layer layer = {.op = CIRC_OP_FC, .out.c = 33, .compressible = true};
    struct circ_model model;
    if (!tap_ok(!circ_network_begin(&net, "pruned", (struct circ_shape){50, 1, 1}, NULL) &&
                    !circ_network_append(&net, &layer, NULL) &&
                    !circ_network_compress(&net, CIRC_PRUNED, 7, 7, NULL) &&
                    !circ_weights_create(&model, &net, NULL),
                "pruned 33 x 50 at k = 7"))
        return;
    circ_weights_random(&model, 5);
    const struct circ_weights *w = &model.layers[0];
    int bad = w->row_start[33] != 5 * 8 * 7, low = 50, high = 0;
    for (int r = 0; r < 33; r++) {
        int count = w->row_start[r + 1] - w->row_start[r];
        low = count < low ? count : low;
        high = count > high ? count : high;
        for (int i = w->row_start[r]; i < w->row_start[r + 1]; i++)
            bad += w->columns[i] < 0 || w->columns[i] >= 50 ||
                   (i > w->row_start[r] && w->columns[i] <= w->columns[i - 1]);
    }
    tap_ok(!bad && high - low <= 1, "columns rise within balanced rows of %d to %d", low, high);
    circ_weights_free(&model);
    circ_weights_free(&model);
}

int main(void)
{
    struct circ_layer fc = {.op = CIRC_OP_FC, .out.c = 7, .bias = true};
    struct circ_layer conv = {
        .op = CIRC_OP_CONV, .out.c = 6, .taps_h = 3, .taps_w = 2, .groups = 2};
    for (int k = 1; k <= 12; k++) {
        round_trip("fc 7x10", fc, (struct circ_shape){10, 1, 1}, k);
        round_trip("conv 3x2 4->6 groups 2", conv, (struct circ_shape){4, 5, 5}, k);
    }
    nearest();
    first_row();
    pruned();
    return tap_done();
}
